"""Modules over pyramids of features: one convolution for all levels, and regions cut from the level that fits their size."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BoxRows", "MultiScaleRoIAlign", "Pyramid", "PyramidConv2d", "Reshape"]


class Reshape(nn.Module):
    """The same elements in order, in another shape of one sample."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.shape)

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.shape))


class BoxRows(nn.Module):
    """Images (N, boxes * width, H, W) -> a row for every box, (N, H * W * boxes, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        count, channels, height, wide = x.shape
        boxes = x.reshape(count, channels // self.width, self.width, height, wide)
        return boxes.permute(0, 3, 4, 1, 2).reshape(count, -1, self.width)

    def extra_repr(self) -> str:
        return f"{self.width}"


class Pyramid(nn.Module):
    """Images (N, C, H, W) of several sizes -> their positions in one row, (N, C, 1, T)."""

    def forward(self, *levels: Tensor) -> Tensor:
        return torch.cat([level.flatten(2).unsqueeze(2) for level in levels], 3)


class PyramidConv2d(nn.Conv2d):
    """One convolution over every level of a pyramid (N, C, 1, T) that keeps the levels' sizes (height, width)."""

    def __init__(self, inputs: int, channels: int, kernel: int, sizes: tuple[tuple[int, int], ...], bias: bool = True) -> None:
        super().__init__(inputs, channels, kernel, padding=kernel // 2, bias=bias)
        self.sizes = sizes

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split(x, [height * width for height, width in self.sizes], 3)
        levels = [part.reshape(*part.shape[:2], *size) for part, size in zip(parts, self.sizes, strict=True)]
        results = [functional.conv2d(level, self.weight, self.bias, padding=self.padding) for level in levels]
        return torch.cat([result.flatten(2).unsqueeze(2) for result in results], 3)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, sizes={self.sizes}"


class MultiScaleRoIAlign(nn.Module):
    """Images (N, C, H, W) of falling size and boxes (N, B, 4), their corners x1, y1, x2, y2 in pixels -> (N, B, C, size, size).

    `scales`: sides of each level over those of the image. A box is cut from the level that fits its size: that of `canonical` pixels from
    the level of scale 1/16. `sampling` x `sampling` bilinear samples are averaged in each cell.
    """

    def __init__(self, size: int, scales: tuple[float, ...], sampling: int = 2, canonical: int = 224) -> None:
        super().__init__()
        self.size = size
        self.scales = scales
        self.sampling = sampling
        self.canonical = canonical

    def forward(self, *values: Tensor) -> Tensor:
        result: Tensor = PyramidRegions.apply(self, *values)  # type: ignore[no-untyped-call]
        return result

    def level_of(self, boxes: Tensor) -> Tensor:
        """Number of the level that each box is cut from (Lin et al. 2016, arXiv:1612.03144, equation 1)."""
        first, last = (-round(math.log2(scale)) for scale in (self.scales[0], self.scales[-1]))
        side = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1).sqrt()
        return (4 + torch.log2(side / self.canonical) + 1e-6).floor().clamp(first, last) - first

    def samples(self, boxes: Tensor, number: int, level: Tensor) -> Tensor:
        """Where to sample one level, (N, B * samples, samples, 2), as functional.grid_sample counts; outside for boxes of other levels."""
        points = self.size * self.sampling
        steps = (torch.arange(points, device=boxes.device, dtype=boxes.dtype) + 0.5) / points
        corners = boxes * self.scales[number]
        start, length = corners[..., :2], (corners[..., 2:] - corners[..., :2]).clamp(min=1)
        sides = boxes.new_tensor(level.shape[:1:-1])[:, None]
        places = start[..., None] + length[..., None] * steps
        inside = (places >= -1) & (places <= sides) & (self.level_of(boxes) == number)[..., None, None]
        places = torch.minimum(places.clamp(min=0), sides - 1)
        across, down = ((2 * places + 1) / sides - 1).masked_fill(~inside, -3).unbind(2)
        shape = (*across.shape, points)
        return torch.stack([across[:, :, None].expand(shape), down[..., None].expand(shape)], -1).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"{self.size}, scales={self.scales}, sampling={self.sampling}, canonical={self.canonical}"


class PyramidRegions(torch.autograd.Function):
    """Bilinear samples of a pyramid, averaged cell by cell; nothing is kept but the inputs, and boxes get no gradient."""

    @staticmethod
    def forward(ctx: Any, align: MultiScaleRoIAlign, *values: Tensor) -> Tensor:
        ctx.align = align
        ctx.save_for_backward(*values)
        *levels, boxes = values
        size, sampling = align.size, align.sampling
        total = boxes.new_zeros(boxes.shape[0], levels[0].shape[1], boxes.shape[1] * size, size)
        for number, level in enumerate(levels):
            samples = align.samples(boxes, number, level).reshape(boxes.shape[0], -1, sampling, size, sampling, 2)
            for place in range(sampling**2):  # one sample a cell at a time, so that all samples at once need no memory
                total += functional.grid_sample(level, samples[:, :, place // sampling, :, place % sampling], align_corners=False)
        cells = (total.div_(sampling**2)).reshape(*total.shape[:2], boxes.shape[1], size, size)
        return cells.transpose(1, 2).contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        align, (*levels, boxes) = ctx.align, ctx.saved_tensors
        count, boxes_each, channels, size, _ = gradient.shape
        cells = (gradient / align.sampling**2).transpose(1, 2)[:, :, :, :, None, :, None]
        points = size * align.sampling
        spread = cells.expand(-1, -1, -1, -1, align.sampling, -1, align.sampling).reshape(count, channels, boxes_each * points, points)
        back = torch.ops.aten.grid_sampler_2d_backward
        made = [
            back(spread, level, align.samples(boxes, number, level), 0, 0, False, (True, False))[0]
            if ctx.needs_input_grad[number + 1]
            else None
            for number, level in enumerate(levels)
        ]
        return None, *made, None
