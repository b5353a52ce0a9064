"""A network that holds all networks of a space: switches behind what options bring, and what is left when some are off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsearch.network.genotype import Genotype
from archsearch.network.passes import canonicalise
from archsearch.ops import Add, Zero
from archsearch.spaces.space import Scalar, Space
from archsearch.supernets.base import SupernetError

Option = tuple[str, Scalar]
"""A choice and one of its options."""
Flags = NDArray[np.bool_]
PROBES = 24
"""Random networks of a space that a supergraph is compared with before it is trusted."""


@dataclass(frozen=True)
class Supergraph:
    """The network that holds a space: `switches` are the names of identities through which passes what an option brings.

    With `spreads` what gets zeros alone brings zeros, as where edges of a fabric are cut off; otherwise it is computed from zeros, as in
    cells whose spaces write a zero down. An option without switches brings nothing.
    """

    genotype: Genotype
    switches: dict[Option, tuple[str, ...]]
    spreads: bool = True
    guards: tuple[str, ...] = ()
    """Names of identities through which nothing is to pass where nothing arrives."""
    skips: frozenset[Option] = frozenset()
    """Options that hand on what they get."""

    @cached_property
    def places(self) -> dict[str, int]:
        """Value of every switch."""
        return self._values({name for switches in self.switches.values() for name in switches})

    @cached_property
    def guarded(self) -> dict[str, int]:
        """Value of every guard."""
        return self._values(set(self.guards))

    def _values(self, names: set[str]) -> dict[str, int]:
        return {node.name: value for value, node in enumerate(self.genotype.nodes, len(self.genotype.inputs)) if node.name in names}

    def on(self, choices: Mapping[str, Scalar]) -> dict[str, Flags]:
        """Which switches let through, for one network: arrays of one."""
        chosen = {name for option in choices.items() for name in self.switches.get(option, ())}
        return {name: np.array([name in chosen]) for name in self.places}

    def filled(self, on: Mapping[str, Flags]) -> list[Flags]:
        """For every value and each of N networks whether it is more than zeros; `on`: switches, (N,) each."""
        one = np.ones_like(next(iter(on.values())))
        found = [one] * len(self.genotype.inputs)
        for node in self.genotype.nodes:
            inside = [found[i] for i in node.inputs]
            if node.op.is_zero:
                found.append(~one)
            elif isinstance(node.op, Add):
                found.append(np.logical_or.reduce(inside))
            elif node.name in on:
                found.append(inside[0] & on[node.name])
            elif self.spreads and inside:
                found.append(np.logical_and.reduce(inside))
            else:
                found.append(inside[0] if inside and node.op.is_identity(len(inside)) else one)
        return found

    def live(self, on: Mapping[str, Flags]) -> list[Flags]:
        """For every node and each of N networks whether it is a part of it."""
        filled, offset = self.filled(on), len(self.genotype.inputs)
        needed = [np.zeros_like(flags) for flags in filled]
        for output in self.genotype.outputs:
            needed[output] = filled[output]
        for value in range(len(filled) - 1, offset - 1, -1):
            if needed[value].any():
                for read in self.genotype.nodes[value - offset].inputs:
                    needed[read] = needed[read] | (needed[value] & filled[read])
        return needed[offset:]

    def costs(self, on: Mapping[str, Flags]) -> dict[str, NDArray[np.int64]]:
        """`params` and `macs` of N networks: those of the part that is reached."""
        live = np.stack(self.live(on))
        facts = self.genotype.facts
        table = np.array([[fact.cost.params, fact.cost.macs] for fact in facts], np.int64)
        params, macs = table.T @ live.astype(np.int64)
        return {"params": params, "macs": macs}

    def select(self, choices: Mapping[str, Scalar]) -> Genotype:
        """The network of these choices in canonical form, zeros as inputs (`rooted`); names are those of the whole."""
        on = self.on(choices)
        filled, nodes = self.filled(on), list(self.genotype.nodes)
        for position, node in enumerate(nodes):
            if isinstance(node.op, Add):
                nodes[position] = node._replace(inputs=tuple(i for i in node.inputs if filled[i][0]) or node.inputs[:1])
            elif node.name in on and not on[node.name][0]:
                nodes[position] = node._replace(op=Zero())
        return rooted(canonicalise(Genotype(self.genotype.inputs, tuple(nodes), self.genotype.outputs)))

    def names(self, choices: Mapping[str, Scalar], genotype: Genotype) -> dict[str, str]:
        """Node of the network of these choices -> the node of the whole that it is; nodes read by zeros alone are left out.

        Raises:
            SupernetError: the space makes another network of these choices than the whole does.
        """
        theirs, ours = rooted(genotype), self.select(choices)
        if form(theirs) != form(ours):
            off = ", ".join(f"{name}={value}" for name, value in choices.items())
            raise SupernetError(f"the network of {off[:150]} is not what its options bring one by one; a supernet cannot hold this space")
        return {node.name: other.name for node, other in zip(theirs.nodes, ours.nodes, strict=True)}


def rooted(genotype: Genotype) -> Genotype:
    """The genotype with zeros as further inputs, one of each shape: what they were made from does not count."""
    zeros = {value: genotype.specs[value] for value, node in enumerate(genotype.nodes, len(genotype.inputs)) if node.op.is_zero}
    if not zeros:
        return genotype
    shapes = sorted(set(zeros.values()), key=lambda spec: spec.shape)
    offset, more = len(genotype.inputs), len(shapes)

    def moved(value: int) -> int:
        if value in zeros:
            return offset + shapes.index(zeros[value])
        return value if value < offset else value + more

    nodes = tuple(node._replace(inputs=tuple(map(moved, node.inputs))) for node in genotype.nodes)
    return canonicalise(Genotype((*genotype.inputs, *shapes), nodes, tuple(map(moved, genotype.outputs))))


def form(genotype: Genotype) -> tuple[object, ...]:
    """All of a genotype but names."""
    held = tuple(genotype.holders.items())
    return genotype.inputs, tuple((node.op, node.inputs) for node in genotype.nodes), genotype.outputs, held


def checked(supergraph: Supergraph, space: Space, held: Mapping[str, Scalar] | None = None) -> Supergraph:
    """The supergraph, with `spreads` as the space has it, when its networks are those of the space, in PROBES of them.

    `held`: choices that the supergraph is for, where it is not for all.

    Raises:
        SupernetError: they are not; with the first difference.
    """
    if supergraph.genotype.holders:
        raise SupernetError(f"space {space.source!r}: its networks have nodes that use the weights of others; a supernet cannot hold that")
    problem: SupernetError | None = None
    for spreads in (supergraph.spreads, not supergraph.spreads):
        tried = replace(supergraph, spreads=spreads)
        try:
            compare(tried, space, held or {})
        except SupernetError as error:
            problem = problem or error
        else:
            return tried
    raise SupernetError(f"space {space.source!r}: {problem}")


def compare(supergraph: Supergraph, space: Space, held: Mapping[str, Scalar]) -> None:
    """Compare PROBES random networks. Raises SupernetError for one that differs, or when none is valid."""
    compared = 0
    for probe in range(PROBES):
        try:
            genotype, choices = space.resolve(held, np.random.default_rng([2, probe]))
        except ValueError:
            continue  # no network: nothing to compare
        supergraph.names(choices, canonicalise(genotype))
        compared += 1
    if not compared:
        raise SupernetError(f"{PROBES} random choices give no valid network")
