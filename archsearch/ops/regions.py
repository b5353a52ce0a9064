"""Ops of detectors: features of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from archsearch.ops.base import WHOLE, Cost, Layers, Op, Saved, Size, Window, check_counts, check_number, check_sizes, pair, register
from archsearch.ops.pyramid_regions import Reshape
from archsearch.ops.reading import Reads, all_of
from archsearch.ops.saved import DONE, LET_GO, Amount, moments
from archsearch.ops.tensor import ShapeError, TensorSpec

__all__ = ["FlattenBoxes", "RoIAlign"]

FREE = Cost()


@register("roi_align")
@dataclass(frozen=True)
class RoIAlign(Op):
    """Features (C, H, W) and boxes (N, 4) -> (N, C, *size): the features under each box, as an image (He et al. 2017, arXiv:1703.06870).

    Boxes are x1, y1, x2, y2 in pixels of the image, whose sides times `scale` are those of the features. Each cell is the mean of
    `sampling` x `sampling` points between the features' pixels; points outside take the nearest pixel.
    """

    size: Size = 7
    scale: float = 1 / 16
    sampling: int = 2

    def __post_init__(self) -> None:
        check_sizes(self, "size")
        check_number(self, "scale", 1e-6, 1000)
        check_counts(self, "sampling")

    def infer(self, features: TensorSpec, boxes: TensorSpec) -> TensorSpec:
        channels, _, _ = features.expect(rank=3, by=self.kind)
        if len(boxes.shape) != 2 or boxes.shape[1] != 4:
            raise ShapeError(f"roi_align needs boxes (N, 4) as its second input, got shape {boxes.shape}; give x1, y1, x2, y2 a row")
        return TensorSpec((boxes.shape[0], channels, *pair(self.size)))

    def cost(self, features: TensorSpec, boxes: TensorSpec) -> Cost:
        return FREE

    def saved(self, features: TensorSpec, boxes: TensorSpec) -> Saved:
        out, boxed = Amount(self.infer(features, boxes).elements), Amount(9 * boxes.shape[0])
        samples = self.sampling**2 * out
        places = Amount(2 * samples.elements // features.channels)
        side = Amount(weights=3 * max(pair(self.size)) * self.sampling)
        grid = Amount(3 * places.elements // 2)  # where to sample, before it is stretched to the boxes
        forward = (boxed, places, -boxed, samples)
        back = (out, LET_GO, samples, -out, Amount(features.elements) + places, -samples, -places, DONE, grid, side, -side, boxed)
        return Saved(
            inputs=(0,), elements=places.elements, training=moments(*forward, out, -samples, out),
            inference=moments(*forward, -places, out, -samples, out), backward=moments(*back),
            waiting=places - Amount(boxes.elements),
        )  # fmt: skip

    def window(self) -> Window:
        return WHOLE

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return zeros[0]

    def build(self, layers: Layers, features: TensorSpec, boxes: TensorSpec) -> Any:
        return layers.RoIAlign(pair(self.size), self.scale, self.sampling)


@register("flatten_boxes")
@dataclass(frozen=True)
class FlattenBoxes(Op):
    """(N, C, H, W) -> (N, C * H * W): the features of each box in a row, as a view."""

    keeps_elements = True

    def infer(self, x: TensorSpec) -> TensorSpec:
        if len(x.shape) != 4:
            raise ShapeError(f"flatten_boxes needs boxes (N, C, H, W), got shape {x.shape}; use flatten for one image")
        return TensorSpec((x.shape[0], prod(x.shape[1:])))

    def cost(self, x: TensorSpec) -> Cost:
        return FREE

    def saved(self, x: TensorSpec) -> Saved:
        return Saved(view=True, eval_view=True, gradient="view")

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def window(self) -> Window:
        return WHOLE

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(x.shape[2] * x.shape[3])

    def normal(self, x: TensorSpec) -> Op:
        return Reshape(self.infer(x).shape)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.Flatten(2)
