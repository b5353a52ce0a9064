"""From text to a genotype: lines into a tree of scopes, counted, then written out node by node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from archsearch.network.genotype import is_name
from archsearch.network.genotype_json import MAX_NODES, input_names
from archsearch.network.text_form.cursor import BLANK, END, Cursor, error_at, shown
from archsearch.network.text_form.op_syntax import COMMA, Ops, read_op
from archsearch.ops.base import Op
from archsearch.ops.tensor import ShapeError, TensorSpec
from archsearch.support.reading import MARK, MAX_TEXT, whole

MAX_LINES = 500_000
MAX_READS = 2**18
"""Values read by all nodes, copies counted."""
MAX_SCOPES = 19

HEADER = re.compile(r" *+([\w/]++)(?:[ \t]++x(\d++))?[ \t]*+:" + BLANK + r"(?:#.*)?$", re.ASCII)
INPUT = re.compile(r"input[ \t]++(?=[^ \t:])(?:(\w++)[ \t]*+:)?" + BLANK, re.ASCII)
SHAPE = re.compile(BLANK + r"(\d++(?:x\d++)*+)(?!\w)", re.ASCII)
OUTPUT = re.compile(r"output[ \t]++(?=[^ \t:])", re.ASCII)
LABEL = re.compile(r" *+([\w/]++)[ \t]*+:", re.ASCII)
JOIN = re.compile(r"[ \t]++(from|with)(?!\w)", re.ASCII)
HOLDER = re.compile(r"[ \t]++(weights)(?!\w)", re.ASCII)
NOTHING = re.compile(BLANK + r"(\([ \t]*+\))")
VALUE = re.compile(BLANK + r"(\^++|/?\w++(?:/\w++)*+)", re.ASCII)


@dataclass(slots=True)
class NodeLine:
    """One node as written: `join` says how `reads` are meant, `from` these alone, `with` these and the value before, or neither.

    `weights`: the node whose weights it uses, as it is said here, and the column; nothing where it has its own.
    """

    cursor: Cursor
    label: str
    label_at: int
    op: Op
    join: str
    reads: list[tuple[str, int]]
    weights: tuple[str, int] = ("", 0)


@dataclass(slots=True)
class ScopeLines:
    """A scope as written: its path from the scope around it, how often it stands, depth and length of its full name, what is in it."""

    cursor: Cursor
    path: str
    times: int = 1
    depth: int = 0
    length: int = 0
    body: list[NodeLine | ScopeLines] = field(default_factory=list)


class Text:
    """The lines of a text as a tree, read within limits before anything is written out."""

    def __init__(self, text: str) -> None:
        self.inputs: list[TensorSpec] = []
        self.outputs: list[tuple[str, int]] = []
        self.last: Cursor | None = None
        self.root = ScopeLines(Cursor(""), "")
        self._at = self.root.cursor
        self._ops = Ops()
        self._open: list[tuple[int, ScopeLines, int]] = [(0, self.root, 1)]
        self._nodes = self._reads = self._length = 0
        self._names: list[tuple[Cursor, str]] = []
        for cursor in cursors(text):
            self._read(cursor)

    def _read(self, cursor: Cursor) -> None:
        """Read one line that is not blank."""
        self._at = cursor
        if self.last is not None:
            raise cursor.error("nothing may follow the output line; move it before", 0)
        cursor.at = cursor.start = len(cursor.line) - len(cursor.line.lstrip(" "))
        copies = self._indent(cursor)
        line, scope = cursor.line, self._open[-1][1]
        header = HEADER.match(line)
        if header is not None:
            self._header(cursor, header, scope, copies)
        elif cursor.at == 0 and (found := INPUT.match(line)):
            self._input(cursor, found)
        elif cursor.at == 0 and (found := OUTPUT.match(line)):
            cursor.at, self.last = found.end(), cursor
            self.outputs = read_values(cursor)
            cursor.end()
        else:
            node = read_node(cursor, self._ops)
            scope.body.append(node)
            self._count(node, copies, scope.length)

    def _indent(self, cursor: Cursor) -> int:
        """Close or open scopes as the indentation says; how often this line stands. Raises TextError."""
        depth = cursor.at
        if cursor.line[depth] == "\t":
            raise cursor.error("a tab in the indentation; indent with spaces")
        at, scope, copies = self._open[-1]
        if at < 0:
            outer = self._open[-2][0]
            if depth <= outer:
                raise scope.cursor.error(f"scope {shown(scope.path)} holds nothing; indent its nodes below it, or drop this line")
            self._open[-1] = (depth, scope, copies)
            return copies
        while self._open[-1][0] > depth:
            self._open.pop()
        at, scope, copies = self._open[-1]
        if at != depth:
            raise cursor.error(f"indented by {depth} spaces, where {at} are expected; only a line that ends in : opens a scope")
        return copies

    def _header(self, cursor: Cursor, header: re.Match[str], scope: ScopeLines, copies: int) -> None:
        """Open a scope."""
        path, parts = header[1], header[1].count("/") + 1
        if not is_name(path):
            raise cursor.error(f"{shown(path)} is no name of a scope: letters, digits and _, at most 100, parted by /", header.start(1))
        times = number(cursor, header[2], header.start(2)) if header[2] else 1
        if times < 1:
            raise cursor.error("a scope stands at least once; write x1, or drop it", header.start(2))
        if scope.depth + parts > MAX_SCOPES:
            raise cursor.error(f"scopes stand more than {MAX_SCOPES} deep; use fewer")
        opened = ScopeLines(cursor, path, times, scope.depth + parts, scope.length + len(path) + 1)
        scope.body.append(opened)
        if copies * times > MAX_NODES:
            raise cursor.error(f"with this there are over {MAX_NODES} nodes, repeated ones counted; split the network", header.start(2))
        self._open.append((-1, opened, copies * times))

    def _count(self, node: NodeLine, copies: int, length: int) -> None:
        """Count a node with all its copies, before any is made. Raises TextError where the network would be too large."""
        reads, cursor = len(node.reads), node.cursor
        self._nodes += copies
        self._reads += copies * reads
        self._length += copies * (len(cursor.line) + (1 + reads) * length)
        if self._nodes > MAX_NODES:
            raise cursor.error(f"with this there are over {MAX_NODES} nodes, repeated ones counted; split the network", node.label_at)
        if self._reads > MAX_READS:
            fix = "repeated ones counted; use fewer connections"
            raise cursor.error(f"with this the nodes read over {MAX_READS:,} values, {fix}", node.label_at)
        if self._length > MAX_TEXT:
            fix = "repeated parts and full names counted; shorten names"
            raise cursor.error(f"with this the text has over {MAX_TEXT:,} characters, {fix}", node.label_at)

    def _input(self, cursor: Cursor, found: re.Match[str]) -> None:
        """Read the shape of an input; names are checked when it is known how many there are."""
        cursor.at = found.end()
        if self.root.body:
            raise cursor.error("inputs stand before the nodes; move it up", 0)
        if len(self.inputs) == MAX_NODES:
            raise cursor.error(f"there are over {MAX_NODES} inputs; use fewer", 0)
        shape = cursor.take(SHAPE)
        if not shape:
            raise cursor.error(f"expected a shape such as 3x224x224, got {shown(cursor.next())}")
        sizes = shape.split("x", 8)
        try:
            self.inputs.append(TensorSpec(tuple([number(cursor, size, cursor.start) for size in sizes])))
        except ShapeError as error:
            raise cursor.error(str(error)) from error
        cursor.end()
        self._names.append((cursor, found[1] or ""))

    def finish(self) -> Cursor:
        """The output line, once all is read. Raises TextError where something is missing or inputs have other names."""
        for (cursor, given), name in zip(self._names, input_names(len(self.inputs)), strict=True):
            if given not in ("", name):
                raise cursor.error(f"inputs are called x, or x0, x1 and so on where there are several; call this one {name}", 6)
        if not self.inputs:
            raise error_at(1, 1, "there is no input; begin with a line such as `input x: 3x224x224`")
        if self.last is None:
            raise self._at.error("there is no output line, the text may be cut off; end it with `output NAME`", 0)
        return self.last


def cursors(text: str) -> Iterator[Cursor]:
    """The lines that hold something. Raises TextError for a text beyond limits."""
    if len(text) > MAX_TEXT:
        raise error_at(1, 1, f"the text has {len(text):,} characters, over the limit of {MAX_TEXT:,}")
    if text.count("\n") > MAX_LINES:
        raise error_at(1, 1, f"the text has over {MAX_LINES:,} lines")
    yield from (Cursor(line, number) for number, line in enumerate(text.removeprefix(MARK).split("\n"), 1) if END.match(line) is None)


def number(cursor: Cursor, digits: str, at: int) -> int:
    """A whole number. Raises TextError when it is too long."""
    try:
        return whole(digits)
    except ValueError as error:
        raise cursor.error(str(error), at) from None


def read_node(cursor: Cursor, ops: Ops) -> NodeLine:
    """Read `[name:] op [from values | with values] [weights node]`. Raises TextError."""
    label = cursor.take(LABEL)
    at = cursor.start
    op = read_op(cursor, ops)
    join = cursor.take(JOIN)
    reads = read_values(cursor) if join and not (join == "from" and cursor.take(NOTHING)) else []
    held = read_holder(cursor) if cursor.take(HOLDER) else ("", 0)
    if END.match(cursor.line, cursor.at) is None:
        raise cursor.error(f"unexpected {shown(cursor.next())} after the op; write `from` or `with` and the values that it reads")
    return NodeLine(cursor, label, at, op, join, reads, held)


def read_holder(cursor: Cursor) -> tuple[str, int]:
    """Read the name of the node whose weights are used, with its column. Raises TextError."""
    name = cursor.take(VALUE)
    if not name or name[0] == "^":
        raise cursor.error(f"expected the name of the node whose weights it uses, got {shown(name or cursor.next())}")
    return name, cursor.start


def read_values(cursor: Cursor) -> list[tuple[str, int]]:
    """Read names parted by commas, each with its column. Raises TextError."""
    found = []
    while True:
        name = cursor.take(VALUE)
        if not name:
            raise cursor.error(f"expected the name of a value, got {shown(cursor.next())}")
        found.append((name, cursor.start))
        if not cursor.take(COMMA):
            return found
        if len(found) > MAX_READS:
            raise cursor.error(f"over {MAX_READS:,} values are read here; use fewer connections")
