"""From a genotype to text: the same scopes and names, equal neighbours folded."""

from __future__ import annotations

from dataclasses import dataclass, field

from archsearch.network.genotype import Genotype, Node
from archsearch.network.text_form.names import Names, copy_name
from archsearch.network.text_form.op_syntax import op_text

KEYWORDS = ("input", "output")
INDENT = "  "


@dataclass(slots=True)
class Scope:
    """A stretch of nodes in one scope: its last name part, the value before its first node, and what is in it."""

    name: str
    entering: int | None
    items: list[str | Scope] = field(default_factory=list)


def to_text(genotype: Genotype) -> str:
    """The genotype as text that people can read and type; `from_text` gives an equal one back.

    Raises:
        GenotypeError: an op that no text can stand for, such as one that is not registered.
    """
    writing = Writing(genotype)
    heads = [f"input {name}: {spec}" for name, spec in zip(genotype.input_names, genotype.inputs, strict=True)]
    tail = "output " + ", ".join(genotype.value_names[i] for i in genotype.outputs)
    return "\n".join([*heads, *folded(writing.root.items), tail]) + "\n"


class Writing:
    """The lines of all nodes, in scopes; each line says what the reader knows there."""

    def __init__(self, genotype: Genotype) -> None:
        self.root = Scope("", None)
        self._all, self._count = genotype.value_names, len(genotype.inputs)
        self._names = Names()
        self._names.values.update((name, i) for i, name in enumerate(genotype.input_names))
        self._open: list[Scope] = []
        self._scope = ""
        for value, node in enumerate(genotype.nodes, len(genotype.inputs)):
            before = value - 1 if value > self._count or value == 1 else None
            self._enter(node.scope, before)
            items = self._open[-1].items if self._open else self.root.items
            items.append(self._line(node, before))
            self._names.values[node.name] = value

    def _enter(self, scope: str, before: int | None) -> None:
        """Close and open scopes up to the one that the next node is in."""
        if scope == self._scope:
            return
        parts, shared = scope.split("/") if scope else [], 0
        while shared < min(len(parts), len(self._open)) and self._open[shared].name == parts[shared]:
            shared += 1
        del self._open[shared:]
        for part in parts[shared:]:
            opened = Scope(part, before)
            (self._open[-1] if self._open else self.root).items.append(opened)
            self._open.append(opened)
        self._scope = scope
        if scope:
            self._names.open(scope)

    def _line(self, node: Node, before: int | None) -> str:
        """One node's line."""
        automatic = self._names.automatic(f"{self._scope}/{node.op.kind}" if self._scope else node.op.kind)
        unnamed = node.name == automatic and node.op.kind not in KEYWORDS
        text = op_text(node.op) if unnamed else f"{node.name.rpartition('/')[2]}: {op_text(node.op)}"
        held = f" weights {self._names.said(node.weights, self._scope)}" if node.weights else ""
        reads = node.inputs
        if not reads:
            return f"{text} from (){held}"
        if reads[0] != before or before is None:
            return f"{text} from {', '.join(map(self._said, reads))}{held}"
        return f"{text} with {', '.join(map(self._said, reads[1:]))}{held}" if len(reads) > 1 else f"{text}{held}"

    def _said(self, value: int) -> str:
        """How a value is called here: ^ for what enters a scope, or its name."""
        for depth, scope in enumerate(reversed(self._open), 1):
            if scope.entering == value:
                return "^" * depth
        return self._names.said(self._all[value], self._scope)


def folded(items: list[str | Scope]) -> list[str]:
    """Lines of what is in a scope: neighbours of equal lines and counted names as one, a scope in a scope alone on one line."""
    bodies = [folded(item.items) if isinstance(item, Scope) else [] for item in items]
    lines: list[str] = []
    place = 0
    while place < len(items):
        item, body, times = items[place], bodies[place], 1
        if isinstance(item, str):
            lines.append(item)
        else:
            while place + times < len(items) and is_copy(items[place + times], item, times) and bodies[place + times] == body:
                times += 1
            lines += headed(item.name, times, body)
        place += times
    return lines


def is_copy(item: str | Scope, first: Scope, copy: int) -> bool:
    """Whether an item has the name of the copy of a scope."""
    return isinstance(item, Scope) and item.name == copy_name(first.name, copy)


def headed(name: str, times: int, body: list[str]) -> list[str]:
    """A scope's lines under its header."""
    alone = body[0].endswith(":") and all(line.startswith(INDENT) for line in body[1:])
    if times == 1 and alone:
        return [f"{name}/{body[0]}", *body[1:]]
    return [f"{name} x{times}:" if times > 1 else f"{name}:", *(INDENT + line for line in body)]
