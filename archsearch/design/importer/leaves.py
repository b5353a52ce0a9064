"""Modules that are one op as a whole: torch.export sees a single call in their place.

These are archsearch's own layers, which state their op exactly; modules of torch that ATen spells out in many calls; and stochastic
depth, which does nothing in inference and would leave no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from archsearch import layers, ops
from archsearch.ops.base import Op
from archsearch.ops.tensor import TensorSpec
from archsearch.support.calls import Weight, program_of, weight_text

Maker = Callable[..., Op]
"""Module and shapes of its inputs -> the op that it is."""

LIBRARY = torch.library.Library("archsearch", "FRAGMENT")  # type: ignore[no-untyped-call]
LIBRARY.define("leaf(Tensor[] values, str path, int[] shape, bool integer) -> Tensor")  # type: ignore[no-untyped-call]


@torch.library.register_fake("archsearch::leaf", lib=LIBRARY)  # type: ignore[untyped-decorator]
def _leaf(values: list[Tensor], path: str, shape: list[int], integer: bool) -> Tensor:
    return values[0].new_empty((len(values[0]), *shape), dtype=torch.int64 if integer else None)


def joined(module: Any, x: TensorSpec, *others: TensorSpec) -> Op:
    """The op of values side by side, which depends on the axis."""
    return ops.JoinTokens() if module.axis == 1 and len(x.shape) == 2 else ops.Concat()


def run(module: Any, x: TensorSpec) -> Op:
    """Channels cut out, with an open end where they reach to it."""
    stop = module.start + module.length
    return ops.Slice(module.start, stop if stop < x.shape[module.axis - 1] else None)


def window(module: Any, x: TensorSpec) -> Op:
    """A window of an image, with open sides where it reaches to the border."""
    rest = (x.shape[1] - module.top, x.shape[2] - module.left)
    height, width = (None if side == all_ else side for side, all_ in zip((module.height, module.width), rest, strict=True))
    return ops.Crop2d(module.top, module.left, height, width)


def convolution(op: Callable[..., Op], *more: str) -> Maker:
    """A convolution of images or boxes by the fields of torch's module."""

    def make(module: Any, *inputs: TensorSpec) -> Op:
        fields = {name: getattr(module, name) for name in ("stride", "padding", *more)}
        return op(module.out_channels, module.kernel_size, bias=module.bias is not None, **fields)

    return make


def coord_conv(module: Any, x: TensorSpec) -> Op:
    """A convolution that reads coordinates too."""
    fields = (module.kernel_size, module.stride, module.padding, module.radii is not None, module.bias is not None)
    return ops.CoordConv2d(module.out_channels, *fields)


def weight_norm_conv(module: Any, x: TensorSpec) -> Op:
    """A convolution whose weights are directions and lengths."""
    channels, _, *kernel = module.weight_v.shape
    fields = (module.stride, module.padding, module.dilation, module.groups, module.bias is not None)
    return ops.WeightNormConv2d(channels, tuple(kernel), *fields)


def weight_standard_conv(module: Any, x: TensorSpec) -> Op:
    """A convolution whose filters are standardised."""
    channels, _, *kernel = module.weight.shape
    fields = (module.stride, module.padding, module.dilation, module.groups, module.bias is not None)
    return ops.WeightStandardConv2d(channels, tuple(kernel), *fields, module.eps, module.gain is not None, module.scale)


def locally_connected(module: Any, x: TensorSpec) -> Op:
    """Filters of their own at every place."""
    fields = (module.kernel_size, module.stride, module.padding, module.bias is not None)
    return ops.LocallyConnected2d(module.weight.shape[1], *fields)


def sparse_conv(module: Any, x: TensorSpec) -> Op:
    """Listed connections between channels, read back from the module's index.

    While torch traces, buffers have no elements; a plain convolution has the same shape then.
    """
    if torch.compiler.is_exporting():
        return ops.Conv2d(module.channels, tuple(module.weight.shape[2:]), module.stride, module.padding)
    pairs = list(zip(module.target.tolist(), module.source.tolist(), strict=True))
    table = tuple(tuple(source for target, source in pairs if target == row) for row in range(module.channels))
    return ops.SparseConv2d(table, tuple(module.weight.shape[2:]), module.stride, module.padding, module.bias is not None)


def p_norm_pool(module: Any, x: TensorSpec) -> Op:
    """Pooling by the p-norm of torch, which takes odd p of positive values alone."""
    if module.norm_type != int(module.norm_type) or module.norm_type % 2:
        raise ValueError(f"norm_type={module.norm_type} must be an even whole number")
    return ops.LPPool2d(int(module.norm_type), module.kernel_size, module.stride, module.ceil_mode)


