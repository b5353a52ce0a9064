"""Ops that change the size of images (C, H, W) without learned parameters: up-sampling, pixel shuffle, padding, cropping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from archsearch.ops.base import (
    POINT,
    Channels,
    Cost,
    Layers,
    Op,
    Saved,
    Size,
    Window,
    check_counts,
    check_flags,
    check_number,
    check_sizes,
    pair,
    register,
)
from archsearch.ops.channels import check_offsets
from archsearch.ops.merge import Identity
from archsearch.ops.reading import Reads, Taps, sampling, sliding
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec
from archsearch.support.nearest import nearest

__all__ = ["Crop2d", "Pad2d", "PixelShuffle", "PixelUnshuffle", "Upsample"]

FREE = Cost()
SAMPLED = {"nearest": 1, "nearest-exact": 1, "bilinear": 2, "bicubic": 4}
"""Modes of up-sampling, and how many input positions each reads along an axis."""
PADDINGS = {"zeros": "ConstantPad2d", "reflect": "ReflectionPad2d", "replicate": "ReplicationPad2d"}
LARGEST = 3.4e38
"""Finite in float32: a border of its negative never wins in max pooling."""


def spread(factor: int) -> Taps:
    """Positions that are cut out of one."""
    return Taps(factor, 1, (0,) * factor, (0,) * factor)


def check_mode(op: Upsample | Pad2d, known: dict[str, Any]) -> None:
    """Raise ValueError when the mode is unknown."""
    if op.mode not in known:
        raise ValueError(f"{op.kind}: mode={op.mode!r} is unknown; {nearest(str(op.mode), list(known))}")


@register("upsample")
@dataclass(frozen=True)
class Upsample(Op):
    """(C, H, W) -> (C, scale * H, scale * W), or (C, *size): sampled between the pixels as `mode` says; scale is 2 if neither is given.

    Modes are nearest, nearest-exact, bilinear and bicubic; `align_corners` (of the latter two) puts the outermost samples on the
    outermost pixels.
    """

    scale: Size | None = None
    size: Size | None = None
    mode: str = "bilinear"
    align_corners: bool = False
    either = ("scale", "size")

    def __post_init__(self) -> None:
        if self.scale is not None and self.size is not None:
            raise ValueError(f"upsample: scale={self.scale} and size={self.size} are given; give one of them")
        if self.size is None and self.scale is None:
            object.__setattr__(self, "scale", 2)
        check_sizes(self, "scale" if self.size is None else "size")
        check_mode(self, SAMPLED)
        check_flags(self, "align_corners")
        if self.align_corners and SAMPLED[self.mode] == 1:
            raise ValueError(f"upsample: align_corners=True needs mode bilinear or bicubic, not {self.mode}")

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, height, width = x.expect(rank=3, by=self.kind)
        if self.size is None:
            down, across = pair(self.scale or 2)
            return TensorSpec((channels, height * down, width * across))
        high, wide = pair(self.size)
        if high < height or wide < width:
            raise ShapeError(f"upsample: size={self.size} is smaller than shape {x.shape}; use adaptive_avg_pool2d to shrink an image")
        return TensorSpec((channels, high, wide))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def normal(self, x: TensorSpec) -> Op:
        """A scale rather than a size, where there is one: of it the window is known."""
        _, height, width = x.shape
        _, high, wide = self.infer(x).shape
        if (high, wide) == (height, width):
            return Identity()
        if high % height or wide % width or self.size is None:
            return self
        return replace(self, size=None, scale=(high // height, wide // width))

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def window(self) -> Window:
        """How far `size` is from the input's is not known here, so that form counts as a scale of 1, which is never too small."""
        kernel = SAMPLED[self.mode]
        return Window((kernel, kernel), up=pair(self.scale or 1))

    def reads(self, x: TensorSpec) -> Reads:
        sizes = zip(x.shape[1:], self.infer(x).shape[1:], strict=True)
        down, across = (sampling(size, places, self.mode, self.align_corners) for size, places in sizes)
        return Reads("window", down, across)

    def channels_are(self) -> Channels:
        return "kept"

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        corners = self.align_corners if SAMPLED[self.mode] > 1 else None
        return layers.Upsample(size=self.infer(x).shape[1:], mode=self.mode, align_corners=corners)


