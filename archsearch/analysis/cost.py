"""Analysis of a genotype without building anything: shapes, params, MACs, memory, receptive field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from archsearch.analysis import windows
from archsearch.analysis.exits import Exit, exits
from archsearch.analysis.memory import ITEM_BYTES, Graph, Memory, Units, inference_memory, state_bytes, value_bytes
from archsearch.analysis.receptive_field import Field, Reach, field_of, reaches, sides_of, widest
from archsearch.analysis.traffic import copied_bytes, intensity, moved_bytes
from archsearch.analysis.training import Training, training_memory
from archsearch.analysis.views import laid_out
from archsearch.network.genotype import Genotype
from archsearch.ops.base import Cost, text_of
from archsearch.ops.tensor import TensorSpec

new = tuple.__new__  # a row is made for every node: this is faster than calling its class
OPTIMIZERS = {"sgd": (0, 0), "momentum": (1, 0), "adam": (2, 1), "adamw": (2, 1)}
"""State and scratch of one step (foreach form), in units of the weights."""


class Row(NamedTuple):
    """One node in numbers, for one sample; bytes are for the whole batch, `live_bytes` is what is held after it in inference.

    `moved_bytes`: inputs and weights read, result and copies behind views written, in inference; `intensity`: flops for each of them.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    params: int
    buffers: int
    macs: int
    output_bytes: int
    live_bytes: int
    moved_bytes: int
    intensity: float
    receptive_field: Field


class Timeline(NamedTuple):
    """Bytes that are live after every node, in the order of the nodes, besides weights, buffers and optimiser state.

    `inference`: in inference. `forward`: in the forward pass of training. `backward`: after the node's backward pass, which goes
    from the last node to the first; gradients of the parameters count there.
    """

    inference: tuple[int, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]


