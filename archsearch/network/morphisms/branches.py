"""A branch of several ops beside what lies between two values; nobody hears of it before it has learned something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from archsearch.network.compiler import compile_network, module_path
from archsearch.network.genotype import Genotype, GenotypeError, Node
from archsearch.network.morphisms.change import (
    Morphed,
    MorphismError,
    Weights,
    check_learnable,
    free_name,
    like,
    source_of,
    splice,
    value_of,
)
from archsearch.network.morphisms.insertion import is_image
from archsearch.ops import Add, BatchNorm1d, BatchNorm2d, Concat, Conv2d, ConvTranspose2d, DepthwiseConv2d, Linear, Op, ReLU
from archsearch.ops.base import Side, Size
from archsearch.ops.tensor import TensorSpec

Join = Literal["add", "concat"]
SILENT = (Conv2d, ConvTranspose2d, DepthwiseConv2d, Linear, BatchNorm1d, BatchNorm2d)
"""Ops that give zeros when weight and bias are zeros, and whose weights get a gradient all the same."""


def add_branch(
    genotype: Genotype,
    weights: Weights,
    source: str,
    target: str,
    rng: np.random.Generator,
    ops: Sequence[Op] | None = None,
    join: Join = "add",
) -> Morphed:
    """Let ops, one behind the other, read the value of `source` (a node or an input), and join what they make with that of `target`.

    Without `ops` they are a convolution that brings the image to the target's size, norm, ReLU and a convolution; between vectors or
    tokens a linear map, ReLU and another one. Weights are drawn. With `add` those of the last op are zeros; with `concat` those by
    which others read the new channels are.

    Raises:
        MorphismError: no such nodes, a target that comes first, ops that do not fit between them, a last op that is not
            zero with its weights; with `concat` a width that reaches an output or what mixes or meets other channels.
    """
    first, last = source_of(genotype, source), value_of(genotype, target)
    for value in (first, last):
        check_learnable(genotype, value, "add_branch")
    if first >= last:
        raise MorphismError(f"add_branch: '{source}' must come before '{target}'")
    chosen = usual_ops(genotype.specs[first], genotype.specs[last]) if ops is None else list(ops)
    if not chosen or (join == "add" and not isinstance(chosen[-1], SILENT)):
        kinds = ", ".join(kind.kind for kind in SILENT)
        raise MorphismError(f"add_branch: the last op must be zero where its weights are; let it be one of {kinds}")
    heard = heirs(genotype, last) if join == "concat" else {}
    nodes = branch(genotype, first, last, chosen, Add() if join == "add" else Concat())
    try:
        changed = splice(genotype, last, nodes)
    except GenotypeError as error:
        raise MorphismError(f"add_branch: {error}; choose ops that bring '{source}' to the shape of '{target}'") from error
    found = compile_network(changed, int(rng.integers(2**63))).to(like(weights)).state_dict()
    if join == "add":
        silence(found, nodes[-2])
    old = {key: widened(tensor, found[key], sides_of(key, heard)) for key, tensor in weights.items()}
    return Morphed(changed, found | old)


def usual_ops(source: TensorSpec, target: TensorSpec) -> list[Op]:
    """A convolution, norm, ReLU and a convolution that lead from one image to the other; linear maps where there are no images.

    Raises:
        MorphismError: one value is an image, the other is not.
    """
    if len(source.shape) != len(target.shape):
        raise MorphismError(f"add_branch: give the ops that lead from {source.shape} to {target.shape}")
    width = target.width
    if not is_image(target):
        return [Linear(width), ReLU(), Linear(width)]
    down, across = (max(1, round(before / after)) for before, after in zip(source.shape[-2:], target.shape[-2:], strict=True))
    stride: Size = down if down == across else (down, across)
    norm: list[Op] = [BatchNorm2d()] if len(target.shape) == 3 else []  # there is none over boxes
    return [Conv2d(width, 3, stride, bias=not norm), *norm, ReLU(), Conv2d(width, 3)]


def branch(genotype: Genotype, first: int, last: int, ops: Sequence[Op], join: Op) -> list[Node]:
    """Nodes to be put behind value `last`: ops one behind the other from value `first`, and what joins them with `last`."""
    target = genotype.value_names[last]
    reads = [first, *range(last + 1, last + len(ops))]
    nodes = [Node(op, (read,), free_name(genotype, f"{target}_branch{i}")) for i, (op, read) in enumerate(zip(ops, reads, strict=True))]
    return [*nodes, Node(join, (last, last + len(ops)), free_name(genotype, f"{target}_joined"))]


def silence(weights: dict[str, Tensor], node: Node) -> None:
    """Make zeros of the weight and bias of a node."""
    for name in ("weight", "bias"):
        key = f"{module_path(node.name)}.{name}"
        if key in weights:
            weights[key] = torch.zeros_like(weights[key])


def heirs(genotype: Genotype, start: int) -> dict[str, Op]:
    """The ops that get more channels when a value does, by their weights' prefix.

    Raises:
        MorphismError: the new channels reach an output, or a node that mixes them with others in a way of its own.
    """
    found, waiting, shared = dict[str, Op](), [start], {i for pair in genotype.holders.items() for i in pair}
    while waiting:
        value = waiting.pop()
        if value in genotype.outputs or len(genotype.specs[value].shape) not in (1, 3):
            raise MorphismError(
                f"add_branch: new channels would reach '{genotype.value_names[value]}', an output, or tokens or boxes; use add"
            )
        for position, node in enumerate(genotype.nodes):
            if value not in node.inputs:
                continue
            how = node.op.channels_are()
            if position in shared or how == "mixed" or len(node.inputs) > 1:
                raise MorphismError(
                    f"add_branch: new channels would reach '{node.name}' ({node.op.kind}), which cannot leave them unheard; use add"
                )
            found[module_path(node.name)] = node.op
            if how != "made":
                waiting.append(position + len(genotype.inputs))
    return found


def sides_of(key: str, heard: dict[str, Op]) -> tuple[Side, Side]:
    """What the axes of a tensor count, if it is that of an op that gets more channels."""
    found = next(((path, op) for path, op in heard.items() if key.startswith(f"{path}.")), None)
    return ("", "") if found is None else found[1].tensor_axes(key.removeprefix(f"{found[0]}."))


def widened(old: Tensor, new: Tensor, sides: tuple[Side, Side]) -> Tensor:
    """A tensor with more channels: those that are kept have drawn weights, those that are read have zeros."""
    axis = next((axis for axis in range(min(2, old.dim())) if sides[axis] and old.shape[axis] != new.shape[axis]), None)
    if axis is None:
        return old
    more = new.narrow(axis, old.shape[axis], new.shape[axis] - old.shape[axis]).to(old)
    return torch.cat([old, torch.zeros_like(more) if "in" in sides and "out" in sides else more], axis)
