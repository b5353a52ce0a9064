"""Attention over tokens (N, T, D), all of them or window by window; queries, keys and values come packed along the last axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["Attention", "CrossAttention", "FromWindows", "RelativeAttention", "WindowAttention", "Windows"]


def heads_apart(x: Tensor, parts: int, heads: int) -> Tensor:
    """(N, T, parts * D) -> (parts, N, heads, T, D / heads), as a view."""
    count, tokens, features = x.shape
    return x.reshape(count, tokens, parts, heads, features // (parts * heads)).permute(2, 0, 3, 1, 4)


def mixed(packed: tuple[Tensor, ...], fused: bool) -> Tensor:
    """softmax(q k' / sqrt(d)) v of queries, keys and values (N, heads, T, d)."""
    q, k, v = packed
    if fused:
        return functional.scaled_dot_product_attention(q, k, v)
    with sdpa_kernel(SDPBackend.MATH):
        return functional.scaled_dot_product_attention(q, k, v)


def heads_joined(x: Tensor) -> Tensor:
    """(N, heads, T, d) -> (N, T, heads * d)."""
    return x.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """(N, T, 3 * D) -> (N, T, D): every token reads every token."""

    def __init__(self, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads = heads
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        return heads_joined(mixed(self.packed(x).unbind(0), self.fused))

    def packed(self, x: Tensor) -> Tensor:
        """Queries, keys and values (3, N, heads, T, d): a view for the fused kernel, which takes any order, else one copy."""
        parts = heads_apart(x, 3, self.heads)
        return parts if self.fused else parts.contiguous()

    def extra_repr(self) -> str:
        return f"{self.heads}, {self.fused}"


class CrossAttention(nn.Module):
    """Queries (N, T, D), keys and values (N, S, 2 * D) -> (N, T, D): every token of the first reads every token of the second."""

    def __init__(self, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads = heads
        self.fused = fused

    def forward(self, queries: Tensor, x: Tensor) -> Tensor:
        return heads_joined(mixed(self.packed(queries, x), self.fused))

    def packed(self, queries: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values (N, heads, T or S, d): views for the fused kernel, which takes any order, else copies."""
        first, others = heads_apart(queries, 1, self.heads), heads_apart(x, 2, self.heads)
        if not self.fused:
            first, others = first.contiguous(), others.contiguous()
        return first[0], *others.unbind(0)

    def extra_repr(self) -> str:
        return f"{self.heads}, {self.fused}"


def relative_index(height: int, width: int) -> Tensor:
    """(height * width, height * width): which row of a table of (2 * height - 1) * (2 * width - 1) is for two places that far apart."""
    rows, columns = torch.arange(height).repeat_interleave(width), torch.arange(width).repeat(height)
    down, across = rows[:, None] - rows + height - 1, columns[:, None] - columns + width - 1
    return (down * (2 * width - 1) + across).int()


def relative_table(height: int, width: int, heads: int) -> nn.Parameter:
    """A learned number for each distance in a window and each head."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty((2 * height - 1) * (2 * width - 1), heads), std=0.02))


def relative_bias(table: Tensor, index: Tensor, places: int) -> Tensor:
    """(heads, places, places): what the table has for every two places."""
    return table[index.flatten()].view(places, places, -1).permute(2, 0, 1)


def windows_apart(x: Tensor, places: int, heads: int) -> Tensor:
    """(N, G * places, 3 * D) -> (3, N, G, heads, places, D / heads)."""
    count, tokens, features = x.shape
    x = x.reshape(count, tokens // places, places, 3, heads, features // (3 * heads))
    return x.permute(3, 0, 1, 4, 2, 5).contiguous()


def mixed_windows(packed: Tensor, scale: float, *biases: Tensor) -> Tensor:
    """softmax(scale * q k' + biases) v of queries, keys and values (3, N, G, heads, places, d)."""
    q, k, v = packed.unbind(0)
    scores = torch.matmul(q, k.transpose(3, 4)).mul_(scale)
    for bias in biases:
        scores.add_(bias)
    scores = scores.softmax(4)
    return torch.matmul(scores, v)


def windows_joined(x: Tensor) -> Tensor:
    """(N, G, heads, places, d) -> (N, G * places, heads * d)."""
    return x.transpose(2, 3).flatten(3).flatten(1, 2)


class RelativeAttention(nn.Module):
    """(N, G * T, 3 * D) -> (N, G * T, D): tokens read those of their window of T = height * width, with a learned bias for the distance."""

    index: Tensor

    def __init__(self, heads: int, window: tuple[int, int], scale: float) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.scale = scale
        self.bias_table = relative_table(*window, heads)
        self.register_buffer("index", relative_index(*window))

    def forward(self, x: Tensor) -> Tensor:
        places = self.window[0] * self.window[1]
        bias = relative_bias(self.bias_table, self.index, places)
        return windows_joined(mixed_windows(windows_apart(x, places, self.heads), self.scale, bias))

    def extra_repr(self) -> str:
        return f"{self.heads}, {self.window}, {self.scale}"


def shifted_mask(x: Tensor, sides: tuple[int, int], window: tuple[int, int], shift: tuple[int, int]) -> Tensor:
    """(windows, 1, T, T): -100 between places that the cyclic shift has brought together from opposite borders, else 0."""
    regions = x.new_zeros(sides)
    regions[sides[0] - shift[0] :] += 1
    regions[:, sides[1] - shift[1] :] += 2
    regions = regions.view(sides[0] // window[0], window[0], sides[1] // window[1], window[1]).transpose(1, 2).flatten(2).flatten(0, 1)
    apart = regions[:, None, :] != regions[:, :, None]
    return x.new_zeros(apart.shape).masked_fill_(apart, -100.0).unsqueeze(1)


class WindowAttention(nn.Module):
    """(N, G * T, 3 * D) -> (N, G * T, D): as RelativeAttention over the windows of an image with `sides`, cyclically shifted."""

    index: Tensor

    def __init__(self, heads: int, sides: tuple[int, int], window: tuple[int, int], shift: tuple[int, int], scale: float) -> None:
        super().__init__()
        self.heads = heads
        self.sides = sides
        self.window = window
        self.shift = shift
        self.scale = scale
        self.bias_table = relative_table(*window, heads)
        self.register_buffer("index", relative_index(*window).flatten())

    def forward(self, x: Tensor) -> Tensor:
        places = self.window[0] * self.window[1]
        biases = [relative_bias(self.bias_table, self.index, places)]
        if self.shift != (0, 0):
            biases.append(shifted_mask(x, self.sides, self.window, self.shift))
        return windows_joined(mixed_windows(windows_apart(x, places, self.heads), self.scale, *biases))

    def extra_repr(self) -> str:
        return f"{self.heads}, {self.sides}, {self.window}, {self.shift}, {self.scale}"


class Windows(nn.Module):
    """(N, H * W, D) -> (N, H' * W', D): tokens in the order of their windows, sides filled up with zeros to multiples of the window.

    The image is rolled by `shift` up and to the left first. `strided`: a window has tokens from all over the image, equally far apart.
    """

    def __init__(self, image: tuple[int, int], window: tuple[int, int], shift: tuple[int, int], strided: bool) -> None:
        super().__init__()
        self.image = image
        self.window = window
        self.shift = shift
        self.strided = strided

    def forward(self, x: Tensor) -> Tensor:
        (high, wide), (down, across) = self.window, missing(self.image, self.window)
        rows, columns = (self.image[0] + down) // high, (self.image[1] + across) // wide
        x = x.reshape(x.shape[0], *self.image, x.shape[2])
        if down or across:
            x = functional.pad(x, (0, 0, 0, across, 0, down))
        if self.shift != (0, 0):
            x = x.roll((-self.shift[0], -self.shift[1]), (1, 2))
        if self.strided:
            x = x.reshape(x.shape[0], high, rows, wide, columns, -1).permute(0, 2, 4, 1, 3, 5)
        else:
            x = x.reshape(x.shape[0], rows, high, columns, wide, -1).transpose(2, 3)
        return x.contiguous().flatten(1, 4)

    def extra_repr(self) -> str:
        return f"{self.image}, {self.window}, {self.shift}, {self.strided}"


class FromWindows(nn.Module):
    """(N, H' * W', D) -> (N, H * W, D): the way back from Windows."""

    def __init__(self, image: tuple[int, int], window: tuple[int, int], shift: tuple[int, int], strided: bool) -> None:
        super().__init__()
        self.image = image
        self.window = window
        self.shift = shift
        self.strided = strided

    def forward(self, x: Tensor) -> Tensor:
        (high, wide), (down, across) = self.window, missing(self.image, self.window)
        rows, columns = (self.image[0] + down) // high, (self.image[1] + across) // wide
        x = x.reshape(x.shape[0], rows, columns, high, wide, x.shape[2])
        x = x.permute(0, 3, 1, 4, 2, 5) if self.strided else x.transpose(2, 3)
        x = x.contiguous().flatten(3, 4).flatten(1, 2)
        if self.shift != (0, 0):
            x = x.roll(self.shift, (1, 2))
        if down or across:
            x = functional.pad(x, (0, 0, 0, -across, 0, -down))
        return x.flatten(1, 2)

    def extra_repr(self) -> str:
        return f"{self.image}, {self.window}, {self.shift}, {self.strided}"


def missing(sides: tuple[int, int], window: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns that the sides of an image lack to multiples of the window."""
    return -sides[0] % window[0], -sides[1] % window[1]
