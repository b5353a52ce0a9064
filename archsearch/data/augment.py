"""Random changes of training images, for whole batches, as tensor code on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from archsearch.data.changes import CHANGES, adjusted, is_local


def augment(
    images: Tensor, truth: Tensor, chosen: Tensor, size: tuple[int, int], flip: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Crop each chosen image to `size` at a place of its own, half of them mirrored if `flip`; masks, (N, H', W'), likewise.

    (N, C, H', W') -> (chosen, C, H, W), the channels of a pixel side by side in memory. What a shift brings in is what the images were
    padded with. `truth` is masks or labels, (N,), `chosen` holds numbers of images in any order; `generator` lives on their device.
    """
    (height, width), device = size, images.device
    count, space, pixels = len(chosen), tuple(images.shape[2:]), images.permute(0, 2, 3, 1)
    if space == size and not flip:
        return pixels[chosen].permute(0, 3, 1, 2), truth[chosen]
    top = torch.randint(0, space[0] - height + 1, (count, 1), generator=generator, device=device)
    left = torch.randint(0, space[1] - width + 1, (count, 1), generator=generator, device=device)
    rows, columns = torch.arange(height, device=device) + top, torch.arange(width, device=device) + left
    if flip:
        mirrored = torch.rand(count, 1, generator=generator, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    place = (chosen[:, None, None], rows[:, :, None], columns[:, None, :])
    return pixels[place].permute(0, 3, 1, 2), truth[chosen] if truth.ndim == 1 else truth[place]


@dataclass(frozen=True)
class Changes:
    """What training images go through besides crops and mirrors.

    Args:
        cutout: Side of the blank square as a share of the image's.
        colour: Most that brightness, contrast and saturation change, as a share.
        drawn: Changes of CHANGES drawn for each image.
    """

    cutout: float = 0.0
    colour: float = 0.0
    drawn: int = 0

    def of_pixels(self, images: Tensor, generator: torch.Generator, whole: bool) -> Tensor:
        """Changes of pixels as they are stored, (N, C, H, W); unless a label is of the `whole` image only those that move nothing."""
        if not (self.colour or self.drawn):
            return images
        pixels = images.float() / 255 if images.dtype == torch.uint8 else images
        known = [change for change in CHANGES if whole or is_local(change)]
        for _ in range(self.drawn):
            which = torch.randint(len(known), (len(pixels),), generator=generator, device=pixels.device)
            amount = torch.rand(len(pixels), generator=generator, device=pixels.device) * 2 - 1
            pixels = pixels.clone()
            for number, change in enumerate(known):
                of = (which == number).nonzero().flatten()
                if len(of):
                    pixels[of] = change(pixels[of], amount[of])
        if self.colour:
            amounts = torch.rand(3, len(pixels), generator=generator, device=pixels.device) * 2 - 1
            pixels = adjusted(pixels, self.colour * amounts)
        return pixels

    def blanked(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Normalised images, (N, C, H, W), each with a square of 0, their mean, at a place of its own; it may stand over the edge."""
        height, width = inputs.shape[2:]
        side = round(self.cutout * min(height, width))
        if not side:
            return inputs
        hits = []
        for length in (height, width):
            middle = torch.randint(length, (len(inputs), 1), generator=generator, device=inputs.device)
            first = middle - side // 2
            place = torch.arange(length, device=inputs.device)
            hits.append((place >= first) & (place < first + side))
        return inputs.masked_fill((hits[0][:, :, None] & hits[1][:, None, :])[:, None], 0.0)


PLAIN = Changes()
