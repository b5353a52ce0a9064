"""Searches that train one network which holds the space, by name; each is loaded when it is asked for, because all need torch."""

from __future__ import annotations

from collections.abc import Callable

from archsearch.supernets.base import Point, Setting, Supernet, SupernetError
from archsearch.support.parts import load_part

SUPERNETS: dict[str, str] = {
    "budgeted": "archsearch.supernets.budgeted:Budgeted",
    "darts": "archsearch.supernets.darts:Darts",
    "fabric": "archsearch.supernets.fabric:Fabric",
}
"""Name -> `module:Class`."""

__all__ = ["SUPERNETS", "Point", "Setting", "Supernet", "SupernetError", "load_supernet"]


def load_supernet(name: str) -> Callable[..., Supernet]:
    """The class of a supernet search, a dataclass whose fields are its options; of your own by `file.py:Class`. Raises as `load_part`."""
    found: Callable[..., Supernet] = load_part("supernet", name, SUPERNETS)
    return found
