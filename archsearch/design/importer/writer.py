"""Writes nodes as a trace is read: ops with the values that they read, where they stood, and their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import pairwise

from torch import Tensor, nn

from archsearch.design.importer.content import Constant, Seen
from archsearch.design.importer.layout import Atom, Groups, InexpressibleError, Layout, flat, layout_of, sizes_of, without
from archsearch.design.importer.ledger import Ledger
from archsearch.design.importer.place import Place
from archsearch.design.importer.rearrange import back_from, moves_to, natural_move
from archsearch.design.importer.relaying import relaid
from archsearch.design.importer.shortcut import LONGEST, shortcut
from archsearch.network.builder import Value
from archsearch.network.node import why_apart
from archsearch.ops import Aten, Concat, FromWindows, FrozenBatchNorm2d, Image, LayerNorm, LayerNorm2d, Slice, Tokens, Windows
from archsearch.ops.base import Facts, Op, facts
from archsearch.ops.tensor import TensorSpec
from archsearch.support.calls import program_of

Weights = Mapping[str, Constant | Tensor | None]


@dataclass(frozen=True, eq=False)
class Draft:
    """A node without its name: `hint` is the parameter that names it best, `weights` by the names that the op's module has.

    `instead` is what it is where a node that it has taken up into itself is read by others too; `names` are those of parameters in use.
    Nodes of one op that use the same weights have the same `module`.
    """

    op: Op
    reads: tuple[int, ...]
    place: Place
    hint: str
    weights: dict[str, Tensor]
    facts: Facts
    instead: Draft | None = None
    names: tuple[str, ...] = ()
    module: object = field(default_factory=object)


class Writer:
    """The nodes so far, and the ways to add one."""

    def __init__(self, module: nn.Module, inputs: tuple[TensorSpec, ...], batch: Atom, ledger: Ledger, strict: bool = False) -> None:
        self.module, self.strict = module, strict
        self.inputs = inputs
        self.batch = batch
        self.ledger = ledger
        self.drafts: list[Draft] = []
        self.remarks: list[str] = []
        self._once: dict[tuple[Op, tuple[int, ...]], Value] = {}
        self._known: dict[tuple[object, ...], Draft] = {}

    def input(self, number: int) -> Seen:
        """An input of the genotype."""
        return self.seen(Value(number, self.inputs[number]))

    def seen(self, value: Value) -> Seen:
        """A value with the axes that it has, after the batch."""
        return Seen(value, layout_of(value.shape, self.batch))

    def emit(self, op: Op, *values: Value, place: Place, weights: Weights | None = None, hinted: bool = True) -> Value:
        """Add a node, unless its op changes nothing; `hinted`: its weights may name it better than its module.

        Raises:
            ShapeError: the op does not take such values.
            InexpressibleError: weights that another node has.
        """
        if op.is_identity(len(values)):
            return values[0]
        given = {key: tensor for key, tensor in (weights or {}).items() if tensor is not None}
        alone = (w.names[0] for key, w in given.items() if isinstance(w, Constant) and len(w.names) == 1 and not key.startswith("running_"))
        hint = next(alone, "") if hinted else ""
        if not isinstance(op, FrozenBatchNorm2d) and getattr(op, "learned", True):
            self.remark_fixed(op, given, place)
        key = (op, *[(key, marked(w)) for key, w in given.items()])
        own = any(not isinstance(w, Constant) or w.names for w in given.values())
        known = self._known.get(key) if own else None
        if known is not None and not why_apart(op, tuple(value.spec for value in values), op, self.specs_of(known)):
            for w in given.values():
                if isinstance(w, Constant):
                    self.ledger.use(w, place)
            draft = self.draft(op, values, place, known.hint, known.weights)
            return self.add(replace(draft, names=known.names, module=known.module))
        taken = {key: self.ledger.take(tensor, place) if isinstance(tensor, Constant) else tensor for key, tensor in given.items()}
        names = tuple(name for w in given.values() if isinstance(w, Constant) for name in w.names)
        draft = self._known[key] = replace(self.draft(op, values, place, hint, taken), names=names)
        return self.add(draft)

    def draft(self, op: Op, values: Sequence[Value], place: Place, hint: str, weights: dict[str, Tensor]) -> Draft:
        """A node that is not added yet. Raises ShapeError."""
        found = facts(op, tuple(value.spec for value in values))
        return Draft(op, tuple(value.number for value in values), place, hint, weights, found)

    def add(self, draft: Draft) -> Value:
        """Add a node."""
        self.drafts.append(draft)
        return Value(len(self.inputs) + len(self.drafts) - 1, draft.facts.spec)

    def once(self, op: Op, *values: Value, place: Place) -> Value:
        """Add a node without weights, or find the one that reads the same and does the same: moves of elements are shared."""
        found = shortcut(op, self._chain(values[0])) if len(values) == 1 else None
        if found is not None:
            value = values[0]
            for _ in range(found[1]):
                value = self.read_by(self.drafts[value.number - len(self.inputs)])
            for short in found[0]:
                value = self.once(short, value, place=place)
            return value
        key = (op, tuple(value.number for value in values))
        if key not in self._once:
            self._once[key] = self._normed(op, values[0]) or self.emit(op, *values, place=place)
        return self._once[key]

    def _normed(self, op: Op, value: Value) -> Value | None:
        """The layer norm of an image, where that of its positions as tokens is turned back into an image, and the way back; else None."""
        norm = self.draft_of(value)
        if norm is not None and isinstance(op, Tokens) and norm.instead is not None and isinstance(norm.instead.op, Image):
            return self.read_by(norm.instead)
        if norm is None or not (isinstance(op, Image) and isinstance(norm.op, LayerNorm)):
            return None
        tokens = self.draft_of(self.read_by(norm))
        if tokens is None or not isinstance(tokens.op, Tokens) or self.read_by(tokens).shape[1:] != (op.height, op.width):
            return None
        apart = self.draft(op, [value], norm.place, "", {})
        whole = self.draft(LayerNorm2d(norm.op.eps), [self.read_by(tokens)], norm.place, norm.hint, norm.weights)
        return self.add(replace(whole, instead=apart, names=norm.names, module=norm.module))

    def _chain(self, value: Value) -> list[tuple[Op, TensorSpec]]:
        """The last few ops that a value comes through, and what they read."""
        chain: list[tuple[Op, TensorSpec]] = []
        draft = self.draft_of(value)
        while draft is not None and len(chain) < LONGEST and len(draft.reads) == 1:
            value = self.read_by(draft)
            chain.append((draft.op, value.spec))
            draft = self.draft_of(value)
        return chain

    def draft_of(self, value: Value) -> Draft | None:
        """The node that makes a value; None for an input."""
        position = value.number - len(self.inputs)
        return self.drafts[position] if position >= 0 else None

    def specs_of(self, draft: Draft) -> tuple[TensorSpec, ...]:
        """Shapes of the values that a node reads."""
        return tuple(self.read_by(draft, position).spec for position in range(len(draft.reads)))

    def read_by(self, draft: Draft, position: int = 0) -> Value:
        """A value that a node reads."""
        number = draft.reads[position]
        spec = self.inputs[number] if number < len(self.inputs) else self.drafts[number - len(self.inputs)].facts.spec
        return Value(number, spec)

    def part(self, path: str) -> nn.Module | None:
        """The module of that path; None where the forward pass made it on the way, as a cut of a Sequential is."""
        try:
            return self.module.get_submodule(path)
        except AttributeError:
            return None

    def around(self, place: Place) -> Place:
        """The module around one that has no parts, for what is done on the way into it."""
        part = self.part(place.path) if place.path else None
        is_part = part is not None and not any(True for _ in part.children())
        return Place(place.path.rpartition(".")[0], place.line) if is_part else place

    def remark(self, text: str, place: Place) -> None:
        """Note what the genotype has not, and inference needs not."""
        line = f"{text} at {place}"
        if line not in self.remarks:
            self.remarks.append(line)

    def remark_fixed(self, op: Op, given: Mapping[str, Constant | Tensor], place: Place) -> None:
        """Note weights that are learned here, and fixed in the module, whole or in part."""
        held = {key: w for key, w in given.items() if key in ("weight", "bias") and isinstance(w, Constant)}
        fixed = {key: count for key, w in held.items() if (count := fixed_in(w))}
        if fixed:
            names = ", ".join(dict.fromkeys(name for key in fixed for name in held[key].names if not held[key].learned))
            where = f" in {names}" if names else ""
            more = f"{sum(fixed.values()):,} params more"
            self.remark(f"{op.kind} learns its {' and '.join(fixed)}, which the module has fixed{where} ({more})", place)

    def arranged(self, seen: Seen, target: Groups, place: Place) -> Value:
        """The value with its axes in another order and grouping, by ops that move elements. Raises InexpressibleError."""
        spread = without(flat(target), flat(seen.own))
        if spread or len(flat(target)) != len(flat(seen.own)):
            raise InexpressibleError("it reads a value that is repeated, or whose batch is not an axis of its own; keep (batch, ...)")
        moves = moves_to(seen.own, target)
        if moves is None and not self.strict:
            relay = Aten(program_of(relaid("x0", seen.own, ((self.batch,), *target))))
            return self.once(relay, seen.value, place=seen.moved or self.around(place))
        if moves is None:
            raise InexpressibleError(
                f"no few ops bring axes {sizes_of(seen.own)} into the order that {sizes_of(target)} has here; permute them less"
            )
        value = seen.value
        own = seen.own
        for op, after in moves:
            tiling = self.tiling_of(value) if isinstance(op, Windows) else None
            value = self.once(back_from(tiling, own, after) or op if tiling else op, value, place=seen.moved or self.around(place))
            own = after
        return value

    def tiling_of(self, value: Value) -> Windows | None:
        """The windows that a value's tokens are in; None if there are none."""
        draft = self.draft_of(value)
        while draft is not None and not isinstance(draft.op, Windows | FromWindows):
            draft = self.draft_of(self.read_by(draft))
        return draft.op if draft is not None and isinstance(draft.op, Windows) else None

    def rearranged(self, seen: Seen, target: Groups, place: Place) -> Seen:
        """The same tensor over a value whose own axes are the target. Raises InexpressibleError."""
        if seen.own == target:
            return seen
        return Seen(self.arranged(seen, target, place), Layout(target, seen.axes), seen.moved)

    def plain(self, seen: Seen, place: Place) -> Seen:
        """The same tensor over a value with its axes in order, the batch first and alone. Raises InexpressibleError."""
        check_batch_first(seen)
        return self.rearranged(seen, seen.axes[1:], place)

    def settled(self, seen: Seen, place: Place) -> Seen:
        """The same tensor, over a value with its axes in order if one telling op does that."""
        first, *rest = seen.axes
        target = tuple(rest)
        if first != (self.batch,) or seen.own == target or not 1 <= len(target) <= 3:
            return seen
        if sorted(map(id, flat(target))) != sorted(map(id, flat(seen.own))) or not natural_move(seen.own, target):
            return seen
        return self.rearranged(seen, target, place)

    def joined(self, values: list[Value], place: Place) -> Value:
        """Values side by side along the channels: what they were cut from, or a new node."""
        return self.cut_from(values) or (self.once(Concat(), *values, place=place) if len(values) > 1 else values[0])

    def cut_from(self, values: list[Value]) -> Value | None:
        """The value that these are all the channels of, in order; None where there is none."""
        drafts = [self.draft_of(value) for value in values]
        parts = [(draft, draft.op) for draft in drafts if draft is not None and isinstance(draft.op, Slice)]
        if len(parts) < len(values) or len({draft.reads for draft, _ in parts}) > 1:
            return None
        source = self.read_by(parts[0][0])
        ends = [(op.start, op.stop) for _, op in parts]
        runs = ends[0][0] == 0 and ends[-1][1] is None and all(a[1] == b[0] for a, b in pairwise(ends))
        return source if runs else None

    def sliced(self, value: Value, start: int, stop: int, width: int, place: Place) -> Value:
        """A run of channels of a value that has `width` of them."""
        if (start, stop) == (0, width):
            return value
        return self.once(Slice(start, stop if stop < width else None), value, place=place)


