"""Which scopes are one class: those that call the same in the same order, wired alike, whatever the numbers; or all but a part or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from archsearch.exporters.source.calls import Call, shape
from archsearch.exporters.source.scopes import Scope, Step

OPTIONAL = 2
"""So many parts may be missing in some scopes of one class."""
ROUNDS = 4
ALL = -1
"""Stands for all inputs, whose number may differ."""
MERGES = frozenset({"layers.Add", "layers.Concat", "layers.Mul", "layers.Div"})
SUM = shape(Call("layers.Add", ()))
Read = tuple[int, int]
"""A step's number, or ALL for an input of the scope; and which of its values."""


class Line(NamedTuple):
    """A step without its numbers: the name of its module where that counts, what it is, and what it reads."""

    name: tuple[str, ...] | None
    what: object
    reads: tuple[Read, ...]


class Form(NamedTuple):
    """A scope without its numbers. `inputs`: how many, or ALL for any number of them."""

    chain: bool
    inputs: int
    lines: tuple[Line, ...]
    outputs: tuple[Read, ...]


@dataclass
class Kind:
    """Scopes of one class, each with the places of its steps among those of the class; `model` has them all."""

    model: Scope
    form: Form
    members: list[tuple[Scope, list[int]]] = field(default_factory=list)

    def optional(self) -> set[int]:
        """Steps that some scopes lack."""
        everything = set(range(len(self.model.steps)))
        return {place for _, steps in self.members if len(steps) < len(everything) for place in everything.difference(steps)}

    def standing(self, step: int) -> int:
        """Which operand of an optional step is read in its place where a scope lacks it; the same one in all of these."""
        lesser = without(self.form, next(set(steps) for _, steps in self.members if step not in steps))
        assert lesser is not None
        return lesser[1][step]


class Kinds:
    """The kind of every scope of a network. `calls`: what makes the module of each node that has one of its own."""

    def __init__(self, root: Scope, calls: Mapping[int, Call]) -> None:
        self._calls = calls
        self._scopes = [*scopes_in(root)]
        self._same: dict[Form, tuple[Form, list[int]]] = {}
        self._numbers: dict[Form, int] = {}
        for _ in range(ROUNDS):
            self._of = self._forms()
            same = merged(list(dict.fromkeys(self._of.values())), self._inside())
            if same == self._same:
                break
            self._same = same
        self.kinds: dict[Form, Kind] = {}
        for scope in self._scopes:
            form, steps = self._representative(self._of[id(scope)])
            kind = self.kinds.setdefault(form, Kind(scope, form))
            kind.members.append((scope, steps))
            if len(steps) == len(form.lines) and len(kind.model.steps) < len(steps):
                kind.model = scope

    def kind_of(self, scope: Scope) -> Kind:
        """The kind of a scope."""
        return self.kinds[self._representative(self._of[id(scope)])[0]]

    def _representative(self, form: Form) -> tuple[Form, list[int]]:
        return self._same.get(form, (form, list(range(len(form.lines)))))

    def _forms(self) -> dict[int, Form]:
        found: dict[int, Form] = {}
        for scope in self._scopes:  # inner ones come first
            found[id(scope)] = self._form(scope, found)
        return found

    def _inside(self) -> dict[Form, set[Form]]:
        """For every form those of the scopes right in it."""
        found: dict[Form, set[Form]] = {}
        for scope in self._scopes:
            inner = (self._of[id(step.scope)] for step in scope.steps if step.scope is not None)
            found.setdefault(self._of[id(scope)], set()).update(inner)
        return found

    def _form(self, scope: Scope, known: Mapping[int, Form]) -> Form:
        spread = self._spread(scope)
        chain = spread is None and scope.is_chain() and not any(self._merges(step) for step in scope.steps)
        numbered = chain and all(step.path[0].isdigit() for step in scope.steps)
        place: dict[int, Read] = {value: (ALL, number) for number, value in enumerate(scope.inputs)}
        lines: list[Line] = []
        for number, step in enumerate(scope.steps):
            reads = ((ALL, ALL),) if number == spread else tuple([place[value] for value in step.reads])
            lines.append(Line(step.path if step.kept or numbered else None, self._what(step, known), reads))
            place |= {value: (number, each) for each, value in enumerate(step.makes)}
        inputs = len(scope.inputs) if spread is None else ALL
        return Form(chain, inputs, tuple(lines), tuple([place[value] for value in scope.outputs]))

    def _what(self, step: Step, known: Mapping[int, Form]) -> object:
        if step.again:
            return "again"
        if step.scope is None:
            assert step.node is not None
            return shape(self._calls[step.node])
        form = self._representative(known[id(step.scope)])[0]
        return self._numbers.setdefault(form, len(self._numbers))

    def _merges(self, step: Step) -> bool:
        return step.node is not None and not step.again and self._calls[step.node].name in MERGES

    def _spread(self, scope: Scope) -> int | None:
        """The step that joins all inputs of a scope, where nothing else reads them: then their number does not count."""
        for number, step in enumerate(scope.steps):
            if self._merges(step) and step.reads == scope.inputs and self._calls[step.node or 0].name == "layers.Concat":
                others = (read for each in scope.steps if each is not step for read in each.reads)
                return None if set(scope.inputs).intersection(others) else number
        return None


