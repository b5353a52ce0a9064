"""Search strategies by name; each is loaded when it is asked for, because some need torch or other slow libraries."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from archsearch.ops.base import nearest
from archsearch.strategies.base import Informed, Problem, Strategy

if TYPE_CHECKING:
    from archsearch.strategies.evolution import Evolution
    from archsearch.strategies.exhaustive import Exhaustive
    from archsearch.strategies.graph_gp import GraphGP
    from archsearch.strategies.local import Local
    from archsearch.strategies.nsga import Nsga2, Nsga3
    from archsearch.strategies.random import Random
    from archsearch.strategies.reinforce import Reinforce
    from archsearch.strategies.tpe import Optuna

STRATEGIES: dict[str, str] = {
    "evolution": "archsearch.strategies.evolution:Evolution",
    "exhaustive": "archsearch.strategies.exhaustive:Exhaustive",
    "graph_gp": "archsearch.strategies.graph_gp:GraphGP",
    "local": "archsearch.strategies.local:Local",
    "nsga2": "archsearch.strategies.nsga:Nsga2",
    "nsga3": "archsearch.strategies.nsga:Nsga3",
    "optuna": "archsearch.strategies.tpe:Optuna",
    "random": "archsearch.strategies.random:Random",
    "reinforce": "archsearch.strategies.reinforce.strategy:Reinforce",
}
"""Name -> `module:Class`; `from archsearch.strategies import Class` works for each of them."""

_MODULES = {cls: module for module, _, cls in (home.partition(":") for home in STRATEGIES.values())}

__all__ = [
    "STRATEGIES",
    "Evolution",
    "Exhaustive",
    "GraphGP",
    "Informed",
    "Local",
    "Nsga2",
    "Nsga3",
    "Optuna",
    "Problem",
    "Random",
    "Reinforce",
    "Strategy",
    "load_strategy",
]


def load_strategy(name: str) -> type[Strategy]:
    """The class of a strategy, a dataclass whose fields are its options.

    Raises:
        ValueError: an unknown name. ImportError: it needs a library that is not installed.
    """
    if name not in STRATEGIES:
        raise ValueError(f"unknown strategy {name!r}; {nearest(name, sorted(STRATEGIES))}")
    module, _, cls = STRATEGIES[name].partition(":")
    found: type[Strategy] = getattr(import_module(module), cls)
    return found


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'archsearch.strategies' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
