"""Batch norm behind a convolution or a linear map, written into its weights: in inference the function stays, of fewer nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype, Node
from archsearch.network.morphisms.change import Morphed, Weights
from archsearch.ops.norm import BatchNorm

LINEAR = {"conv2d": "", "depthwise_conv2d": "", "coord_conv2d": "", "linear": "", "separable_conv2d": "1."}
"""Ops that a batch norm behind them can be written into, and what stands before the names of their last weight, output channels first."""


def fold_norms(genotype: Genotype, weights: Weights) -> Morphed:
    """Write every batch norm that alone reads a linear op into that op's weights, with its running statistics.

    Computed in float64; the network's function in training is another one.
    """
    pairs = foldable(genotype)
    linear = {*pairs.values()}
    offset, found = len(genotype.inputs), dict(weights)
    nodes: list[Node] = []
    moved = {value: value for value in range(offset)}
    for value, node in enumerate(genotype.nodes, offset):
        if value in pairs:
            moved[value] = moved[pairs[value]]
            write_in(found, genotype.nodes[pairs[value] - offset], node)
            continue
        op: Any = node.op
        if value in linear:
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
    path, other = f"{module_path(linear.name)}.{LINEAR[linear.op.kind]}", module_path(norm.name)
    gain, shift, mean, variance = (weights.pop(f"{other}.{name}").double() for name in ("weight", "bias", "running_mean", "running_var"))
    weights.pop(f"{other}.num_batches_tracked")
    factor = gain / (variance + norm.op.eps).sqrt()  # type: ignore[attr-defined]
    weight = weights[f"{path}weight"]
    before = weights[f"{path}bias"].double() if linear.op.bias else torch.zeros_like(mean)  # type: ignore[attr-defined]
    weights[f"{path}weight"] = (weight.double() * factor.reshape(-1, *[1] * (weight.ndim - 1))).to(weight.dtype)
    weights[f"{path}bias"] = ((before - mean) * factor + shift).to(weight.dtype)
