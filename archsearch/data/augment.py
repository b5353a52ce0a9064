"""Random shifts and mirrors for whole batches, as tensor code on the device."""

from __future__ import annotations

import torch
from torch import Tensor


def augment(padded: Tensor, size: tuple[int, int], flip: bool, generator: torch.Generator) -> Tensor:
    """Crop each image to `size` at a place of its own: (N, C, H', W') -> (N, C, H, W), half of them mirrored if `flip`.

    What a shift brings in is what the images were padded with. `generator` lives on the images' device.
    """
    (height, width), device = size, padded.device
    count, channels, *space = padded.shape
    if space == [height, width] and not flip:
        return padded
    top = torch.randint(0, space[0] - height + 1, (count, 1), generator=generator, device=device)
    left = torch.randint(0, space[1] - width + 1, (count, 1), generator=generator, device=device)
    rows, columns = torch.arange(height, device=device) + top, torch.arange(width, device=device) + left
    if flip:
        mirrored = torch.rand(count, 1, generator=generator, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    image, channel = torch.arange(count, device=device), torch.arange(channels, device=device)
    return padded[image[:, None, None, None], channel[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]
