"""Edits: pure functions from one genotype to another, shapes mended where one answer is obvious.

`set_field(genotype, "stage2/conv", "channels", 64)`, or as text: `apply(genotype, [parse_edit("stage2/conv.channels=64")])`.
"""

from archsearch.design.edit.base import Edit, apply
from archsearch.design.edit.draft import EditError
from archsearch.design.edit.field import SetField, set_field
from archsearch.design.edit.insert import Insert, insert
from archsearch.design.edit.language import parse_edit
from archsearch.design.edit.remove import Remove, remove
from archsearch.design.edit.rename import Rename, rename
from archsearch.design.edit.replace import Replace, replace

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
