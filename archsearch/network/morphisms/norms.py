"""Batch norm behind a convolution or a linear map, written into its weights: in inference the function stays, of fewer nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype, Node
from archsearch.network.morphisms.change import Morphed, Weights
from archsearch.ops.norm import BatchNorm


class Linearity(NamedTuple):
    """Where an op keeps the weights of its last linear map: tensor, its axis of output channels, and bias."""

    weight: str = "weight"
    axis: int = 0
    bias: str = "bias"


LINEAR = {
    "conv2d": Linearity(),
    "depthwise_conv2d": Linearity(),
    "coord_conv2d": Linearity(),
    "linear": Linearity(),
    "separable_conv2d": Linearity("1.weight", 0, "1.bias"),
}
"""Ops that a batch norm behind them can be written into, by kind."""


def fold_norms(genotype: Genotype, weights: Weights) -> Morphed:
    """Write every batch norm that alone reads a linear op into that op's weights, with its running statistics.

    Computed in float64; the network's function in training is another one.
    """
    pairs = foldable(genotype)
    offset, found = len(genotype.inputs), dict(weights)
    nodes: list[Node] = []
    moved = {value: value for value in range(offset)}
    for value, node in enumerate(genotype.nodes, offset):
        if value in pairs:
            moved[value] = moved[pairs[value]]
            write_in(found, genotype.nodes[pairs[value] - offset], node)
            continue
        op: Any = node.op
        if value in pairs.values():
            op = replace(op, bias=True)
        moved[value] = offset + len(nodes)
        nodes.append(node._replace(op=op, inputs=tuple(moved[i] for i in node.inputs)))
    return Morphed(Genotype(genotype.inputs, tuple(nodes), tuple(moved[i] for i in genotype.outputs)), found)


def foldable(genotype: Genotype) -> dict[int, int]:
    """Values of batch norms that can be folded, with those of the linear ops that only they read; what is shared stays."""
    offset = len(genotype.inputs)
    readers = [0] * len(genotype.specs)
    for value in (*genotype.outputs, *(i for node in genotype.nodes for i in node.inputs)):
        readers[value] += 1
    shared = {name for node in genotype.nodes if node.weights for name in (node.name, node.weights)}
    found = {}
    for value, node in enumerate(genotype.nodes, offset):
        source = node.inputs[0] if node.inputs else 0
        before = genotype.nodes[source - offset] if source >= offset else None
        if not isinstance(node.op, BatchNorm) or before is None or before.op.kind not in LINEAR or readers[source] != 1:
            continue
        if not shared & {node.name, before.name}:
            found[value] = source
    return found


def write_in(weights: dict[str, Tensor], linear: Node, norm: Node) -> None:
    """Change the weights of the linear op, and take those of the norm out."""
    form, op = LINEAR[linear.op.kind], linear.op
    path, other = module_path(linear.name), module_path(norm.name)
    gain, shift, mean, variance = (weights.pop(f"{other}.{name}").double() for name in ("weight", "bias", "running_mean", "running_var"))
    weights.pop(f"{other}.num_batches_tracked")
    factor = gain / (variance + norm.op.eps).sqrt()  # type: ignore[attr-defined]
    weight = weights[f"{path}.{form.weight}"]
    along = [-1 if axis == form.axis else 1 for axis in range(weight.ndim)]
    before = weights[f"{path}.{form.bias}"].double() if op.bias else torch.zeros_like(mean)  # type: ignore[attr-defined]
    weights[f"{path}.{form.weight}"] = (weight.double() * factor.reshape(along)).to(weight.dtype)
    weights[f"{path}.{form.bias}"] = ((before - mean) * factor + shift).to(weight.dtype)
