"""Search strategies by name; each is loaded when it is asked for, because some need torch or other slow libraries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from archsearch.strategies.base import Climbing, Foreseeing, Noted, Problem, Strategy, StrategyError, begin
from archsearch.support.parts import load_part

if TYPE_CHECKING:
    from archsearch.strategies.auto import Auto
    from archsearch.strategies.bayesian import Optuna
    from archsearch.strategies.evolution import Evolution
    from archsearch.strategies.exhaustive import Exhaustive
    from archsearch.strategies.graph_gp import GraphGP
    from archsearch.strategies.local import Local
    from archsearch.strategies.nsga import Nsga2, Nsga3
    from archsearch.strategies.predictor import Predictor
    from archsearch.strategies.proposer import FromFunction
    from archsearch.strategies.random import Random
    from archsearch.strategies.reinforce import Reinforce

STRATEGIES: dict[str, str] = {
    "auto": "archsearch.strategies.auto:Auto",
    "evolution": "archsearch.strategies.evolution:Evolution",
    "exhaustive": "archsearch.strategies.exhaustive:Exhaustive",
    "graph_gp": "archsearch.strategies.graph_gp:GraphGP",
    "local": "archsearch.strategies.local:Local",
    "nsga2": "archsearch.strategies.nsga:Nsga2",
    "nsga3": "archsearch.strategies.nsga:Nsga3",
    "optuna": "archsearch.strategies.bayesian:Optuna",
    "predictor": "archsearch.strategies.predictor.strategy:Predictor",
    "proposer": "archsearch.strategies.proposer:FromFunction",
    "random": "archsearch.strategies.random:Random",
    "reinforce": "archsearch.strategies.reinforce.strategy:Reinforce",
}
"""Name -> `module:Class`; `from archsearch.strategies import Class` works for each of them."""

_MODULES = {cls: module for module, _, cls in (home.partition(":") for home in STRATEGIES.values())}

__all__ = [
    "STRATEGIES",
    "Auto",
    "Climbing",
    "Evolution",
    "Exhaustive",
    "Foreseeing",
    "FromFunction",
    "GraphGP",
    "Local",
    "Noted",
    "Nsga2",
    "Nsga3",
    "Optuna",
    "Predictor",
    "Problem",
    "Random",
    "Reinforce",
    "Strategy",
    "StrategyError",
    "begin",
    "load_strategy",
]


def load_strategy(name: str) -> Callable[..., Strategy]:
    """The class of a strategy, whose arguments are its options.

    One of your own is `file.py:Class`, or `file.py:function` for one that proposes. Raises as `load_part`.
    """
    found: Callable[..., Strategy] = load_part("strategy", name, STRATEGIES)
    return found if isinstance(found, type) else partial(load_strategy("proposer"), name)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'archsearch.strategies' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
