"""Edits: pure functions from one genotype to another, shapes mended where one answer is obvious.

`set_field(genotype, "stage2/conv", "channels", 64)`, or as text: `apply(genotype, [parse_edit("stage2/conv.channels=64")])`.
"""

from archsearch.edit.base import Edit, apply
from archsearch.edit.draft import EditError
from archsearch.edit.field import SetField, set_field
from archsearch.edit.insert import Insert, insert
from archsearch.edit.language import parse_edit
from archsearch.edit.remove import Remove, remove
from archsearch.edit.rename import Rename, rename
from archsearch.edit.replace import Replace, replace

__all__ = [
    "Edit",
    "EditError",
    "Insert",
    "Remove",
    "Rename",
    "Replace",
    "SetField",
    "apply",
    "insert",
    "parse_edit",
    "remove",
    "rename",
    "replace",
    "set_field",
]
