"""Convolutions that torch does not have: over boxes, and with coordinates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["BoxConv2d", "BoxConvTranspose2d", "CoordConv2d"]


class BoxConv2d(nn.Conv2d):
    """Convolution over boxes (batch, N, C, H, W), one by one."""

    def forward(self, input: Tensor) -> Tensor:
        result = super().forward(input.flatten(0, 1))
        return result.reshape(*input.shape[:2], *result.shape[1:])


class BoxConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution over boxes (batch, N, C, H, W), one by one."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        result = super().forward(input.flatten(0, 1), output_size)
        return result.reshape(*input.shape[:2], *result.shape[1:])


class CoordConv2d(nn.Conv2d):
    """Convolution of images of one size that also reads row, column, and with `radius` the distance to the middle, of every pixel."""

    rows: Tensor
    columns: Tensor
    radii: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        height: int,
        width: int,
        radius: bool = False,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels + 2 + radius, out_channels, kernel_size, stride, padding, bias=bias)
        rows, columns = torch.linspace(-1, 1, height).view(1, 1, -1, 1), torch.linspace(-1, 1, width).view(1, 1, 1, -1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("radii", (rows**2 + columns**2).sqrt() if radius else None, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        batch, _, height, width = input.shape
        coordinates = [known.expand(batch, 1, height, width) for known in (self.rows, self.columns, self.radii) if known is not None]
        return super().forward(torch.cat([input, *coordinates], 1))
