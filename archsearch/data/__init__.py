"""Datasets by name or by path; loading needs no torch."""

from archsearch.data.base import Data, Images, Part
from archsearch.data.datasets import DATASETS, load_data

__all__ = ["DATASETS", "Data", "Images", "Part", "load_data"]
