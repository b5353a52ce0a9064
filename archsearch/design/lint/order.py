"""Rules on what stands behind what."""

from __future__ import annotations

from collections.abc import Iterator

from archsearch.design.lint.base import Found, rule
from archsearch.design.lint.roles import BATCH_NORM, CENTRING, LEARNED_MAP, MATRIX, SATURATING, STRAIGHT, is_factor
from archsearch.design.lint.subject import Part, Subject
from archsearch.ops import Add, DepthwiseConv2d, Mul
from archsearch.ops.activation import Activation
from archsearch.ops.base import pair

MOST_BLOCKS = 50
NEAR = 64
"""How many nodes are looked back at, at most: a block is smaller."""


@rule("bias-before-norm", "hint", "a norm that takes away the mean of every channel takes away the bias before it")
def bias_before_norm(subject: Subject) -> Iterator[Found]:
    """Maps with a bias that only a batch or instance norm reads."""
    for part in subject.maps:
        reader = subject.only_reader(part.value)
        if getattr(part.op, "bias", False) and reader is not None and isinstance(reader.op, CENTRING):
            yield Found(part.name, f"its bias of {part.spec.shape[0]} params is lost in {reader.name}", "set bias=False")


@rule("linear-linear", "warning", "two linear maps with nothing between them that bends are no more than one")
def linear_linear(subject: Subject) -> Iterator[Found]:
    """Two maps in a row that are no factors of a larger one (narrow or grouped in the middle); a hint where a batch norm is between."""
    for part in subject.maps:
        between, second = next_bend(subject, part)
        if second is None or is_factor(part.op) or is_factor(second.op) or is_factored(subject, part, second):
            continue
        normed = any(isinstance(step.op, BATCH_NORM) for step in between)
        yield Found(
            part.name,
            f"nothing bends between it and {second.name}",
            "put an activation between, or leave one out",
            "hint" if normed else None,
        )


def next_bend(subject: Subject, part: Part) -> tuple[list[Part], Part | None]:
    """What stands behind a map up to the next one, and that one; None where something else comes first, or another reader."""
    between, step = [], subject.only_reader(part.value)
    while step is not None and isinstance(step.op, STRAIGHT):
        between.append(step)
        step = subject.only_reader(step.value)
    return between, step if step is not None and isinstance(step.op, LEARNED_MAP) else None


def is_factored(subject: Subject, first: Part, second: Part) -> bool:
    """Whether two maps are the factors of one: few channels between them, rows and columns apart, or a linear bottleneck (MobileNet v2)."""
    (read, middle), (_, made) = widths(subject, first), widths(subject, second)
    across = [{axis for axis, size in enumerate(pair(getattr(part.op, "kernel", 1))) if size > 1} for part in (first, second)]
    apart = len(across[0]) == len(across[1]) == 1 and across[0] != across[1]
    return middle < min(read, made) or apart or is_projection(subject, first)


def widths(subject: Subject, part: Part) -> tuple[int, int]:
    """Channels or features that a map reads and makes."""
    axis = -1 if isinstance(part.op, MATRIX) else -3
    return subject.spec(part.reads[0]).shape[axis], part.spec.shape[axis]


def is_projection(subject: Subject, part: Part) -> bool:
    """Whether a map reads what a depthwise convolution has made, through norms, activations and gates."""
    before = subject.made_by(part.reads[0])
    for _ in range(NEAR):
        if before is None or not (subject.is_pointwise(before) or isinstance(before.op, Mul)):
            break
        before = subject.made_by(next((read for read in before.reads if subject.spec(read) == before.spec), before.reads[0]))
    return before is not None and isinstance(before.op, DepthwiseConv2d)


@rule("activation-after-add", "hint", "an activation after the sum stands in the way of every shortcut (ResNet v2, arXiv:1603.05027)")
def activation_after_add(subject: Subject) -> Iterator[Found]:
    """Over 50 blocks in a row with one, or one that saturates: up to there v1 trains as well as v2."""
    chain = [0] * len(subject.genotype.specs)
    deepest = 0
    for part in subject.parts:
        chain[part.value] = max((chain[read] for read in part.reads), default=0)
        added = subject.made_by(part.reads[0]) if isinstance(part.op, Activation) else None
        if added is None or not isinstance(added.op, Add) or not subject.alive[part.value]:
            continue
        chain[part.value] += 1
        deepest = max(deepest, part.value, key=chain.__getitem__)
        if isinstance(part.op, SATURATING) and is_residual(subject, added):
            yield Found(part.name, f"{part.op.kind} flattens the sum of {added.name}", "put it into the branch, before the add")
    if chain[deepest] > MOST_BLOCKS:
        last = subject.name(deepest)
        message = f"the last of {chain[deepest]} activations that every shortcut passes"
        yield Found(last, message, "put norm and activation before the convolutions")


def is_residual(subject: Subject, added: Part) -> bool:
    """Whether a sum has its first or last input also as the start of a branch that ends in it."""
    low, high = min(added.reads), max(added.reads)
    waiting, seen = [high], {high}
    while waiting and len(seen) < NEAR:
        part = subject.made_by(waiting.pop())
        for read in part.reads if part is not None else ():
            if read >= low and read not in seen:
                seen.add(read)
                waiting.append(read)
    return low != high and low in seen