class NotThisOpError(ValueError):
    """A module that is no op as a whole at these shapes, and is traced like any other."""


def softmin(module: Any, x: TensorSpec) -> Op:
    """Softmin over the channels. Raises NotThisOpError for one over another axis."""
    if module.dim is None or module.dim % (len(x.shape) + 1) != x.channel_axis + 1:
        raise NotThisOpError
    return ops.Softmin()


LEAVES: dict[type[nn.Module], Maker] = {
    layers.Add: lambda m, *x: ops.Add(),
    layers.AtenCalls: lambda m, *x: ops.Aten(program_of(m.calls), tuple(weight_text(Weight(*weight)) for weight in m.weights)),
    layers.Attention: lambda m, *x: ops.Attention(m.heads, m.fused),
    layers.BoxConv2d: convolution(ops.Conv2d, "dilation", "groups"),
    layers.BoxConvTranspose2d: convolution(ops.ConvTranspose2d, "output_padding", "dilation", "groups"),
    layers.BoxRows: lambda m, *x: ops.BoxRows(m.width),
    layers.ClassToken: lambda m, *x: ops.ClassToken(),
    layers.Concat: joined,
    layers.Context: lambda m, *x: ops.Context(m.heads),
    layers.CoordConv2d: coord_conv,
    layers.Crop2d: window,
    layers.CrossAttention: lambda m, *x: ops.CrossAttention(m.heads, m.fused),
    layers.CrossChannelNorm: lambda m, *x: ops.LocalResponseNorm(m.size, m.alpha, m.beta, m.k),
    layers.Div: lambda m, *x: ops.Div(),
    layers.Factor: lambda m, *x: ops.Factor(m.axes, m.learned),
    layers.FractionalPool2d: lambda m, *x: ops.FractionalMaxPool2d(m.kernel_size, m.output_size),
    layers.FromWindows: lambda m, *x: ops.FromWindows(m.image[0], m.image[1], m.window, m.shift, m.strided),
    layers.FrugalLeakyReLU: lambda m, *x: ops.LeakyReLU(m.slope, keep_output=True),
    layers.FrozenBatchNorm2d: lambda m, *x: ops.FrozenBatchNorm2d(m.eps),
    layers.Image: lambda m, *x: ops.Image(m.height, m.width),
    layers.L2Norm: lambda m, *x: ops.L2Norm(m.eps),
    layers.L2Norm2d: lambda m, *x: ops.L2Norm2d(m.eps),
    layers.LayerNorm2d: lambda m, *x: ops.LayerNorm2d(m.eps),
    layers.LayerScale: lambda m, *x: ops.LayerScale(m.init),
    layers.LocallyConnected2d: locally_connected,
    layers.Maxout: lambda m, *x: ops.Maxout(m.pieces),
    layers.Lookup: lambda m, *x: ops.Lookup(),
    layers.MeanTokens: lambda m, *x: ops.MeanTokens(),
    layers.Mul: lambda m, *x: ops.Mul(),
    layers.MultiScaleRoIAlign: lambda m, *x: ops.MultiScaleRoIAlign(m.size, m.scales, m.sampling, m.canonical),
    layers.Latents: lambda m, *x: ops.Latents(tuple(m.weight.shape)),
    layers.Offset: lambda m, *x: ops.Offset(m.axes, m.learned),
    layers.PatchMerge: lambda m, *x: ops.PatchMerge(m.height, m.width),
    layers.PNormPool2d: lambda m, *x: ops.LPPool2d(m.p, m.kernel_size, m.stride, m.ceil_mode),
    layers.PoolIndices2d: lambda m, *x: ops.MaxPoolIndices2d(m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode),
    layers.PositionEmbedding: lambda m, *x: ops.PositionEmbedding(),
    layers.Pyramid: lambda m, *x: ops.Pyramid(),
    layers.PyramidConv2d: lambda m, *x: ops.PyramidConv2d(m.out_channels, m.kernel_size[0], m.sizes, m.bias is not None),
    layers.RadixSoftmax: lambda m, *x: ops.RadixSoftmax(m.radix, m.groups),
    layers.RelativeAttention: lambda m, x: ops.RelativeAttention(m.heads, m.window, m.scale < (x.shape[1] / 3 / m.heads) ** -0.5 * 0.999),
    layers.Reshape: lambda m, *x: ops.Reshape(m.shape),
    layers.ResponseGate: lambda m, *x: ops.ResponseGate(m.eps),
    layers.RoIAlign: lambda m, *x: ops.RoIAlign(m.size, m.scale, m.sampling),
    layers.RootMeanSquareNorm: lambda m, *x: ops.RMSNorm(m.eps, m.weight is not None),
    layers.RootMeanSquareNorm2d: lambda m, *x: ops.RMSNorm2d(m.eps, m.weight is not None),
    layers.RowSoftmax: lambda m, *x: ops.RowSoftmax(),
    layers.ScalarGate: lambda m, *x: ops.ScalarGate(m.init),
    layers.Scale: lambda m, *x: ops.Scale(m.factor),
    layers.Scores: lambda m, *x: ops.Scores(m.heads),
    layers.Slice: run,
    layers.SparseConv2d: sparse_conv,
    layers.StochasticDepth: lambda m, *x: ops.StochasticDepth(m.p),
    layers.TakeToken: lambda m, *x: ops.TakeToken(m.index),
    layers.Tokens: lambda m, *x: ops.Tokens(),
    layers.Transpose: lambda m, *x: ops.Transpose(),
    layers.Unfold2d: lambda m, *x: ops.Unfold2d(m.kernel_size, m.stride, m.padding, m.dilation),
    layers.Unpool2d: lambda m, *x: ops.MaxUnpool2d(m.kernel_size, m.stride, m.padding, m.output_size),
    layers.WeightedSum: lambda m, *x: ops.WeightedSum(),
    layers.WeightNormConv2d: weight_norm_conv,
    layers.WeightNormLinear: lambda m, *x: ops.WeightNormLinear(len(m.weight_v), m.bias is not None),
    layers.WeightStandardConv2d: weight_standard_conv,
    layers.WindowAttention: lambda m, *x: ops.WindowAttention(m.heads, m.sides[0], m.sides[1], m.window, m.shift),
    layers.Windows: lambda m, *x: ops.Windows(m.image[0], m.image[1], m.window, m.shift, m.strided),
    layers.Zero: lambda m, *x: ops.Zero(),
    nn.LocalResponseNorm: lambda m, *x: ops.LocalResponseNorm(m.size, m.alpha, m.beta, m.k),
    nn.LPPool2d: p_norm_pool,
    nn.Softmin: softmin,
    nn.Softsign: lambda m, *x: ops.Softsign(),
    nn.Tanhshrink: lambda m, *x: ops.Tanhshrink(),
}
"""Which op a module is; a new layer is one line here."""

