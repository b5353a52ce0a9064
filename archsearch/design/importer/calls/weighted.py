"""Calls with weights: convolutions, linear maps, norms."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import nn

from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.form import as_image, as_rows, image_axes, image_seen, pixels, rows_seen
from archsearch.design.importer.content import Constant, Content, Seen
from archsearch.design.importer.layout import InexpressibleError, flat, size_of
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer, check_batch_first, lead_of
from archsearch.network.builder import Value
from archsearch.ops import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    Linear,
    Pad2d,
    PReLU,
    RMSNorm,
    SeparableConv2d,
    WeightNormConv2d,
    WeightNormLinear,
)
from archsearch.ops.base import Op

Sizes = dict[str, Any]


def required(call: Call, name: str) -> Constant:
    """Weights that a call always has. Raises InexpressibleError."""
    found = call.constant(name)
    assert found is not None
    return found


def affine(call: Call, elements: int) -> dict[str, Constant | None]:
    """Factors and shifts of a norm, in one axis: ones and zeros where the module has none, which our norms have always."""
    given = {name: call.constant(name) or Constant(torch.full((elements,), number)) for name, number in (("weight", 1.0), ("bias", 0.0))}
    return {name: constant.moved(lambda tensor: tensor.flatten()) for name, constant in given.items()}


def convolution(writer: Writer, call: Call) -> Content:
    """conv1d and conv2d, with any padding; depthwise, and depthwise followed by 1x1 in one Sequential, are ops of their own."""
    seen = call.seen()
    weight, bias = required(call, "weight"), call.constant("bias")
    rank, (channels, _, *kernel) = len(seen.axes), weight.shape
    check_axes(rank, len(kernel))
    size = pixels(kernel, rank, 1)
    x, sizes, padding = sliding(writer, call, as_image(writer, seen, call.place), size, rank)
    op: Op = Conv2d(channels, size, padding=padding, groups=call["groups"], bias=bias is not None, **sizes)
    inputs = x.value.shape[-3]
    if call["groups"] == inputs > 1 and len(x.value.shape) == 3:
        op = DepthwiseConv2d(size, padding=padding, multiplier=channels // inputs, bias=bias is not None, **sizes)
    shaped = weight.moved(lambda tensor: tensor.reshape(channels, -1, *size)) if rank == 3 else weight
    value = separable(writer, call, x, op, {"weight": shaped, "bias": bias})
    if value is None and weight.parts is not None and rank == 4:
        directed = WeightNormConv2d(channels, size, padding=padding, groups=call["groups"], bias=bias is not None, **sizes)
        value = writer.emit(directed, x.value, place=call.place, weights=direction_and_length(weight, bias))
    if value is None:
        value = writer.emit(op, x.value, place=call.place, weights={"weight": shaped, "bias": bias})
    return image_seen(seen, value)


def direction_and_length(weight: Constant, bias: Constant | None) -> dict[str, Constant | None]:
    """Weights with weight norm, by the names that our modules have."""
    assert weight.parts is not None
    return {"weight_v": weight.parts[0], "weight_g": weight.parts[1], "bias": bias}


def check_axes(rank: int, sides: int) -> None:
    """Raise InexpressibleError where a tensor has no batch, which torch allows, or is no image."""
    if rank != sides + 2:
        raise InexpressibleError(f"it reads {rank} axes with a kernel of {sides} sides; give (N, C, H, W) or (N, C, W)")


def sliding(
    writer: Writer, call: Call, x: Seen, kernel: tuple[int, int], rank: int
) -> tuple[Seen, Sizes, tuple[int, int]]:  # fmt: skip
    """The image that a convolution slides over, its stride and dilation, and its padding."""
    sizes: Sizes = {name: pixels(call[name], rank, 1) for name in ("stride", "dilation")}
    if not isinstance(call["padding"], str):
        return x, sizes, pixels(call["padding"], rank, 0)
    x, padding = same_padded(writer, x, kernel, sizes, call)
    return x, sizes, padding


def same_padded(writer: Writer, x: Seen, kernel: tuple[int, int], sizes: Sizes, call: Call) -> tuple[Seen, tuple[int, int]]:
    """The image and the padding for `same` or `valid`; what is more on one side than on the other is a border of its own."""
    if call["padding"] == "valid":
        return x, (0, 0)
    down, across = (dilation * (side - 1) for side, dilation in zip(kernel, sizes["dilation"], strict=True))
    if down % 2 or across % 2:
        value = writer.emit(Pad2d(bottom=down % 2, right=across % 2), x.value, place=call.place)
        x = Seen(value, x.layout)
    return x, (down // 2, across // 2)


def separable(writer: Writer, call: Call, x: Seen, op: Op, weights: dict[str, Constant | None]) -> Value | None:
    """The separable convolution that a depthwise and a 1x1 convolution are when they alone make up a Sequential; else None."""
    first = writer.draft_of(x.value)
    outer, _, name = call.place.path.rpartition(".")
    if (
        first is None
        or name != "1"
        or weights["weight"] is None
        or weights["weight"].computed
        or first.place.path != f"{outer}.0".lstrip(".")
    ):
        return None
    whole = writer.part(outer)
    pointwise = isinstance(op, Conv2d) and op == Conv2d(op.channels, 1, bias=op.bias)
    depthwise = isinstance(first.op, DepthwiseConv2d) and not first.op.bias and first.op.multiplier == 1
    if not (type(whole) is nn.Sequential and len(whole) == 2 and pointwise and depthwise):
        return None
    assert isinstance(op, Conv2d)
    assert isinstance(first.op, DepthwiseConv2d)
    made = SeparableConv2d(op.channels, first.op.kernel, first.op.stride, first.op.padding, first.op.dilation, op.bias)
    own = {key: writer.ledger.take(tensor, call.place) for key, tensor in weights.items() if tensor is not None}
    given = {"0.weight": first.weights["weight"], **{f"1.{key}": tensor for key, tensor in own.items()}}
    apart = writer.draft(op, [x.value], call.place, "", own)
    return writer.add(replace(writer.draft(made, [writer.read_by(first)], Place(outer), "", given), instead=apart))


def transposed(writer: Writer, call: Call) -> Content:
    """conv_transpose1d and conv_transpose2d."""
    seen = call.seen()
    weight, bias = required(call, "weight"), call.constant("bias")
    rank, (inputs, fan_out, *kernel) = len(seen.axes), weight.shape
    check_axes(rank, len(kernel))
    x = as_image(writer, seen, call.place)
    size = pixels(kernel, rank, 1)
    sizes = {
        name: pixels(call[name], rank, filler) for name, filler in (("stride", 1), ("dilation", 1), ("padding", 0), ("output_padding", 0))
    }
    op = ConvTranspose2d(fan_out * call["groups"], size, groups=call["groups"], bias=bias is not None, **sizes)
    shaped = weight.moved(lambda tensor: tensor.reshape(inputs, fan_out, *size)) if rank == 3 else weight
    value = writer.emit(op, x.value, place=call.place, weights={"weight": shaped, "bias": bias})
    return image_seen(seen, value)


def linear(writer: Writer, call: Call) -> Content:
    """A matrix product with weights (features, D) over the last axis."""
    return mapped(writer, call, call.seen(), required(call, "weight"), call.constant("bias"))


def addmm(writer: Writer, call: Call) -> Content:
    """A bias plus a matrix product with weights (D, features)."""
    if (call["beta"], call["alpha"]) != (1, 1):
        raise InexpressibleError("its beta and alpha are not 1; scale the weights instead")
    return mapped(writer, call, call.seen("mat1"), required(call, "mat2").moved(lambda tensor: tensor.t()), call.constant("self"))


def mapped(writer: Writer, call: Call, seen: Seen, weight: Constant, bias: Constant | None) -> Seen:
    """A linear map over the last axis, the rows in whatever order they are."""
    x = as_rows(writer, seen, call.place)
    if weight.parts is not None:
        op: Op = WeightNormLinear(weight.shape[0], bias is not None)
        return rows_seen(x, writer.emit(op, x.value, place=call.place, weights=direction_and_length(weight, bias)))
    op = Linear(weight.shape[0], bias is not None)
    return rows_seen(x, writer.emit(op, x.value, place=call.place, weights={"weight": weight, "bias": bias}))


def batch_norm(writer: Writer, call: Call) -> Content:
    """Batch norm by running statistics, of vectors or of whatever has channels second."""
    seen = call.seen()
    if call["training"] or call["running_mean"] is None:
        raise InexpressibleError("batch norm without running statistics has no op; use track_running_stats=True, or group norm")
    lead, rest = lead_of(seen), seen.axes[1:]
    target = (rest[0],) if len(rest) == 1 and not lead else (rest[0], lead, flat(rest[1:])) if lead else image_axes(seen)
    x = writer.rearranged(seen, target, call.place)
    op = (BatchNorm1d if len(target) == 1 else BatchNorm2d)(call["eps"], momentum(writer, call))
    statistics = {name: required(call, name) for name in ("running_mean", "running_var")}
    weights = {**affine(call, size_of(rest[0])), **statistics, "num_batches_tracked": counter(writer, statistics["running_mean"])}
    value = writer.emit(op, x.value, place=call.place, weights=weights)
    return x.holding(value)


def momentum(writer: Writer, call: Call) -> float | None:
    """Share of a new batch in the statistics: a module that averages all batches hands on 0 in inference."""
    module = writer.part(call.place.path)
    averages = isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is None
    return None if averages else call["momentum"]


def counter(writer: Writer, mean: Constant) -> Constant | None:
    """How many batches a norm has seen, which inference does not read."""
    name = f"{mean.names[0].rpartition('.')[0]}.num_batches_tracked".lstrip(".") if mean.names else ""
    tensor = dict(writer.module.named_buffers()).get(name)
    return None if tensor is None else Constant(tensor)


def layer_norm(writer: Writer, call: Call) -> Content:
    """Layer norm over the last axes, of images too where their channels are seen last."""
    seen, last = call.seen(), len(call["normalized_shape"])
    weights = affine(call, prod(call["normalized_shape"]))
    x = as_rows(writer, seen, call.place, last)
    return x.holding(writer.emit(LayerNorm(call["eps"]), x.value, place=call.place, weights=weights))


def rms_norm(writer: Writer, call: Call) -> Content:
    """Division by the root mean square of the last axes."""
    x = as_rows(writer, call.seen(), call.place, len(call["normalized_shape"]))
    eps = 1.1920928955078125e-07 if call["eps"] is None else call["eps"]  # torch's default: that of float32
    weight = call.constant("weight")
    scale = None if weight is None else weight.moved(lambda tensor: tensor.flatten())
    return x.holding(writer.emit(RMSNorm(eps, scale is not None), x.value, place=call.place, weights={"weight": scale}))


def group_norm(writer: Writer, call: Call) -> Content:
    """Group norm of what has channels second."""
    x = as_image(writer, call.seen(), call.place)
    op = GroupNorm(call["num_groups"], call["eps"])
    return x.holding(writer.emit(op, x.value, place=call.place, weights=affine(call, x.value.shape[-3])))


def instance_norm(writer: Writer, call: Call) -> Content:
    """Instance norm by the statistics of each sample."""
    if not call["use_input_stats"]:
        raise InexpressibleError("instance norm with running statistics has no op; use track_running_stats=False")
    x = as_image(writer, call.seen(), call.place)
    weights = {name: call.constant(name) for name in ("weight", "bias")}
    op = InstanceNorm2d(weights["weight"] is not None, call["eps"])
    return x.holding(writer.emit(op, x.value, place=call.place, weights=weights))


def prelu(writer: Writer, call: Call) -> Content:
    """Learned slopes, one or one for each channel."""
    seen, weight = call.seen(), required(call, "weight")
    x = writer.settled(seen, call.place)
    if weight.tensor.numel() > 1:
        check_batch_first(seen)
        x = writer.rearranged(seen, (seen.axes[1],), call.place) if len(seen.axes) == 2 else as_image(writer, seen, call.place)
    op = PReLU(weight.tensor.numel() > 1)
    return x.holding(writer.emit(op, x.value, place=call.place, weights={"weight": weight}))
