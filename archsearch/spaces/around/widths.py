"""Which widths of a network are set where, and which must change together."""

from __future__ import annotations

from collections.abc import Callable

from archsearch.design.edit.widths import keeps_channels_apart, width, width_field
from archsearch.network.genotype import Genotype, Node
from archsearch.network.isomorphism import common
from archsearch.ops import Concat, Flatten, PadChannels, Slice, Transpose
from archsearch.ops.base import Op
from archsearch.ops.tensor import TensorSpec
from archsearch.spaces.around.passage import Specs, keeps_tokens, passage, width_grain
from archsearch.spaces.around.ties import Form, Ties

Followed = tuple[tuple[str, Form], ...]
"""Fields of an op that are widths, with the width that each is."""


class Widths:
    """The widths of all values of a genotype.

    `forms[v]`: of value v. `makers[v]`: what node v sets by a field of its own. `followed[v]`: fields of v's op that are widths.
    `pads`: nodes that fill up channels to what their readers need. `held`: positions of nodes that have weights in common with others.
    """

    def __init__(self, genotype: Genotype) -> None:
        self.ties = Ties()
        self.makers: dict[int, Form] = {}
        self.followed: dict[int, Followed] = {}
        self.pads: set[int] = set()
        self._genotype = genotype
        self.forms: list[Form] = [self.ties.new(width(spec), fixed=True) for spec in genotype.inputs]
        self.tokens: dict[int, Form] = {}
        """How many tokens there are, of values where a map over tokens has made them."""
        self.held = common(genotype.nodes)
        for value, node in enumerate(genotype.nodes, len(genotype.inputs)):
            inputs = tuple([genotype.specs[i] for i in node.inputs])
            rule = as_given if value - len(genotype.inputs) in self.held else RULES.get(type(node.op), follow)
            self.forms.append(rule(self, value, node, inputs, genotype.specs[value]))
            if rule is not transpose:
                self._pass_tokens(value, node, inputs)

    def fix(self, value: int) -> None:
        """Let a value's shape be as given."""
        self.ties.fix(self.forms[value], self.tokens.get(value, ()))

    def equal(self, one: int, other: int) -> None:
        """Let two values have one shape always."""
        self.ties.equal(self.forms[one], self.forms[other])
        self._equal_tokens(one, other)

    def _equal_tokens(self, one: int, other: int) -> None:
        known = [self.tokens[value] for value in (one, other) if value in self.tokens]
        if len(known) == 2 and len({sum(size for _, size in form) for form in known}) == 1:
            self.ties.equal(*known)
        else:
            self.ties.fix(*known)

    def _pass_tokens(self, value: int, node: Node, inputs: Specs) -> None:
        """Say how many tokens a node makes where it reads a changing number of them."""
        known = [read for read in node.inputs if read in self.tokens]
        for read in node.inputs if known else ():
            self._equal_tokens(known[0], read)
        if known and keeps_tokens(node.op, inputs):
            self.tokens[value] = self.tokens[known[0]]
        else:
            self.ties.fix(*(self.tokens[read] for read in known))


def follow(widths: Widths, value: int, node: Node, inputs: Specs, spec: TensorSpec) -> Form:
    """An op of any kind, by what it makes of other widths."""
    op, ties, reads = node.op, widths.ties, [widths.forms[read] for read in node.inputs]
    name = width_field(op)
    if name and len(reads) == 1 and keeps_channels_apart(op, inputs):
        return depthwise(widths, value, name, reads[0], width(spec))
    free = changing(ties, reads, inputs)
    found = passage(op, inputs, free) if free else None
    moving = [reads[place] for place in free]
    if found is None:
        ties.fix(*moving)
    apart = found is None or found.how == "apart"
    grain = width_grain(op, name, inputs) if name and apart else 0
    if grain and len(reads) == 1 and has_many_groups(op, inputs[0]):
        return grouped(widths, value, op, str(name), reads[0], width(spec))
    if found is not None:
        for form, place in zip(moving, free, strict=True):
            ties.keep_multiple(form, found.divisor(width(inputs[place])))
    if grain:
        made = widths.makers[value] = ties.new(width(spec))
        widths.followed[value] = ((str(name), made),)
        ties.keep_multiple(made, grain)
        return made
    if found is None or found.how == "apart":
        return ties.new(width(spec), fixed=True)
    if len(moving) == 1 and op.channels_are() == "kept":
        return moving[0]
    if len(moving) == 1 or any(width(inputs[place]) != width(spec) for place in free):
        ties.tie_whole(*moving)
        return ties.scaled(moving[0], width(spec))
    for other in moving[1:]:
        ties.equal(moving[0], other)
    return moving[0]


