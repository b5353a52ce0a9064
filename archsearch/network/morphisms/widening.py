"""Wider: copies of channels, shared out among those who read them (Chen et al. 2016, Net2Net, arXiv:1511.05641)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype, Node
from archsearch.network.morphisms.change import Morphed, MorphismError, Weights, value_of

Copies = NDArray[np.int64]
"""For every new channel: the old one that it is a copy of."""


def widen(genotype: Genotype, weights: Weights, name: str, channels: int, rng: np.random.Generator) -> Morphed:
    """Give a convolution or linear map more outputs: copies of its own, shared out among those who read them.

    What keeps channels apart (norm, activation, pooling, depthwise convolution, add) widens with it, and so does whatever meets it in
    an add; convolutions and linear maps that read it share the weights of a channel out among its copies.

    Raises:
        MorphismError: the node makes no channels, `channels` is not more than now, or the width reaches an input, an output
            or an op that mixes channels in a way of its own.
    """
    value = value_of(genotype, name)
    width = genotype.specs[value].shape[0]
    if channels <= width:
        raise MorphismError(f"widen: '{name}' has {width} channels already; channels={channels} must be more")
    if len(genotype.specs[value].shape) not in (1, 3):
        raise MorphismError(f"widen: '{name}' makes tokens or boxes; only images and vectors can be widened")
    copies = np.concatenate([np.arange(width), rng.integers(width, size=channels - width)])
    reach = _Reach(genotype, copies)
    reach.widen(value)
    numbered = enumerate(genotype.nodes, len(genotype.inputs))
    nodes = tuple(wider(node, len(reach.wide[value])) if value in reach.makers else node for value, node in numbered)
    changed = dict(weights)
    for value, axes in reach.axes.items():
        stretch(changed, genotype.nodes[value - len(genotype.inputs)], axes, rng)
    return Morphed(Genotype(genotype.inputs, nodes, genotype.outputs), changed)


class _Reach:
    """Which values widen together, and along which axis each node's weights are indexed."""

    def __init__(self, genotype: Genotype, copies: Copies) -> None:
        self.genotype, self.copies, self.offset = genotype, copies, len(genotype.inputs)
        self.wide: dict[int, Copies] = {}
        self.makers: set[int] = set()
        self.axes: dict[int, dict[str, Copies]] = {}
        self.readers: list[list[int]] = [[] for _ in genotype.specs]
        for value, node in enumerate(genotype.nodes, self.offset):
            for read in node.inputs:
                self.readers[read].append(value)

    def widen(self, start: int) -> None:
        """Follow the width from a value to all that must widen with it."""
        waiting = [(start, self.copies)]
        while waiting:
            value, copies = waiting.pop()
            if value in self.wide:
                if not np.array_equal(self.wide[value], copies):
                    raise MorphismError(f"widen: '{self.genotype.value_names[value]}' would have to widen in two ways; widen another node")
                continue
            if value < self.offset or value in self.genotype.outputs:
                end = self.genotype.value_names[value]
                raise MorphismError(f"widen: the width would reach '{end}', an input or output; widen a node further inside")
            self.wide[value] = copies
            waiting += self.above(value, copies)
            for reader in self.readers[value]:
                waiting += self.below(reader, value, copies)

    def check_own(self, value: int) -> None:
        """Raise MorphismError for a node that has weights in common with others."""
        held, position = self.genotype.holders, value - self.offset
        if held and (position in held or position in held.values()):
            raise MorphismError(
                f"widen: '{self.genotype.nodes[position].name}' stands in the way; it has weights in common with other nodes"
            )

    def above(self, value: int, copies: Copies) -> list[tuple[int, Copies]]:
        """Make the node of a wide value give that width: its outputs, or its inputs where it only hands channels on."""
        node = self.genotype.nodes[value - self.offset]
        self.check_own(value)
        if node.op.channels_are() == "made":
            self.makers.add(value)
            self.axes.setdefault(value, {})["out"] = copies
            return []
        if node.op.channels_are() == "kept":
            self.axes.setdefault(value, {})["out"] = copies
            return [(read, copies) for read in node.inputs]
        if node.op.channels_are() == "spread" and node.inputs[0] in self.wide:
            return []
        raise MorphismError(f"widen: '{node.name}' ({node.op.kind}) stands in the way; it mixes channels in a way of its own")

    def below(self, reader: int, value: int, copies: Copies) -> list[tuple[int, Copies]]:
        """What a node that reads a wide value passes on."""
        node = self.genotype.nodes[reader - self.offset]
        self.check_own(reader)
        if node.op.channels_are() == "made":
            self.axes.setdefault(reader, {})["in"] = copies
            return []
        if node.op.channels_are() == "kept":
            return [(reader, copies)]
        if node.op.channels_are() == "spread":
            each = prod(self.genotype.specs[value].size)
            return [(reader, (copies[:, None] * each + np.arange(each)).ravel())]
        raise MorphismError(f"widen: '{node.name}' ({node.op.kind}) stands in the way; it mixes channels in a way of its own")


def wider(node: Node, channels: int) -> Node:
    """The node with another number of output channels."""
    field = "features" if hasattr(node.op, "features") else "channels"
    return node._replace(op=replace(node.op, **{field: channels}))  # type: ignore[type-var]


def stretch(weights: dict[str, Tensor], node: Node, axes: Mapping[str, Copies], rng: np.random.Generator) -> None:
    """Index a node's tensors by copies of outputs and inputs (`Op.tensor_axes`); an input that outputs mix is shared out among its copies.

    Shares are drawn, not equal: equal copies with equal shares would get equal gradients and never part.
    """
    prefix = module_path(node.name) + "."
    for key in [key for key in weights if key.startswith(prefix)]:
        tensor, sides = weights[key], node.op.tensor_axes(key.removeprefix(prefix))
        for axis, side in enumerate(sides[: tensor.dim()]):
            if side not in axes:
                continue
            index = axes[side]
            tensor = tensor.index_select(axis, torch.from_numpy(index).to(tensor.device))
            if side == "in" and "out" in sides:
                parts = rng.uniform(0.5, 1.5, len(index))
                share = torch.from_numpy(parts / np.bincount(index, parts)[index]).to(tensor)
                tensor = tensor * share.reshape(*(1,) * axis, -1, *(1,) * (tensor.dim() - 1 - axis))
        weights[key] = tensor.clone()
