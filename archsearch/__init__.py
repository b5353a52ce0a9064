"""archsearch: neural architecture search and design. A network is data; see the README.

Names load when they are first used, so that importing this package stays quick and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archsearch.analysis import Analysis, Budget, analyse
    from archsearch.design.importer import import_network
    from archsearch.evaluators import load_evaluator
    from archsearch.exporters import export
    from archsearch.fidelity import Fidelity
    from archsearch.network.builder import Builder, Value
    from archsearch.network.compiler import compile_network
    from archsearch.network.genotype import Genotype, GenotypeError, Node
    from archsearch.network.passes import canonicalise
    from archsearch.ops.base import Cost, Op, Saved, Window, register
    from archsearch.ops.tensor import ShapeError, TensorSpec
    from archsearch.runs.placement import Placement
    from archsearch.runs.search import resume, search
    from archsearch.runs.store import Run, open_run
    from archsearch.solo.training import train_network
    from archsearch.spaces.space import Choices, Pick, Space, SpaceError, load_space
    from archsearch.trial import EvaluationError, Failure, Objective, Trial

HOMES = {
    "archsearch.analysis": ("Analysis", "Budget", "analyse"),
    "archsearch.network.builder": ("Builder", "Value"),
    "archsearch.network.compiler": ("compile_network",),
    "archsearch.evaluators": ("load_evaluator",),
    "archsearch.exporters": ("export",),
    "archsearch.fidelity": ("Fidelity",),
    "archsearch.network.genotype": ("Genotype", "GenotypeError", "Node"),
    "archsearch.design.importer": ("import_network",),
    "archsearch.ops.base": ("Cost", "Op", "Saved", "Window", "register"),
    "archsearch.network.passes": ("canonicalise",),
    "archsearch.runs.placement": ("Placement",),
    "archsearch.runs.search": ("resume", "search"),
    "archsearch.solo.training": ("train_network",),
    "archsearch.spaces.space": ("Choices", "Pick", "Space", "SpaceError", "load_space"),
    "archsearch.runs.store": ("Run", "open_run"),
    "archsearch.ops.tensor": ("ShapeError", "TensorSpec"),
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
    "Fidelity",
    "Genotype",
    "GenotypeError",
    "Node",
    "Objective",
    "Op",
    "Pick",
    "Placement",
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
    "train_network",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'archsearch' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
