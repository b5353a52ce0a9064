"""Ops of detectors: one convolution for all levels of a pyramid, and values told apart box by box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from archsearch.ops.base import (
    MAX_FIELD,
    POINT,
    WHOLE,
    Cost,
    Layers,
    Op,
    Saved,
    Window,
    check_counts,
    check_flags,
    pair,
    reads_of,
    register,
)
from archsearch.ops.layout import Layouts
from archsearch.ops.linear import Flatten
from archsearch.ops.merge import Identity, at_least_one
from archsearch.ops.reading import APART, PIECES, UNSTATED, WHOLE_INPUT, Reads, line, positions
from archsearch.ops.saved import DONE, LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["BoxRows", "JoinTokens", "MultiScaleRoIAlign", "Pyramid", "PyramidConv2d", "Reshape"]

FREE = Cost()


@register("reshape")
@dataclass(frozen=True)
class Reshape(Op):
    """The elements in order, in another shape of as many: a vector to an image, boxes (N, C, H, W) to tokens (N, C * H * W)."""

    shape: tuple[int, ...]
    keeps_elements = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", TensorSpec(tuple(self.shape)).shape)

    def infer(self, x: TensorSpec) -> TensorSpec:
        if x.elements != prod(self.shape):
            raise ShapeError(f"reshape: {self.shape} has {prod(self.shape)} elements, {x.shape} has {x.elements}; give a shape of as many")
        return TensorSpec(self.shape)

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(view=True, eval_view=True, gradient="view")

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        if positions(x) > 1:
            return WHOLE_INPUT if len(self.shape) == 1 else UNSTATED
        one = line(1)
        return Reads("window", one, one) if len(self.shape) > 2 else APART

    def normal(self, x: TensorSpec) -> Op:
        if self.shape == x.shape:
            return Identity()
        return Flatten() if len(self.shape) == 1 else self

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return self if before.keeps_elements else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Reshape(*self.shape)


@register("box_rows")
@dataclass(frozen=True)
class BoxRows(Op):
    """(boxes * width, H, W) -> (H * W * boxes, width): a row of `width` numbers for each box at each position."""

    width: int

    def __post_init__(self) -> None:
        check_counts(self, "width")

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, height, width = x.expect(rank=3, by=self.kind)
        if channels % self.width:
            raise ShapeError(f"box_rows: width={self.width} must divide the channels of {x.shape}; give the conv2d before it boxes * width")
        return TensorSpec((channels // self.width * height * width, self.width))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        # One box a position, or one position: the numbers of a row lie a constant step apart, so torch copies nothing.
        view = x.channels in (self.width, x.elements)
        return Saved(view=view, eval_view=view, gradient="view")

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return APART

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.BoxRows(self.width)


@register("join_tokens")
@dataclass(frozen=True)
class JoinTokens(Op):
    """Tokens (T, D) of several inputs, one after the other: (sum of all T, D)."""

    associative = True

    def infer(self, *inputs: TensorSpec) -> TensorSpec:
        at_least_one(self, inputs)
        shapes = [x.expect(rank=2, by=self.kind) for x in inputs]
        if len({width for _, width in shapes}) > 1:
            raise ShapeError(f"join_tokens needs tokens of one width, got {', '.join(map(str, shapes))}; insert a linear")
        return TensorSpec((sum(count for count, _ in shapes), shapes[0][1]))

    def cost(self, *inputs: TensorSpec) -> Cost:
        return FREE

    def saved(self, *inputs: TensorSpec) -> Saved:
        return Saved(gradient="slices")

    def is_identity(self, inputs: int) -> bool:
        return inputs == 1

    def window(self) -> Window:
        return POINT

    def reads(self, *inputs: TensorSpec) -> Reads:
        return PIECES

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.Concat(1)


@register("pyramid")
@dataclass(frozen=True)
class Pyramid(Op):
    """Images (C, H, W) of several sizes -> one row of all their positions, (C, 1, T), for ops that all levels share.

    What works position by position (a 1x1 convolution, an activation) works on it as it is; for larger windows there is pyramid_conv2d.
    """

    def infer(self, *levels: TensorSpec) -> TensorSpec:
        at_least_one(self, levels)
        shapes = [level.expect(rank=3, by=self.kind) for level in levels]
        odd = next((shape for shape in shapes if shape[0] != shapes[0][0]), None)
        if odd is not None:
            raise ShapeError(f"pyramid needs equal channels at all levels, got {shapes[0]} and {odd}; insert a 1x1 conv2d")
        return TensorSpec((shapes[0][0], 1, sum(height * width for _, height, width in shapes)))

    def cost(self, *levels: TensorSpec) -> Cost:
        return FREE

    def saved(self, *levels: TensorSpec) -> Saved:
        return Saved(gradient="slices", rows=levels[0].channels)

    def saved_behind(self, layouts: Layouts, *levels: TensorSpec) -> Saved:
        """Levels whose rows do not lie as one are copied first, and all copies are there until the result is."""
        flat = [(level.channels, level.elements // level.channels) for level in levels]
        lies = zip(levels, layouts, flat, strict=True)
        copied = sum([level.elements for level, layout, shape in lies if layout is not None and layout.viewed(shape) is None])
        there = (Amount(self.infer(*levels).elements + copied),) if copied else ()
        return replace(self.saved(*levels), training=there, inference=there)

    def window(self) -> Window:
        return POINT

    def reads(self, *levels: TensorSpec) -> Reads:
        return PIECES

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, *levels: TensorSpec) -> Any:
        return layers.Pyramid()


@register("pyramid_conv2d")
@dataclass(frozen=True)
class PyramidConv2d(Op):
    """(C, 1, T) -> (channels, 1, T): a convolution over each level of a pyramid with the same weights, the levels' sizes kept.

    `sizes`: (height, width) of every level, in order; the kernel is odd.
    """

    channels: int
    kernel: int = 3
    sizes: tuple[tuple[int, int], ...] = ((1, 1),)
    bias: bool = True
    kernel_tensors = ("weight",)

    def __post_init__(self) -> None:
        check_counts(self, "channels", "kernel")
        check_flags(self, "bias")
        sizes = tuple(tuple(size) if isinstance(size, list | tuple) else (size,) for size in self.sizes)
        if not sizes or any(len(size) != 2 or any(type(side) is not int or not 1 <= side <= MAX_FIELD for side in size) for size in sizes):
            raise ValueError(f"pyramid_conv2d: sizes={self.sizes!r} must be pairs (height, width) of whole numbers of at least 1")
        if self.kernel % 2 == 0:
            raise ValueError(f"pyramid_conv2d: kernel={self.kernel} must be odd, so that the levels keep their sizes")
        object.__setattr__(self, "sizes", sizes)

    def infer(self, x: TensorSpec) -> TensorSpec:
        _, height, places = x.expect(rank=3, by=self.kind)
        wanted = sum(high * wide for high, wide in self.sizes)
        if height != 1 or places != wanted:
            raise ShapeError(
                f"pyramid_conv2d: sizes={self.sizes} need a pyramid (C, 1, {wanted}), got {x.shape}; give the sizes of its levels"
            )
        return TensorSpec((self.channels, 1, places))

    def cost(self, x: TensorSpec) -> Cost:
        weights = self.channels * x.channels * self.kernel**2
        return Cost(params=weights + self.channels * self.bias, macs=weights * x.shape[2])

    def saved(self, x: TensorSpec) -> Saved:
        out, learned = Amount(self.channels * x.shape[2]), Amount(weights=self.cost(x).params)
        first, *others = [Amount(x.channels * high * wide) for high, wide in self.sizes[::-1]]
        back = [step for level in others for step in (level + learned, -learned)]
        front = [step for _ in others for step in (learned, -learned)]
        return Saved(
            inputs=(0,), eval_elements=out.elements, training=(2 * out,), front=moments(learned, *front),
            backward=moments(first + learned, *back, LET_GO, DONE, Amount(x.elements)),
        )  # fmt: skip

    def window(self) -> Window:
        return Window(pair(self.kernel), padding=pair(self.kernel // 2))

    def reads(self, x: TensorSpec) -> Reads:
        return reads_of(self.window())._replace(tiling=(len(self.sizes),))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.PyramidConv2d(x.channels, self.channels, self.kernel, self.sizes, bias=self.bias)


@register("multi_scale_roi_align")
@dataclass(frozen=True)
class MultiScaleRoIAlign(Op):
    """Images (C, H, W) of falling size and boxes (N, 4) -> (N, C, size, size): each box cut from the level that fits it.

    Boxes are corners x1, y1, x2, y2 in pixels of the network's input and get no gradient; `scales` are the sides of each level over those
    of that input, powers of 1/2. A box of `canonical` pixels is cut from the level of scale 1/16, one of twice the side from the next
    (Lin et al. 2016, arXiv:1612.03144, equation 1). Each cell is the mean of `sampling` x `sampling` bilinear samples
    (He et al. 2017, arXiv:1703.06870). All boxes are sampled at all levels, so that shapes stay fixed.
    """

    size: int = 7
    scales: tuple[float, ...] = (1 / 4, 1 / 8, 1 / 16, 1 / 32)
    sampling: int = 2
    canonical: int = 224

    def __post_init__(self) -> None:
        check_counts(self, "size", "sampling", "canonical")
        scales = tuple(self.scales)
        if (
            not scales
            or not all(type(scale) in (int, float) and 0 < scale <= 1 for scale in scales)
            or sorted(scales, reverse=True) != [*scales]
        ):
            raise ValueError(
                f"multi_scale_roi_align: scales={self.scales!r} must be numbers over 0 and up to 1 that fall from level to level"
            )
        object.__setattr__(self, "scales", tuple(map(float, scales)))

    def infer(self, *inputs: TensorSpec) -> TensorSpec:
        at_least_one(self, inputs)
        *levels, boxes = inputs
        if len(boxes.shape) != 2 or boxes.shape[1] != 4:
            raise ShapeError(f"multi_scale_roi_align needs boxes (N, 4) as its last input, got {boxes.shape}; give corners x1, y1, x2, y2")
        if len(levels) != len(self.scales):
            raise ShapeError(f"multi_scale_roi_align: {len(self.scales)} scales need as many images, got {len(levels)}; give one for each")
        shapes = [level.expect(rank=3, by=self.kind) for level in levels]
        if len({shape[0] for shape in shapes}) > 1:
            raise ShapeError(f"multi_scale_roi_align needs equal channels at all levels, got {shapes}; insert a 1x1 conv2d")
        return TensorSpec((boxes.shape[0], shapes[0][0], self.size, self.size))

    def cost(self, *inputs: TensorSpec) -> Cost:
        return FREE

    def saved(self, *inputs: TensorSpec) -> Saved:
        result, points = self.infer(*inputs), self.size * self.sampling
        count, out, samples = result.shape[0], Amount(result.elements), Amount(result.elements * self.sampling**2)
        places = Amount(2 * count * points**2)
        # Where to sample is worked out anew for each level, while that of the level before is still there.
        found = Amount(6 * count + 4 * count * points, flags=2 * count * points, weights=points + 2) + places
        forward = moments(out, *([places] if len(self.scales) > 1 else []), found, places + -found, out)
        levels = [step for x in inputs[:-1] for step in (found, places + -found, Amount(x.elements) + places, -2 * places)]
        return Saved(
            inputs=tuple(range(len(inputs))), training=forward, inference=forward, backward=moments(out, samples, *levels)
        )  # fmt: skip

    def window(self) -> Window:
        return WHOLE

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros[:-1])

    def build(self, layers: Layers, *inputs: TensorSpec) -> Any:
        return layers.MultiScaleRoIAlign(self.size, self.scales, sampling=self.sampling, canonical=self.canonical)
