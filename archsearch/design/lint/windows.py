"""Rules on windows: which positions they read, and how large they are."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archsearch.design.lint.base import Found, Level, rule
from archsearch.design.lint.roles import is_windowed
from archsearch.design.lint.slides import Slide
from archsearch.design.lint.subject import Part, Subject
from archsearch.ops import Conv2d, Crop2d, Pad2d
from archsearch.ops.base import pair
from archsearch.ops.pooling import Pooling
from archsearch.units import prefixed

GRAVE_LOSS = 1 / 32
GRAVE_WASTE = 0.1
WORTHWHILE = 0.8
LARGEST_POOL = 3


@rule(
    "lost-border",
    "warning",
    "where windows do not tile the image, (N - F + 2P) / S not being whole, its last rows and columns are never read",
)
def lost_border(subject: Subject) -> Iterator[Found]:
    """Positions that none of their readers reads; a hint under one in 32. Padding that is left over is no loss."""
    for value in range(len(subject.genotype.specs)):
        loss = least_loss(subject, value)
        if loss is None:
            continue
        part, both = loss
        lost = [(slide, axis) for slide, axis in zip(both, ("rows", "columns"), strict=True) if slide.unread]
        slide, _ = max(lost, key=lambda one: one[0].unread / one[0].size)
        fits = " or ".join(str(size) for size in slide.tiling_sizes if size > 0)
        mend = "set ceil=True" if isinstance(part.op, Pooling) else "pad more"
        says = " and ".join(f"{slide.unread} of {slide.size} {axis}" for slide, axis in lost)
        level: Level | None = None if slide.unread / slide.size >= GRAVE_LOSS else "hint"
        yield Found(part.name, f"never reads {says}", f"{mend}, or give it {fits} positions", level)


def least_loss(subject: Subject, value: int) -> tuple[Part, tuple[Slide, Slide]] | None:
    """The reader of a value that loses the least of its border; None where one loses nothing."""
    found: list[tuple[Part, tuple[Slide, Slide]]] = []
    for part in subject.readers[value]:
        both = part.slides
        if both is None or not any(slide.unread and slide.share_read == 1 for slide in both):
            return None
        found.append((part, both))
    return min(found, key=lambda one: sum(slide.unread for slide in one[1]), default=None)


@rule("skipped-positions", "hint", "what a stride over the kernel leaves out was computed for nothing")
def skipped_positions(subject: Subject) -> Iterator[Found]:
    """Values of which all readers together read only some positions, as where 1x1 convolutions with stride 2 are alone (ResNet v1)."""
    share = shares_read(subject)
    for value, part in enumerate(subject.parts, len(subject.genotype.inputs)):
        if share[value] == 1 or not subject.alive[value] or subject.is_pointwise(part) or isinstance(part.op, Crop2d | Pad2d):
            continue
        reader = max(subject.readers[value], key=lambda one: share_of(subject, one, share))
        while subject.is_pointwise(reader):
            reader = max(subject.readers[reader.value], key=lambda one: share_of(subject, one, share))
        message = f"reads {share[value]:.0%} of the positions of {part.name}, and nothing else reads more"
        yield Found(reader.name, message, "give the stride to a 3x3 window behind it, or pool")


def shares_read(subject: Subject) -> list[float]:
    """For every value, the share of its positions that its readers read, the border aside; 1 where that is not known."""
    share = [1.0] * len(subject.genotype.specs)
    for value in reversed(range(len(share))):
        if value not in subject.outputs:
            share[value] = max((share_of(subject, part, share) for part in subject.readers[value]), default=1.0)
    return share


def share_of(subject: Subject, part: Part, share: list[float]) -> float:
    """What one reader reads; behind an op that looks at single positions, what the readers of its result read."""
    if subject.is_pointwise(part):
        return share[part.value]
    both = part.slides
    return 1.0 if both is None else both[0].share_read * both[1].share_read


@rule("padding-only", "warning", "weights that meet only padding, at every place of their window, learn nothing")
def padding_only(subject: Subject) -> Iterator[Found]:
    """Windows far larger than their image; a hint while those weights are under a tenth of all params."""
    found = []
    for part in subject.maps:
        both = part.slides
        if both is None:
            continue
        taps, used = (prod(numbers) for numbers in zip(*((slide.kernel, slide.used_taps()) for slide in both), strict=True))
        if used < taps:
            found.append((part, both, taps, used, part.facts.cost.params * (taps - used) // taps))
    level: Level | None = None if sum(one[-1] for one in found) >= GRAVE_WASTE * subject.params else "hint"
    for part, both, taps, used, wasted in found:
        image = "x".join(str(slide.size) for slide in both)
        message = f"{taps - used} of {taps} weights of each filter, {prefixed(wasted)} params, meet only the padding around {image}"
        kernel = "x".join(str(slide.used_taps()) for slide in both)
        yield Found(part.name, message, f"use kernel {kernel} or less dilation, or take fewer steps before it", level)


@rule("even-kernel", "warning", "an even kernel has no middle: with stride 1 it shifts the image by half a position and changes its size")
def even_kernel(subject: Subject) -> Iterator[Found]:
    """Even windows with padding and an odd stride; what an uneven pad2d before them has put right is left alone."""
    for part in subject.living:
        both = part.slides
        before = subject.made_by(part.reads[0]) if part.reads else None
        if both is None or (before is not None and isinstance(before.op, Pad2d)):
            continue
        if any(slide.extent % 2 == 0 and slide.stride % 2 and slide.padding and not slide.is_whole for slide in both):
            sizes, places = ("x".join(str(getattr(slide, name)) for slide in both) for name in ("size", "places"))
            odd = pair(part.op.kernel)[0] + 1  # type: ignore[attr-defined]
            yield Found(part.name, f"{part.op} makes {places} of {sizes}", f"use kernel={odd}, or an uneven pad2d before it")


@rule("large-kernel", "hint", "a stack of 3x3 convolutions sees as much with fewer params, and bends more often (VGG, arXiv:1409.1556)")
def large_kernel(subject: Subject) -> Iterator[Found]:
    """Square dense convolutions of 5x5 and over for which a stack of 3x3 with the wider width between has at most 80% of the params."""
    for part in subject.maps:
        both = part.slides
        if not isinstance(part.op, Conv2d) or part.op.groups > 1 or both is None or both[0].is_whole:
            continue
        kernel = both[0].kernel
        if kernel < 5 or kernel % 2 == 0 or both[1].kernel != kernel:
            continue
        read, made, count = subject.spec(part.reads[0]).width, part.op.channels, kernel // 2
        between = max(read, made)
        share = 9 * (read * between + (count - 2) * between**2 + between * made) / (kernel**2 * read * made)
        if share <= WORTHWHILE:
            message = f"{kernel}x{kernel} from {read} to {made} channels; {count} of 3x3 have {share:.0%} of the params"
            yield Found(part.name, message, f"use {count} convolutions of 3x3 with an activation between, or a depthwise one")


@rule("large-pooling", "warning", "a pooling window over 3 throws away where things are, all at once")
def large_pooling(subject: Subject) -> Iterator[Found]:
    """Windows over 3 with steps, unless something else reads the image at its full size, or nothing looks for patterns behind it."""
    ahead = patterns_ahead(subject)
    for part in subject.living:
        both = part.slides
        if both is None or not isinstance(part.op, Pooling) or not ahead[part.value] or kept_elsewhere(subject, part.reads[0]):
            continue
        if any(slide.kernel > LARGEST_POOL and slide.stride > 1 and not slide.is_whole for slide in both):
            size, steps = ("x".join(str(getattr(slide, name)) for slide in both) for name in ("kernel", "stride"))
            message = f"makes one position of {size}, with steps of {steps}"
            yield Found(part.name, message, "pool by 2 or 3 more than once, with convolutions between")


def patterns_ahead(subject: Subject) -> list[bool]:
    """For every value, whether a living convolution larger than 1x1 depends on it."""
    ahead = [False] * len(subject.genotype.specs)
    for part in reversed(subject.living):
        if ahead[part.value] or is_windowed(part.op):
            for read in part.reads:
                ahead[read] = True
    return ahead


def kept_elsewhere(subject: Subject, value: int) -> bool:
    """Whether a value, or what it was made from position by position, has another reader or leaves the network."""
    while True:
        part = subject.made_by(value)
        if subject.only_reader(value) is None:
            return True
        if part is None or not subject.is_pointwise(part):
            return False
        value = part.reads[0]
