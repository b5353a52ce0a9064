"""Shapes after an edit: worked out anew, and mended where one answer is obvious."""

from __future__ import annotations

from archsearch.design.edit.cuts import recut, uncut
from archsearch.design.edit.draft import Draft, EditError, Part
from archsearch.design.edit.meeting import agreed, projection, restrided
from archsearch.design.edit.widths import Specs, inferred, keeps_channels_apart, passing, regrouped, remade, size, width, width_field
from archsearch.network.genotype import Genotype, reason
from archsearch.network.genotype_json import MAX_NODES
from archsearch.ops.base import Op, facts
from archsearch.ops.tensor import TensorSpec

MAX_PRIVATE = 32
"""Nodes looked back along a branch for a stride to change."""

Changes = dict[int, tuple[Op, str]]
"""New ops by value, each with the name of the field that is new."""


def repaired(draft: Draft) -> Genotype:
    """The genotype of a draft, its shapes brought in line with what was edited.

    Widths that are no fields follow by themselves, and cuts move in the ratio of the width that they divide. Where values that had one
    shape meet (add, mul) and one of them has another now: the ops that set the width of the others follow it, back through all that
    passes widths on; a stride on a branch of their own follows a new size; else a 1x1 convolution (linear for tokens and vectors) of
    the right width and stride is put in between. Depthwise convolutions stay depthwise. What an edit has set is never changed.

    Raises:
        EditError: shapes do not fit and no answer is obvious.
    """
    repair = Repair(draft)
    repair.run()
    return draft.finish([part.fact for value in draft.order if (part := draft.parts[value]).fact is not None])


class Repair:
    """Shapes worked out so far, in order; mending goes back to the first node that it changed."""

    def __init__(self, draft: Draft) -> None:
        self.draft, self.parts, self.order = draft, draft.parts, draft.order
        self.specs: dict[int, TensorSpec] = dict(enumerate(draft.inputs))
        self._left = 30 * len(draft.order) + 1000
        self._readers = draft.readers()

    def run(self) -> None:
        """Work out all shapes. Raises EditError."""
        place = 0
        while place < len(self.order):
            place = self._step(place)
            self._left -= 1
            if self._left < 0 or len(self.order) > MAX_NODES:
                raise EditError("the change spreads too far to be mended; edit the nodes that it concerns one by one")

    def _step(self, place: int) -> int:
        """Work out one node; where to go on."""
        value = self.order[place]
        part = self.parts[value]
        try:
            now = tuple([self.specs[i] for i in part.reads])
        except KeyError:
            raise EditError(f"node '{part.name}' would read a value that is made after it; keep another value") from None
        made = recut(self.parts, self.specs, part)
        if part.fact is None or now != part.seen or (made is not part.op and made != part.made):
            part.made, part.fact = regrouped(made, part.was, now, part.given), None
            try:
                part.fact, part.seen = facts(part.made, now), now
            except (ValueError, TypeError) as error:
                return self._mend(place, part, now, reason(error, part.made))
        self.specs[value] = part.fact.spec
        return place + 1

    def _mend(self, place: int, part: Part, now: Specs, why: str) -> int:
        """Bring what a node reads to shapes that go together; the first place that is to be worked out again. Raises EditError."""
        try:
            wanted = agreed(part, now)
        except EditError as error:
            raise EditError(f"node '{part.name}': {why}{error}") from None
        changed: set[int] = set()
        between: dict[int, int] = {}
        for read, want in dict(zip(part.reads, wanted, strict=True)).items():
            if self.specs[read] == want:
                continue
            changes = self._strides(read, want) if size(self.specs[read]) != size(want) else self._widths(read, width(want))
            if changes is None:
                between[read] = self._project(place, part, read, want, why)
                continue
            for value, (op, name) in changes.items():
                for each in self.draft.together(value):
                    self.parts[each].change(op, [name])
                    changed.add(each)
        for read in part.reads if between else ():
            self._readers[between.get(read, read)] += 1
            self._readers[read] -= 1
        part.reads = [between.get(read, read) for read in part.reads]
        return self._place(changed, place)

    def _place(self, values: set[int], place: int) -> int:
        """Where the first of these values stands in the order, before a place."""
        while values and place:
            place -= 1
            values.discard(self.order[place])
        return place

    def _widths(self, start: int, wide: int) -> Changes | None:
        """What to change for a value to have that width, back through all that passes widths on; None where that cannot be."""
        changes: Changes = {}
        settled: set[int] = set()
        waiting, wanted = [(start, wide)], dict[int, int]()
        while waiting:
            value, wide = waiting.pop()
            if wanted.setdefault(value, wide) != wide:
                return None
            if value in settled or width(self.specs[value]) == wide:
                continue
            settled.add(value)
            if value not in self.parts:
                return None
            part = self.parts[value]
            now, name = part.seen, width_field(part.op)
            if name and not keeps_channels_apart(part.made, now):
                op = remade(part.op, **{name: wide})
                if name in part.given or op is None or not is_wide(inferred(op, now), wide):
                    return None
                changes[value] = op, name
                continue
            if (source := uncut(self.parts, part, wide)) is not None:
                waiting.append(source)
                continue
            places = passing(part.made, now, self.specs[value], wide, part.given)
            if places is None:
                return None
            waiting += [(part.reads[i], wide) for i in places]
        return changes

    def _strides(self, start: int, want: TensorSpec) -> Changes | None:
        """A stride to change for a value to have that size, on the branch that only it is read from; None where there is none."""
        value, path = start, list[Part]()
        while value in self.parts and self._readers[value] == 1 and len(path) < MAX_PRIVATE:
            part = self.parts[value]
            op = restrided(part, path, want)
            if op is not None:
                return {value: (op, "stride")}
            if len(part.reads) != 1:
                return None
            path.insert(0, part)
            value = part.reads[0]
        return None

    def _project(self, place: int, part: Part, read: int, want: TensorSpec, why: str) -> int:
        """The value of a new convolution or linear map between a value and its reader. Raises EditError where none gives that shape."""
        has = self.specs[read]
        op = projection(has, want)
        if op is None or self._is_integer(read):
            fix = f"nothing obvious brings '{self.draft.name(read)}' from {has} to {want}, so edit it too"
            raise EditError(f"node '{part.name}': {why}; {fix}")
        self._readers[read] += 1
        return self.draft.add(Part(op, [read], self.draft.free_name(part.name.rpartition("/")[0], "projection")), place)

    def _is_integer(self, value: int) -> bool:
        """Whether a value holds places of maxima, which no convolution takes."""
        fact = self.parts[value].fact if value in self.parts else None
        return fact is not None and fact.integer


def is_wide(spec: TensorSpec | None, wide: int) -> bool:
    """Whether there is a shape of that width."""
    return spec is not None and width(spec) == wide
