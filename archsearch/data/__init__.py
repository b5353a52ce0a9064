"""Datasets by name or by path; loading needs no torch."""

from archsearch.data.base import VOID, Data, Images, Part
from archsearch.data.datasets import DATASETS, Wanted, code_of, load_data, place_of, provide
from archsearch.data.fingerprint import fingerprint
from archsearch.data.form import Form
from archsearch.data.published import PUBLISHED
from archsearch.data.remarks import about, remarks

__all__ = [
    "DATASETS",
    "PUBLISHED",
    "VOID",
    "Data",
    "Form",
    "Images",
    "Part",
    "Wanted",
    "about",
    "code_of",
    "fingerprint",
    "load_data",
    "place_of",
    "provide",
    "remarks",
]
