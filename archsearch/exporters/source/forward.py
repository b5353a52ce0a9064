"""The body of `forward`: steps as statements, short ones within each other, and variables that are used again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archsearch.exporters.source.functional import Text
from archsearch.exporters.source.scopes import Scope, Step

LETTERS = tuple("xyzabcdefghijkmnpqrstuvw")
ALL_VALUES = "*values"
"""What a class takes whose scopes read different numbers of values."""
DEPTH = 3
"""So many calls may stand within each other."""


@dataclass(frozen=True)
class Expression:
    """A step with its operands, values or expressions of their own; how many calls it holds."""

    step: int
    operands: tuple[Expression | int, ...]
    size: int


class Statement(NamedTuple):
    """Values that get names, and what they are; without values a call whose result nobody reads."""

    makes: tuple[int, ...]
    expression: Expression


Write = Callable[[int, Sequence[Text]], Text]


def body(scope: Scope, light: Sequence[bool], write: Write, inputs: Sequence[str], note: Callable[[int], str]) -> Iterator[str]:
    """Lines of `forward`. `light`: steps that go on in the line of what they read; `note`: a comment on a value, or nothing."""
    statements, last = statements_of(scope, light)
    naming = Naming(statements, last, scope, inputs)
    before = ""
    for number, statement in enumerate(statements):
        source = rendered(statement.expression, write, naming.names).source
        targets = naming.after(number)
        comment = note(statement.makes[0]) if len(statement.makes) == 1 else ""
        yield f"{targets} = {source}{comment if comment != before else ''}" if targets else source
        before = comment
    yield f"return {', '.join(rendered(each, write, naming.names).source for each in last)}"


def statements_of(scope: Scope, light: Sequence[bool]) -> tuple[list[Statement], tuple[Expression | int, ...]]:
    """The steps as statements, and what is returned."""
    uses = Counter([*(value for step in scope.steps for value in step.reads), *scope.outputs])
    found: list[Statement] = []
    waiting: list[tuple[int, Expression]] = []  # a result that the next step may take in as it is
    for number, step in enumerate(scope.steps):
        taken = dict(waiting if light[number] and fits(step, waiting, scope) else ())
        found += [Statement((value,), each) for value, each in waiting if value not in taken]
        operands = tuple([taken.get(value, value) for value in step.reads])
        expression = Expression(number, operands, 1 + sum(each.size for each in taken.values()))
        waiting = []
        read = any(uses[value] for value in step.makes)
        if len(step.makes) == 1 and uses[step.makes[0]] == 1:
            waiting = [(step.makes[0], expression)]
        elif read or step.kept:
            found.append(Statement(step.makes if read else (), expression))
    if waiting and scope.outputs == (waiting[0][0],):
        return found, (waiting[0][1],)
    return [*found, *(Statement((value,), each) for value, each in waiting)], scope.outputs


def fits(step: Step, waiting: Sequence[tuple[int, Expression]], scope: Scope) -> bool:
    """Whether a step takes in what is waiting: a few calls in a row, or one beside what a sum adds to it; modules of ours in sums alone."""
    if not waiting or waiting[0][0] not in step.reads:
        return False
    expression, merges = waiting[0][1], len(step.reads) > 1
    if scope.steps[expression.step].scope is not None and not merges:
        return False
    return expression.size <= (1 if merges else DEPTH - 1)


def rendered(expression: Expression | int, write: Write, names: dict[int, str]) -> Text:
    """Source of an expression."""
    if isinstance(expression, int):
        return Text(names[expression])
    return write(expression.step, [rendered(each, write, names) for each in expression.operands])


def values_in(expression: Expression | int) -> Iterator[int]:
    """Values that an expression reads."""
    if isinstance(expression, int):
        yield expression
    else:
        for each in expression.operands:
            yield from values_in(each)


class Naming:
    """Variables of values: one that is not read again gives its name to the next."""

    def __init__(self, statements: list[Statement], last: Sequence[Expression | int], scope: Scope, inputs: Sequence[str]) -> None:
        self._statements = statements
        self._last = {value: number for number, each in enumerate(statements) for value in values_in(each.expression)}
        self._last |= {value: len(statements) for each in last for value in values_in(each)}
        spread = [ALL_VALUES] * len(scope.inputs) if list(inputs) == [ALL_VALUES] else inputs
        self.names: dict[int, str] = dict(zip(scope.inputs, spread, strict=True))

    def after(self, number: int) -> str:
        """Name what a statement makes, once its source is written; the names, parted by commas."""
        statement = self._statements[number]
        read = dict.fromkeys(values_in(statement.expression))
        ending = {self.names[value] for value in read if self._last[value] == number}
        dying = sorted(ending - {ALL_VALUES}, key=rank)
        for value in read:
            if self._last[value] == number:
                self.names.pop(value, None)
        for value in statement.makes:
            name = dying.pop(0) if dying else fresh(set(self.names.values()))
            self.names[value] = name
        targets = ", ".join(self.names[value] for value in statement.makes)
        for value in statement.makes:
            if value not in self._last:
                del self.names[value]
        return targets


def fresh(taken: set[str]) -> str:
    """The first variable that is free."""
    return next(name for name in (*LETTERS, *(f"v{i}" for i in range(len(taken) + 1))) if name not in taken)


def rank(name: str) -> tuple[int, int, str]:
    """Order of variables: the network's inputs and x first, so that the main path keeps its name."""
    return (LETTERS.index(name) if name in LETTERS else -1 if name[0] == "x" else len(LETTERS), len(name), name)
