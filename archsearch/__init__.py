"""archsearch: neural architecture search and design. A network is data; see the README.

Names load when they are first used, so that importing this package stays quick and needs no torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archsearch.analysis import Analysis, Budget, analyse
    from archsearch.builder import Builder, Value
    from archsearch.compiler import compile_network
    from archsearch.evaluators import load_evaluator
    from archsearch.export import export
    from archsearch.genotype import Genotype, GenotypeError, Node
    from archsearch.importer import import_network
    from archsearch.ops.base import Cost, Op, Saved, Window, register
    from archsearch.passes import canonicalise
    from archsearch.search import resume, search
    from archsearch.space import Choices, Pick, Space, SpaceError, load_space
    from archsearch.store import Run, open_run
    from archsearch.tensor import ShapeError, TensorSpec
    from archsearch.trial import EvaluationError, Failure, Objective, Trial

HOMES = {
    "archsearch.analysis": ("Analysis", "Budget", "analyse"),
    "archsearch.builder": ("Builder", "Value"),
    "archsearch.compiler": ("compile_network",),
    "archsearch.evaluators": ("load_evaluator",),
    "archsearch.export": ("export",),
    "archsearch.genotype": ("Genotype", "GenotypeError", "Node"),
    "archsearch.importer": ("import_network",),
    "archsearch.ops.base": ("Cost", "Op", "Saved", "Window", "register"),
    "archsearch.passes": ("canonicalise",),
    "archsearch.search": ("resume", "search"),
    "archsearch.space": ("Choices", "Pick", "Space", "SpaceError", "load_space"),
    "archsearch.store": ("Run", "open_run"),
    "archsearch.tensor": ("ShapeError", "TensorSpec"),
    "archsearch.trial": ("EvaluationError", "Failure", "Objective", "Trial"),
}
_HOME = {name: module for module, names in HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "Analysis",
    "Budget",
    "Builder",
    "Choices",
    "Cost",
    "EvaluationError",
    "Failure",
    "Genotype",
    "GenotypeError",
    "Node",
    "Objective",
    "Op",
    "Pick",
    "Run",
    "Saved",
    "ShapeError",
    "Space",
    "SpaceError",
    "TensorSpec",
    "Trial",
    "Value",
    "Window",
    "analyse",
    "canonicalise",
    "compile_network",
    "export",
    "import_network",
    "load_evaluator",
    "load_space",
    "open_run",
    "register",
    "resume",
    "search",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'archsearch' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Keeps `archsearch.search` and `archsearch.export` functions: importing the modules of these names would hide them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