@dataclass(frozen=True)
class Analysis:
    """What a network costs; every figure is worked out when it is first asked for.

    `params`: learned elements. `buffers`: elements of state that is not learned, `counters` of them int64 scalars and
    `places` int32. `macs`: multiply-adds of convolutions and matrix products for one sample, as torch's FlopCounterMode counts them;
    `flops` = 2 x `macs`.
    Bytes are for `batch` samples in `dtype`: `inference_peak_bytes` = weights + buffers + the largest live set of straight-line
    code that frees each value at its last use; `training_peak_bytes` = weights + buffers + optimiser state + the largest live set of
    one step with `optimizer` (forward, backward from gradients of the outputs, update; gradients dropped before the forward pass);
    `saved_bytes` = what autograd keeps between forward and backward pass, each storage once, parameters not counted.
    `moved_bytes` = what inference reads and writes, node by node, and `intensity` the flops for each of them.
    `receptive_field`: height and width of the input region that one position of the outputs depends on, over all paths and padding
    included, as its gradient has it; `whole input` behind what reads every position (global pooling, flatten, attention, norms over
    the image, gates), `unknown` behind an op that does not say what it reads. `window_field`: the same by windows alone, with what reads
    every position passed over: of a classifier, the field of what it pools.
    """

    genotype: Genotype
    batch: int
    dtype: str
    optimizer: str
    params: int
    buffers: int
    counters: int
    places: int
    macs: int

    @property
    def flops(self) -> int:
        """Floating point operations for one sample: 2 x macs."""
        return 2 * self.macs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Shapes of the outputs."""
        return tuple(self.genotype.specs[i] for i in self.genotype.outputs)

    @property
    def units(self) -> Units:
        """Bytes of one element, and samples in a batch."""
        return Units(ITEM_BYTES[self.dtype], self.batch)

    @property
    def state_bytes(self) -> int:
        """Weights and buffers."""
        return state_bytes(Cost(self.params, self.buffers, counters=self.counters, places=self.places), ITEM_BYTES[self.dtype])

    @cached_property
    def inference_peak_bytes(self) -> int:
        """Largest number of bytes in inference."""
        return self.state_bytes + max(self._inference.moments)

    @cached_property
    def training_peak_bytes(self) -> int:
        """Largest number of bytes in one training step."""
        return self.state_bytes + training_peak(self._training, ITEM_BYTES[self.dtype], self.optimizer)

    @property
    def saved_bytes(self) -> int:
        """What autograd keeps between forward and backward pass."""
        return self._training.saved

    @cached_property
    def moved_bytes(self) -> int:
        """What inference reads and writes."""
        return sum(self._moved)

    @property
    def intensity(self) -> float:
        """Flops for each byte that inference moves."""
        return intensity(self.macs, self.moved_bytes, self.batch)

    @cached_property
    def receptive_field(self) -> Field:
        """(height, width) in input pixels, the largest of all outputs; its `extent` says whether it is the whole input, or not known."""
        whole = sides_of(self.genotype)
        return widest([field_of(self._reaches[i], whole) for i in self.genotype.outputs])

    @cached_property
    def window_field(self) -> tuple[int, int]:
        """(height, width) in input pixels by windows alone, where what reads every position is passed over."""
        reached = windows.reaches(self.genotype)
        return windows.field_of(windows.widest([reached[i] for i in self.genotype.outputs]))

    @cached_property
    def timeline(self) -> Timeline:
        """Live bytes over time."""
        training = self._training
        return Timeline(tuple(self._inference.after), tuple(training.forward), tuple(training.backward))

    @cached_property
    def exits(self) -> tuple[Exit, ...]:
        """What each output costs, in order: alone, and beyond the ones before it."""
        return exits(self.genotype)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """One row a node, in order."""
        genotype, names, offset, whole = self.genotype, self.genotype.value_names, len(self.genotype.inputs), sides_of(self.genotype)
        columns = (names[offset:], value_bytes(genotype, self.units)[offset:], self._inference.after, self._moved, self._reaches[offset:])
        texts: dict[int, str] = {}
        found, before, field = [], None, None
        for node, fact, name, size, live, moved, reach in zip(genotype.nodes, genotype.facts, *columns, strict=True):
            cost, text = fact.cost, texts.get(id(fact))
            if text is None:  # looked up by its fields once, and not for every node that is like it
                text = texts[id(fact)] = text_of(node.op)
            if reach is not before:
                before, field = reach, field_of(reach, whole)
            reads = tuple([names[read] for read in node.inputs])
            each = intensity(cost.macs, moved, self.batch) if cost.macs else 0.0
            found.append(
                new(Row, (name, text, reads, fact.spec.shape, cost.params, cost.buffers, cost.macs, size, live, moved, each, field))
            )
        return tuple(found)

    @cached_property
    def _inferring(self) -> Graph:
        return laid_out(self.genotype, self.batch, training=False)

    @cached_property
    def _inference(self) -> Memory:
        return inference_memory(self._inferring, self.units)

    @cached_property
    def _training(self) -> Training:
        return training_memory(laid_out(self.genotype, self.batch, training=True), self.units)

    @cached_property
    def _moved(self) -> list[int]:
        return moved_bytes(self._inferring, copied_bytes(self.genotype, self._inferring, self.units), self.units)

    @cached_property
    def _reaches(self) -> list[Reach]:
        return reaches(self.genotype)


def training_peak(training: Training, item: int, optimizer: str, largest: Callable[[list[int]], int] = max) -> int:
    """Bytes besides weights and buffers at the peak of a step: optimiser state, and the passes or the update, whichever takes more."""
    state, scratch = OPTIMIZERS[optimizer]
    trained = training.trained * item
    return state * trained + largest([*training.moments, training.after + scratch * trained])


def analyse(genotype: Genotype, batch: int = 1, dtype: str = "float32", optimizer: str = "sgd") -> Analysis:
    """Cost of a genotype for a batch of so many samples in a dtype, trained by an optimiser.

    Args:
        genotype: The network.
        batch: Samples at once; memory is for all of them, params, MACs and rows' MACs are for one.
        dtype: float64, float32, bfloat16 or float16, of weights and values alike.
        optimizer: sgd (no state), momentum (SGD with it), adam or adamw.

    Raises:
        ValueError: an unknown dtype or optimiser, or a batch below 1.
    """
    check_settings(batch, dtype, optimizer)
    params = buffers = counters = places = macs = 0
    for fact in genotype.facts:
        cost = fact.cost
        params += cost.params
        macs += cost.macs
        if cost.buffers:
            buffers += cost.buffers
            counters += cost.counters
            places += cost.places
    return Analysis(genotype, batch, dtype, optimizer, params, buffers, counters, places, macs)


def check_settings(batch: int, dtype: str, optimizer: str) -> None:
    """Raise ValueError for settings that `analyse` does not know."""
    if dtype not in ITEM_BYTES:
        raise ValueError(f"dtype={dtype!r} is unknown; known: {', '.join(ITEM_BYTES)}")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer={optimizer!r} is unknown; known: {', '.join(OPTIMIZERS)}")
    if type(batch) is not int or batch < 1:
        raise ValueError(f"batch={batch!r} must be a whole number of at least 1")
