"""Rules on sizes along the way: what the network can see, and how soon it looks at few positions only."""

from __future__ import annotations

from collections.abc import Iterator

from archsearch.analysis.receptive_field import widest
from archsearch.design.lint.base import WHOLE, Found, rule
from archsearch.design.lint.roles import MATRIX, is_windowed
from archsearch.design.lint.subject import Part, Subject
from archsearch.ops import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Crop2d,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    MeanTokens,
    Mul,
    Transpose,
    Upsample,
)

POOLED = (AdaptiveAvgPool2d, AdaptiveMaxPool2d, GlobalAvgPool2d, GlobalMaxPool2d, MeanTokens)
GATES = (Mul,)
LEAST_SIDE = 8
MOST_DEPTH = 2 / 3
FEWEST = 4
"""So many windowed convolutions make a depth to speak of."""


@rule("small-field", "warning", "what is larger than the receptive field is never seen as a whole")
def small_field(subject: Subject) -> Iterator[Found]:
    """No output sees an object of the size given. Without one, a hint: what is pooled over the image sees under half of its sides."""
    image, wanted, outputs = subject.image, subject.object_size, subject.genotype.outputs
    mixed, pooled = taken_in(subject)
    if image is None or any(mixed[output] or (pooled[output] and is_dense(subject, output)) for output in outputs):
        return
    fields = subject.fields_without(POOLED, GATES)
    seen = [fields[i] for i in (*outputs, *[part.reads[0] for part in subject.living if isinstance(part.op, POOLED)])]
    if any(field.extent != "window" for field in seen):
        return
    high, wide = widest(seen)
    fix = "add convolutions, strides or dilation"
    if wanted is not None and (high < wanted[0] or wide < wanted[1]):
        yield Found(WHOLE, f"no output sees more than {high}x{wide} pixels at once, the object has {wanted[0]}x{wanted[1]}", fix)
    elif wanted is None and any(pooled[output] for output in outputs) and (2 * high < image[0] or 2 * wide < image[1]):
        yield Found(WHOLE, f"what is pooled sees {high}x{wide} of {image[0]}x{image[1]} pixels at once", fix, "hint")


def taken_in(subject: Subject) -> tuple[list[bool], list[bool]]:
    """For every value, whether it depends on all positions of the image with their order, and whether on means or maxima of all."""
    mixed = [False] * len(subject.genotype.specs)
    pooled = mixed.copy()
    for part in subject.parts:
        mixed[part.value] = takes_all(subject, part) or any(mixed[read] for read in part.reads)
        pooled[part.value] = isinstance(part.op, POOLED) or any(pooled[read] for read in part.reads)
    return mixed, pooled


def takes_all(subject: Subject, part: Part) -> bool:
    """Whether a node, or a linear map right behind it, tells all positions of what it reads apart."""
    if isinstance(part.op, Flatten):
        read = subject.spec(part.reads[0])
        return read.elements > read.width
    return isinstance(part.op, Transpose) or (part.facts.window.whole and not isinstance(part.op, (*POOLED, *MATRIX)))


def is_dense(subject: Subject, value: int) -> bool:
    """Whether a value is an image of more than one position."""
    shape = subject.spec(value).shape
    return len(shape) == 3 and shape[1] * shape[2] > 1


@rule("early-downsampling", "warning", "resolution that is given up before patterns are found cannot be won back")
def early_downsampling(subject: Subject) -> Iterator[Found]:
    """Over two thirds of the convolutions larger than 1x1 work on sides under 8, and under a quarter of the image's."""
    if subject.image is None:
        return
    least = min(LEAST_SIDE, min(subject.image) / 4)
    windowed = [part for part in subject.maps if is_windowed(part.op) and not reads_whole(part)]
    few = [part for part in windowed if min(part.spec.shape[-2:]) < least]
    if len(windowed) < FEWEST or len(few) <= MOST_DEPTH * len(windowed):
        return
    first, (high, wide) = few[0], subject.image
    sides = "x".join(map(str, first.spec.shape[-2:]))
    message = f"{len(few)} of {len(windowed)} convolutions look at {sides} positions or fewer, the image has {high}x{wide}"
    yield Found(first.name, message, "take a stride or a pooling before it away, or give larger images")


def reads_whole(part: Part) -> bool:
    """Whether a window covers the image at its only place."""
    return part.slides is not None and all(slide.is_whole for slide in part.slides)


@rule("uneven-input", "hint", "sizes that are rounded on the way down do not come back on the way up: maps shift against the image")
def uneven_input(subject: Subject) -> Iterator[Found]:
    """The stride before an op that enlarges does not divide the image, and no crop mends that."""
    worst = max(roundings(subject), key=lambda one: one[1], default=None)
    if worst is None or subject.image is None:
        return
    part, stride = worst
    (high, wide), image = subject.image, subject.spec(part.reads[0]).shape[1:]
    message = f"{image[0]}x{image[1]} positions that lie {stride} pixels apart stand for {high}x{wide} pixels"
    fits = " or ".join(dict.fromkeys("x".join(str(fit(side, stride, up)) for side in (high, wide)) for up in (False, True)))
    yield Found(part.name, message, f"give images of {fits}")


def roundings(subject: Subject) -> Iterator[tuple[Part, int]]:
    """Ops that enlarge an image whose sides were rounded, and its stride; a network that crops has sides of its own."""
    if any(isinstance(part.op, Crop2d) for part in subject.living):
        return
    for part in subject.living:
        if max(part.facts.window.up) == 1 and not isinstance(part.op, Upsample):
            continue
        sides, strides = subject.spec(part.reads[0]).shape[-2:], subject.strides[part.reads[0]]
        if subject.image is None or strides[0] != strides[1] or int(strides[0]) != strides[0]:
            continue
        stride = int(strides[0])
        exact = [side / stride for side in subject.image]
        near = all(abs(found - wanted) < 1 for found, wanted in zip(sides, exact, strict=True))
        if near and any(found != wanted for found, wanted in zip(sides, exact, strict=True)):
            yield part, stride


def fit(side: int, stride: int, up: bool) -> int:
    """The multiple of a stride at or under a side, or at or over it."""
    return max(1, -(-side // stride) if up else side // stride) * stride
