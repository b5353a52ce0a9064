"""Ops as text, `conv2d(64, 7, stride=2)`: fields in the op's order or by name, those left out at their defaults."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from archsearch.network.genotype import GenotypeError
from archsearch.network.text_form.cursor import BLANK, Cursor, TextError, shown
from archsearch.ops.base import OPS, Op, given_fields
from archsearch.ops.fields import MAX_NESTING, field_types, fits, from_data, is_required, to_data, type_name
from archsearch.support.nearest import nearest
from archsearch.support.reading import finite, whole

KIND = re.compile(BLANK + r"(\w[\w.-]*+)", re.ASCII)
OPEN, CLOSE = re.compile(BLANK + r"(\()"), re.compile(BLANK + r"(\))")
OPEN_LIST, CLOSE_LIST = re.compile(BLANK + r"([(\[])"), re.compile(BLANK + r"([)\]])")
COMMA = re.compile(BLANK + r"(,)")
FIELD = re.compile(BLANK + r"([A-Za-z_]\w*+)[ \t]*+=(?!=)", re.ASCII)
NUMBER = re.compile(BLANK + r"([+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?)(?![\w.])", re.ASCII)
WORD = re.compile(BLANK + r"([A-Za-z_]\w*+)", re.ASCII)
QUOTED = re.compile(BLANK + r'("(?:[^"\\]|\\.)*+")')
PLAIN = re.compile(BLANK + r"(\w[\w.-]*+(?:[ \t]*+\([^()\[\]\"#]*+\))?)(?![ \t]*+\()", re.ASCII)
"""An op whose fields hold no brackets and no quotes: most are."""

WORDS = {"true": True, "false": False, "none": None, "null": None}
MAX_VALUES = 2**17
"""Values in the fields of all ops of a text."""
MAX_FIELDS = 100
POSITIONAL = 2
"""Fields written without their names, at most."""


class Argument(NamedTuple):
    """One field as given: its name unless it goes by position, its value, and where the two begin."""

    name: str
    value: Any
    name_at: int
    value_at: int


@dataclass(slots=True)
class Ops:
    """Ops read so far by their text, so that each is checked once, and how many values may still come."""

    known: dict[str, Op] = field(default_factory=dict)
    left: int = MAX_VALUES


def op_from_text(text: str) -> Op:
    """The op that a text such as `conv2d(64, stride=2)` describes. Raises TextError, one line with the column."""
    cursor = Cursor(text)
    op = read_op(cursor, Ops())
    cursor.end()
    return op


def read_op(cursor: Cursor, ops: Ops) -> Op:
    """Read an op, unless it has been read before. Raises TextError."""
    begin, text = cursor.at, cursor.take(PLAIN)
    if text in ops.known:
        return ops.known[text]
    cursor.at = begin
    kind = cursor.take(KIND)
    if not kind:
        raise cursor.error(f"expected an op such as conv2d(64, 3), got {shown(cursor.next())}")
    at = cursor.start
    if kind not in OPS:
        raise cursor.error(f"unknown op {shown(kind)}; {nearest(kind[:60], sorted(OPS))}")
    op = assembled(cursor, OPS[kind], read_arguments(cursor, ops) if cursor.take(OPEN) else [], at)
    if text:
        ops.known[text] = op
    return op


def read_arguments(cursor: Cursor, ops: Ops) -> list[Argument]:
    """Fields up to the closing bracket. Raises TextError."""
    found: list[Argument] = []
    while not cursor.take(CLOSE):
        name = cursor.take(FIELD)
        at = cursor.start
        if len(found) == MAX_FIELDS:
            raise cursor.error(f"more than {MAX_FIELDS} fields; an op takes fewer")
        value = read_value(cursor, ops)
        found.append(Argument(name, value, at, cursor.start))
        if not cursor.take(COMMA) and CLOSE.match(cursor.line, cursor.at) is None:
            raise cursor.error(f"expected , or ) after a field, got {shown(cursor.next())}")
    return found


def read_value(cursor: Cursor, ops: Ops, depth: int = 0) -> Any:
    """A number, true or false, none, a word, a quoted text, or a list in brackets; leaves `start` at its beginning. Raises TextError."""
    ops.left -= 1
    if ops.left < 0:
        raise cursor.error(f"more than {MAX_VALUES:,} values; write fewer or shorter lists")
    if number := cursor.take(NUMBER):
        try:
            return whole(number) if number.lstrip("+-").isdigit() else finite(number)
        except ValueError as error:
            raise cursor.error(str(error)) from None
    if word := cursor.take(WORD):
        return WORDS.get(word.lower(), word)
    if quoted := cursor.take(QUOTED):
        return unquoted(cursor, quoted)
    if cursor.take(OPEN_LIST):
        return read_list(cursor, ops, depth)
    what = "a number, true, false, none, a word or a list in brackets"
    raise cursor.error(f"expected {what}, got {shown(cursor.next())}")


def read_list(cursor: Cursor, ops: Ops, depth: int) -> tuple[Any, ...]:
    """Values up to the closing bracket. Raises TextError."""
    begin, items = cursor.start, []
    if depth == MAX_NESTING:
        raise cursor.error(f"lists are nested more than {MAX_NESTING} deep")
    while not cursor.take(CLOSE_LIST):
        items.append(read_value(cursor, ops, depth + 1))
        if not cursor.take(COMMA) and CLOSE_LIST.match(cursor.line, cursor.at) is None:
            raise cursor.error(f"expected , or the closing bracket of a list, got {shown(cursor.next())}")
    cursor.start = begin
    return tuple(items)


def unquoted(cursor: Cursor, quoted: str) -> str:
    """The text in quotes, escapes as in JSON. Raises TextError."""
    try:
        return str(json.loads(quoted))
    except ValueError:
        raise cursor.error(f"the text {shown(quoted)} is not written as in JSON") from None


def assembled(cursor: Cursor, cls: type[Op], arguments: list[Argument], at: int) -> Op:
    """The op of a class and its fields as given; `at` is where its kind stands. Raises TextError."""
    given: dict[str, Any] = {}
    by_name = False
    for place, argument in enumerate(arguments):
        if by_name and not argument.name:
            raise cursor.error("a field without its name stands after one with; write name=value", argument.value_at)
        by_name = bool(argument.name)
        name = field_name(cursor, cls, argument, place)
        if name in given:
            raise cursor.error(f"{cls.kind}: {name} is given twice", argument.name_at)
        check_type(cursor, cls, name, argument)
        given[name] = from_data(to_data(argument.value), field_types(cls)[name])
    missing = [f.name for f in fields(cls) if is_required(f) and f.name not in given]  # type: ignore[arg-type]
    if missing:
        raise cursor.error(f"{cls.kind} needs the field '{missing[0]}'; write {cls.kind}({missing[0]}=...)", at)
    try:
        return cls(**given)
    except ValueError as error:
        raise cursor.error(str(error), at) from error
    except Exception as error:  # the constructor of a user's op may do anything
        raise cursor.error(f"{cls.kind} cannot be made of these fields: {type(error).__name__}: {error}", at) from error


def field_name(cursor: Cursor, cls: type[Op], argument: Argument, place: int) -> str:
    """Name of the field that an argument gives. Raises TextError."""
    names = list(field_types(cls))
    if not argument.name and place >= len(names):
        raise cursor.error(f"{cls.kind} takes {'only ' + ', '.join(names) if names else 'no fields'}; leave this out", argument.value_at)
    if argument.name and argument.name not in names:
        fix = nearest(argument.name[:60], names) if names else "it takes none"
        raise cursor.error(f"{cls.kind} has no field {shown(argument.name)}; {fix}", argument.name_at)
    return argument.name or names[place]


def check_type(cursor: Cursor, cls: type[Op], name: str, argument: Argument) -> None:
    """Raise TextError unless the value has the field's type."""
    if not has_type(cls, name, argument.value):
        wanted, got = type_name(field_types(cls)[name]), value_text(argument.value)[:60]
        raise cursor.error(f"{cls.kind}: {name}={got} has the wrong type, expected {wanted}", argument.value_at)


