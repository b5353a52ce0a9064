"""Evaluators by name; each is loaded when it is asked for, because most of them need torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archsearch.ops.base import nearest

if TYPE_CHECKING:
    from archsearch.evaluators.base import Evaluator

EVALUATORS: dict[str, str] = {"table": "archsearch.evaluators.table:Table", "train": "archsearch.evaluators.train:Train"}
"""Name -> `module:Class`."""


def load_evaluator(name: str) -> type[Evaluator]:
    """The class of an evaluator, a dataclass whose fields are its options. Raises ValueError for an unknown name."""
    if name not in EVALUATORS:
        raise ValueError(f"unknown evaluator {name!r}; {nearest(name, sorted(EVALUATORS))}")
    module, _, cls = EVALUATORS[name].partition(":")
    found: type[Evaluator] = getattr(import_module(module), cls)
    return found
