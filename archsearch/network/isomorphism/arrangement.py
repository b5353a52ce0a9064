"""The one order of a DAG: depth first from the outputs, operands of commutative ops by what they are, then by who reads them.

What a value is, is its rank: values of one rank are made by equal ops from values of equal ranks. Ranks alone give the order unless
operands tie. Ties between branches that nothing else reads, made of the same values, are harmless: any order gives the same network.
Ties that are left are ranked by their readers too, and if that does not part them, exactly (labelling.py). Nothing is hashed on the way,
so two networks share an order if and only if they are isomorphic.

Own code, not a library's: it runs for every candidate of a search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from struct import pack
from typing import NamedTuple

from archsearch.network.isomorphism.colour import hashed, op_colour
from archsearch.network.isomorphism.labelling import Edges, ExhaustedError, labels
from archsearch.network.node import Node, holders
from archsearch.ops.tensor import TensorSpec

Reads = Sequence[tuple[int, ...]]
WEIGHTS = hashed(b"weights that several nodes have in common")


class Arrangement(NamedTuple):
    """Values of all nodes in the order, and what every node reads, operands in order; `colours`: of the nodes' ops as they are given.

    `held`: for the position of a node that has weights in common with others, that of one of them, the same for all.
    `exact` is false for patterns that would take too long to order: they stay as they are written.
    """

    values: tuple[int, ...]
    reads: tuple[tuple[int, ...], ...]
    colours: tuple[bytes, ...]
    exact: bool = True
    held: Mapping[int, int] = {}


class Dag(NamedTuple):
    """What is ordered: `offset` inputs, then nodes. `swaps`: whether a node's operands may be swapped; `loose`: values that are no use."""

    offset: int
    colours: tuple[bytes, ...]
    reads: Reads
    swaps: Sequence[bool]
    outputs: Sequence[int]
    loose: tuple[int, ...]


def arrange(offset: int, nodes: Sequence[Node], outputs: Sequence[int]) -> Arrangement:
    """The order of a network with so many inputs: the same for isomorphic ones."""
    known: dict[int, bytes] = {}
    colours = tuple([known.get(id(node.op)) or known.setdefault(id(node.op), op_colour(node.op)) for node in nodes])
    reads = [node.inputs for node in nodes]
    read = set(chain(outputs, *reads))
    loose = tuple([value for value in range(offset, offset + len(nodes)) if value not in read])
    held = common(nodes)
    dag = Dag(offset, colours, reads, [node.op.commutative for node in nodes], outputs, loose)
    try:
        rank = ranks_with_weights(dag, held) if held else ranks(dag)
    except ExhaustedError:
        return Arrangement(tuple(range(offset, offset + len(nodes))), tuple(reads), colours, exact=False, held=held)
    ordered = [
        tuple(sorted(own, key=rank.__getitem__)) if swap and len(own) > 1 else own for own, swap in zip(reads, dag.swaps, strict=True)
    ]
    roots = [*outputs, *sorted(loose, key=rank.__getitem__)]
    return Arrangement(tuple(depth_first(offset, ordered, roots)), tuple(ordered), colours, held=held)


def common(nodes: Sequence[Node]) -> dict[int, int]:
    """For the position of every node that has weights in common with others: that of the first of them."""
    users = holders(nodes)
    return {**users, **{holder: holder for holder in users.values()}} if users else users


def ranks_with_weights(dag: Dag, held: Mapping[int, int]) -> list[int]:
    """Ranks of the values where nodes have weights in common: a vertex, before all nodes, that those read. Raises ExhaustedError."""
    vertex = {holder: dag.offset + number for number, holder in enumerate(dict.fromkeys(held.values()))}
    more, first = len(vertex), dag.offset

    def moved(values: Iterable[int]) -> tuple[int, ...]:
        return tuple([value if value < first else value + more for value in values])

    reads = [(*moved(own), *([vertex[held[position]]] if position in held else [])) for position, own in enumerate(dag.reads)]
    whole = Dag(
        first,
        (*[WEIGHTS] * more, *dag.colours),
        [*[()] * more, *reads],
        [*[False] * more, *dag.swaps],
        moved(dag.outputs),
        moved(dag.loose),
    )
    rank = ranks(whole)
    return rank[:first] + rank[first + more :]


def ranks(dag: Dag) -> list[int]:
    """Ranks that part all operands that can be swapped, but for those that may stand in any order. Raises ExhaustedError."""
    layers = layered(dag.offset, dag.reads)
    rank = ranked_by_operands(dag, layers)
    unsure = tied(dag, rank)
    if not unsure:
        return rank
    branches = branch_numbers(dag)
    if harmless(unsure, rank, branches):
        return rank
    rank = ranked_by_readers(dag, layers, rank)
    if harmless(tied(dag, rank), rank, branches):
        return rank
    return labels(rank, edges_of(dag))


def layered(offset: int, reads: Reads) -> list[list[int]]:
    """Nodes by the length of the longest path to them, 1 first."""
    depth, layers = [0] * offset, list[list[int]]()
    for value, own in enumerate(reads, offset):
        deep = depth[own[0]] if len(own) == 1 else max([depth[i] for i in own], default=0)
        depth.append(deep + 1)
        if deep == len(layers):
            layers.append([value])
        else:
            layers[deep].append(value)
    return layers


