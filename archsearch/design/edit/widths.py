"""Widths of values, and ops that follow a new one: channels of images, features of tokens and vectors."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import fields, replace
from typing import Any

from archsearch.ops.base import Op
from archsearch.ops.tensor import ShapeError, TensorSpec

WIDTH_FIELDS = ("channels", "features")
"""Fields that say how wide an op's result is."""

Specs = tuple[TensorSpec, ...]


def width(spec: TensorSpec) -> int:
    """Channels of an image, features of tokens or of a vector."""
    return spec.width


def size(spec: TensorSpec) -> tuple[int, ...]:
    """The shape without its width."""
    return spec.size


def shaped(like: TensorSpec, wide: int, rest: tuple[int, ...]) -> TensorSpec:
    """A shape of as many axes as `like` with that width and size. Raises ShapeError for too many elements."""
    axis = like.channel_axis
    return TensorSpec((*rest[:axis], wide, *rest[axis:]))


def width_field(op: Op) -> str | None:
    """Name of the field that sets the width of the result, if there is one."""
    names = [f.name for f in fields(op)]  # type: ignore[arg-type]
    return next((name for name in WIDTH_FIELDS if name in names), None)


def inferred(op: Op, inputs: Specs) -> TensorSpec | None:
    """Shape of the result, or None where the op does not take these inputs."""
    try:
        return op.infer(*inputs)
    except (ValueError, TypeError):
        return None


def remade(op: Op, **given: Any) -> Op | None:
    """The op with these fields, or None where there is no such op."""
    try:
        return replace(op, **given)  # type: ignore[type-var]
    except (ValueError, TypeError):
        return None


def keeps_channels_apart(op: Op, inputs: Specs) -> bool:
    """Whether the op is a convolution of every channel by itself, with groups as many as channels come in."""
    groups = getattr(op, "groups", 1)
    return bool(type(groups) is int and groups > 1 and width_field(op) and inputs and groups == width(inputs[0]))


def regrouped(op: Op, before: Specs, now: Specs, given: Set[str] = frozenset()) -> Op:
    """The op with groups that go with a new width of its input, fields in `given` left alone; the op itself where none are obvious.

    A depthwise convolution stays one, with as many filters a channel. Other groups stay, or stay as wide where their number no
    longer divides the width.
    """
    groups = getattr(op, "groups", 1)
    if type(groups) is not int or groups == 1 or "groups" in given or not before or not now:
        return op
    old, new, field = width(before[0]), width(now[0]), width_field(op)
    if old == new:
        return op
    wide = getattr(op, field) if field else new
    if keeps_channels_apart(op, before) and wide % old == 0:
        fits = {"groups": new} if field in given else {"groups": new, str(field): wide // old * new}
        return remade(op, **fits) or op
    if new % groups == 0 and wide % groups == 0:
        return op
    apart = old // groups
    if new % apart or wide % (new // apart):
        return op
    return remade(op, groups=new // apart) or op


def passing(op: Op, now: Specs, made: TensorSpec, wide: int, given: Set[str]) -> list[int] | None:
    """Positions of the inputs that must have a width for the result to have it, or None where the op does not pass widths on."""
    places = [place for place, spec in enumerate(now) if width(spec) == width(made)]
    try:
        trial = tuple([shaped(spec, wide, size(spec)) if place in places else spec for place, spec in enumerate(now)])
    except ShapeError:
        return None
    result = inferred(regrouped(op, now, trial, given), trial)
    return places if places and result is not None and width(result) == wide else None
