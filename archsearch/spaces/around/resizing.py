"""Another size of a network's input: what is written down of sizes follows, windows that are too large shrink."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from archsearch.design.edit.draft import Draft
from archsearch.design.edit.repair import repaired
from archsearch.design.edit.widths import regrouped, remade, width_field
from archsearch.network.genotype import Genotype
from archsearch.ops import Crop2d, FromWindows, MaxUnpool2d, PatchMerge, RelativeAttention, Transpose, Upsample, WindowAttention, Windows
from archsearch.ops.base import Facts, Op, facts, pair
from archsearch.ops.convolution import Convolution
from archsearch.ops.pooling import Pooling
from archsearch.ops.tensor import TensorSpec

Sides = tuple[int, int]
"""Height and width of an image, or of the image whose pixels are tokens."""
Change = tuple[Sides, Sides]
"""Sides as given, and now."""


def resized(genotype: Genotype, shape: TensorSpec) -> Genotype:
    """The genotype for an input of that shape. Raises GenotypeError, with the node at fault, and ShapeError."""
    draft = Draft(genotype)
    draft.inputs = (shape,)
    Resizing(draft, genotype).run()
    return repaired(draft)


class Resizing:
    """Sizes worked out in order, up to the first node that needs more than a change of its own fields."""

    def __init__(self, draft: Draft, genotype: Genotype) -> None:
        self._draft = draft
        self._given = genotype.specs
        self._now: dict[int, TensorSpec] = dict(enumerate(draft.inputs))
        self._sides: dict[int, Change] = {}
        self._known: dict[Sides, Sides] = {}
        self._features: dict[int, tuple[int, int]] = {}
        """By value, features that are tokens turned around: how many as given, and now."""
        self._note_sides(0, None)

    def run(self) -> None:
        """Change fields of ops until one does not take what it gets."""
        for value in self._draft.order:
            part = self._draft.parts[value]
            now = tuple([self._now[read] for read in part.reads])
            read = part.reads[0] if part.reads else -1
            op = regrouped(part.op, part.was, now)
            op = remade(op, **self._followed(op, read)) or op
            op = op if taken(op, now) else shrunk(op, now)
            fact = taken(op, now)
            if fact is None:
                return
            if op != part.op:
                part.change(op, changed(part.op, op))
            self._now[value] = fact.spec
            self._note_sides(value, self._passed(op, read))
            self._note_features(value, op, read)

    def _note_sides(self, value: int, sides: Change | None) -> None:
        """Keep the sides of an image, or those that its tokens go by."""
        old, new = self._given[value].shape, self._now[value].shape
        if len(old) >= 3 and len(old) == len(new):
            sides = (old[-2], old[-1]), (new[-2], new[-1])
        if sides is not None:
            self._sides[value] = sides
            self._known.setdefault(*sides)

    def _note_features(self, value: int, op: Op, read: int) -> None:
        """Keep count of tokens that are features for a while."""
        if isinstance(op, Transpose):
            if read not in self._features:
                self._features[value] = self._given[value].shape[-1], self._now[value].shape[-1]
        elif read in self._features:
            self._features[value] = self._features[read]

    def _passed(self, op: Op, read: int) -> Change | None:
        """Sides that the tokens of the result go by."""
        sides = self._sides.get(read)
        if not isinstance(op, PatchMerge) or sides is None:
            return sides
        (high, wide), (tall, across) = sides
        return (-(-high // 2), -(-wide // 2)), (-(-tall // 2), -(-across // 2))

    def _followed(self, op: Op, read: int) -> dict[str, Any]:
        """Fields that are sizes, with what they are now."""
        sides, name = self._sides.get(read), width_field(op)
        if isinstance(op, Crop2d):
            return cropped(op, sides, self._known)
        if isinstance(op, Upsample | MaxUnpool2d | RelativeAttention) and op.size is not None:
            return {"size": self._known.get(pair(op.size), op.size)}
        if isinstance(op, Upsample) and op.scale is not None and sides == ((1, 1), (1, 1)):
            return {"scale": self._known.get(pair(op.scale), op.scale)}
        if sides is not None and (getattr(op, "height", None), getattr(op, "width", None)) == sides[0]:
            return {"height": sides[1][0], "width": sides[1][1], **unrolled(op, sides[1])}
        if name and read in self._features and getattr(op, name) == self._features[read][0]:
            return {name: self._features[read][1]}
        return {}


def unrolled(op: Op, now: Sides) -> dict[str, Any]:
    """No shift along an axis that a single window covers."""
    if not isinstance(op, WindowAttention | Windows | FromWindows):
        return {}
    down, across = (0 if side <= wide else shift for side, wide, shift in zip(now, pair(op.size), pair(op.shift), strict=True))
    return {"shift": (down, across)}


def cropped(op: Crop2d, sides: Change | None, known: dict[Sides, Sides]) -> dict[str, Any]:
    """A window cut from the middle, of the size that goes with the given one."""
    if sides is None or op.height is None or op.width is None:
        return {}
    (high, wide), (tall, across) = sides
    height, width = known.get((op.height, op.width), (op.height, op.width))
    if (op.top, op.left) != ((high - op.height) // 2, (wide - op.width) // 2):
        return {"height": height, "width": width}
    return {"height": height, "width": width, "top": max(0, tall - height) // 2, "left": max(0, across - width) // 2}


def taken(op: Op, inputs: tuple[TensorSpec, ...]) -> Facts | None:
    """The facts of an op, or None where it does not take these inputs."""
    try:
        return facts(op, inputs)
    except (ValueError, TypeError):
        return None


def shrunk(op: Op, inputs: tuple[TensorSpec, ...]) -> Op:
    """The op with a window no larger than the image that it reads; any other op itself."""
    if not isinstance(op, Convolution | Pooling) or len(inputs[0].shape) < 3:
        return op
    kernel, padding = [], []
    for side, wide, pad, apart in zip(inputs[0].shape[-2:], *map(pair, (op.kernel, op.padding or 0, op.dilation)), strict=True):
        pad = min(pad, side // 2) if isinstance(op, Pooling) else pad
        kernel.append(min(wide, (side + 2 * pad - 1) // apart + 1))
        padding.append(min(pad, kernel[-1] // 2) if isinstance(op, Pooling) else pad)
    window: dict[str, Any] = {"kernel": (kernel[0], kernel[1]), "padding": (padding[0], padding[1])}
    return remade(op, **{f.name: window[f.name] for f in fields(op) if f.name in window}) or op  # type: ignore[arg-type]


def changed(before: Op, after: Op) -> list[str]:
    """Names of the fields in which two ops of one kind differ."""
    return [f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)]  # type: ignore[arg-type]
