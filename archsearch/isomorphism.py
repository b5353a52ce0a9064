"""Which nodes of a DAG play the same part: colours that no relabelling changes, and a digest of them.

Colour refinement (Weisfeiler & Leman 1968) over both directions of the edges: a node's colour tells its op, what it reads
and who reads it, so two equal convolutions never count as one that is read twice. Where colours tie, each tied node is
singled out in turn and what it leads to is folded in, which parts regular patterns that plain refinement confuses.
Own code, not a library's: it runs for every candidate of a search.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

from archsearch.ops.base import Op
from archsearch.tensor import TensorSpec

Edges = Sequence[tuple[Op, tuple[int, ...]]]
MAX_SINGLED_OUT = 8


def hashed(*parts: bytes) -> bytes:
    """16 bytes that stand for the parts, the same on every machine."""
    return blake2b(b"".join(parts), digest_size=16).digest()


@lru_cache(maxsize=1 << 14)
def op_colour(op: Op) -> bytes:
    """Colour of an op by its kind and fields."""
    return hashed(repr((op.kind, sorted(vars(op).items()))).encode())


def digest(inputs: Sequence[TensorSpec], nodes: Edges, found: Sequence[bytes]) -> str:
    """Fingerprint of a DAG with these colours, as 32 hex digits."""
    return hashed(*sorted(found), *tie_breaks(inputs, nodes, found)).hex()


def colours(inputs: Sequence[TensorSpec], nodes: Edges, outputs: Sequence[int]) -> list[bytes]:
    """Stable colours of all values: inputs by position and shape, nodes by op, operands and readers, outputs by position."""
    start = [hashed(b"input", bytes(str((i, spec.shape)), "ascii")) for i, spec in enumerate(inputs)]
    start += [op_colour(op) for op, _ in nodes]
    for position, output in enumerate(outputs):
        start[output] = hashed(start[output], b"output", str(position).encode())
    return refine(start, len(inputs), nodes)


def refine(start: list[bytes], offset: int, nodes: Edges) -> list[bytes]:
    """Spread colours down and up the DAG until no more values are told apart."""
    found = start
    while True:
        spread = sweep_up(sweep_down(found, offset, nodes), offset, nodes)
        if len(set(spread)) == len(set(found)):
            return spread
        found = spread


def sweep_down(found: Sequence[bytes], offset: int, nodes: Edges) -> list[bytes]:
    """Fold into each value the colours of what it reads, inputs first."""
    spread = list(found)
    for value, (op, reads) in enumerate(nodes, offset):
        read = [spread[i] for i in reads]
        if op.commutative:
            read.sort()
        spread[value] = hashed(spread[value], *read)
    return spread


def sweep_up(found: Sequence[bytes], offset: int, nodes: Edges) -> list[bytes]:
    """Fold into each value the colours of its readers and the place it takes there, outputs first."""
    spread = list(found)
    readers: list[list[bytes]] = [[] for _ in found]
    for value in range(len(found) - 1, -1, -1):
        if readers[value]:
            spread[value] = hashed(spread[value], *sorted(readers[value]))
        if value < offset:
            continue
        op, reads = nodes[value - offset]
        for place, read in enumerate(reads):
            mark = b"" if op.commutative else place.to_bytes(4, "big")
            readers[read].append(spread[value] + mark)
    return spread


def tie_breaks(inputs: Sequence[TensorSpec], nodes: Edges, found: Sequence[bytes]) -> list[bytes]:
    """For the smallest class of tied values: what each leads to when it alone is marked."""
    ties = [(count, colour) for colour, count in Counter(found).items() if count > 1]
    if not ties:
        return []
    count, colour = min(ties)
    if count > MAX_SINGLED_OUT:
        return []
    marked = []
    for value, own in enumerate(found):
        if own == colour:
            single = [hashed(b"single", c) if i == value else c for i, c in enumerate(found)]
            marked.append(hashed(*sorted(refine(single, len(inputs), nodes))))
    return sorted(marked)
