"""Latency from a device's description, without running anything: a roofline for every node.

A node takes as long as its arithmetic or its traffic, whichever takes longer (Williams et al. 2009, doi:10.1145/1498765.1498785), and
what starting a kernel costs. No device reaches its peak with every kernel, so ops are told apart by facts that all of them state, and
each kind has factors on the three times:

    product    multiply-adds, one position read at a time: 1x1 convolutions, linear layers, attention
    window     multiply-adds over a window of positions: convolutions
    thin       the same with less than 8 input channels for each output: depthwise and finely grouped convolutions
    pooling    a window of positions and no multiply-adds; a position read counts as a flop
    norm       learned elements and no multiply-adds
    plain      all else: activations, sums, global pooling; an element made counts as a flop

What shares the storage of its input costs nothing, what must be copied because it is a view with gaps, behind a crop, is written and
read once more. An op of several parts starts a kernel for each, and one for such a copy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf, isfinite, prod
from pathlib import Path
from typing import Any, NamedTuple

from archsearch.analysis.memory import ITEM_BYTES, Units
from archsearch.analysis.traffic import copied_bytes, moved_bytes
from archsearch.analysis.views import laid_out
from archsearch.network.genotype import Genotype
from archsearch.ops.base import Facts
from archsearch.support.nearest import nearest
from archsearch.support.reading import (
    MAX_WORD,
    NUMBER,
    TEXT,
    Kind,
    at,
    fields,
    formatted,
    holding,
    named,
    one_line,
    parse,
    read_text,
    reason,
)

FORMAT = "archsearch.device/1"
KINDS = ("product", "window", "thin", "pooling", "norm", "plain")
THIN = 8
MAX_FILE = 1 << 16


class DeviceError(ValueError):
    """A description of a device that cannot be; one line that says what to do."""


class Factors(NamedTuple):
    """How many times as long as at the device's best: starting a kernel, arithmetic, and moving bytes; 0 where it never counts."""

    kernel: float = 1.0
    arithmetic: float = 1.0
    memory: float = 1.0


FIELDS = {
    **dict.fromkeys(("peak_flops", "bandwidth", "kernel_seconds"), NUMBER),
    "factors": named(holding(dict.fromkeys(Factors._fields, NUMBER))),
    "name": Kind("a text", lambda value: isinstance(value, str) and len(value) <= MAX_WORD),
    "dtype": TEXT,
}
"""What the description of a device holds."""


@dataclass(frozen=True)
class Device:
    """What runs a network: flops and bytes a second at best, seconds to start a kernel, and factors on them by kind of op.

    A data sheet gives the first three; `archsearch calibrate` measures all. It holds for values of `dtype`.

    Raises:
        DeviceError: a number that is not over 0, or an unknown kind or dtype.
    """

    peak_flops: float
    bandwidth: float
    kernel_seconds: float
    factors: Mapping[str, Factors] = field(default_factory=dict)
    name: str = ""
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name in ("peak_flops", "bandwidth", "kernel_seconds"):
            check_number(name, getattr(self, name), over=0)
        for kind, factors in self.factors.items():
            if kind not in KINDS:
                raise DeviceError(f"unknown kind of op {kind[:60]!r}; {nearest(kind[:60], KINDS)}")
            for part, number in factors._asdict().items():
                check_number(f"{part} of {kind}", number)
        if self.dtype not in ITEM_BYTES:
            raise DeviceError(f"dtype={self.dtype!r} is unknown; known: {', '.join(ITEM_BYTES)}")

    def seconds(self, kind: str, kernels: int, flops: float, moved: float) -> float:
        """Time of a node of that kind with so many kernels, flops and bytes moved."""
        factors = self.factors.get(kind, Factors())
        arithmetic, memory = factors.arithmetic * flops / self.peak_flops, factors.memory * moved / self.bandwidth
        return kernels * factors.kernel * self.kernel_seconds + max(arithmetic, memory)

    def to_dict(self) -> dict[str, Any]:
        """The description as plain data."""
        return {**asdict(self), "factors": {kind: found._asdict() for kind, found in self.factors.items()}}

    @classmethod
    def from_dict(cls, data: Any) -> Device:
        """Read strictly what `to_dict` gave. Raises ValueError."""
        read = fields(data, FIELDS, "the device")
        return cls(**{**read, "factors": {kind: Factors(**found) for kind, found in read["factors"].items()}})

    def to_json(self) -> str:
        """The description as JSON text."""
        return json.dumps({"format": FORMAT, **self.to_dict()}, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Device:
        """Read strictly what `to_json` wrote. Raises DeviceError."""
        try:
            data = parse(text)
            formatted(data, FORMAT)
            return cls.from_dict(data)
        except ValueError as error:
            raise DeviceError(one_line(str(error))) from error


def check_number(name: str, value: object, over: float = -inf) -> None:
    """Raise DeviceError for what is no finite number of at least 0, and over the limit."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0 or value <= over:
        raise DeviceError(f"{name}={value!r} must be a number {'over 0' if over == 0 else 'of at least 0'}")


def read_device(path: Path) -> Device:
    """The device that a file describes. Raises DeviceError with the path."""
    try:
        return Device.from_json(read_text(path, MAX_FILE))
    except OSError as error:
        raise DeviceError(at(path, f"{reason(error)}; write a file with archsearch calibrate --out FILE")) from error
    except ValueError as error:
        raise DeviceError(at(path, f"{error}; write it anew with archsearch calibrate")) from error


def kind_of(fact: Facts) -> str:
    """The kind of op, by its facts alone."""
    positions, macs = prod(fact.window.kernel), fact.cost.macs
    if macs:
        if positions == 1:
            return "product"
        return "thin" if macs < THIN * positions * fact.elements else "window"
    if positions > 1 and not fact.window.whole:
        return "pooling"
    return "norm" if fact.cost.params else "plain"


def work_of(fact: Facts) -> int:
    """Flops for one sample; positions read, of an op without multiply-adds."""
    if fact.cost.macs:
        return 2 * fact.cost.macs
    return fact.elements * (1 if fact.window.whole else prod(fact.window.kernel))


def node_seconds(genotype: Genotype, device: Device, batch: int = 1) -> list[float]:
    """Estimated time of every node in inference. Raises ValueError for a batch below 1."""
    if type(batch) is not int or batch < 1:
        raise ValueError(f"batch={batch!r} must be a whole number of at least 1")
    laid, units = laid_out(genotype, batch, training=False), Units(ITEM_BYTES[device.dtype], batch)
    copied = copied_bytes(genotype, laid, units)
    moved = moved_bytes(laid, copied, units)
    kernels = [1 + len(fact.saved.inner) + fact.saved.parts + (copy > 0) for fact, copy in zip(laid.facts, copied, strict=True)]
    return [
        device.seconds(kind_of(fact), count, batch * work_of(fact), size) if size else 0.0
        for fact, count, size in zip(laid.facts, kernels, moved, strict=True)
    ]


def latency_ms(genotype: Genotype, device: Device, batch: int = 1) -> float:
    """Estimated time of one forward pass of a batch, in ms."""
    return 1000 * sum(node_seconds(genotype, device, batch))