def fixed_in(weights: Constant) -> int:
    """How many elements are not learned."""
    if not weights.learned:
        return weights.tensor.numel()
    return 0 if weights.places is None else int((weights.places < 0).sum())


def marked(weights: Constant | Tensor) -> object:
    """What tells weights from others: which learned elements they are, in which order, or the tensor itself."""
    if not isinstance(weights, Constant):
        return id(weights)
    if weights.start is not None:
        return weights.start, weights.shape
    if weights.places is not None:
        return weights.shape, blake2b(weights.places.contiguous().numpy().tobytes()).digest()
    if weights.names or weights.tensor.is_meta:
        return weights.names, weights.shape, id(weights.tensor)
    return weights.shape, str(weights.tensor.dtype), blake2b(weights.tensor.contiguous().numpy().tobytes()).digest()


def check_batch_first(seen: Seen) -> None:
    """Raise InexpressibleError where the batch is not an axis of its own, the first."""
    first = seen.axes[0] if seen.axes else ()
    if len(first) != 1 or not first[0].batch:
        raise InexpressibleError("the batch is not the first axis, alone; keep (batch, ...) with any size of the batch")
    if len(seen.axes) == 1:
        raise InexpressibleError("it has no axis beside the batch; keep one, of length 1")


def lead_of(seen: Seen) -> tuple[Atom, ...]:
    """What is merged with the batch in the first axis, such as boxes or windows. Raises InexpressibleError."""
    first = seen.axes[0]
    if not first or not first[0].batch:
        raise InexpressibleError("the batch is not the outer part of the first axis; keep (batch, ...) with any size of the batch")
    return first[1:]
