"""Where values meet that must agree: which shapes they should have, and ops that bring a value to one."""

from __future__ import annotations

from typing import TypeVar

from archsearch.design.edit.draft import EditError, Part
from archsearch.design.edit.widths import Specs, inferred, regrouped, remade, shaped, size, width
from archsearch.ops import Conv2d, Linear
from archsearch.ops.base import Op
from archsearch.ops.tensor import ShapeError, TensorSpec

STRIDES = range(1, 9)


def agreed(part: Part, now: Specs) -> Specs:
    """Shapes that a node's inputs should have: what had a size or width that one of them has changed gets the new one too.

    Raises:
        EditError: nothing has changed, or there is no such shape; the message follows the op's own.
    """
    if len(part.was) != len(now) or part.was == now:
        raise EditError("")
    if len(now) == 1 or any(len(old.shape) != len(new.shape) for old, new in zip(part.was, now, strict=True)):
        old, new = next((old, new) for old, new in zip(part.was, now, strict=True) if old != new)
        raise EditError(f"; the edits bring it {new} instead of {old}, so edit this node too")
    sizes = [(size(old), size(new)) for old, new in zip(part.was, now, strict=True)]
    widths = [(width(old), width(new)) for old, new in zip(part.was, now, strict=True)]
    new_sizes = renewed(sizes)
    new_widths = renewed(widths)
    for rest, wide in ((new_sizes, [new for _, new in widths]), ([new for _, new in sizes], new_widths), (new_sizes, new_widths)):
        try:
            wanted = tuple([shaped(*each) for each in zip(now, wide, rest, strict=True)])
        except ShapeError:
            continue
        if wanted != now and inferred(regrouped(part.op, part.was, wanted, part.given), wanted) is not None:
            return wanted
    raise EditError("; no one shape follows from the edits for all that it reads, so edit that too")


T = TypeVar("T", int, tuple[int, ...])


def renewed(pairs: list[tuple[T, T]]) -> list[T]:
    """What each is now, or, unchanged, what another that was equal to it has become."""
    changes = {old: new for old, new in reversed(pairs) if old != new}
    return [changes.get(old, new) if old == new else new for old, new in pairs]


def restrided(part: Part, path: list[Part], want: TensorSpec) -> Op | None:
    """The node's op with the stride that gives a value of that size at the end of a path, or None where no stride does."""
    if not hasattr(part.op, "stride") or "stride" in part.given or len(size(want)) != 2:
        return None
    fitting: list[list[int]] = [[], []]
    for stride in STRIDES:
        spec = at_the_end(remade(part.made, stride=stride), part, path)
        if spec is not None and len(spec.shape) == len(want.shape):
            for axis in (0, 1):
                fitting[axis] += [stride] * (size(spec)[axis] == size(want)[axis])
    if not all(fitting):
        return None
    return remade(part.op, stride=(fitting[0][0], fitting[1][0]))


def at_the_end(op: Op | None, part: Part, path: list[Part]) -> TensorSpec | None:
    """Shape at the end of a path whose first node has another op."""
    spec = inferred(op, part.seen) if op is not None else None
    for below in path:
        spec = inferred(below.made, (spec,)) if spec is not None else None
    return spec


def projection(has: TensorSpec, want: TensorSpec) -> Op | None:
    """The op that brings a value to a shape: a 1x1 convolution with the stride that matches, or a linear map; None where none does."""
    op: Op = Linear(width(want), bias=False)
    if len(want.shape) == 3:
        high, wide = ((before - 1) // after + 1 for before, after in zip(size(has), size(want), strict=True))
        op = Conv2d(width(want), 1, stride=(high, wide), bias=False)
    return op if inferred(op, (has,)) == want else None
