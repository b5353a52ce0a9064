"""Scopes that are a Sequential: written in the place where they are needed, or by a function where that is at several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archsearch.exporters.source.calls import Argument, Call, Group, all_calls, filled_call, repeated, shape
from archsearch.exporters.source.forms import Kind
from archsearch.exporters.source.naming import Names, calls_in, function_name
from archsearch.exporters.source.parameters import Parameter, arguments_of, columns_of, parameters_of
from archsearch.exporters.source.scopes import SEQUENTIAL, Scope

MOST = 6
"""So many arguments a function may take."""


@dataclass(frozen=True)
class Function:
    """A function that makes a Sequential: scopes of its kind, how each is made, and the parameters."""

    name: str
    scopes: list[Scope]
    calls: list[Call]
    parameters: list[Parameter]
    texts: list[str]

    def model(self) -> Call:
        """The call with parameters in the place of what differs."""
        return filled_call(self.calls[0], iter(self.texts))


class Chains:
    """`made`: what makes the module of every chain so far. `places`: at how many places of the text each kind is needed."""

    def __init__(self, places: Mapping[int, int], names: Names) -> None:
        self.made: dict[int, Call] = {}
        self._places, self._names = places, names

    def add(self, kinds: Sequence[Kind], rows: Sequence[Sequence[list[Call | None]]]) -> Iterator[Function]:
        """Take in kinds whose parts are known; `rows`: what makes the parts of each of their scopes. The functions that they need."""
        groups: dict[object, list[tuple[Kind, Scope, Call]]] = {}
        for kind, row in zip(kinds, rows, strict=True):
            for (scope, _), call in zip(kind.members, self._sequentials(kind, row), strict=True):
                groups.setdefault(shape(call), []).append((kind, scope, call))
        for group in groups.values():
            group.sort(key=lambda each: each[1].steps[0].first)
            scopes, calls = [scope for _, scope, _ in group], [call for _, _, call in group]
            number = Counter(id(kind) for kind, _, _ in group)
            needed = sum(min(count, self._places.get(kind, 0)) for kind, count in number.items())
            function = self._function(scopes, calls) if needed > 1 and len(scopes[0].steps) > 1 else None
            if function is None:
                self.made |= {id(scope): call for scope, call in zip(scopes, calls, strict=True)}
            else:
                yield function

    def _sequentials(self, kind: Kind, row: Sequence[list[Call | None]]) -> list[Call]:
        """What makes the scopes of a kind. Equal parts are one where that leaves all alike, or each scope has a place of its own."""
        found = [sequential(kind.model, calls) for calls in row]
        if len({shape(call) for call in found}) > 1 and self._places.get(id(kind), 0) < len(found):
            return [sequential(kind.model, calls, loops=False) for calls in row]
        return found

    def _function(self, scopes: list[Scope], calls: list[Call]) -> Function | None:
        """A function for chains of one shape; None where it would take so many arguments that its body is easier to read."""
        columns = list(columns_of(0, calls))
        found, texts = parameters_of(columns, [""], {each.name for each in all_calls(calls[0])})
        if len(found) > MOST:
            return None
        name = self._names.free(function_name([scope.path for scope in scopes], list(calls_in(calls[0]))))
        self.made |= {id(scope): Call(name, arguments_of(found, member)) for member, scope in enumerate(scopes)}
        source = [texts.get((0, column.place), column.leaf.constant.text) for column in columns]
        return Function(name, scopes, calls, found, source)


def sequential(scope: Scope, calls: Sequence[Call | None], loops: bool = True) -> Call:
    """A Sequential; names of its parts stand in it where they are no numbers. `loops`: whether equal parts in a row are one."""
    made = [call for call in calls if call is not None]
    if is_numbered(scope) and part_names(scope) == [str(number) for number in range(len(made))]:
        return Call("nn.Sequential", tuple([Argument("", value) for value in (repeated(made) if loops else made)]))
    named = tuple([Argument(name, call, keyword=True) for name, call in zip(part_names(scope), made, strict=True)])
    return Call("nn.Sequential", (Argument("", Group("OrderedDict", named)),))


def is_numbered(scope: Scope) -> bool:
    """Whether the parts of a scope have numbers for names."""
    return all(step.path[0].isdigit() for step in scope.steps)


def part_names(scope: Scope) -> list[str]:
    """Names of the parts of a chain; those without weights may have others than their nodes."""
    return [step.path[0] + ("_" if step.path[0] in SEQUENTIAL and not step.kept else "") for step in scope.steps]