@register("pixel_shuffle")
@dataclass(frozen=True)
class PixelShuffle(Op):
    """(C * factor**2, H, W) -> (C, factor * H, factor * W): channels become pixels (Shi et al. 2016, arXiv:1609.05158)."""

    factor: int = 2

    def __post_init__(self) -> None:
        check_counts(self, "factor")

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, height, width = x.expect(rank=3, by=self.kind)
        if channels % self.factor**2:
            raise ShapeError(f"pixel_shuffle: {channels} channels are no multiple of factor**2 = {self.factor**2}; insert a 1x1 conv2d")
        return TensorSpec((channels // self.factor**2, height * self.factor, width * self.factor))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def window(self) -> Window:
        return Window(up=pair(self.factor))

    def is_identity(self, inputs: int) -> bool:
        return self.factor == 1

    def reads(self, x: TensorSpec) -> Reads:
        return Reads("window", spread(self.factor), spread(self.factor))

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return Identity() if before == PixelUnshuffle(self.factor) else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.PixelShuffle(self.factor)


@register("pixel_unshuffle")
@dataclass(frozen=True)
class PixelUnshuffle(Op):
    """(C, factor * H, factor * W) -> (C * factor**2, H, W): pixels become channels."""

    factor: int = 2

    def __post_init__(self) -> None:
        check_counts(self, "factor")

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, height, width = x.expect(rank=3, by=self.kind)
        if height % self.factor or width % self.factor:
            raise ShapeError(f"pixel_unshuffle: factor={self.factor} must divide height and width of {x.shape}; insert pad2d before it")
        return TensorSpec((channels * self.factor**2, height // self.factor, width // self.factor))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def window(self) -> Window:
        return Window(pair(self.factor), pair(self.factor))

    def is_identity(self, inputs: int) -> bool:
        return self.factor == 1

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        return Identity() if before == PixelShuffle(self.factor) else None

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.PixelUnshuffle(self.factor)


@register("pad2d")
@dataclass(frozen=True)
class Pad2d(Op):
    """(C, H, W) -> (C, top + H + bottom, left + W + right).

    The border is of `value` (mode zeros), of mirrored pixels (reflect) or of copies of the outermost (replicate).
    """

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    mode: str = "zeros"
    value: float = 0.0

    def __post_init__(self) -> None:
        check_offsets(self, "top", "bottom", "left", "right")
        check_mode(self, PADDINGS)
        check_number(self, "value", -LARGEST, LARGEST)
        if self.value and self.mode != "zeros":
            raise ValueError(f"pad2d: value={self.value} has no meaning in mode {self.mode}; leave it out")

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, height, width = x.expect(rank=3, by=self.kind)
        if self.mode == "reflect" and (max(self.top, self.bottom) >= height or max(self.left, self.right) >= width):
            raise ShapeError(f"pad2d: a mirrored border must be smaller than the image {x.shape}; use mode replicate or a smaller border")
        return TensorSpec((channels, self.top + height + self.bottom, self.left + width + self.right))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved() if self.mode == "zeros" else Saved(inputs=(0,))

    def is_identity(self, inputs: int) -> bool:
        return self.top == self.bottom == self.left == self.right == 0

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        if not isinstance(before, Pad2d) or (before.mode, before.value) != (self.mode, self.value) or self.mode == "reflect":
            return None
        sides = {side: getattr(before, side) + getattr(self, side) for side in ("top", "bottom", "left", "right")}
        return replace(self, **sides)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros) and self.value == 0

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return Reads("window", sliding(1, 1, self.top, 1), sliding(1, 1, self.left, 1))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        border = (self.left, self.right, self.top, self.bottom)
        return layers.ConstantPad2d(border, self.value) if self.mode == "zeros" else getattr(layers, PADDINGS[self.mode])(border)


@register("crop2d")
@dataclass(frozen=True)
class Crop2d(Op):
    """(C, H, W) -> (C, height, width): the window from row `top` and column `left` on, as a view; sizes not given reach to the border."""

    top: int = 0
    left: int = 0
    height: int | None = None
    width: int | None = None

    def __post_init__(self) -> None:
        check_offsets(self, "top", "left")
        check_counts(self, *(name for name in ("height", "width") if getattr(self, name) is not None))

    def infer(self, x: TensorSpec) -> TensorSpec:
        channels, *sizes = x.expect(rank=3, by=self.kind)
        places = list(zip((self.top, self.left), (self.height, self.width), sizes, strict=True))
        cut = [size - start if length is None else length for start, length, size in places]
        if any(length < 1 or start + length > size for (start, _, size), length in zip(places, cut, strict=True)):
            raise ShapeError(f"crop2d: {self} reaches over the border of {x.shape}; cut a smaller window")
        return TensorSpec((channels, *cut))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        out = self.infer(x)
        if out == x:
            return Saved(view=True, eval_view=True, gradient="same")
        _, height, width = out.shape
        if (height, width) == x.shape[1:] or height == x.shape[1] or width == x.shape[2]:
            return Saved(view=True, eval_view=True)
        rows = Amount(x.channels * height * x.shape[2])  # rows are cut first, then columns of them; the way back is in two steps too
        return Saved(view=True, eval_view=True, backward=moments(rows, LET_GO, Amount(x.elements)))

    def normal(self, x: TensorSpec) -> Op:
        if self.infer(x) == x:
            return Identity()
        _, height, width = x.shape
        reach = [
            None if length is not None and start + length == size else length
            for start, length, size in ((self.top, self.height, height), (self.left, self.width, width))
        ]
        return self if reach == [self.height, self.width] else Crop2d(self.top, self.left, *reach)

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        if not isinstance(before, Crop2d):
            return None
        _, height, width = before.infer(*inputs).shape
        high, wide = height - self.top if self.height is None else self.height, width - self.left if self.width is None else self.width
        return Crop2d(before.top + self.top, before.left + self.left, high, wide)

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def channels_are(self) -> Channels:
        return "kept"

    def window(self) -> Window:
        return POINT

    def reads(self, x: TensorSpec) -> Reads:
        return Reads("window", sliding(1, 1, -self.top, 1), sliding(1, 1, -self.left, 1))

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        _, height, width = self.infer(x).shape
        return layers.Crop2d(self.top, self.left, height, width)