def has_type(cls: type[Op], name: str, value: Any) -> bool:
    """Whether a value may stand in that field of an op."""
    return fits(to_data(value), field_types(cls)[name])


@lru_cache(maxsize=1 << 14)
def op_text(op: Op) -> str:
    """The op as text: defaults left out, up to two leading fields without their names.

    Raises:
        GenotypeError: the op cannot be written so, for it is not registered or holds something besides numbers, texts and tuples.
    """
    given = written_fields(op)
    positional = 0
    for f, name in zip(fields(op), given, strict=False):  # type: ignore[arg-type]
        if f.name != name or isinstance(given[name], bool) or positional == POSITIONAL:
            break
        positional += 1
    parts = [
        value_text(value) if place < positional else f"{name}={value_text(value)}" for place, (name, value) in enumerate(given.items())
    ]
    text = f"{op.kind}({', '.join(parts)})" if parts else op.kind
    try:
        same = op_from_text(text) == op
    except TextError as error:
        raise GenotypeError(f"{op.kind} cannot be written as text: {error}") from error
    if not same:
        raise GenotypeError(f"{op.kind} cannot be written as text: {text[:200]} reads as another op")
    return text


def written_fields(op: Op) -> dict[str, Any]:
    """The fields that make the op: those that differ from their defaults, or all where these alone make another."""
    given = given_fields(op)
    try:
        same = type(op)(**given) == op
    except ValueError:
        same = False
    return given if same else {f.name: getattr(op, f.name) for f in fields(op)}  # type: ignore[arg-type]


def value_text(value: Any) -> str:
    """A field's value as text; an enum's member by its name."""
    if isinstance(value, Enum):
        return value_text(value.name)
    if isinstance(value, tuple):
        return f"({', '.join(map(value_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, str):
        bare = WORD.fullmatch(value) is not None and value.lower() not in WORDS
        return value if bare else json.dumps(value)
    return repr(value)
