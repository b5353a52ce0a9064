"""What all morphisms give, and how they find and put in nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from archsearch.network.genotype import Genotype, Node, scopes_of
from archsearch.support.nearest import nearest

Weights = Mapping[str, Tensor]
MAX_WORD = 80
"""Letters of a node's own name that the name of a node made for it takes up: changes pile up, and names must not."""


class MorphismError(ValueError):
    """A change that would not keep the function; one line that names the node and says what to do."""


class Morphed(NamedTuple):
    """The changed network: its genotype, and a state dict for it."""

    genotype: Genotype
    weights: dict[str, Tensor]


def splice(genotype: Genotype, value: int, nodes: Sequence[Node]) -> Genotype:
    """Put nodes right behind a value; they count on from it, and all that read it before now read the last of them."""
    offset, by = len(genotype.inputs), len(nodes)
    moved = {i: i + by if i >= value else i for i in range(len(genotype.specs))}
    before = genotype.nodes[: value + 1 - offset]
    behind = (node._replace(inputs=tuple(moved[i] for i in node.inputs)) for node in genotype.nodes[value + 1 - offset :])
    return Genotype(genotype.inputs, (*before, *nodes, *behind), tuple(moved[i] for i in genotype.outputs))


def value_of(genotype: Genotype, name: str) -> int:
    """Number of the value that a node makes. Raises MorphismError."""
    for value, node in enumerate(genotype.nodes, len(genotype.inputs)):
        if node.name == name:
            return value
    raise MorphismError(f"no node '{name}'; {nearest(name, [node.name for node in genotype.nodes])}")


def source_of(genotype: Genotype, name: str) -> int:
    """Number of the value that a node makes, or that an input is. Raises MorphismError."""
    return genotype.input_names.index(name) if name in genotype.input_names else value_of(genotype, name)


def check_learnable(genotype: Genotype, value: int, doing: str) -> None:
    """Raise MorphismError for a value of whole numbers, such as the places of maxima: weights can do nothing with it."""
    node = genotype.nodes[value - len(genotype.inputs)] if value >= len(genotype.inputs) else None
    if node is not None and node.op.integer:
        raise MorphismError(f"{doing}: '{node.name}' ({node.op.kind}) makes places, not features; choose another node")


def like(weights: Weights) -> Tensor:
    """A number of the type, and on the device, that the learned weights have: new ones are as exact."""
    return next((tensor.new_zeros(()) for tensor in weights.values() if tensor.is_floating_point()), torch.zeros(()))


def free_name(genotype: Genotype, name: str) -> str:
    """The name, cut to `MAX_WORD` letters behind its scope, with a number if it is taken."""
    taken = set(genotype.value_names).union(*(scopes_of(node.scope) for node in genotype.nodes))
    scope, slash, word = name.rpartition("/")
    short = f"{scope}{slash}{word[-MAX_WORD:]}"
    numbered = (f"{short}_{count}" if count else short for count in range(len(taken) + 1))
    return next(candidate for candidate in numbered if candidate not in taken)
