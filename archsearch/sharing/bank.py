"""One bank of weights for all networks of a space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import nn

from archsearch import layers
from archsearch.layers.thinned import thinned
from archsearch.network.genotype import Genotype
from archsearch.network.genotype_json import op_to_dict
from archsearch.ops.base import Op
from archsearch.ops.measure import built
from archsearch.ops.tensor import TensorSpec
from archsearch.sharing.network import SharedNetwork
from archsearch.support.randomness import seeded

MAX_COMPILED = 64


class SharingError(Exception):
    """Shared weights that cannot be made, read, written or used; one line that says what, where and what to do."""


class Key(NamedTuple):
    """What weights belong to: a node's name, its op with all fields, and the shapes that it reads."""

    name: str
    op: Op
    inputs: tuple[TensorSpec, ...]

    def parts(self) -> list[object]:
        """The key as plain data for JSON."""
        return [self.name, op_to_dict(self.op), [list(spec.shape) for spec in self.inputs]]


class Bank:
    """Modules by key, each made when a network first needs it; networks that agree in a key share its weights.

    First weights follow from `seed` and the key alone, so the order in which networks come does not matter. What differs in an op's
    fields or input shapes shares nothing: a narrow layer is no slice of a wide one.
    """

    def __init__(self, seed: int = 0, device: torch.device | str = "cpu") -> None:
        self.seed, self.device = seed, torch.device(device)
        self.modules: dict[Key, nn.Module] = {}
        self._compiled: dict[Genotype, SharedNetwork] = {}

    def network(self, genotype: Genotype) -> SharedNetwork:
        """The genotype as a network whose parameters and buffers are the bank's: training it trains the bank.

        Networks share modules, and with them train and eval mode and batch norm's statistics: set the mode before each use, and
        `recalibrate` a network before it is judged.
        """
        found = self._compiled.pop(genotype, None)
        if found is None:
            found = SharedNetwork(genotype, [self.module(key) for key in keys_of(genotype)])
        self._compiled[genotype] = found  # the last used stand last
        while len(self._compiled) > MAX_COMPILED:
            del self._compiled[next(iter(self._compiled))]
        return found

    def module(self, key: Key) -> nn.Module:
        """The module of a key."""
        found = self.modules.get(key)
        if found is None:
            found = self.modules[key] = self._made(key)
        return found

    def parameters(self, after: int = 0) -> Iterator[nn.Parameter]:
        """All parameters, in the order in which they were made; those of the first `after` modules left out."""
        for module in list(self.modules.values())[after:]:
            yield from module.parameters()

    def _made(self, key: Key) -> nn.Module:
        with seeded(seed_of(self.seed, key)):
            return thinned(built(key.op, layers, key.inputs)).to(self.device)


def keys_of(genotype: Genotype) -> list[Key]:
    """The key of every node, in order; of one that uses another's weights, that one's."""
    specs = genotype.specs
    keys = [Key(node.name, node.op, tuple([specs[i] for i in node.inputs])) for node in genotype.nodes]
    for user, holder in genotype.holders.items():
        keys[user] = keys[holder]
    return keys


def seed_of(seed: int, key: Key) -> int:
    """A number of 63 bits that follows from a seed and a key."""
    text = json.dumps([seed, *key.parts()])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
