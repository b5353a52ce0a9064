"""Which channel of the parent's value each channel of the child's value is."""

from __future__ import annotations

from collections.abc import Mapping, Set
from math import prod

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from archsearch.network.inheritance.pairs import Pairs
from archsearch.ops import Concat, Div, Mul
from archsearch.ops.base import Op

Index = NDArray[np.int64]
"""For every channel the parent's, or -1 for one that the parent has not."""
NEW = -1


class Channels:
    """Values whose channels are kept apart on the way between them have the same ones, so they are settled together.

    A wider value has the parent's channels first; a narrower one those with the largest weights (L1, Li et al. 2017, arXiv:1608.08710)
    over all maps that make it, or the first ones where something else makes it too.
    """

    def __init__(self, pairs: Pairs, through: Set[int] = frozenset()) -> None:
        """`through`: values of maps that start as the identity, and so hand channels on."""
        self.pairs, self.child, self.parent = pairs, pairs.child, pairs.parent
        self.handing = set(through) | {
            value for value, node in enumerate(pairs.child.nodes, len(pairs.child.inputs)) if keeps_apart(node.op)
        }
        self.group = grouped(pairs, self.handing)
        self.members: dict[int, list[int]] = {}
        for value, group in enumerate(self.group):
            self.members.setdefault(group, []).append(value)
        self.settled: dict[int, Index | None] = {}
        for value, node in enumerate(self.child.nodes, len(self.child.inputs)):
            how = node.op.channels_are()
            if isinstance(node.op, Concat):
                self.settled.setdefault(self.group[value], self.joined(value))
            elif how == "spread" and pairs.partner(value) is not None:
                self.settled.setdefault(self.group[value], self.spread(value))

    def of(self, value: int) -> Index | None:
        """Channels of a value; None where they are just those of the parent, or nothing is known of them."""
        group = self.group[value]
        if group not in self.settled:
            self.settled[group] = self.by_width(self.members[group])
        return self.settled[group]

    def by_width(self, values: list[int]) -> Index | None:
        """Channels of values that go together, by the widths of their partners."""
        partners = [value for value in values if self.pairs.back[value] >= 0]
        wide = self.child.specs[values[0]].width
        before = {self.parent.specs[self.pairs.back[value]].width for value in partners}
        if len(before) != 1 or before == {wide}:
            return None
        width = before.pop()
        if wide > width:
            return np.concatenate([np.arange(width), np.full(wide - width, NEW)])
        norms = self.norms(values, width)
        return np.arange(wide) if norms is None else np.sort(np.argsort(-norms, kind="stable")[:wide])

    def norms(self, values: list[int], width: int) -> NDArray[np.float64] | None:
        """Sums of the sizes of the parent's weights for each channel, over all maps that make the values; None where others do."""
        total = np.zeros(width)
        for value in values:
            if value in self.handing:
                continue
            found = self.pairs.old_of([value]) if value >= len(self.child.inputs) else None
            sizes = None if found is None else made_sizes(found[0].op, found[1])
            if sizes is None or len(sizes) != width:
                return None
            total += sizes
        return total

    def spread(self, value: int) -> Index | None:
        """Channels of a vector that has an image's elements in order."""
        read, partner = self.pairs.node(value).inputs[0], self.pairs.partner(value)
        before = self.parent.specs[partner.inputs[0]] if partner is not None else None
        own, index = self.child.specs[read], self.of(read)
        if before is None or index is None or before.size != own.size or own.channel_axis:
            return None
        each = prod(own.size)
        return np.where(index[:, None] < 0, NEW, index[:, None] * each + np.arange(each)).ravel()

    def joined(self, value: int) -> Index | None:
        """Channels of values side by side; one put in where there was a single value has the channels of that, and others."""
        reads, partner = self.pairs.node(value).inputs, self.pairs.partner(value)
        known = [self.pairs.back[read] for read in reads if self.pairs.back[read] >= 0]
        left = list(partner.inputs) if partner is not None else known[:1]
        widths = [self.parent.specs[before].width for before in left]
        starts = dict(enumerate(np.cumsum([0, *widths])[:-1].tolist()))
        found: dict[int, Index] = {}
        for position, read in enumerate(reads):
            place = next((i for i in starts if left[i] == self.pairs.back[read]), NEW)
            if place != NEW:
                found[position] = self.moved(read, widths[place], starts.pop(place))
        for position, read in enumerate(reads):  # those without partners there take the places that are left, by width
            width = self.child.specs[read].width
            place = next((i for i in starts if widths[i] == width), NEW)
            if position not in found:
                found[position] = np.full(width, NEW) if place == NEW else np.arange(width) + starts.pop(place)
        joined = np.concatenate([found[position] for position in range(len(reads))])
        return None if np.array_equal(joined, np.arange(sum(widths))) else joined

    def moved(self, value: int, width: int, start: int) -> Index:
        """Channels of a value whose partner's, so many, count from `start` on."""
        index = self.of(value)
        index = np.arange(self.child.specs[value].width) if index is None else index
        return np.where((index < 0) | (index >= width), NEW, index + start)


def made_sizes(op: Op, tensors: Mapping[str, Tensor]) -> NDArray[np.float64] | None:
    """For every channel that a map makes the sum of the sizes of its weights; None where it is no map."""
    for name, tensor in tensors.items():
        sides = op.tensor_axes(name)
        if "out" in sides and "in" in sides and tensor.dim() > 1:
            by_channel: NDArray[np.float64] = (
                tensor.detach().transpose(0, sides.index("out")).abs().flatten(1).sum(1).cpu().double().numpy()
            )
            return by_channel
    return None


def keeps_apart(op: Op) -> bool:
    """Whether an op hands channels on, each by itself; those of two values that are multiplied belong together."""
    return (op.channels_are() == "kept" and not op.is_zero) or isinstance(op, Mul | Div)


def grouped(pairs: Pairs, handing: Set[int]) -> list[int]:
    """For every value of the child a number, the same for those between which channels are kept apart."""
    group = list(range(len(pairs.child.specs)))

    def root(value: int) -> int:
        while group[value] != value:
            group[value] = value = group[group[value]]
        return value

    for value, node in enumerate(pairs.child.nodes, len(pairs.child.inputs)):
        for read in node.inputs if value in handing else ():
            if pairs.child.specs[read].width == pairs.child.specs[value].width:
                group[root(value)] = root(read)
    return [root(value) for value in range(len(group))]
