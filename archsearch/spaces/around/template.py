"""A genotype as a pattern: what in it follows which decision, and what new nodes are called; worked out once."""

from __future__ import annotations

from dataclasses import replace

from archsearch.network.genotype import Genotype, scopes_of
from archsearch.network.text_form.names import copy_name
from archsearch.ops.base import Op
from archsearch.ops.convolution import Convolution
from archsearch.spaces.around.choices import Decisions
from archsearch.spaces.around.kernels import with_side
from archsearch.spaces.around.scopes import Block
from archsearch.spaces.around.ties import Form
from archsearch.spaces.around.widths import Widths

Parts = tuple[tuple[int, int], ...]
"""A width as roots of ties, each with how many of its units it is."""
LONG = 80
"""Letters of a name's part from which on new names are checked."""


class Template:
    """What `Assembly` reads. `ends`: by the value that leaves a run, the run's number. `short`: whether new names need no check."""

    def __init__(self, genotype: Genotype, widths: Widths, runs: tuple[tuple[Block, ...], ...] = (), deeper: int = 0) -> None:
        self.genotype, self.runs = genotype, runs
        self.ends = {row[-1].leaving: number for number, row in enumerate(runs)}
        ties = widths.ties
        self.units = {root: ties.unit(root) for form in widths.forms for root in ties.roots(form)}
        self.pads = {value: self._parts(widths, widths.forms[value]) for value in widths.pads}
        self._followed = {
            value: tuple((name, self._parts(widths, form)) for name, form in followed) for value, followed in widths.followed.items()
        }
        self._offset = len(genotype.inputs)
        self._ops: dict[tuple[int, ...], Op] = {}
        self._name(genotype, deeper)

    def _parts(self, widths: Widths, form: Form) -> Parts:
        roots = [(widths.ties.root(atom), size) for atom, size in form]
        return tuple((root, size // widths.ties.unit(root)) for root, size in roots)

    def _name(self, genotype: Genotype, deeper: int) -> None:
        """Choose names for copies of blocks, and the endings of those of links."""
        names = genotype.value_names
        taken = set(names).union(*(scopes_of(node.scope) for node in genotype.nodes if node.scope))
        self.copies: list[list[str]] = []
        for row in self.runs:
            around, _, last = row[-1].name.rpartition("/")
            within = f"{around}/" if around else ""
            counted = [within + copy_name(last, copy) for copy in range(1, deeper + 1)]
            if taken.intersection(counted):
                counted = [f"{within}{last}_{copy}" for copy in range(1, deeper + 1)]
            while taken.intersection(counted):
                counted = [f"{name}_" for name in counted]
            taken.update(counted)
            self.copies.append(counted)
        self.link, self.projection = free_ending(names, "_link"), free_ending(names, "_projection")
        self.short = max(len(part) for name in names for part in name.split("/")) < LONG

    def op(self, value: int, scales: dict[int, int], decisions: Decisions) -> Op:
        """The op of a node; `scales`: what every unit has become. Raises ValueError where there is no such op."""
        followed, side = self._followed.get(value), decisions.kernels.get(value, 0)
        if followed is None and not side:
            return self.genotype.nodes[value - self._offset].op
        widths = [amount(parts, scales) for _, parts in followed or ()]
        key = (value, side, *widths)
        found = self._ops.get(key)
        if found is None:
            op = self.genotype.nodes[value - self._offset].op
            fields: dict[str, object] = {name: wide for (name, _), wide in zip(followed or (), widths, strict=True)}
            if side and isinstance(op, Convolution):
                fields.update(with_side(op, side))
            found = self._ops[key] = replace(op, **fields)  # type: ignore[type-var]
        return found


def amount(parts: Parts, scales: dict[int, int]) -> int:
    """How wide something is now."""
    return sum([units * scales[root] for root, units in parts])


def free_ending(names: tuple[str, ...], ending: str) -> str:
    """An ending that no name has."""
    while any(name.endswith(ending) for name in names):
        ending += "_"
    return ending
