"""Numbers with their units, as the command line and the report show them."""

from __future__ import annotations

import pytest

from archsearch.units import unit


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("error", 0.0571, "5.71%"),
        ("test_error", 1.0, "100.00%"),
        ("params", 8365, "8.37 k"),
        ("params", 12, "12"),
        ("macs", 12_345_678, "12.3 M"),
        ("macs", 999_999, "1.00 M"),
        ("macs_exit1", 12_345_678, "12.3 M"),
        ("error_exit1", 0.0571, "5.71%"),
        ("miou", 0.5, "50.00%"),
        ("memory_bytes", 917_504, "918 kB"),
        ("latency_ms", 1.25, "1.25 ms"),
        ("loss", 0.123456, "0.1235"),
        ("loss", float("nan"), "\u2013"),
    ],
)
def test_numbers_have_units(metric: str, value: float, text: str):
    assert unit(metric).text(value) == text
    assert unit(metric).text(None) == "\u2013"
