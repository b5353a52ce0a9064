"""Moves of elements that follow each other and are one, or none: a node is not added where its neighbours' ops say the same in less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archsearch.ops import Crop2d, Flatten, FlattenBoxes, FromWindows, Image, Pad2d, Reshape, Tokens, Transpose, Windows
from archsearch.ops.attention import filled
from archsearch.ops.base import Op
from archsearch.ops.tensor import TensorSpec

Chain = Sequence[tuple[Op, TensorSpec]]
"""Ops that a value comes through, last first, each with the shape that it reads."""
RESHAPES = (Reshape, Flatten, FlattenBoxes)
LONGEST = 2


def shortcut(op: Op, chain: Chain) -> tuple[list[Op], int] | None:
    """Ops that do as much as `op` after the first so many of the chain; None where there are none."""
    for rule in (undone, reshaped, filled_up, cropped):
        found = rule(op, chain)
        if found is not None:
            return found
    return None


def undone(op: Op, chain: Chain) -> tuple[list[Op], int] | None:
    """A move, and the way back."""
    if not chain:
        return None
    before, x = chain[0]
    back = isinstance(op, Tokens) and isinstance(before, Image)
    again = isinstance(op, Image) and isinstance(before, Tokens) and x.shape[1:] == (op.height, op.width)
    turned = isinstance(op, Transpose) and isinstance(before, Transpose)
    return ([], 1) if back or again or turned else None


def reshaped(op: Op, chain: Chain) -> tuple[list[Op], int] | None:
    """Two changes of shape."""
    if not (chain and isinstance(op, RESHAPES) and isinstance(chain[0][0], RESHAPES)):
        return None
    before, x = chain[0]
    target = op.infer(before.infer(x))
    if target == x:
        return [], 1
    if isinstance(op, FlattenBoxes):
        return None
    return [op if len(target.shape) == 1 else Reshape(target.shape)], 1


def filled_up(op: Op, chain: Chain) -> tuple[list[Op], int] | None:
    """Windows of an image that was filled up for them."""
    if not isinstance(op, Windows) or [type(before) for before, _ in chain[:2]] != [Tokens, Pad2d]:
        return None
    border, image = chain[1]
    assert isinstance(border, Pad2d)
    whole = replace(op, height=image.shape[1], width=image.shape[2])
    alike = filled(whole) == (op.height, op.width) and border == Pad2d(bottom=border.bottom, right=border.right)
    return ([Tokens(), whole], 2) if alike else None


def cropped(op: Op, chain: Chain) -> tuple[list[Op], int] | None:
    """The way out of windows, without what was filled up."""
    if not isinstance(op, Crop2d) or [type(before) for before, _ in chain[:2]] != [Image, FromWindows]:
        return None
    back, _ = chain[1]
    assert isinstance(back, FromWindows)
    _, height, width = op.infer(chain[0][0].infer(chain[0][1])).shape
    whole = replace(back, height=height, width=width)
    return ([whole, Image(height, width)], 2) if (op.top, op.left) == (0, 0) and filled(whole) == filled(back) else None
