"""From the tree of a text to a genotype: scopes opened, copies written out, names resolved, shapes checked at every line."""

from __future__ import annotations

from archsearch.network.genotype import Genotype, GenotypeError, Node, is_name, reason, scopes_of
from archsearch.network.genotype_json import input_names
from archsearch.network.text_form.cursor import Cursor, TextError, shown
from archsearch.network.text_form.names import Names, copy_name, did_you_mean
from archsearch.network.text_form.reader import NodeLine, ScopeLines, Text
from archsearch.ops.base import Facts, facts
from archsearch.ops.tensor import TensorSpec


def from_text(text: str) -> Genotype:
    """The genotype that a text describes.

    Raises:
        TextError: the text is too large or describes no valid genotype; one line with line, column, and what to do.
    """
    lines = Text(text)
    last = lines.finish()
    expansion = Expansion(lines.inputs)
    expansion.run(lines.root, "")
    outputs = [expansion.find(last, said, "", at) for said, at in lines.outputs]
    try:
        return Genotype(tuple(lines.inputs), tuple(expansion.nodes), tuple(outputs), tuple(expansion.facts), named=True)
    except GenotypeError as error:  # of nodes that cannot have weights in common
        raise TextError(str(error)) from error


class Expansion:
    """Nodes made so far, and the values that entered the scopes that are open."""

    def __init__(self, inputs: list[TensorSpec]) -> None:
        self.nodes: list[Node] = []
        self.facts: list[Facts] = []
        self._specs = list(inputs)
        self._inputs = len(inputs)
        self._names = Names()
        self._names.values.update((name, i) for i, name in enumerate(input_names(len(inputs))))
        self._entering: list[int | None] = []
        self._lines: dict[int, int] = {}

    @property
    def _before(self) -> int | None:
        """The value just before: what the last node made, or the only input."""
        return len(self._specs) - 1 if self.nodes or len(self._specs) == 1 else None

    def run(self, lines: ScopeLines, scope: str) -> None:
        """Write out what a scope holds."""
        for item in lines.body:
            if isinstance(item, NodeLine):
                self._node(item, scope)
                continue
            outer, _, inner = item.path.rpartition("/")
            around = "/".join(filter(None, (scope, outer)))
            entered = item.path.count("/")
            self._entering += [self._before] * entered
            for copy in range(item.times):
                full = "/".join(filter(None, (around, copy_name(inner, copy))))
                self._open(item.cursor, full, item.cursor.start)
                self._entering.append(self._before)
                self.run(item, full)
                self._entering.pop()
            del self._entering[len(self._entering) - entered :]

    def _open(self, cursor: Cursor, scope: str, at: int) -> None:
        """Take a scope's name. Raises TextError where a value has it."""
        if scope in self._names.scopes:
            return
        for name in scopes_of(scope):
            if self._names.values.get(name) in self._lines:
                raise cursor.error(f"scope {shown(name)} has the name of a value{self._line_of(name)}; rename one of them", at)
        if not is_name(f"{scope}/a"):
            raise cursor.error(f"{shown(scope)} is no name of a scope: each part has at most 100 letters, digits and _", at)
        self._names.open(scope)

    def _node(self, line: NodeLine, scope: str) -> None:
        """Add a node. Raises TextError."""
        name = self._name(line, scope)
        reads = tuple(self._reads(line, name, scope))
        try:
            fact = facts(line.op, tuple([self._specs[i] for i in reads]))
        except (ValueError, TypeError) as error:
            raise line.cursor.error(f"node '{name}': {reason(error, line.op)}", line.label_at) from error
        held = self._holder(line, name, scope)
        self._names.values[name] = value = len(self._specs)
        self._lines[value] = line.cursor.number
        self.nodes.append(Node(line.op, reads, name, held))
        self.facts.append(fact)
        self._specs.append(fact.spec)

    def _holder(self, line: NodeLine, name: str, scope: str) -> str:
        """Full name of the node whose weights a node uses; nothing where it has its own. Raises TextError."""
        said, at = line.weights
        if not said:
            return ""
        value = self.find(line.cursor, said, scope, at) - self._inputs
        if value < 0:
            raise line.cursor.error(f"node '{name}' uses the weights of {shown(said)}, an input, which has none; name a node", at)
        return self.nodes[value].weights or self.nodes[value].name

    def _name(self, line: NodeLine, scope: str) -> str:
        """Full name of a node, the automatic one if it is given none. Raises TextError."""
        within = f"{scope}/" if scope else ""
        name = within + line.label if line.label else self._names.automatic(within + line.op.kind)
        if not is_name(name):
            words = "letters, digits and _ (at most 100), at most 19 scopes parted by /"
            raise line.cursor.error(f"{shown(name)} is no name: {words}", line.label_at)
        if self._names.is_taken(name):
            what = "a value" if name in self._names.values else "a scope"
            raise line.cursor.error(f"node '{name}' has the name of {what}{self._line_of(name)}; names must differ", line.label_at)
        if "/" in line.label:
            self._open(line.cursor, name.rpartition("/")[0], line.label_at)
        return name

    def _line_of(self, name: str) -> str:
        """Where a value was made, in words."""
        line = self._lines.get(self._names.values.get(name, -1))
        return f" made at line {line}" if line else ""

    def _reads(self, line: NodeLine, name: str, scope: str) -> list[int]:
        """The values that a node reads. Raises TextError."""
        reads = [self.find(line.cursor, said, scope, at) for said, at in line.reads]
        if line.join == "from":
            return reads
        before = self._before
        if before is None:
            raise line.cursor.error(f"node '{name}': there are several inputs; say which it reads, as in `from x0`", line.label_at)
        return [before, *reads]

    def find(self, cursor: Cursor, said: str, scope: str, at: int) -> int:
        """The value that a name or ^ means within a scope. Raises TextError."""
        if said[0] != "^":
            found = self._names.resolve(said, scope)
            if found is None:
                near = did_you_mean(said, self._names.values)
                raise cursor.error(f"{shown(said)} is no input and not made before this line; a node reads only earlier values{near}", at)
            return found
        if len(said) > len(self._entering):
            fix = "write the value's name" if not self._entering else f"write at most {len(self._entering)}"
            raise cursor.error(f"{said[:20]} means the value that enters a scope, and {len(self._entering)} are open here; {fix}", at)
        value = self._entering[-len(said)]
        if value is None:
            raise cursor.error(f"{said[:20]}: several inputs enter this scope; write the name of one, as in `from x0`", at)
        return value
