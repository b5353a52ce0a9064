"""Rules on where params, MACs and memory go."""

from __future__ import annotations

from collections.abc import Iterator

from archsearch.design.lint.base import WHOLE, Found, rule
from archsearch.design.lint.roles import MATRIX
from archsearch.design.lint.subject import Part, Subject
from archsearch.ops import Conv2d, Dropout, Flatten
from archsearch.units import prefixed

MOST = 0.5
FEWEST_MAPS = 5
LEAST_PARAMS = 100_000
LEAST_MACS = 10_000_000
"""Below these there is nothing to win."""
BLOCK = 8


@rule(
    "heavy-linear", "warning", "a linear layer over all positions of an image holds most params, and overfits first (NIN, arXiv:1312.4400)"
)
def heavy_linear(subject: Subject) -> Iterator[Found]:
    """Over half of at least 100k params in a linear map behind a flattened image that convolutions have made."""
    for part in subject.maps:
        params = part.facts.cost.params
        if not isinstance(part.op, MATRIX) or params < max(LEAST_PARAMS, MOST * subject.params):
            continue
        image = flattened(subject, part)
        if image is not None:
            shape = subject.spec(image)
            message = f"holds {prefixed(params)} of {prefixed(subject.params)} params: it reads all positions of {shape}"
            yield Found(part.name, message, "pool first (global_avg_pool2d), or end in a 1x1 conv2d where positions matter")


def flattened(subject: Subject, part: Part) -> int | None:
    """The image of several positions, made by windows, that a map reads as a vector; None where it reads none."""
    before = subject.made_by(part.reads[0])
    while before is not None and isinstance(before.op, Dropout):
        before = subject.made_by(before.reads[0])
    if before is None or not isinstance(before.op, Flatten):
        return None
    image = before.reads[0]
    shape = subject.spec(image).shape
    several = len(shape) == 3 and shape[1] * shape[2] > 1
    return image if several and max(subject.fields[image]) > 1 else None


@rule("lopsided", "hint", "one op that takes most of the work or memory is the first place to save")
def lopsided(subject: Subject) -> Iterator[Found]:
    """Over half of at least 10M MACs, or of the elements of all results, at one node of a network with at least five learned maps."""
    if len(subject.maps) < FEWEST_MAPS or subject.macs < LEAST_MACS:
        return
    elements = [0 if part.facts.saved.eval_view else part.facts.elements for part in subject.living]
    total = sum(elements)
    for part, made in zip(subject.living, elements, strict=True):
        macs = part.facts.cost.macs
        if macs > MOST * subject.macs:
            message = f"does {macs / subject.macs:.0%} of {prefixed(subject.macs)} MACs"
            yield Found(part.name, message, "narrow it, factor it (1x1, groups, depthwise), or put it behind the next stride")
        if made > MOST * total:
            yield Found(part.name, f"makes {made / total:.0%} of the elements of all results", "narrow it, or give it a stride")


@rule("unaligned-width", "hint", "matrix units work in blocks of 8 channels: other widths leave part of them idle (float16, int8)")
def unaligned_width(subject: Subject) -> Iterator[Found]:
    """Over half of at least 10M MACs are in maps with widths that 8 does not divide; those of inputs and outputs are given."""
    given = {axis for value in (*range(len(subject.genotype.inputs)), *subject.outputs) for axis in subject.spec(value).shape}
    odd: dict[int, None] = {}
    macs = 0
    for part in subject.maps:
        if isinstance(part.op, (Conv2d, *MATRIX)):
            axis = -1 if isinstance(part.op, MATRIX) else -3
            widths = (subject.spec(part.reads[0]).shape[axis], part.spec.shape[axis])
            uneven = [width for width in widths if width % BLOCK and width not in given]
            macs += part.facts.cost.macs if uneven else 0
            odd.update(dict.fromkeys(uneven))
    if subject.macs >= LEAST_MACS and macs > MOST * subject.macs:
        shown = ", ".join(map(str, sorted(odd)[:6])) + (", ..." if len(odd) > 6 else "")
        yield Found(
            WHOLE,
            f"{macs / subject.macs:.0%} of the MACs are in layers with widths that 8 does not divide: {shown}",
            "round widths to multiples of 8",
        )
