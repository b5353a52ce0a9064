"""Sums, differences, products and quotients of values, constants and numbers."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from archsearch.design.importer.calls.aligning import aligned, axis_along, sample_of
from archsearch.design.importer.calls.beside import beside
from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.elementwise import applied
from archsearch.design.importer.calls.form import as_image, image_axes
from archsearch.design.importer.calls.learned import embedded, learned_scale
from archsearch.design.importer.content import Constant, Content, Scores, Seen, number_of
from archsearch.design.importer.layout import InexpressibleError
from archsearch.design.importer.place import Place
from archsearch.design.importer.rearrange import moves_to
from archsearch.design.importer.writer import Draft, Writer, check_batch_first
from archsearch.network.builder import Value
from archsearch.ops import Add, Div, Factor, FrozenBatchNorm2d, Hardsigmoid, Hardswish, Mul, Offset, ReLU6, Scale, Upsample
from archsearch.ops.base import Op

Fixed = float | Constant
"""A number, or a constant that is not learned."""
CLOSE = 1e-6
"""How far from a sixth a factor may be."""
PLAIN = FrozenBatchNorm2d(0.0)
"""With a mean of 0 and a variance of 1, factors and shifts by channel."""


def operands(call: Call) -> tuple[Content, Content]:
    """What a call of two operands reads."""
    return call["self"], call["other"]


def added(writer: Writer, call: Call) -> Content:
    """Sum of two values, of a value and learned vectors, or of a value and fixed numbers."""
    first, second = operands(call)
    alpha = call.get("alpha", 1)
    if isinstance(first, Seen) and isinstance(second, Seen):
        second = second if alpha == 1 else applied(writer, Scale(alpha), second, call.place)
        return sum_of(writer, first, second, call.place)
    if isinstance(first, Constant | int | float):
        first, second = second, first
    if alpha != 1:
        raise InexpressibleError(f"alpha={alpha} has no op beside a constant; multiply the constant")
    if isinstance(first, Scores):
        return with_term(first, second)
    if isinstance(second, Constant) and second.learned:
        return embedded(writer, call, first, second)
    return affine(writer, call.place, first, 1.0, fixed(second))


def sum_of(writer: Writer, first: Seen, second: Seen, place: Place) -> Seen:
    """Sum of two values, one of which may have one number in place of all positions of an image. Raises InexpressibleError."""
    a, b, layout = aligned(writer, first, second, place, stretch=True)
    sides = [value.shape[1:] for value in (a, b)]
    if len(a.shape) == 3 and a.shape[0] == b.shape[0] and sides[0] != sides[1] and (1, 1) in sides:
        high, wide = sides[0] if sides[1] == (1, 1) else sides[1]
        a, b = (writer.once(Upsample((high, wide)), x, place=place) if x.shape[1:] == (1, 1) else x for x in (a, b))
    return Seen(writer.emit(Add(), a, b, place=place), layout)


def added_product(writer: Writer, call: Call) -> Content:
    """A value plus `value` times a product, which is `addcmul`."""
    inner = replace(call, name="mul", arguments={"self": call["tensor1"], "other": call["tensor2"]})
    made = multiplied(writer, inner)
    if call["value"] != 1:
        made = multiplied(writer, replace(inner, arguments={"self": made, "other": float(call["value"])}))
    return added(writer, replace(call, name="add", arguments={"self": call["self"], "other": made}))


def subtracted(writer: Writer, call: Call) -> Content:
    """Difference of two values, or of a value and fixed numbers."""
    first, second = reversed(operands(call)) if call.name == "rsub" else operands(call)
    alpha = call.get("alpha", 1)
    if isinstance(first, Seen) and isinstance(second, Seen):
        return sum_of(writer, first, applied(writer, Scale(-alpha), second, call.place), call.place)
    if alpha != 1:
        raise InexpressibleError(f"alpha={alpha} has no op beside a constant; multiply the constant")
    if isinstance(first, Seen):
        return affine(writer, call.place, first, 1.0, negative(fixed(second)))
    if isinstance(second, Seen):
        return affine(writer, call.place, second, -1.0, fixed(first))
    raise InexpressibleError("a difference of scores has no op")


def negated(writer: Writer, call: Call) -> Content:
    """The value with its sign changed."""
    return applied(writer, Scale(-1), call.seen(), call.place)


def multiplied(writer: Writer, call: Call) -> Content:
    """Product of two values, one of them a gate maybe, of a value and learned scales, or of a value and fixed numbers."""
    first, second = operands(call)
    if isinstance(first, Seen) and isinstance(second, Seen):
        a, b, layout = aligned(writer, first, second, call.place, stretch=True)
        return Seen(writer.emit(Mul(), a, b, place=call.place), layout)
    if isinstance(first, Constant | int | float):
        first, second = second, first
    if isinstance(first, Scores):
        return scaled(first, second)
    if isinstance(second, Constant) and second.learned:
        return learned_scale(writer, call, first, second)
    return affine(writer, call.place, first, fixed(second), 0.0)


def divided(writer: Writer, call: Call) -> Content:
    """Quotient of two values, or of a value and fixed numbers."""
    first, second = operands(call)
    if isinstance(first, Seen) and isinstance(second, Seen) and call.get("rounding_mode") is None:
        a, b, layout = aligned(writer, first, second, call.place, stretch=True)
        return Seen(writer.emit(Div(), a, b, place=call.place), layout)
    if call.get("rounding_mode") is not None or not isinstance(first, Seen | Scores) or isinstance(second, Seen | Scores):
        raise InexpressibleError("only quotients of values, and of values by numbers and buffers, have an op")
    divisor = fixed(second)
    if divisor == 0.0:
        raise InexpressibleError("it divides by zero")
    inverse = 1 / divisor if isinstance(divisor, float) else replace(divisor, tensor=1 / divisor.tensor)
    return scaled(first, inverse) if isinstance(first, Scores) else affine(writer, call.place, first, inverse, 0.0)


def fixed(content: Content) -> Fixed:
    """A number where there is one element, else the constant. Raises InexpressibleError for what is learned."""
    number = number_of(content)
    if number is not None:
        return number
    if not isinstance(content, Constant) or content.learned:
        raise InexpressibleError("learned numbers have no op here: they can be added to tokens, one each, or scale channels")
    return content


def negative(given: Fixed) -> Fixed:
    """Minus what is given."""
    return replace(given, tensor=-given.tensor) if isinstance(given, Constant) else -given


def affine(writer: Writer, place: Place, seen: Seen, factor: Fixed, shift: Fixed) -> Seen:
    """Factor * x + shift, with fixed numbers, one for each channel of an image where they are several. Raises InexpressibleError."""
    if not isinstance(seen, Seen):
        raise InexpressibleError("scores of attention take no such numbers")
    if isinstance(factor, float) and shift == 0.0:
        gate = hard_gate(writer, seen) if abs(6 * factor - 1) < CLOSE else None
        return applied(writer, Scale(factor), seen, place) if gate is None else seen.holding(writer.emit(*gate, place=place))
    if shift == 0.0 and isinstance(factor, Constant) and bool((factor.tensor == factor.tensor.flatten()[0]).all()):
        return applied(writer, Scale(float(factor.tensor.flatten()[0])), seen, place)
    check_batch_first(seen)
    if any(not_by_channel(given, seen) for given in (factor, shift)) or is_no_image(seen):
        x = beside(writer, Factor, seen, factor, place) if isinstance(factor, Constant) else affine(writer, place, seen, factor, 0.0)
        term = shift if isinstance(shift, Constant) else Constant(torch.tensor(shift))
        return x if shift == 0.0 else beside(writer, Offset, x, term, place)
    x = as_image(writer, seen, place)
    by_channel = [per_channel(given, seen) for given in (factor, shift)]
    source, before = x.value, writer.draft_of(x.value)
    zeros, ones = torch.zeros_like(by_channel[0]), torch.ones_like(by_channel[0])
    rest = {"running_mean": zeros, "running_var": ones}
    if before is not None and before.op == PLAIN and all(torch.equal(before.weights[name], rest[name]) for name in rest):
        source = writer.read_by(before)  # two steps, as in (x - mean) / std, are one op
        by_channel = [by_channel[0] * before.weights["weight"], by_channel[0] * before.weights["bias"] + by_channel[1]]
    return x.holding(writer.emit(PLAIN, source, place=place, weights={"weight": by_channel[0], "bias": by_channel[1], **rest}))


def hard_gate(writer: Writer, seen: Seen) -> tuple[Op, Value] | None:
    """The op, and what it reads, that a sixth of relu6(x + 3), or of x times that, is; else None."""
    draft = writer.draft_of(seen.value)
    if draft is None or not isinstance(draft.op, ReLU6 | Mul):
        return None
    if isinstance(draft.op, ReLU6):
        source = shifted_by_three(writer, draft)
        return None if source is None else (Hardsigmoid(), source)
    for x, gate in ((0, 1), (1, 0)):
        inner = writer.draft_of(writer.read_by(draft, gate))
        source = shifted_by_three(writer, inner) if inner is not None and isinstance(inner.op, ReLU6) else None
        if source is not None and source == writer.read_by(draft, x):
            return Hardswish(), source
    return None


def shifted_by_three(writer: Writer, draft: Draft) -> Value | None:
    """What a node reads plus 3, without the 3; else None."""
    before = writer.draft_of(writer.read_by(draft))
    if before is None or before.op != PLAIN:
        return None
    wanted = {"weight": 1.0, "bias": 3.0, "running_mean": 0.0, "running_var": 1.0}
    alike = all(bool((before.weights[name] == number).all()) for name, number in wanted.items())
    return writer.read_by(before) if alike else None


def is_no_image(seen: Seen) -> bool:
    """Whether no few ops make an image of a tensor."""
    return len(seen.axes) > 4 or moves_to(seen.own, image_axes(seen)) is None


def not_by_channel(given: Fixed, seen: Seen) -> bool:
    """Whether numbers differ along another axis of a tensor than its channels, or it is no image."""
    if isinstance(given, float):
        return False
    constant = sample_of(given, seen)
    return constant.tensor.numel() > 1 and (axis_along(constant, seen) != 1 or not 2 <= len(seen.axes) <= 4)


def per_channel(given: Fixed, seen: Seen) -> Tensor:
    """One number for each channel, which is axis 1 of the tensor."""
    channels = seen.layout.shape[1]
    if isinstance(given, float):
        return torch.full((channels,), given)
    constant = sample_of(given, seen)
    return constant.tensor.flatten().expand(channels).clone()


def with_term(scores: Scores, given: Content) -> Scores:
    """Scores with a constant added. Raises InexpressibleError."""
    if not isinstance(given, Constant) or scores.mixed:
        raise InexpressibleError("to a product of two values only a constant bias can be added, before its softmax")
    return replace(scores, terms=(*scores.terms, (given, scores.shape)))


def scaled(scores: Scores, given: Content) -> Scores:
    """Scores times a number. Raises InexpressibleError."""
    number = number_of(given)
    if number is None or scores.mixed or scores.terms:
        raise InexpressibleError("a product of two values can be scaled by a number alone, before anything is added and before its softmax")
    return replace(scores, scale=scores.scale * number)
