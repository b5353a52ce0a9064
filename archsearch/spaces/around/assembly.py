"""A network written anew, in one pass, with other widths, kernels, lengths of runs and shortcuts."""

from __future__ import annotations

from archsearch.design.edit.widths import width
from archsearch.network.genotype import Genotype, GenotypeError, Node, reason
from archsearch.network.node import bound, unbound
from archsearch.ops import Add, Conv2d, Linear, PadChannels, Slice
from archsearch.ops.base import Facts, Op, facts
from archsearch.ops.tensor import TensorSpec
from archsearch.spaces.around.choices import Decisions
from archsearch.spaces.around.template import Template, amount

ADD = Add()


def assembled(template: Template, decisions: Decisions) -> Genotype:
    """The network of these decisions. Raises GenotypeError where an op does not take what it gets."""
    return Assembly(template, decisions).run()


class Assembly:
    """Nodes written so far. `place[v]`: the new number of value v, which in a copy of a block is that of the copy."""

    def __init__(self, template: Template, decisions: Decisions) -> None:
        self._template, self._decisions = template, decisions
        self._given = template.genotype
        self._bound = bound(self._given.nodes)
        self._offset = len(self._given.inputs)
        self._scales = {**template.units, **decisions.scales}
        self._specs = list(self._given.inputs)
        self._nodes: list[Node] = []
        self._facts: list[Facts] = []

    def run(self) -> Genotype:
        """Write all nodes."""
        template, given = self._template, self._given
        place = list(range(len(given.specs)))
        gone, ends = self._decisions.gone, template.ends
        for value, node in enumerate(self._bound, self._offset):
            if value not in gone:
                self._write(value, node, place, node.name)
            if value in ends:
                self._end_run(ends[value], place)
        outputs = tuple([place[output] for output in given.outputs])
        return Genotype(given.inputs, tuple(unbound(self._nodes)), outputs, tuple(self._facts), template.short)

    def _end_run(self, number: int, place: list[int]) -> None:
        """Let what follows a run read its last block, after more copies of that where it is to be longer than given."""
        row = self._template.runs[number]
        length = self._decisions.lengths.get(number, len(row))
        last = row[-1]
        if length < len(row):
            place[last.leaving] = place[row[length - 1].leaving]
        for name in self._template.copies[number][: max(0, length - len(row))]:
            inner = place.copy()
            inner[last.entry] = place[last.leaving]
            for value in last.values:
                if value in self._decisions.gone:
                    continue
                node = self._bound[value - self._offset]
                self._write(value, node, inner, name + node.name[len(last.name) :])
            place[last.leaving] = inner[last.leaving]

    def _write(self, value: int, node: Node, place: list[int], name: str) -> None:
        """Write one node, and the link that ends there."""
        way = self._decisions.dropped.get(value)
        reads = [place[read] for read in node.inputs if way is None or read != way.last]
        if way is not None and len(reads) == 1:
            place[value] = reads[0]
            return
        parts = self._template.pads.get(value)
        try:
            op = padded(node.op, self._specs[reads[0]], amount(parts, self._scales)) if parts else self._op(value)
        except ValueError as error:
            raise GenotypeError(f"node '{name}': {error}") from error
        place[value] = self._add(op, reads, name, node.weights)
        if value in self._decisions.linked:
            place[value] = self._link(place[self._decisions.linked[value]], place[value], name)

    def _op(self, value: int) -> Op:
        return self._template.op(value, self._scales, self._decisions)

    def _add(self, op: Op, reads: list[int], name: str, weights: str = "") -> int:
        """Add a node; the number of its value."""
        try:
            fact = facts(op, tuple([self._specs[read] for read in reads]))
        except (ValueError, TypeError) as error:
            raise GenotypeError(f"node '{name}': {reason(error, op)}") from error
        self._nodes.append(Node(op, tuple(reads), name, weights))
        self._facts.append(fact)
        self._specs.append(fact.spec)
        return len(self._specs) - 1

    def _link(self, start: int, end: int, name: str) -> int:
        """The sum of a stretch's two ends, where their widths differ after a projection of the first."""
        has, wanted = self._specs[start], self._specs[end]
        if has != wanted:
            wide = width(wanted)
            op = Conv2d(wide, 1, bias=False) if len(wanted.shape) >= 3 else Linear(wide, bias=False)
            start = self._add(op, [start], name + self._template.projection)
        return self._add(ADD, [end, start], name + self._template.link)


def padded(op: Op, has: TensorSpec, wide: int) -> Op:
    """What brings a value to a width: zeros on the sides in the ratio of the given ones, or the first channels where there are more."""
    assert isinstance(op, PadChannels)
    more = wide - width(has)
    if more < 0:
        return Slice(0, wide)
    before = more * op.before // (op.before + op.after)
    return PadChannels(before, more - before)