DEPTHS = {"StochasticDepth": "p", "DropPath": "drop_prob"}
"""Classes of stochastic depth in other libraries, and where they keep the probability of a sample to be dropped."""


def maker_of(module: nn.Module) -> Maker | None:
    """How to tell the op of a module; None where it is not one as a whole."""
    if type(module) in LEAVES:
        return LEAVES[type(module)]
    name = DEPTHS.get(type(module).__name__)
    if name is None or not isinstance(getattr(module, name, None), float | int | None):
        return None
    return lambda m, *x: ops.StochasticDepth(float(getattr(m, name) or 0.0))


@contextmanager
def marked(module: nn.Module) -> Iterator[None]:
    """Let every leaf be one call in a trace."""
    found = [(path, part) for path, part in module.named_modules() if stands_for_one(part)]
    for path, part in found:
        part.forward = stand_in(path, part)
    try:
        yield
    finally:
        for _, part in found:
            del part.forward


def stands_for_one(module: nn.Module) -> bool:
    """Whether a module is one call: of a class that is known, and if by its name alone, one that does nothing in inference."""
    if maker_of(module) is None or "forward" in vars(module):
        return False
    return type(module) in LEAVES or does_nothing(module)


@torch.no_grad()
def does_nothing(module: nn.Module) -> bool:
    """Whether a module has no parameters and hands on what it gets, tried with numbers."""
    x = torch.linspace(-1, 1, 48).reshape(2, 3, 2, 4)
    try:
        return not any(True for _ in module.parameters()) and torch.equal(module(x), x)
    except Exception:  # whatever the user's code does, it is not that
        return False


def stand_in(path: str, module: nn.Module) -> Callable[..., Tensor]:
    """A forward pass that is one call."""

    def forward(*values: Tensor) -> Tensor:
        specs = [TensorSpec(tuple(value.shape[1:])) for value in values]
        try:
            op = op_of(module, *specs)
        except NotThisOpError:
            traced: Tensor = type(module).forward(module, *values)
            return traced
        result: Tensor = torch.ops.archsearch.leaf(list(values), path, op.infer(*specs).shape, op.integer)
        return result

    return forward


def op_of(module: nn.Module, *inputs: TensorSpec) -> Op:
    """The op that a leaf is at these shapes."""
    make = maker_of(module)
    assert make is not None
    return make(module, *inputs)
