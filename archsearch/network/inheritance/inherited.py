"""The weights of a network, taken over from the one that it was changed from as far as they fit."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype
from archsearch.network.inheritance.channels import Channels
from archsearch.network.inheritance.pairs import Pairs, Weights, by_node
from archsearch.network.inheritance.starts import Starts
from archsearch.network.inheritance.transfer import Place, Taken
from archsearch.network.inheritance.waking import awake, woken


class Count(NamedTuple):
    """How much was taken over as it is, by a morphism, and not at all."""

    kept: int = 0
    morphed: int = 0
    fresh: int = 0


class Inherited(NamedTuple):
    """A state dict for the child, and how many `elements` of it, and `nodes` with weights, come from the parent.

    A node counts as taken over by a morphism if some of it is, and as fresh if nothing is. Tensors may be those of the parent or the
    fresh ones themselves: load them, do not write into them.
    """

    weights: dict[str, Tensor]
    elements: Count
    nodes: Count

    @property
    def share(self) -> float:
        """Share of the elements that come from the parent, from 0 to 1."""
        return (self.elements.kept + self.elements.morphed) / max(1, sum(self.elements))

    def __str__(self) -> str:
        kept, morphed = (round(100 * part / max(1, sum(self.elements))) for part in self.elements[:2])
        return f"{kept} % of the weights from the parent" + (f", {morphed} % by morphism" if self.elements.morphed else "")


def inherit(child: Genotype, parent: Genotype, weights: Weights, fresh: Weights) -> Inherited:
    """The weights of `child` from those of `parent`, and for the rest from `fresh`, the child's own state dict.

    Nothing is changed in place. Nodes are partners by name and by structure (`matching`). From a partner of the same kind tensors are
    taken as they are where their shapes fit, with the kernel in the middle of zeros or cut to its middle, and with the channels that
    both have: new ones are read with no weight, and of fewer those with the largest weights stay. New nodes start as the identity or
    silent (`starts`). So the child computes what the parent does wherever a morphism leads to it: larger kernels, more channels, maps
    in between, branches beside.
    """
    pairs = Pairs(child, parent, weights)
    starts = Starts(pairs)
    channels = Channels(pairs, starts.through)
    uses: dict[int, list[int]] = {position: [position] for position, node in enumerate(child.nodes) if not node.weights}
    for user, holder in child.holders.items():
        uses[holder].append(user)
    waking = woken(pairs)
    own, found, offset = by_node(child, fresh), dict(fresh), len(child.inputs)
    elements, nodes = Count(), Count()
    for position, values in uses.items():
        if not own[position]:
            continue
        if position + offset in waking and len(values) == 1:
            taken = awake(pairs, position + offset, own[position])
        else:
            taken = node_taken(pairs, channels, own[position], [value + offset for value in values])
        path = module_path(child.nodes[position].name)
        found.update({f"{path}.{name}": part.tensor for name, part in taken.items()})
        count = counted(taken)
        elements = Count(*map(sum, zip(elements, count, strict=True)))
        nodes = Count(*map(sum, zip(nodes, kind_of(count), strict=True)))
    starts.apply(found)
    return Inherited(found, elements, nodes)


def node_taken(pairs: Pairs, channels: Channels, fresh: dict[str, Tensor], values: list[int]) -> dict[str, Taken]:
    """The tensors of nodes that are one module, by name."""
    before = pairs.old_of(values)
    if before is None or not before[1]:
        return {name: Taken(tensor, 0, 0) for name, tensor in fresh.items()}
    node, alone = pairs.node(values[0]), len(values) == 1  # uses of one module might ask for different channels
    made = channels.of(values[0]) if alone else None
    read = channels.of(node.inputs[0]) if alone and node.inputs else None
    return {name: Place(name, before[0].op, node.op, made, read).take(tensor, before[1].get(name)) for name, tensor in fresh.items()}


def counted(taken: dict[str, Taken]) -> Count:
    """Elements by where they come from."""
    kept, morphed = (sum(getattr(part, name) for part in taken.values()) for name in ("kept", "morphed"))
    return Count(kept, morphed, sum(part.tensor.numel() for part in taken.values()) - kept - morphed)


def kind_of(count: Count) -> Count:
    """One node, by where its elements come from."""
    if not count.kept and not count.morphed:
        return Count(fresh=1)
    return Count(kept=1) if not count.morphed and not count.fresh else Count(morphed=1)
