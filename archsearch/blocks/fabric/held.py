"""Which weights belong to which choice: where a choice is called like a scope, it holds the nodes inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archsearch.network.genotype import Genotype


def held(genotype: Genotype, choices: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For every choice that is also a scope of the network: names of the nodes with weights inside, in order.

    So an edge of a fabric `layer3/scale0/from2_1` holds `layer3/scale0/from2_1/conv` and its norm; in any space a choice has weights
    when the function opens a scope of its name. A choice whose scope is not in the network (dropped, cut off), or without weights, is
    left out. `compiler.module_path` turns a node's name into that of its module.
    """
    scopes: dict[str, list[str]] = {name: [] for name in choices}
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        parts = node.name.split("/")
        for depth in range(1, len(parts)) if fact.cost.params else ():
            scope = "/".join(parts[:depth])
            if scope in scopes:
                scopes[scope].append(node.name)
    return {name: tuple(nodes) for name, nodes in scopes.items() if nodes}


def whole(options: Mapping[str, Sequence[object]]) -> dict[str, bool]:
    """Choices that keep every edge, for the network that holds all others: True wherever it is on offer (`space.options()`)."""
    return {name: True for name, offered in options.items() if any(option is True for option in offered)}
