"""How scopes of one class are written: what each part is made by, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from archsearch.exporters.source.calls import Call, all_calls, filled_call, leaves
from archsearch.exporters.source.forms import MERGES, Kind
from archsearch.exporters.source.functional import FUNCTIONS, Text, is_light
from archsearch.exporters.source.parameters import Column, Parameter, arguments_of, columns_of, parameters_of, presence
from archsearch.exporters.source.scopes import Scope


@dataclass
class Plan:
    """A class: what makes the module of each step in every scope, parameters, and what stands for each constant.

    `name`: of the class; `members`: the numbers of the scopes; `takes_all`: steps that take any number of values.
    """

    kind: Kind
    calls: list[list[Call | None]]
    parameters: list[Parameter]
    texts: dict[tuple[int, int], str]
    takes_all: list[bool]
    name: str = ""
    members: dict[int, int] = field(default_factory=dict)

    @property
    def model(self) -> Scope:
        """The scope by which the class is written."""
        return self.kind.model

    @cached_property
    def optional(self) -> set[int]:
        """Steps that some scopes lack."""
        return self.kind.optional()

    @cached_property
    def spread(self) -> bool:
        """Whether the scopes read different numbers of values."""
        return len({len(scope.inputs) for scope, _ in self.kind.members}) > 1

    def plain(self, step: int) -> Call | None:
        """What makes a step in the first scope that has it; None for a module that was made before."""
        return next((call for call in self.calls[step] if call is not None), None)

    def call(self, step: int) -> Call:
        """What makes a step, parameters in the place of what differs."""
        call = self.plain(step)
        assert call is not None
        return filled_call(call, self._texts_of(step))

    def _texts_of(self, step: int) -> Iterator[str]:
        place = 0
        while (step, place) in self.texts:
            yield self.texts[step, place]
            place += 1

    def flag(self, step: int) -> str:
        """The parameter that says whether a scope has an optional step; empty for others."""
        return self.texts.get((step, -1), "")

    def is_sum(self, step: int) -> bool:
        """Whether a step is a sum that some scopes lack."""
        call = self.plain(step)
        return step in self.optional and call is not None and call.name in MERGES

    def is_expression(self, number: int) -> bool:
        """Whether a step is an expression, and no module."""
        step, call = self.model.steps[number], self.plain(number)
        if step.kept or step.node is None or call is None:
            return False
        varies = [leaf.constant.text for leaf in leaves(call)] != list(self._texts_of(number))
        if varies or (number in self.optional and not self.is_sum(number)) or call.name not in FUNCTIONS:
            return False
        return FUNCTIONS[call.name](call, [Text("x")] * len(step.reads)) is not None

    def is_light(self, number: int) -> bool:
        """Whether a step goes on in the line of what it reads."""
        call = self.plain(number)
        return self.model.steps[number].node is not None and call is not None and is_light(call.name) and not self.is_sum(number)

    def made(self, scope: Scope) -> Call:
        """What makes the module of one scope of the kind."""
        return Call(self.name, arguments_of(self.parameters, self.members[id(scope)]))


def plan_of(kind: Kind, calls: list[list[Call | None]], takes_all: list[bool]) -> Plan:
    """A plan without its name."""
    names = ["_".join(step.path) for step in kind.model.steps]
    optional, columns = kind.optional(), list[Column]()
    for number, row in enumerate(calls):
        call = next((each for each in row if each is not None), None)
        if number in optional:
            columns.append(presence(number, residual_name(names) if call and call.name in MERGES else names[number], row))
        if call is not None:
            columns += columns_of(number, row)
    used = {each.name for row in calls for call in row if call is not None for each in all_calls(call)}
    found, texts = parameters_of(columns, names, used)
    members = {id(scope): number for number, (scope, _) in enumerate(kind.members)}
    return Plan(kind, calls, found, constants(columns) | texts, takes_all, members=members)


def residual_name(names: Sequence[str]) -> str:
    """Name of what says whether the input is added to the result."""
    return "residual" if "residual" not in names else "adds_input"


def constants(columns: Sequence[Column]) -> dict[tuple[int, int], str]:
    """Source of every constant in the first scope that has it."""
    return {(c.step, c.place): next(value.text for value in c.values if value is not None) for c in columns if c.place >= 0}
