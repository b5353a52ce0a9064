"""The famous networks as data: `zoo.names()`, `zoo.build("resnet50")`, `zoo.load_state(genotype, state_dict)`.

A module here is a family: functions that return a Genotype, and a table NETWORKS of its named members. Nodes are called as in
torchvision where torchvision has the network, so that its weights load.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from archsearch.analysis.windows import reaches
from archsearch.network.genotype import Genotype
from archsearch.ops.base import MAX_FIELD
from archsearch.support.nearest import nearest
from archsearch.zoo.state import StateError, load_state

__all__ = ["StateError", "ZooError", "build", "load_state", "names", "networks"]

Family = Callable[..., Genotype]


class ZooError(ValueError):
    """A network that the zoo cannot build; the message says what to do."""


@lru_cache(maxsize=1)
def networks() -> dict[str, Family]:
    """Every named network: its family's function with the member's settings, `functools.partial` of it."""
    found: dict[str, Family] = {}
    for module in pkgutil.iter_modules(__path__):
        found.update(getattr(import_module(f"{__name__}.{module.name}"), "NETWORKS", {}))
    return dict(sorted(found.items()))


def names() -> tuple[str, ...]:
    """Names of all networks, sorted."""
    return tuple(networks())


def build(name: str, **settings: Any) -> Genotype:
    """The network of that name; `input=(C, H, W)`, `classes=` and the other settings of its family replace what the paper has.

    Raises:
        ZooError: an unknown name (the nearest ones are given), an unknown setting, a number that cannot be, or an input that is
            smaller than the network's total stride.
        GenotypeError: shapes that do not fit; the message names the node.
    """
    if name not in networks():
        raise ZooError(f"no network is called {name[:60]!r}; {nearest(name[:60], names())}")
    make = networks()[name]
    offered = inspect.signature(make).parameters if settings else {}
    for key, value in settings.items():
        if key not in offered:
            raise ZooError(f"{name} has no setting {key[:60]!r}; {nearest(key[:60], sorted(offered))}")
        check_setting(name, key, value)
    try:
        genotype = make(**settings)
    except (TypeError, KeyError, IndexError, ZeroDivisionError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        raise ZooError(f"{name} cannot be built with {given}: {type(error).__name__}: {error}") from error
    check_stride(name, genotype)
    return genotype


def check_setting(name: str, key: str, value: object) -> None:
    """Raise ZooError for a number below 1, or one that no memory holds."""
    numbers = value if isinstance(value, tuple | list) else (value,)
    if key == "input" and not (isinstance(value, tuple | list) and all(type(axis) is int for axis in value)):
        raise ZooError(f"{name}: input={value!r} must be a shape of whole numbers such as (3, 224, 224)")
    for number in numbers:
        if isinstance(number, int | float) and not isinstance(number, bool):
            least = 1 if key in ("input", "classes") else 0
            if not least <= number <= MAX_FIELD:
                raise ZooError(f"{name}: {key}={value!r} must be at least {least} and at most 2**31")
            if key == "classes" and type(number) is not int:
                raise ZooError(f"{name}: {key}={value!r} must be a whole number")


def check_stride(name: str, genotype: Genotype) -> None:
    """Raise ZooError when an image is smaller than the step between neighbouring positions deep inside: nothing is left to see there."""
    reached = reaches(genotype)
    high, wide = max([down for _, _, down, _ in reached]), max([across for _, _, _, across in reached])
    image = genotype.inputs[0].shape
    if len(image) == 3 and (image[1] < high or image[2] < wide):
        raise ZooError(
            f"{name}: input={image} is smaller than the total stride of {high}x{wide}; give at least ({image[0]}, {high}, {wide})"
        )
