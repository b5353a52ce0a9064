"""Edits as text, for the command line."""

from __future__ import annotations

import re

from archsearch.design.edit.base import Edit
from archsearch.design.edit.field import SetField
from archsearch.design.edit.insert import Insert
from archsearch.design.edit.remove import Remove
from archsearch.design.edit.rename import Rename
from archsearch.design.edit.replace import Replace
from archsearch.network.text_form.cursor import BLANK, Cursor, shown
from archsearch.network.text_form.op_syntax import Ops, read_op, read_value

VERB = re.compile(BLANK + r"(insert|remove|rename)(?=[ \t]++[^ \t=])")
NAME = re.compile(BLANK + r"/?(\w++(?:/\w++)*+)", re.ASCII)
LABEL = re.compile(BLANK + r"/?(\w++(?:/\w++)*+)[ \t]*+:", re.ASCII)
FIELD = re.compile(r"\.(\w++)[ \t]*+=", re.ASCII)
EQUALS = re.compile(BLANK + r"(=)")
PLACE = re.compile(r"[ \t]++(after|before|between)(?!\w)")
JOINS = {word: re.compile(rf"[ \t]++({word})(?!\w)") for word in ("and", "keeping", "to")}
FORMS = (
    "NODE.FIELD=VALUE, NODE=OP, `insert [NAME:] OP after VALUE`, `... before NODE`, `... between VALUE and NODE`, "
    "`remove NAME [keeping VALUE]` or `rename NAME to NAME`"
)


def parse_edit(text: str) -> Edit:
    """The edit that a text describes, such as `stage2/conv.channels=64`.

    Raises:
        TextError: it is none; one line with the column and what is expected.
    """
    cursor = Cursor(text)
    edit = READERS[cursor.take(VERB)](cursor)
    cursor.end()
    return edit


def read_change(cursor: Cursor) -> Edit:
    """`NODE.FIELD=VALUE` or `NODE=OP`."""
    node = cursor.take(NAME)
    field = cursor.take(FIELD) if node else ""
    if field:
        return SetField(node, field, read_value(cursor, Ops()))
    if not node or not cursor.take(EQUALS):
        raise cursor.error(f"unexpected {shown(cursor.next())}; an edit is {FORMS}")
    return Replace(node, read_op(cursor, Ops()))


def read_insert(cursor: Cursor) -> Edit:
    """What follows `insert`."""
    name = cursor.take(LABEL)
    op = read_op(cursor, Ops())
    place = cursor.take(PLACE)
    if not place:
        raise cursor.error(f"unexpected {shown(cursor.next())}; write where: after VALUE, before NODE, or between VALUE and NODE")
    value = read_name(cursor)
    if place == "between":
        join(cursor, "and")
        return Insert(op, value, read_name(cursor), name)
    return Insert(op, after=value, name=name) if place == "after" else Insert(op, before=value, name=name)


def read_remove(cursor: Cursor) -> Edit:
    """What follows `remove`."""
    name = read_name(cursor)
    return Remove(name, read_name(cursor) if cursor.take(JOINS["keeping"]) else "")


def read_rename(cursor: Cursor) -> Edit:
    """What follows `rename`."""
    name = read_name(cursor)
    join(cursor, "to")
    return Rename(name, read_name(cursor))


READERS = {"": read_change, "insert": read_insert, "remove": read_remove, "rename": read_rename}


def read_name(cursor: Cursor) -> str:
    """The full name of a value or scope. Raises TextError."""
    name = cursor.take(NAME)
    if not name:
        raise cursor.error(f"expected a name such as stage1/conv, got {shown(cursor.next())}")
    return name


def join(cursor: Cursor, word: str) -> None:
    """Read a word between names. Raises TextError."""
    if not cursor.take(JOINS[word]):
        raise cursor.error(f"expected `{word}`, got {shown(cursor.next())}")
