"""Importing networks that others wrote: python -m benchmarks.importing."""
