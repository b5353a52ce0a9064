"""Analysis of a genotype without building anything: shapes, params, MACs, memory, receptive field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from archsearch.analysis.memory import Memory, Units, inference_memory, training_memory
from archsearch.analysis.receptive_field import receptive_fields
from archsearch.genotype import Genotype
from archsearch.tensor import TensorSpec

ITEM_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
OPTIMIZERS = {"sgd": (0, 0), "momentum": (1, 0), "adam": (2, 1), "adamw": (2, 1)}
"""State and scratch of one step (foreach form), in units of the weights."""


class Row(NamedTuple):
    """One node in numbers, for one sample; `live_bytes` is what is held after it in inference, for the whole batch."""

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    params: int
    buffers: int
    macs: int
    output_bytes: int
    live_bytes: int
    receptive_field: tuple[int, int]


@dataclass(frozen=True)
class Analysis:
    """What a network costs.

    `params`: learned elements. `buffers`: elements of state that is not learned. `macs`: multiply-adds of convolutions and
    matrix products for one sample, as torch's FlopCounterMode counts them; `flops` = 2 x `macs`. Bytes are for `batch`
    samples in `dtype`: `inference_peak_bytes` = weights + buffers + the largest live set of straight-line code that
    frees each value at its last use; `training_peak_bytes` = weights + buffers + optimiser state + the largest live set of one
    step with `optimizer` (forward, backward from gradients of the outputs, update; gradients dropped before the forward pass);
    `saved_bytes` = what autograd keeps between forward and backward pass, each storage once, parameters not counted.
    `receptive_field`: height and width of the input region that one position of the outputs depends on, padding included;
    what reads every position (global pooling, flatten, linear) passes on the field of what it reads.
    """

    genotype: Genotype
    batch: int
    dtype: str
    optimizer: str
    params: int
    buffers: int
    macs: int
    saved_bytes: int
    inference_peak_bytes: int
    training_peak_bytes: int
    _inference: Memory

    @property
    def flops(self) -> int:
        """Floating point operations for one sample: 2 x macs."""
        return 2 * self.macs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Shapes of the outputs."""
        return tuple(self.genotype.specs[i] for i in self.genotype.outputs)

    @cached_property
    def _fields(self) -> list[tuple[int, int]]:
        return receptive_fields(self.genotype)

    @cached_property
    def receptive_field(self) -> tuple[int, int]:
        """(height, width) in input pixels; the largest of all outputs."""
        high, wide = zip(*(self._fields[i] for i in self.genotype.outputs), strict=True)
        return max(high), max(wide)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """One row a node, in order."""
        genotype, names = self.genotype, self.genotype.value_names
        item = ITEM_BYTES[self.dtype] * self.batch
        fields = self._fields[len(genotype.inputs) :]
        return tuple(
            Row(node.name, fact.text, tuple([names[i] for i in node.inputs]), fact.spec.shape, fact.cost.params,
                fact.cost.buffers, fact.cost.macs, fact.elements * item, live, field)
            for node, fact, live, field in zip(genotype.nodes, genotype.facts, self._inference.live, fields, strict=True)
        )  # fmt: skip


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
    if dtype not in ITEM_BYTES:
        raise ValueError(f"dtype={dtype!r} is unknown; known: {', '.join(ITEM_BYTES)}")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer={optimizer!r} is unknown; known: {', '.join(OPTIMIZERS)}")
    if type(batch) is not int or batch < 1:
        raise ValueError(f"batch={batch!r} must be a whole number of at least 1")
    params = buffers = macs = counters = 0
    for fact in genotype.facts:
        cost = fact.cost
        params += cost.params
        buffers += cost.buffers
        macs += cost.macs
        counters += cost.counters
    item = ITEM_BYTES[dtype]
    units = Units(item, batch)
    fixed = params * item + (buffers - counters) * item + counters * 8
    state, scratch = OPTIMIZERS[optimizer]
    inference = inference_memory(genotype, units)
    training = training_memory(genotype, units)
    trained = training.trained * item
    return Analysis(
        genotype, batch, dtype, optimizer, params, buffers, macs,
        saved_bytes=training.saved,
        inference_peak_bytes=fixed + inference.peak,
        training_peak_bytes=fixed + state * trained + max(training.peak, training.after + scratch * trained),
        _inference=inference,
    )  # fmt: skip
