"""The changes of images that training may draw, each for a batch of pixels in [0, 1] and an amount in [-1, 1] for every image.

After the list of RandAugment (Cubuk et al. 2019, arXiv:1909.13719), at the strengths of its experiments on small images.
"""

from __future__ import annotations

from collections.abc import Callable
from math import radians

import torch
from torch import Tensor
from torch.nn import functional

Change = Callable[[Tensor, Tensor], Tensor]
GRAY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in luma (ITU-R BT.601)."""
MOST_ANGLE, MOST_SHEAR, MOST_MOVE, MOST_FACTOR = radians(30), 0.3, 0.3, 0.9


def nothing(pixels: Tensor, amount: Tensor) -> Tensor:
    """The images as they are."""
    return pixels


def stretched(pixels: Tensor, amount: Tensor) -> Tensor:
    """Every channel brought to the whole range."""
    low, high = pixels.amin((2, 3), keepdim=True), pixels.amax((2, 3), keepdim=True)
    return torch.where(high > low, (pixels - low) / (high - low).clamp(min=1e-6), pixels)


def equalised(pixels: Tensor, amount: Tensor) -> Tensor:
    """Every channel's values replaced by their ranks, so that all are equally common; equal values stay equal."""
    flat = (pixels.flatten(2) * 255).round().long()
    counts = torch.zeros(*flat.shape[:2], 256, device=pixels.device).scatter_add_(2, flat, torch.ones_like(flat, dtype=torch.float32))
    below = counts.cumsum(2) - counts
    most = below.gather(2, flat.amax(2, keepdim=True)).clamp(min=1)
    return (below.gather(2, flat) / most).reshape(pixels.shape)


def posterised(pixels: Tensor, amount: Tensor) -> Tensor:
    """Fewer levels: 4 to 8 bits."""
    levels = 2.0 ** (8 - (4 * amount.abs()).round())[:, None, None, None]
    return (pixels * 255 / (256 / levels)).floor() * (256 / levels) / 255


def solarised(pixels: Tensor, amount: Tensor) -> Tensor:
    """What is brighter than a threshold becomes its negative."""
    return torch.where(pixels >= 1 - amount.abs()[:, None, None, None], 1 - pixels, pixels)


def brightened(pixels: Tensor, amount: Tensor) -> Tensor:
    """Nearer to black, or farther."""
    return mixed(torch.zeros_like(pixels), pixels, amount * MOST_FACTOR)


def contrasted(pixels: Tensor, amount: Tensor) -> Tensor:
    """Nearer to the mean gray of the image, or farther."""
    return mixed(gray(pixels).mean((2, 3), keepdim=True), pixels, amount * MOST_FACTOR)


def saturated(pixels: Tensor, amount: Tensor) -> Tensor:
    """Nearer to gray, or farther; gray images stay."""
    return mixed(gray(pixels), pixels, amount * MOST_FACTOR)


def sharpened(pixels: Tensor, amount: Tensor) -> Tensor:
    """Nearer to a blurred image, or farther."""
    channels = pixels.shape[1]
    kernel = torch.tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]], device=pixels.device) / 13
    around = functional.pad(pixels, (1, 1, 1, 1), mode="replicate") if min(pixels.shape[2:]) > 1 else functional.pad(pixels, (1, 1, 1, 1))
    return mixed(functional.conv2d(around, kernel.expand(channels, 1, 3, 3), groups=channels), pixels, amount * MOST_FACTOR)


def turned(pixels: Tensor, amount: Tensor) -> Tensor:
    """Turned by up to 30 degrees."""
    angle = amount * MOST_ANGLE
    return moved(pixels, angle.cos(), -angle.sin(), angle.sin(), angle.cos())


def sheared_across(pixels: Tensor, amount: Tensor) -> Tensor:
    """Rows moved sideways, the more the lower they are."""
    one = torch.ones_like(amount)
    return moved(pixels, one, amount * MOST_SHEAR, 0 * one, one)


def sheared_down(pixels: Tensor, amount: Tensor) -> Tensor:
    """Columns moved down, the more the farther to the right they are."""
    one = torch.ones_like(amount)
    return moved(pixels, one, 0 * one, amount * MOST_SHEAR, one)


def moved_across(pixels: Tensor, amount: Tensor) -> Tensor:
    """Moved sideways by up to 30 % of the width."""
    one = torch.ones_like(amount)
    return moved(pixels, one, 0 * one, 0 * one, one, right=2 * amount * MOST_MOVE)


def moved_down(pixels: Tensor, amount: Tensor) -> Tensor:
    """Moved down by up to 30 % of the height."""
    one = torch.ones_like(amount)
    return moved(pixels, one, 0 * one, 0 * one, one, down=2 * amount * MOST_MOVE)


LOCAL: tuple[Change, ...] = (nothing, stretched, equalised, posterised, solarised, brightened, contrasted, saturated, sharpened)
"""Every pixel stays where it is, so that a mask still fits."""
CHANGES: tuple[Change, ...] = (*LOCAL, turned, sheared_across, sheared_down, moved_across, moved_down)


def is_local(change: Change) -> bool:
    """Whether a change leaves every pixel where it is."""
    return change in LOCAL


def adjusted(pixels: Tensor, amounts: Tensor) -> Tensor:
    """Brightness, contrast and saturation of each image changed by shares, (3, N)."""
    bright = mixed(torch.zeros_like(pixels), pixels, amounts[0])
    contrast = mixed(gray(bright).mean((2, 3), keepdim=True), bright, amounts[1])
    return mixed(gray(contrast), contrast, amounts[2])


def mixed(base: Tensor, pixels: Tensor, amount: Tensor) -> Tensor:
    """From `base` (amount -1) over the images (0) to as far on the other side (1), within [0, 1]."""
    return (base + (pixels - base) * (1 + amount[:, None, None, None])).clamp(0, 1)


def gray(pixels: Tensor) -> Tensor:
    """Luma of colour images, the mean of the channels of others: (N, C, H, W) -> (N, 1, H, W)."""
    if pixels.shape[1] != len(GRAY):
        return pixels.mean(1, keepdim=True)
    return (pixels * torch.tensor(GRAY, device=pixels.device)[:, None, None]).sum(1, keepdim=True)


def moved(
    pixels: Tensor, xx: Tensor, xy: Tensor, yx: Tensor, yy: Tensor, right: Tensor | None = None, down: Tensor | None = None
) -> Tensor:
    """Each image seen through a linear map of its plane, around its middle, and moved; black comes in at the edges."""
    none = torch.zeros_like(xx)
    rows = torch.stack([xx, xy, none if right is None else right, yx, yy, none if down is None else down], 1).reshape(-1, 2, 3)
    grid = functional.affine_grid(rows, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, align_corners=False)
