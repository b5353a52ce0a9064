"""Trials as tables, and figures of these tables."""
