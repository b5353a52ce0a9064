"""What every exporter is: material in, the bytes of one file out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from torch import Tensor, fx

from archsearch.data.description import Description
from archsearch.network.genotype import Genotype
from archsearch.support.reading import one_line
from archsearch.training import PLACES

WORD = 100
"""Letters of an option and its value in a card."""


class ExportError(Exception):
    """An export that cannot be made, written or trusted; one line that says what, where and what to do."""


@dataclass(frozen=True)
class Preprocessing:
    """What images go through before the network: (x - mean) / std, channel by channel; and the names of the classes.

    Raises:
        ExportError: mean and std differ in length, are not finite, or a std is not over 0.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            raise ExportError(f"preprocessing: {len(self.mean)} means and {len(self.std)} stds; give one of each for every channel")
        if not all(math.isfinite(value) for value in (*self.mean, *self.std)) or min(self.std, default=1) <= 0:
            raise ExportError(f"preprocessing: mean={self.mean} and std={self.std} must be finite numbers, every std over 0")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preprocessing:
        """Read the keys mean, std and classes, all optional. Raises ExportError for any other."""
        unknown = data.keys() - {"mean", "std", "classes"}
        if unknown:
            raise ExportError(f"preprocessing has an unknown key {min(unknown)!r}; known: mean, std, classes")
        numbers = {key: tuple(float(value) for value in data.get(key, ())) for key in ("mean", "std")}
        return cls(**numbers, classes=tuple(str(name) for name in data.get("classes", ())))


@dataclass(frozen=True)
class Card:
    """How a network came to be; empty where nothing is known.

    `name` is short, of the network; `data` the name of the data, `description` what was recorded of them. `history`: sentences, in order.
    `options` of the training. `metrics`: by part of the data, `validation` and `test`, what was measured there; `spread`: the same keys,
    standard deviations over several seeds. `versions` of what it was trained with.
    """

    name: str = ""
    data: str = ""
    description: Description = field(default_factory=Description)
    history: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many images each part has, as the fingerprint of the data says."""
        return {name: mark for name, mark in self.description.fingerprint.items() if type(mark) is int and name.endswith("images")}

    def told(self) -> dict[str, Any]:
        """Options that say how it was trained: no places, and of files their names alone."""
        return {name: plain(value) for name, value in self.options.items() if name not in PLACES}


def plain(value: Any) -> Any:
    """A number or a text; of a path its last part."""
    if isinstance(value, PurePath) or (isinstance(value, str) and "/" in value):
        return PurePath(value).name
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def option_words(options: Mapping[str, Any]) -> str:
    """Options as `name=value`, on one line."""
    return ", ".join(one_line(f"{name}={plain(value)}", WORD) for name, value in options.items())


@dataclass(frozen=True)
class Material:
    """What exporters write from: a genotype, its compiled network in eval mode on the CPU, and what images go through before it.

    `state` is the network's state dict, `trained` whether weights were given, `title` a line for people, `card` how it came to be.

    Raises:
        ExportError: means that are not one for every channel, or class names that are not one for every output.
    """

    genotype: Genotype
    network: fx.GraphModule
    state: Mapping[str, Tensor]
    preprocessing: Preprocessing
    trained: bool
    title: str
    card: Card = field(default_factory=Card)

    def __post_init__(self) -> None:
        genotype, given = self.genotype, self.preprocessing
        shape = genotype.inputs[0].shape
        if given.mean and (len(genotype.inputs) > 1 or len(shape) != 3 or len(given.mean) != shape[0]):
            reads = " and ".join(map(str, genotype.inputs))
            raise ExportError(
                f"preprocessing has means for {len(given.mean)} channels, but the network reads {reads}; it needs one input (C, H, W)"
            )
        outputs = [genotype.specs[i].shape for i in genotype.outputs]
        if given.classes and len(given.classes) not in [shape[0] for shape in outputs]:
            makes = " and ".join(map(str, outputs))
            raise ExportError(
                f"preprocessing names {len(given.classes)} classes, but the network's output is {makes}; give a name for each"
            )


Exporter = Callable[[Material], bytes]
