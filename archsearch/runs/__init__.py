"""Searches from the first proposal to the record on disk: the loop, the store, workers, tables of whole spaces, comparisons."""
