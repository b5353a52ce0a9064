"""Calls that make modules, as data: compared by their shape, taken apart into constants, and written with names in their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

WIDTH = 120
RUN = 3
"""So many equal parts in a row are written once, with a loop."""


@dataclass(frozen=True)
class Constant:
    """A number, a text or the like: its source, and its type as it is annotated."""

    text: str
    type: str


@dataclass(frozen=True)
class Argument:
    """An argument: the name of the parameter (empty for one of several), whether it is written by name, and the default's source."""

    name: str
    value: Value
    keyword: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Call:
    """What makes one module: the name of a class or function, and its arguments."""

    name: str
    arguments: tuple[Argument, ...]

    def argument(self, name: str) -> Argument | None:
        """The argument of that name."""
        return next((argument for argument in self.arguments if argument.name == name), None)


@dataclass(frozen=True)
class Group:
    """A list, tuple or dict that holds calls; or an OrderedDict, whose keys are names of modules."""

    brackets: str
    items: tuple[Argument, ...]


@dataclass(frozen=True)
class Choice:
    """A module that some have and others do not: the name of what says so, and the call that makes it."""

    name: str
    call: Call


@dataclass(frozen=True)
class Repeat:
    """Equal modules in a row, and how many."""

    call: Call
    count: Constant


Value = Constant | Call | Group | Choice | Repeat


class Leaf(NamedTuple):
    """A constant within a call: its argument, the part of an OrderedDict in which it stands, its default, and itself."""

    argument: str
    part: str
    default: str | None
    constant: Constant


def text_of(call: Call, name: str) -> str:
    """Source of an argument that is a constant; empty where it is none."""
    found = call.argument(name)
    return found.value.text if found is not None and isinstance(found.value, Constant) else ""


def shape(value: Value) -> object:
    """What calls that differ in constants alone have in common."""
    if isinstance(value, Constant):
        return None
    if isinstance(value, Choice | Repeat):
        return (type(value), shape(value.call))
    head, parts = (value.name, value.arguments) if isinstance(value, Call) else (value.brackets, value.items)
    return (head, *((part.name, part.keyword, part.default, shape(part.value)) for part in parts))


def leaves(value: Value, argument: str = "", part: str = "", default: str | None = None) -> Iterator[Leaf]:
    """All constants within, in order."""
    if isinstance(value, Constant):
        yield Leaf(argument, part, default, value)
    elif isinstance(value, Choice | Repeat):
        yield from leaves(value.call, part=part)
        if isinstance(value, Repeat):
            yield Leaf("repeats", part, None, value.count)
    elif isinstance(value, Call):
        for each in value.arguments:
            yield from leaves(each.value, each.name, part, each.default)
    else:
        for each in value.items:
            yield from leaves(each.value, argument, each.name if value.brackets == "OrderedDict" else part)


def all_calls(value: Value) -> Iterator[Call]:
    """All calls within, the value itself among them."""
    if isinstance(value, Choice | Repeat):
        yield from all_calls(value.call)
    elif isinstance(value, Call | Group):
        if isinstance(value, Call):
            yield value
        for part in value.arguments if isinstance(value, Call) else value.items:
            yield from all_calls(part.value)


def filled(value: Value, texts: Iterator[str]) -> Value:
    """The same with other texts for its constants, one for each leaf."""
    if isinstance(value, Constant):
        return Constant(next(texts), value.type)
    if isinstance(value, Choice):
        return Choice(value.name, filled_call(value.call, texts))
    if isinstance(value, Repeat):
        return Repeat(filled_call(value.call, texts), Constant(next(texts), value.count.type))
    if isinstance(value, Call):
        return filled_call(value, texts)
    return Group(value.brackets, filled_parts(value.items, texts))


def filled_call(call: Call, texts: Iterator[str]) -> Call:
    """`filled` of a call."""
    return Call(call.name, filled_parts(call.arguments, texts))


def filled_parts(parts: tuple[Argument, ...], texts: Iterator[str]) -> tuple[Argument, ...]:
    """`filled` of every argument."""
    return tuple([Argument(part.name, filled(part.value, texts), part.keyword, part.default) for part in parts])


