"""archsearch: neural architecture search and design. A network is data; see the README.

Names load when they are first used, so that importing this package stays quick and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archsearch.analysis import Analysis, Budget, analyse
    from archsearch.builder import Builder, Value
    from archsearch.compiler import compile_network
    from archsearch.genotype import Genotype, GenotypeError, Node
    from archsearch.ops.base import Cost, Op, Saved, Window, register
    from archsearch.passes import canonicalise
    from archsearch.space import Choices, Pick, Space, SpaceError, load_space
    from archsearch.tensor import ShapeError, TensorSpec

HOMES = {
    "archsearch.analysis": ("Analysis", "Budget", "analyse"),
    "archsearch.builder": ("Builder", "Value"),
    "archsearch.compiler": ("compile_network",),
    "archsearch.genotype": ("Genotype", "GenotypeError", "Node"),
    "archsearch.ops.base": ("Cost", "Op", "Saved", "Window", "register"),
    "archsearch.passes": ("canonicalise",),
    "archsearch.space": ("Choices", "Pick", "Space", "SpaceError", "load_space"),
    "archsearch.tensor": ("ShapeError", "TensorSpec"),
}
_HOME = {name: module for module, names in HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "Analysis",
    "Budget",
    "Builder",
    "Choices",
    "Cost",
    "Genotype",
    "GenotypeError",
    "Node",
    "Op",
    "Pick",
    "Saved",
    "ShapeError",
    "Space",
    "SpaceError",
    "TensorSpec",
    "Value",
    "Window",
    "analyse",
    "canonicalise",
    "compile_network",
    "load_space",
    "register",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'archsearch' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