def scopes_in(scope: Scope) -> Iterator[Scope]:
    """A scope and all within, inner ones first."""
    for step in scope.steps:
        if step.scope is not None:
            yield from scopes_in(step.scope)
    yield scope


def nodes_in(scope: Scope) -> Iterator[int]:
    """Nodes with a module of their own, in the order in which they run."""
    for step in scope.steps:
        if step.scope is not None:
            yield from nodes_in(step.scope)
        elif step.node is not None and not step.again:
            yield step.node


def merged(forms: Sequence[Form], inside: Mapping[Form, set[Form]]) -> dict[Form, tuple[Form, list[int]]]:
    """Forms that lack a part or two of another one: which, and the places of their lines there; no class comes to stand in itself."""
    found: dict[Form, tuple[Form, list[int]]] = {}
    stands: dict[tuple[Form, int], int] = {}
    lengths: dict[int, list[Form]] = {}
    for form in sorted(forms, key=lambda form: -len(form.lines)):
        longer = [other for more in range(1, OPTIONAL + 1) for other in lengths.get(len(form.lines) + more, ()) if not other.chain]
        lengths.setdefault(len(form.lines), []).append(form)
        for other in longer:
            fit = None if other in found else places_in(form, other)
            if fit is None or any(reaches(*ends, inside, found) for ends in ((form, other), (other, form))):
                continue
            places, operands = fit
            if all(stands.setdefault((other, place), operand) == operand for place, operand in operands.items()):
                found[form] = other, places
                break
    return found


def reaches(form: Form, goal: Form, inside: Mapping[Form, set[Form]], same: Mapping[Form, tuple[Form, list[int]]]) -> bool:
    """Whether the class of one form would stand in that of another, when those that are the `same` are one."""
    members: dict[Form, list[Form]] = {}
    for lesser, (whole, _) in same.items():
        members.setdefault(whole, []).append(lesser)
    seen, waiting = set[Form](), [form]
    while waiting:
        now = waiting.pop()
        for each in (now, *members.get(now, ())):
            inner = {same[child][0] if child in same else child for child in inside[each]} - seen
            if goal in inner:
                return True
            seen |= inner
            waiting += inner
    return False


def places_in(form: Form, other: Form) -> tuple[list[int], dict[int, int]] | None:
    """Places of a form's lines in another one, which has more, and which operand stands for each of the others; None where one cannot."""
    if (form.inputs, len(form.outputs)) != (other.inputs, len(other.outputs)):
        return None
    places: list[int] = []
    lines = iter(enumerate(other.lines))
    for line in form.lines:
        place = next((place for place, each in lines if each[:2] == line[:2]), None)
        if place is None:
            return None
        places.append(place)
    found = without(other, set(places))
    return (places, found[1]) if found is not None and found[0][1:] == form[1:] else None


def without(form: Form, kept: set[int]) -> tuple[Form, dict[int, int]] | None:
    """A form with some lines only, and which operand of each of the others is read in its place; None where one cannot be left out."""
    numbers = count()
    stands: dict[Read, Read] = {}
    lines, operands = list[Line](), dict[int, int]()
    for place, line in enumerate(form.lines):
        reads = tuple([through(read, stands) for read in line.reads])
        if place in kept:
            new = next(numbers)
            stands |= {(place, each): (new, each) for each in range(made_by(form, place))}
            lines.append(Line(line.name, line.what, reads))
        elif (operand := passed(line, reads)) is None or made_by(form, place) > 1:
            return None
        else:
            operands[place], stands[(place, 0)] = operand, reads[operand]
    return Form(form.chain, form.inputs, tuple(lines), tuple([through(read, stands) for read in form.outputs])), operands


def passed(line: Line, reads: tuple[Read, ...]) -> int | None:
    """Which operand is read where a line is left out: its only one; of a sum with an input of the scope the other one."""
    if line.what == "again" or (ALL, ALL) in reads:
        return None
    if len(reads) == 1:
        return 0
    inner = [number for number, read in enumerate(reads) if read[0] != ALL]
    return inner[0] if line.what == SUM and len(reads) == 2 and len(inner) == 1 else None


def through(read: Read, stands: Mapping[Read, Read]) -> Read:
    """What is read in its place."""
    return read if read[0] == ALL else stands[read]


def made_by(form: Form, place: int) -> int:
    """How many values of a line are read."""
    reads: Any = (read for line in form.lines for read in line.reads)
    return 1 + max((each for number, each in (*reads, *form.outputs) if number == place), default=0)