def as_given(widths: Widths, value: int, node: Node, inputs: Specs, spec: TensorSpec) -> Form:
    """A node that is one module with others: it reads and makes what it does now."""
    widths.ties.fix(*[widths.forms[read] for read in node.inputs])
    return widths.ties.new(width(spec), fixed=True)


def changing(ties: Ties, reads: list[Form], inputs: Specs) -> tuple[int, ...]:
    """Places of the inputs whose widths may change; a single channel that is stretched to the width of others may not."""
    widest = max(map(width, inputs), default=1)
    for form, x in zip(reads, inputs, strict=True):
        if width(x) == 1 < widest:
            ties.fix(form)
    return tuple(place for place, form in enumerate(reads) if not ties.is_fixed(form))


def has_many_groups(op: Op, x: TensorSpec) -> bool:
    """Whether an op has more groups than a group has channels: those stay as wide, while few stay as many."""
    groups = getattr(op, "groups", 1)
    return type(groups) is int and groups > max(1, width(x) // groups)


def grouped(widths: Widths, value: int, op: Op, name: str, read: Form, size: int) -> Form:
    """An op of many groups: what it reads and what it makes have as many of them."""
    ties = widths.ties
    made = widths.makers[value] = ties.new(size)
    ties.tie_whole(read, made)
    widths.followed[value] = ((name, made), ("groups", ties.scaled(made, op.groups)))  # type: ignore[attr-defined]
    return made


def depthwise(widths: Widths, value: int, name: str, read: Form, size: int) -> Form:
    """A convolution of every channel by itself."""
    times = size // sum(part for _, part in read)
    made = widths.ties.part(tuple((atom, part * times) for atom, part in read))
    widths.followed[value] = ((name, made), ("groups", read))
    return made


def concat(widths: Widths, value: int, node: Node, inputs: Specs, spec: TensorSpec) -> Form:
    """Widths side by side; boxes are laid one after the other instead."""
    if len(spec.shape) == 4:
        return follow(widths, value, node, inputs, spec)
    return tuple(part for read in node.inputs for part in widths.forms[read])


def cut(widths: Widths, value: int, node: Node, inputs: Specs, spec: TensorSpec) -> Form:
    """A slice between two places that move with the width."""
    assert isinstance(node.op, Slice)
    ties, read, places = widths.ties, widths.forms[node.inputs[0]], {"start": node.op.start, "stop": node.op.stop}
    widths.followed[value] = tuple((name, ties.cut(read, 0, place)) for name, place in places.items() if place)
    return ties.cut(read, node.op.start, node.op.stop or width(inputs[0]))


def pad(widths: Widths, value: int, node: Node, inputs: Specs, spec: TensorSpec) -> Form:
    """Channels of zeros: as many as the readers need."""
    if spec == inputs[0]:
        return widths.forms[node.inputs[0]]
    widths.pads.add(value)
    return widths.ties.new(width(spec))


def transpose(widths: Widths, value: int, node: Node, inputs: Specs, spec: TensorSpec) -> Form:
    """Tokens become features and features tokens."""
    (read,) = node.inputs
    widths.tokens[value] = widths.forms[read]
    return widths.tokens.get(read) or widths.ties.new(width(spec), fixed=True)


def flatten(widths: Widths, value: int, node: Node, inputs: Specs, spec: TensorSpec) -> Form:
    """Every channel becomes as many features as it has places."""
    places = spec.elements // width(inputs[0])
    return widths.ties.part(tuple((atom, size * places) for atom, size in widths.forms[node.inputs[0]]))


RULES: dict[type[Op], Callable[[Widths, int, Node, Specs, TensorSpec], Form]] = {
    Concat: concat,
    Slice: cut,
    PadChannels: pad,
    Transpose: transpose,
    Flatten: flatten,
}
"""Ops whose widths are more than one factor."""
