"""What every exporter is: a format, which writes material into a folder and says how that is run again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from archsearch.data.description import Description
from archsearch.engines.exchange import to_exchange
from archsearch.engines.program import Normalised, program_of
from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype
from archsearch.support.reading import one_line
from archsearch.training import PLACES

CONFIG_FORMAT = "archsearch.model/1"
"""What a `config.json` says that it is."""
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


class Figures(NamedTuple):
    """Of one file: its error on the test part, its size, and the latency of one image on one thread in ms."""

    test_error: float
    bytes: int
    latency_ms: float


class Small(NamedTuple):
    """A network in int8: the file, on how many images it was calibrated and tested, in which engine, and what changed by it."""

    file: bytes
    calibrated_on: int
    tested_on: int
    engine: str
    before: Figures
    after: Figures


@dataclass(frozen=True)
class Material:
    """What exporters write from: a genotype, its compiled network in eval mode on the CPU, and what images go through before it.

    `state` is the network's state dict, `trained` whether weights were given, `title` a line for people, `card` how it came to be. With
    `inside`, formats that hold the whole computation normalise images themselves. `quantize` makes int8 of it, where that is wanted.

    Raises:
        ExportError: means that are not one for every channel, class names that are not one for every output, or none where they are
            wanted inside.
    """

    genotype: Genotype
    network: fx.GraphModule
    state: Mapping[str, Tensor]
    preprocessing: Preprocessing
    trained: bool
    title: str
    card: Card = field(default_factory=Card)
    inside: bool = False
    quantize: Callable[[Material], Small] | None = None

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
        if self.inside and not given.mean:
            raise ExportError(
                "how images are normalised is not known here, so it cannot go inside; export a trial of a run, or leave it out"
            )

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of one sample of each input."""
        return [spec.shape for spec in self.genotype.inputs]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs in files that name them: `output`, or of several those of their nodes."""
        if len(self.genotype.outputs) == 1:
            return ["output"]
        names = [module_path(self.genotype.value_names[i]) for i in self.genotype.outputs]
        return [name if names.count(name) == 1 and name not in self.genotype.input_names else f"output{i}" for i, name in enumerate(names)]

    @property
    def whole(self) -> nn.Module:
        """The network, with what goes before it where that is to be inside."""
        return Normalised(self.network, self.preprocessing.mean, self.preprocessing.std) if self.inside else self.network

    @cached_property
    def program(self) -> ExportedProgram:
        """The whole as a program of torch's operators, traced once. Raises whatever torch raises for what it cannot trace."""
        return program_of(self.whole, self.shapes)

    @cached_property
    def exchange(self) -> bytes:
        """The whole as an ONNX file, made once. Raises PackageError, EngineError, or what the converter raises for an unknown operator."""
        return to_exchange(self.program, self.genotype.input_names, self.outputs)

    @cached_property
    def small(self) -> Small | None:
        """The network in int8, made once; None where nobody wants it. Raises as `exchange`, and ExportError for what it is not for."""
        return None if self.quantize is None else self.quantize(self)


@dataclass(frozen=True)
class Format:
    """One format of model files, and how what was written is run again.

    Args:
        files: Names of what it writes.
        write: Writes them into a folder.
        loading: Python that runs in a fresh process in that folder and defines `run(*arrays)`, from a numpy array for each input to a
            list of one for each output; empty where nothing is to be run.
        reread: Reads what is not to be run back, and raises ExportError where it is not what was written.
        engine: Package that runs or reads it.
        extra: Optional dependencies of archsearch that it needs.
        without: Packages that the fresh process has to do without.
        allowed: Largest difference, as a share of the largest value of an output.
        whole: Whether preprocessing can be inside.
        brings: Formats without which it is of no use.
    """

    files: tuple[str, ...]
    write: Callable[[Material, Path], object]
    loading: str = ""
    reread: Callable[[Material, Path], None] | None = None
    engine: str = "torch"
    extra: str = ""
    without: tuple[str, ...] = ("archsearch",)
    allowed: float = 1e-5
    whole: bool = False
    brings: tuple[str, ...] = ()


def in_torch(making: str) -> str:
    """`loading` of a format that torch runs; `making`: Python that defines `network`."""
    return f"""
import torch
{making}


def run(*arrays):
    with torch.inference_mode():
        found = network(*map(torch.from_numpy, arrays))
    return [tensor.numpy() for tensor in (found if isinstance(found, tuple) else (found,))]
"""


def one_file(name: str, make: Callable[[Material], bytes], **more: Any) -> Format:
    """A format that is one file, made as bytes."""
    return Format((name,), lambda material, folder: (folder / name).write_bytes(make(material)), **more)
