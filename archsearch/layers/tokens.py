"""Modules between images (N, C, H, W) and tokens (N, T, D), and over tokens; every result lies contiguous in memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ClassToken", "Image", "LayerNorm2d", "MeanTokens", "PatchMerge", "PositionEmbedding", "TakeToken", "Tokens", "Transpose"]


class Tokens(nn.Module):
    """(N, C, H, W) -> (N, H * W, C), row by row."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2).contiguous()


class Image(nn.Module):
    """(N, height * width, C) -> (N, C, height, width)."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height = height
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).contiguous().view(x.shape[0], x.shape[2], self.height, self.width)

    def extra_repr(self) -> str:
        return f"{self.height}, {self.width}"


class Transpose(nn.Module):
    """(N, T, D) -> (N, D, T)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).contiguous()


class ClassToken(nn.Module):
    """(N, T, D) -> (N, T + 1, D): a learned token before the others."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.weight = nn.Parameter(torch.zeros(1, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(x.shape[0], -1, -1), x], 1)

    def extra_repr(self) -> str:
        return f"{self.features}"


class PositionEmbedding(nn.Module):
    """x plus a learned vector for each of the tokens (N, tokens, features)."""

    def __init__(self, tokens: int, features: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.features = features
        self.weight = nn.Parameter(torch.randn(tokens, features) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight

    def extra_repr(self) -> str:
        return f"{self.tokens}, {self.features}"


class TakeToken(nn.Module):
    """(N, T, D) -> (N, D): the token at a place, as a view."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.index]

    def extra_repr(self) -> str:
        return f"{self.index}"


class MeanTokens(nn.Module):
    """(N, T, D) -> (N, D): the mean of all tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


class PatchMerge(nn.Module):
    """(N, height * width, C) -> (N, H' * W', 4 * C): the tokens of every 2x2 patch side by side, column by column.

    Odd sides are filled up with zeros.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height = height
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        down, across = self.height % 2, self.width % 2
        x = x.reshape(x.shape[0], self.height, self.width, x.shape[2])
        if down or across:
            x = functional.pad(x, (0, 0, 0, across, 0, down))
        x = x.reshape(x.shape[0], (self.height + down) // 2, 2, (self.width + across) // 2, 2, x.shape[3])
        return x.permute(0, 1, 3, 4, 2, 5).flatten(3).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"{self.height}, {self.width}"


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of images (N, C, H, W)."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(channels, eps)
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()