def ranked_by_operands(dag: Dag, layers: list[list[int]]) -> list[int]:
    """Ranks by layer, op, and the ranks of what is read; inputs by position."""
    offset, colours, reads, swaps = dag.offset, dag.colours, dag.reads, dag.swaps
    rank = [*range(offset), *[0] * len(reads)]
    following = offset
    for layer in layers:
        if len(layer) == 1:  # nothing to compare it with
            rank[layer[0]] = following
            following += 1
            continue
        keys: dict[tuple[object, ...], list[int]] = {}
        for value in layer:
            own = [rank[i] for i in reads[value - offset]]
            if swaps[value - offset]:
                own.sort()
            keys.setdefault((colours[value - offset], *own), []).append(value)
        following = numbered(keys, rank, following)
    return rank


def ranked_by_readers(dag: Dag, layers: list[list[int]], rank: list[int]) -> list[int]:
    """Finer ranks: by the old rank, the outputs that a value is, and the ranks and places of its readers."""
    offset = dag.offset
    uses: list[list[tuple[int, int]]] = [[] for _ in rank]
    for position, output in enumerate(dag.outputs):
        uses[output].append((-1, position))
    finer = list(rank)
    following = -1
    for layer in reversed(layers):
        keys: dict[tuple[object, ...], list[int]] = {}
        for value in layer:
            keys.setdefault((rank[value], *sorted(uses[value])), []).append(value)
        following = min(following, -2) - len(keys)
        numbered(keys, finer, following)
        for value in layer:
            swap, own = dag.swaps[value - offset], finer[value]
            for place, read in enumerate(dag.reads[value - offset]):
                uses[read].append((own, 0 if swap else place))
    return finer


def numbered(keys: dict[tuple[object, ...], list[int]], rank: list[int], following: int) -> int:
    """Give values their number in the order of their keys, from `following` on; returns the next number."""
    for key in sorted(keys):
        for value in keys[key]:
            rank[value] = following
        following += 1
    return following


def swappable(dag: Dag) -> Iterator[tuple[int, ...]]:
    """Sets of operands whose order does not count."""
    yield from (own for own, swap in zip(dag.reads, dag.swaps, strict=True) if swap and len(own) > 1)
    yield dag.loose


def tied(dag: Dag, rank: Sequence[int]) -> list[tuple[int, ...]]:
    """Sets of operands in which different values have one rank."""
    found = []
    for own in swappable(dag):
        different = set(own)
        if len({rank[i] for i in different}) < len(different):
            found.append(tuple(different))
    return found


def branch_numbers(dag: Dag) -> list[int]:
    """Numbers that are equal for values made alike from the same values by nodes with one reader each: one may stand for the other."""
    readers = [0] * (dag.offset + len(dag.reads))
    for read in chain(dag.outputs, dag.outputs, dag.loose, *dag.reads):  # an output is never alone
        readers[read] += 1
    numbers, known = list(range(dag.offset)), dict[tuple[object, ...], int]()
    for value, (colour, own, swap) in enumerate(zip(dag.colours, dag.reads, dag.swaps, strict=True), dag.offset):
        if readers[value] > 1:
            numbers.append(value)
            continue
        made = [numbers[i] for i in own]
        numbers.append(known.setdefault((colour, *(sorted(made) if swap else made)), value))
    return numbers


def harmless(unsure: list[tuple[int, ...]], rank: Sequence[int], branches: Sequence[int]) -> bool:
    """Whether all operands of one rank may stand for each other."""
    return all(len({(rank[i], branches[i]) for i in own}) == len({rank[i] for i in own}) for own in unsure)


def edges_of(dag: Dag) -> Edges:
    """Neighbours of every value with a mark for the direction and the place; a value read several times by one sum counts so often."""
    edges: Edges = [[] for _ in range(dag.offset + len(dag.reads))]
    for value, (own, swap) in enumerate(zip(dag.reads, dag.swaps, strict=True), dag.offset):
        marks = [(own.count(read), read) for read in dict.fromkeys(own)] if swap else list(enumerate(own))
        for mark, read in marks:
            edges[value].append((2 * mark, read))
            edges[read].append((2 * mark + 1, value))
    return edges


def depth_first(offset: int, reads: Reads, roots: Sequence[int]) -> list[int]:
    """Nodes behind all that they read, branch by branch, so that few values are alive at a time."""
    made, done = [], [True] * offset + [False] * len(reads)
    stack = list(reversed(roots))
    while stack:
        value = stack.pop()
        if value < 0:
            value = ~value  # all that it reads is made
            if not done[value]:
                done[value] = True
                made.append(value)
        elif not done[value]:
            own = reads[value - offset]
            stack.append(~value)
            if len(own) == 1:
                stack.append(own[0])
            else:
                stack.extend(own[::-1])
    return made


def digest(inputs: Sequence[TensorSpec], outputs: Sequence[int], arranged: Arrangement) -> str:
    """32 hex digits for a network in this order: shapes of the inputs, ops, what each reads, outputs, which have weights in common."""
    offset = len(inputs)
    place = list(range(offset)) + [0] * len(arranged.reads)
    for number, value in enumerate(arranged.values, offset):
        place[value] = number
    numbers = [arranged.exact, offset, len(arranged.values)]
    for value in arranged.values:
        own = arranged.reads[value - offset]
        numbers.append(len(own))
        numbers.extend([place[i] for i in own])
    numbers.extend([place[output] for output in outputs])
    if arranged.held:
        first: dict[int, int] = {}
        common = [arranged.held.get(value - offset, -1) for value in arranged.values]
        numbers.extend([-1 if holder < 0 else first.setdefault(holder, number) for number, holder in enumerate(common)])
    shapes = repr([spec.shape for spec in inputs]).encode()
    colours = [arranged.colours[value - offset] for value in arranged.values]
    return hashed(shapes, pack(f"<{len(numbers)}i", *numbers), *colours).hex()
