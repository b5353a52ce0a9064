"""Which function reads which ATen call; a new operator is one line here."""

from __future__ import annotations

from archsearch import ops
from archsearch.design.importer.calls.arithmetic import added, added_product, divided, multiplied, negated, subtracted
from archsearch.design.importer.calls.attention import einsum, fused, product
from archsearch.design.importer.calls.axes import listed, moved, permuted, repeated, swapped, turned, unchanged, viewed
from archsearch.design.importer.calls.call import Handler
from archsearch.design.importer.calls.copying import copies, unfolded
from archsearch.design.importer.calls.cutting import narrowed, parts, selected, sliced, unbound
from archsearch.design.importer.calls.elementwise import activation, along_channels, clamped, dropout, softplus, squared
from archsearch.design.importer.calls.imaging import (
    adaptive,
    averaged,
    avg_pool,
    imaging,
    max_pool,
    maximal,
    padded,
    padded_if_need_be,
    pooled_with_places,
    summed,
    unpooled,
    upsampled,
)
from archsearch.design.importer.calls.joining import joined, stacked
from archsearch.design.importer.calls.kinds import REGROUPED, SAME, STRETCHED
from archsearch.design.importer.calls.leaf import leaf
from archsearch.design.importer.calls.lengths import by_length, response_gate
from archsearch.design.importer.calls.standard import standard_convolution
from archsearch.design.importer.calls.weighted import (
    addmm,
    batch_norm,
    convolution,
    group_norm,
    instance_norm,
    layer_norm,
    linear,
    prelu,
    rms_norm,
    transposed,
)
from archsearch.design.importer.calls.windows import rolled

TABLE: dict[str, Handler] = {
    "leaf": leaf,
    # weights
    "conv1d": convolution, "conv2d": convolution, "conv_transpose1d": transposed, "conv_transpose2d": transposed,
    "linear": linear, "addmm": addmm, "matmul": product, "bmm": product, "mm": product, "einsum": einsum,
    "batch_norm": batch_norm, "layer_norm": layer_norm, "group_norm": group_norm, "instance_norm": instance_norm, "rms_norm": rms_norm,
    "prelu": prelu, "scaled_dot_product_attention": fused,
    # several calls that are one, see `wholes`
    "unit_length": by_length(ops.L2Norm2d, ops.L2Norm),
    "response_gate": response_gate, "standard_convolution": standard_convolution,
    "root_mean_square": by_length(lambda eps: ops.RMSNorm2d(eps, affine=False), lambda eps: ops.RMSNorm(eps, affine=False)),
    # element by element
    "relu": activation(lambda c: ops.ReLU()), "relu6": activation(lambda c: ops.ReLU6()),
    "leaky_relu": activation(lambda c: ops.LeakyReLU(c["negative_slope"])),
    "rrelu": activation(lambda c: ops.RReLU(c["lower"], c["upper"])), "elu": activation(lambda c: ops.ELU(c["alpha"])),
    "celu": activation(lambda c: ops.CELU(c["alpha"])), "selu": activation(lambda c: ops.SELU()),
    "silu": activation(lambda c: ops.SiLU()), "gelu": activation(lambda c: ops.GELU(c["approximate"] == "tanh")),
    "mish": activation(lambda c: ops.Mish()), "softplus": activation(softplus),
    "sigmoid": activation(lambda c: ops.Sigmoid()), "tanh": activation(lambda c: ops.Tanh()),
    "log_sigmoid": activation(lambda c: ops.LogSigmoid()), "hardswish": activation(lambda c: ops.Hardswish()),
    "hardsigmoid": activation(lambda c: ops.Hardsigmoid()), "hardshrink": activation(lambda c: ops.Hardshrink(c["lambd"])),
    "softshrink": activation(lambda c: ops.Softshrink(c["lambd"])),
    "threshold": activation(lambda c: ops.Threshold(c["threshold"], c["value"])),
    "clamp": clamped, "clamp_min": clamped, "hardtanh": clamped, "square": squared, "pow": squared,
    "dropout": dropout, "feature_dropout": dropout, "alpha_dropout": dropout, "feature_alpha_dropout": dropout,
    "softmax": along_channels(ops.Softmax), "log_softmax": along_channels(ops.LogSoftmax), "glu": along_channels(ops.GLU),
    # arithmetic
    "add": added, "sub": subtracted, "rsub": subtracted, "mul": multiplied, "div": divided, "neg": negated,
    "addcmul": added_product,
    # images
    "max_pool1d": imaging(max_pool), "max_pool2d": imaging(max_pool), "avg_pool1d": imaging(avg_pool), "avg_pool2d": imaging(avg_pool),
    "max_pool2d_with_indices": pooled_with_places, "max_unpool2d": unpooled,
    "adaptive_avg_pool1d": adaptive(ops.GlobalAvgPool2d, ops.AdaptiveAvgPool2d),
    "adaptive_avg_pool2d": adaptive(ops.GlobalAvgPool2d, ops.AdaptiveAvgPool2d),
    "adaptive_max_pool1d": adaptive(ops.GlobalMaxPool2d, ops.AdaptiveMaxPool2d),
    "adaptive_max_pool2d": adaptive(ops.GlobalMaxPool2d, ops.AdaptiveMaxPool2d),
    "mean": averaged, "amax": maximal, "sum": summed,
    "upsample_nearest2d": upsampled("nearest"), "_upsample_nearest_exact2d": upsampled("nearest-exact"),
    "upsample_bilinear2d": upsampled("bilinear"), "upsample_bicubic2d": upsampled("bicubic"),
    "constant_pad_nd": padded, "reflection_pad2d": padded, "replication_pad2d": padded,
    "pixel_shuffle": imaging(lambda c: ops.PixelShuffle(c["upscale_factor"])),
    "pixel_unshuffle": imaging(lambda c: ops.PixelUnshuffle(c["downscale_factor"])),
    "channel_shuffle": imaging(lambda c: ops.ChannelShuffle(c["groups"])),
    "native_channel_shuffle": imaging(lambda c: ops.ChannelShuffle(c["groups"])),
    "roll": rolled,
    "im2col": unfolded, "repeat": copies,
    # parts, and tensors side by side
    "cat": joined, "stack": stacked, "slice": sliced, "narrow": narrowed, "select": selected, "unbind": unbound,
    "chunk": parts, "split": parts, "split_with_sizes": parts, "tensor_split": parts,
}  # fmt: skip
"""Functions by the name of the call, overloads and writing in place aside."""

VIEWS: dict[str, Handler] = {
    "pad": padded_if_need_be,
    **dict.fromkeys(REGROUPED, viewed), **dict.fromkeys(SAME, unchanged), **dict.fromkeys(STRETCHED, repeated),
    "permute": permuted(listed), "transpose": permuted(swapped("dim0", "dim1")), "swapaxes": permuted(swapped("axis0", "axis1")),
    "swapdims": permuted(swapped("dim0", "dim1")), "movedim": permuted(moved), "moveaxis": permuted(moved),
    "t": permuted(turned), "mT": permuted(turned), "numpy_T": permuted(lambda c, rank: range(rank)[::-1]),
}  # fmt: skip
"""Calls that look at a tensor along other axes."""
