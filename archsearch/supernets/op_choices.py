"""The supergraph of a space whose choices select ops on edges, found without the space's help.

In the network of the heaviest options every choice has a chain of nodes, in each cell the same. Which chain is whose is found by trial:
taken out, or cut, it must give the very network that the space makes of another option. What the other options bring then stands
in their networks where the chain stood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from archsearch.network.genotype import Genotype, Node
from archsearch.network.passes import canonicalise
from archsearch.ops import Identity, Zero
from archsearch.spaces.space import Choices, Scalar, Space
from archsearch.supernets.base import SupernetError
from archsearch.supernets.replacements import Chain, Replacement, Union, find_replacements
from archsearch.supernets.supergraph import Option, Supergraph, checked, form, rooted

LONGEST = 8
"""Nodes of a chain."""


def supergraph_of_ops(space: Space, held: Mapping[str, Scalar]) -> Supergraph:
    """The network that holds every option of every choice but the held ones.

    Raises:
        SupernetError: a choice that does not select an op on an edge.
    """
    options = {name: offered for name, offered in space.options().items() if name not in held}
    base = heaviest(space, options, held)
    whole = resolved(space, base)
    groups = chains(whole)
    places: dict[str, tuple[Chain, ...]] = {}
    replacements: dict[Option, dict[int, Replacement]] = {}
    for name, offered in options.items():
        others = [option for option in offered if option != base[name]]
        places[name] = own_chains(space, whole, base, name, others, groups)
        for option in others:
            made = resolved(space, {**base, name: option})
            for chain, found in zip(places[name], find_replacements(whole, made, places[name]), strict=True):
                if found is not None:
                    replacements.setdefault((name, option), {})[chain.end] = found
    return checked(Union(whole, base, places, replacements).supergraph(), space, held)


def resolved(space: Space, choices: Choices) -> Genotype:
    """The network of full choices, canonical but for its order. Raises SupernetError when it is none."""
    try:
        return space.resolve(choices, np.random.default_rng(0)).genotype
    except ValueError as error:
        raise SupernetError(f"space {space.source!r}: a network that a supernet would have to hold is invalid: {error}") from error


def heaviest(space: Space, options: Mapping[str, Sequence[Scalar]], held: Mapping[str, Scalar]) -> Choices:
    """Choices of the options with most params, those with most nodes where params are equal, choice by choice."""
    base: Choices = {**{name: offered[0] for name, offered in options.items()}, **held}

    def weight(name: str, option: Scalar) -> tuple[int, int]:
        genotype = resolved(space, {**base, name: option})
        return sum(fact.cost.params for fact in genotype.facts), len(genotype.nodes)

    for name, offered in options.items():
        base[name] = max(offered, key=lambda option: weight(name, option))
    return base


def chains(genotype: Genotype) -> dict[tuple[str, ...], tuple[Chain, ...]]:
    """Chains that could be taken out, by the names of their nodes: alone, and with those of other cells that are named alike."""
    readers = [0] * len(genotype.specs)
    for read in (*(read for node in genotype.nodes for read in node.inputs), *genotype.outputs):
        readers[read] += 1
    groups: dict[tuple[str, ...], list[Chain]] = {}
    for chain in walks(genotype, readers):
        names = tuple(genotype.value_names[value] for value in chain.inside)
        for key in {names, *(tuple(unnumbered(name, own) for name in names) for own in (1, 2))}:
            groups.setdefault(key, []).append(chain)
    return {key: tuple(found) for key, found in groups.items()}


def unnumbered(name: str, own: int) -> str:
    """A name without the numbers of scopes, but for the last `own` parts: equal for nodes that stand alike in cells."""
    parts = name.split("/")
    return "/".join([re.sub("[0-9]+|_", "", part) for part in parts[:-own]] + parts[-own:])


def walks(genotype: Genotype, readers: Sequence[int]) -> Iterator[Chain]:
    """Every chain of nodes with one input, between values of one shape, that is read at its end alone."""
    offset = len(genotype.inputs)
    for end in range(offset, len(genotype.specs)):
        value = end
        inside: list[int] = []
        while value >= offset and len(genotype.nodes[value - offset].inputs) == 1 and len(inside) < LONGEST:
            inside.append(value)
            (value,) = genotype.nodes[value - offset].inputs
            if genotype.specs[value] == genotype.specs[end]:
                yield Chain(end, value, tuple(inside))
            if readers[value] > 1:
                break


def own_chains(
    space: Space, whole: Genotype, base: Choices, name: str, others: Sequence[Scalar], groups: Mapping[tuple[str, ...], tuple[Chain, ...]]
) -> tuple[Chain, ...]:
    """The chains of a choice: those that, passed by or cut, give the networks of one of its other options.

    Raises:
        SupernetError: there are none.
    """
    made = [rooted(canonicalise(resolved(space, {**base, name: option}))) for option in others]
    targets, sizes = [form(genotype) for genotype in made], {len(genotype.nodes) for genotype in made}
    for found in sorted(dict.fromkeys(groups.values()), key=lambda group: -len(group[0].inside)):
        for cut in (False, True):
            tried = without(whole, found, cut)
            if len(tried.nodes) in sizes and form(tried) in targets:
                return found
    offered = [base[name], *others]
    hint = f"keep it fixed, as with --strategy-set hold={name}={offered[0]}"
    raise SupernetError(f"space {space.source!r}: choice {name!r} of {offered} is not about an op on an edge, a skip or none too; {hint}")


def without(whole: Genotype, chains: Sequence[Chain], cut: bool) -> Genotype:
    """The network in which these chains are passed by, or bring zeros."""
    nodes = list(whole.nodes)
    for chain in chains:
        position = chain.end - len(whole.inputs)
        nodes[position] = Node(Zero() if cut else Identity(), (chain.entry,), nodes[position].name)
    return rooted(canonicalise(Genotype(whole.inputs, tuple(nodes), whole.outputs)))
