"""Tests of archsearch."""
