"""Evaluators by name; each is loaded when it is asked for, because most of them need torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archsearch.support.parts import load_part

if TYPE_CHECKING:
    from archsearch.evaluators.base import Evaluator

EVALUATORS: dict[str, str] = {
    "proxy": "archsearch.evaluators.proxy:Proxy",
    "shared": "archsearch.evaluators.shared:Shared",
    "table": "archsearch.evaluators.table:Table",
    "train": "archsearch.evaluators.train:Train",
}
"""Name -> `module:Class`."""


def load_evaluator(name: str) -> type[Evaluator]:
    """The class of an evaluator, a dataclass whose fields are its options; of your own by `file.py:Class`. Raises as `load_part`."""
    found: type[Evaluator] = load_part("evaluator", name, EVALUATORS)
    return found
