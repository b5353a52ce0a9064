"""Regions of images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["RoIAlign"]


class RoIAlign(nn.Module):
    """Features (batch, C, H, W) and boxes (batch, N, 4) -> (batch, N, C, *size): means of `sampling` x `sampling` points a cell.

    Boxes are x1, y1, x2, y2 in pixels of an image that is 1 / `scale` times as large as the features.
    """

    def __init__(self, size: tuple[int, int], scale: float, sampling: int) -> None:
        super().__init__()
        self.size = size
        self.scale = scale
        self.sampling = sampling

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        number, (rows, columns), points = boxes.shape[1], self.size, self.sampling
        samples = functional.grid_sample(features, self.places(boxes, height, width), padding_mode="border", align_corners=False)
        sums = samples.view(batch, channels, number, rows, points, columns, points).sum((4, 6))
        del samples
        return sums.div_(points**2).transpose(1, 2).contiguous()

    def places(self, boxes: Tensor, height: int, width: int) -> Tensor:
        """Where to sample, from -1 to 1 along the sides of the features: evenly in each box, (batch, N * rows, columns, 2)."""
        left, top, right, bottom = boxes.flatten(0, 1).unbind(1)
        across, down = self.scale / width, self.scale / height
        none = torch.zeros_like(left)
        wide, high = (right - left) * across, (bottom - top) * down
        theta = torch.stack([wide, none, (left + right) * across - 1, none, high, (top + bottom) * down - 1], 1).view(-1, 2, 3)
        rows, columns = self.size[0] * self.sampling, self.size[1] * self.sampling
        grid = functional.affine_grid(theta, [theta.shape[0], 1, rows, columns], align_corners=False)
        return grid.view(boxes.shape[0], -1, columns, 2)

    def extra_repr(self) -> str:
        return f"{self.size}, scale={self.scale}, sampling={self.sampling}"
