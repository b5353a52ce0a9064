"""Searches that train one network which holds the space, by name; each is loaded when it is asked for, because all need torch."""

from __future__ import annotations

from collections.abc import Callable

from archsearch.supernets.base import Point, Setting, SupernetError, SupernetSearch
from archsearch.support.parts import load_part

SUPERNETS: dict[str, str] = {
    "budgeted": "archsearch.supernets.budgeted:Budgeted",
    "darts": "archsearch.supernets.darts:Darts",
    "fabric": "archsearch.supernets.fabric:Fabric",
}
"""Name -> `module:Class`."""

__all__ = ["SUPERNETS", "Point", "Setting", "SupernetError", "SupernetSearch", "load_supernet_search"]


def load_supernet_search(name: str) -> Callable[..., SupernetSearch]:
    """The class of a supernet search, a dataclass whose fields are its options; of your own by `file.py:Class`. Raises as `load_part`."""
    found: Callable[..., SupernetSearch] = load_part("supernet", name, SUPERNETS)
    return found
