"""The boxes of a drawing: inputs, ops, scopes with boxes inside, outputs. Whether a scope is open is not said here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from archsearch.analysis.memory import ITEM_BYTES, Units, value_bytes
from archsearch.design.drawing.repeats import Group, Outline, Run, grouped, is_leaf, outline
from archsearch.network.genotype import Genotype
from archsearch.network.isomorphism import common
from archsearch.ops.base import Op

ELLIPSIS = "\u2026"
COSTS = ("params", "macs", "memory")


class DrawingError(ValueError):
    """A drawing that cannot be made; one line that says what to do."""


class Totals(NamedTuple):
    """What a box stands for, repetitions counted; `memory`: bytes of the values made, for one sample in float32."""

    nodes: int = 0
    params: int = 0
    macs: int = 0
    memory: int = 0

    def of(self, cost: str) -> int:
        """One of the costs by its name."""
        return {"params": self.params, "macs": self.macs, "memory": self.memory}[cost]

    def plus(self, other: Totals) -> Totals:
        """The sum."""
        return Totals(*map(sum, zip(self, other, strict=True)))


@dataclass(frozen=True, eq=False)
class Box:
    """One box. `reads`: values from outside, `makes`: values of its inside that are read outside, `count`: equal scopes it stands for.

    `level`: how deep a scope lies, 1 for the outermost. `key`: its number in the drawing; the root, which has no frame, is 0.
    `mark`: the same for nodes that have weights in common.
    """

    key: int
    kind: Literal["input", "op", "scope", "output"]
    title: str
    name: str
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    shape: tuple[int, ...]
    totals: Totals
    children: tuple[Box, ...] = ()
    count: int = 1
    level: int = 0
    op: Op | None = None
    mark: str = ""

    @property
    def shown(self) -> str:
        """The title; a bare number says nothing, so that it comes with the name around it."""
        parts = self.name.split("/")
        around = len(parts) - 2 - self.title.count("/")
        return f"{parts[around]}/{self.title}" if self.title[:1].isdigit() and around >= 0 else self.title

    def walk(self) -> Iterator[Box]:
        """This box and all inside."""
        waiting = [self]
        while waiting:
            box = waiting.pop()
            yield box
            waiting.extend(reversed(box.children))


class Contents:
    """All boxes of a genotype. `sizes`: bytes of every value."""

    def __init__(self, genotype: Genotype) -> None:
        self.genotype = genotype
        self.outline: Outline = outline(genotype)
        self.sizes: list[int] = value_bytes(genotype, Units(ITEM_BYTES["float32"], 1))
        self._marks = marks(genotype)
        self._keys = 0
        self._readers = self._drawn_readers()
        self.root = self._root()

    def _drawn_readers(self) -> list[list[int]]:
        kept, reads = self.outline.times, self.outline.reads
        readers: list[list[int]] = [[] for _ in reads]
        for value, row in enumerate(reads):
            for read in row if kept[value] else ():
                readers[read].append(value)
        for number, output in enumerate(self.genotype.outputs):
            readers[self.outline.stands[output]].append(len(reads) + number)
        return readers

    def _key(self) -> int:
        self._keys += 1
        return self._keys

    def _root(self) -> Box:
        genotype, stands = self.genotype, self.outline.stands
        offset, shapes = len(genotype.inputs), [spec.shape for spec in genotype.specs]
        inputs = [Box(self._key(), "input", name, name, (), (i,), shapes[i], Totals()) for i, name in enumerate(genotype.input_names)]
        inside = self._inside([value for value in range(offset, len(shapes)) if self.outline.times[value]], "")
        outputs = []
        for number, output in enumerate(genotype.outputs):
            title = "Output" if len(genotype.outputs) == 1 else f"Output {number + 1}"
            outputs.append(Box(self._key(), "output", title, genotype.value_names[output], (stands[output],), (), shapes[output], Totals()))
        return scope_box(0, "", "", (*inputs, *inside, *outputs), (), (), (), Run(1, ""))

    def _inside(self, nodes: Group, prefix: str) -> tuple[Box, ...]:
        groups = list(grouped(self.genotype, nodes, prefix).items())
        parts = parted([group for _, group in groups], self.outline.reads)
        boxes = []
        for (part, _), pieces in zip(groups, parts, strict=True):
            for number, piece in enumerate(pieces, 1):
                title = part if len(pieces) == 1 else f"{part} ({number} of {len(pieces)})"
                boxes.append((piece[0], self._box(title, prefix + part, piece, prefix)))
        return tuple(box for _, box in sorted(boxes, key=lambda pair: pair[0]))

    def _box(self, title: str, path: str, nodes: Group, prefix: str) -> Box:
        genotype, last = self.genotype, nodes[-1]
        if is_leaf(genotype, nodes[0], prefix):
            return self._op(title, nodes[0])
        children, run = self._inside(nodes, f"{path}/"), self.outline.runs.get(path, Run(1, ""))
        whole = f"{title} {ELLIPSIS} {tail(title, run.last)}" if run.length > 1 else title
        only = children[0]
        if len(children) == 1 and min(run.length, only.count) == 1:  # a frame around one box says nothing that a longer title does not
            return Box(only.key, only.kind, f"{whole}/{only.title}", only.name, only.reads, only.makes, only.shape, only.totals,
                       only.children, run.length * only.count, only.level, only.op)  # fmt: skip
        inside = set(nodes)
        reads = dict.fromkeys(read for value in nodes for read in self.outline.reads[value] if read not in inside)
        makes = [value for value in nodes if any(reader not in inside for reader in self._readers[value])]
        shape = genotype.specs[makes[-1] if makes else last].shape
        return scope_box(self._key(), whole, path, children, tuple(reads), tuple(makes), shape, run)

    def _op(self, title: str, value: int) -> Box:
        genotype, times = self.genotype, self.outline.times[value]
        place = value - len(genotype.inputs)
        node, cost = genotype.nodes[place], genotype.facts[place].cost
        totals = Totals(times, times * cost.params, times * cost.macs, times * self.sizes[value])
        return Box(self._key(), "op", title, node.name, self.outline.reads[value], (value,) if self._readers[value] else (),
                   genotype.specs[value].shape, totals, op=node.op, mark=self._marks.get(place, ""))  # fmt: skip


def marks(genotype: Genotype) -> dict[int, str]:
    """For the position of every node that has weights in common with others: A for the first of such groups, then B and so on."""
    held = common(genotype.nodes)
    number = {holder: place for place, holder in enumerate(sorted(set(held.values())))}
    return {position: letters(number[holder]) for position, holder in held.items()}


def letters(number: int) -> str:
    """A to Z, then AA, AB and so on."""
    more, last = divmod(number, 26)
    return (letters(more - 1) if more else "") + chr(ord("A") + last)


def scope_box(
    key: int,
    title: str,
    path: str,
    children: tuple[Box, ...],
    reads: tuple[int, ...],
    makes: tuple[int, ...],
    shape: tuple[int, ...],
    run: Run,
) -> Box:
    """The box of a scope, with the totals of what is inside."""
    totals = Totals()
    for child in children:
        totals = totals.plus(child.totals)
    return Box(key, "scope", title, path, reads, makes, shape, totals, children, run.length, path.count("/") + 1 if path else 0)


def tail(first: str, last: str) -> str:
    """What the name of the last of a run has that the first one's has not: `layer0` to `layer11` is 11."""
    start = len(first.rstrip("0123456789"))
    return last[start:] if first[:start] == last[:start] and last[start:].isdigit() else last


def parted(groups: Sequence[Group], reads: Sequence[tuple[int, ...]]) -> list[list[Group]]:
    """Each group cut into pieces, so that no piece depends on itself by way of another; most groups stay whole."""
    owner = {value: number for number, group in enumerate(groups) for value in group}
    pieces: list[list[Group]] = [[] for _ in groups]
    place: dict[int, int] = {}  # the piece of every value
    latest: dict[int, int] = {}  # the piece of every group that is being filled
    behind: list[int] = []  # the pieces that a piece depends on, as bits
    for value in sorted(owner):
        group = owner[value]
        piece = latest.get(group, -1)
        sources = {place[read] for read in reads[value] if read in place} - {piece}
        fresh = piece < 0 or any(behind[source] >> piece & 1 for source in sources)
        if fresh:
            piece = latest[group] = len(behind)
            behind.append(0)
            pieces[group].append([])
        place[value] = piece
        pieces[group][-1].append(value)
        gained = behind[piece]
        for source in sources:
            gained |= behind[source] | 1 << source
        if not fresh and gained != behind[piece]:
            behind[:] = [bits | gained if bits >> piece & 1 else bits for bits in behind]
        behind[piece] = gained
    return pieces