def written(before: str, value: Value, after: str = "") -> list[str]:
    """Lines of source; what is too long for one line has a line for each part."""
    flat = before + one_line(value) + after
    if len(flat) <= WIDTH or isinstance(value, Constant):
        return [flat]
    if isinstance(value, Choice):
        return written(before, value.call, f" if {value.name} else nn.Identity(){after}")
    if isinstance(value, Repeat):
        return written(f"{before}*(", value.call, f" for _ in range({value.count.text})){after}")
    opening, closing, parts = brackets_of(value)
    if len(parts) == 1 and not isinstance(parts[0], str):
        return written(f"{before}{opening}{parts[0][0]}", parts[0][1], f"{closing}{after}")
    lines = [f"{before}{opening}"]
    for part in parts:
        inner = [f"{part},"] if isinstance(part, str) else written(part[0], part[1], ",")
        lines += [f"    {line}" for line in inner]
    return [*lines, f"{closing}{after}"]


def one_line(value: Value) -> str:
    """Source in one line."""
    if isinstance(value, Constant):
        return value.text
    if isinstance(value, Choice):
        return f"{one_line(value.call)} if {value.name} else nn.Identity()"
    if isinstance(value, Repeat):
        return f"*({one_line(value.call)} for _ in range({value.count.text}))"
    opening, closing, parts = brackets_of(value)
    inner = ", ".join([part if isinstance(part, str) else part[0] + one_line(part[1]) for part in parts])
    return f"{opening}{inner}{closing}"


Parts = list[str | tuple[str, Value]]
"""Finished texts, and values with what stands before them."""


def brackets_of(value: Call | Group) -> tuple[str, str, Parts]:
    """What stands before and behind the parts, and these."""
    if isinstance(value, Group) and value.brackets == "OrderedDict":
        return ordered(value)
    if isinstance(value, Group):
        opening, closing = value.brackets[0], value.brackets[1]
        closing = ",)" if closing == ")" and len(value.items) == 1 else closing
        return opening, closing, [(f"{part.name}: " if part.keyword else "", part.value) for part in value.items]
    kept = [part for part in value.arguments if not (isinstance(part.value, Constant) and part.value.text == part.default)]
    return f"{value.name}(", ")", [(f"{part.name}=" if part.keyword else "", part.value) for part in kept]


def repeated(calls: Iterable[Call]) -> Iterator[Value]:
    """Modules in a row, equal ones as one."""
    for call, run in groupby(calls):
        length = len(list(run))
        yield call if length == 1 else Repeat(call, Constant(str(length), "int"))


def ordered(group: Group) -> tuple[str, str, Parts]:
    """Modules by name; equal ones with numbers behind their names are made by a loop."""
    words = all(part.name.isidentifier() for part in group.items)
    parts: Parts = []
    for _, run in groupby(enumerate(group.items), lambda each: series(group.items, each[0])):
        same = [part for _, part in run]
        if len(same) >= RUN:
            parts.append(loop(same, words))
        else:
            parts += [(f"{part.name}=" if words else f'"{part.name}": ', part.value) for part in same]
    return ("OrderedDict(", ")", parts) if words else ("OrderedDict({", "})", parts)


def series(items: tuple[Argument, ...], place: int) -> tuple[str, str, int]:
    """What parts of one loop have in common: the word of the name, how the part is made, and the number less the place."""
    name = items[place].name
    word = name.rstrip("0123456789")
    number = name[len(word) :]
    plain = number.isdigit() and str(int(number)) == number
    return (word, one_line(items[place].value), int(number) - place) if plain else (name, "", -place - 1)


def loop(items: list[Argument], words: bool) -> str:
    """A loop that makes equal parts with numbers behind their names."""
    word = items[0].name.rstrip("0123456789")
    first, last = int(items[0].name[len(word) :]), int(items[-1].name[len(word) :])
    span = f"{first}, {last + 1}" if first else str(last + 1)
    return f'**{{f"{word}{{i}}": {one_line(items[0].value)} for i in range({span})}}'
