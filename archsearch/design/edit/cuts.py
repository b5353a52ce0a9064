"""Where channels are cut apart: places that move with the width that they divide."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple

from archsearch.design.edit.draft import Part
from archsearch.design.edit.widths import remade, width
from archsearch.ops import Concat, Slice
from archsearch.ops.base import Op
from archsearch.ops.tensor import TensorSpec

Parts = Mapping[int, Part]


class Run(NamedTuple):
    """Channels `start` to `stop` of a value that had `wide` of them; `before`: values that are joined in front of it."""

    value: int
    start: int
    stop: int
    wide: int
    before: tuple[int, ...] = ()


def origin(parts: Parts, run: Run) -> Run:
    """The same channels where they come from: back through ops that keep channels apart, and into one operand of a concat."""
    while (part := parts.get(run.value)) is not None and part.reads:
        within = operand(part, run) if isinstance(part.op, Concat) and len(part.was) == len(part.reads) else None
        if within is not None:
            run = within
        elif part.op.channels_are() == "kept" and (not part.was or width(part.was[0]) == run.wide):  # an edit's own node was not
            run = run._replace(value=part.reads[0])
        else:
            break
    return run


def operand(part: Part, run: Run) -> Run | None:
    """The run within the operand of a concat that holds all of it; None where none does."""
    ends = list(accumulate(map(width, part.was)))
    for place, (read, end, was) in enumerate(zip(part.reads, ends, part.was, strict=True)):
        begin = end - width(was)
        if ends[-1] == run.wide and begin <= run.start and run.stop <= end:
            return Run(read, run.start - begin, run.stop - begin, width(was), (*run.before, *part.reads[:place]))
    return None


def moved(parts: Parts, specs: Mapping[int, TensorSpec], part: Part, place: int) -> int:
    """Where a place among the channels that a node reads is now: in the same ratio within what made them, whole from below."""
    run = origin(parts, Run(part.reads[0], place, place, width(part.was[0])))
    return sum(width(specs[value]) for value in run.before) + run.start * width(specs[run.value]) // run.wide


def recut(parts: Parts, specs: Mapping[int, TensorSpec], part: Part) -> Op:
    """The op with a cut that goes with new widths; the op itself where it is no cut, or an edit has set where it cuts."""
    op = part.op
    if not isinstance(op, Slice) or part.given & {"start", "stop"} or len(part.was) != 1:
        return op
    stop = None if op.stop is None else moved(parts, specs, part, op.stop)
    return remade(op, start=moved(parts, specs, part, op.start), stop=stop) or op


def uncut(parts: Parts, part: Part, wide: int) -> tuple[int, int] | None:
    """A value, and the width that it must have for a cut of it to have another; None where no whole width does that."""
    op = part.op
    if not isinstance(op, Slice) or part.given & {"start", "stop"} or len(part.was) != 1:
        return None
    all_ = width(part.was[0])
    run = origin(parts, Run(part.reads[0], op.start, op.stop or all_, all_))
    piece = run.stop - run.start
    whole = all(number * wide % piece == 0 for number in (run.start, run.stop, run.wide))
    return (run.value, run.wide * wide // piece) if whole else None
