"""Random crops, shifts and mirrors for whole batches, as tensor code on the device."""

from __future__ import annotations

import torch
from torch import Tensor


def augment(
    images: Tensor, truth: Tensor, chosen: Tensor, size: tuple[int, int], flip: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Crop each chosen image to `size` at a place of its own, half of them mirrored if `flip`; masks, (N, H', W'), likewise.

    (N, C, H', W') -> (chosen, C, H, W). What a shift brings in is what the images were padded with. `truth` is masks or
    labels, (N,), `chosen` holds numbers of images in any order; `generator` lives on the images' device.
    """
    (height, width), device = size, images.device
    count, space = len(chosen), tuple(images.shape[2:])
    if space == size and not flip:
        return images[chosen], truth[chosen]
    top = torch.randint(0, space[0] - height + 1, (count, 1), generator=generator, device=device)
    left = torch.randint(0, space[1] - width + 1, (count, 1), generator=generator, device=device)
    rows, columns = torch.arange(height, device=device) + top, torch.arange(width, device=device) + left
    if flip:
        mirrored = torch.rand(count, 1, generator=generator, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    channel = torch.arange(images.shape[1], device=device)[:, None, None]
    crops = images[chosen[:, None, None, None], channel, rows[:, None, :, None], columns[:, None, None, :]]
    if truth.ndim == 1:
        return crops, truth[chosen]
    return crops, truth[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
