"""Images of different sizes and colours brought to one form, and how, in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np

from archsearch.data.base import MAX_ELEMENTS, Images, Pixels

CHANNELS = (0, 1, 3)
MAX_SIZE = 4096
GRAY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in gray (ITU-R BT.601), as Pillow has them."""


class Form(NamedTuple):
    """What all images are brought to: squares of `size` pixels, and 1 or 3 `channels`; 0 leaves them as they are."""

    size: int = 0
    channels: int = 0

    def check(self) -> None:
        """Raise ValueError for a form that images cannot have."""
        if type(self.size) is not int or not 0 <= self.size <= MAX_SIZE:
            raise ValueError(f"size={self.size!r} must be a whole number from 1 to {MAX_SIZE} pixels, or 0 for images as they are")
        if type(self.channels) is not int or self.channels not in CHANNELS:
            raise ValueError(f"channels={self.channels!r} must be 1 (gray) or 3 (RGB), or 0 for images as they are")


AS_THEY_ARE = Form()


def square(plane: Pixels, size: int, smooth: bool = True) -> Pixels:
    """The largest square in the middle, brought to that size: of (H, W) or bytes (H, W, 3); bilinear, or the nearest pixels."""
    return middle(plane, (size, size), smooth)


def middle(plane: Pixels, size: tuple[int, int], smooth: bool = True) -> Pixels:
    """The largest part in the middle that has the form of `size`, (height, width), brought to it; as `square`."""
    if plane.shape[:2] == size:
        return plane
    from PIL.Image import Resampling, fromarray

    height, width = plane.shape[:2]
    share = min(height / size[0], width / size[1])
    tall, wide = (max(1, round(share * side)) for side in size)
    left, top = (width - wide) // 2, (height - tall) // 2
    how = Resampling.BILINEAR if smooth else Resampling.NEAREST  # bilinear over all pixels that become one, so nothing is skipped
    cut = fromarray(plane[top : top + tall, left : left + wide])  # cut first: what lies outside would show at the edges
    made: Pixels = np.asarray(cut.resize(size[::-1], how))
    return made if plane.dtype == np.uint8 else made.clip(plane.min(), plane.max())  # sums of shares of 1 may be a little over 1


def squared(images: Pixels, size: int, smooth: bool = True) -> Pixels:
    """All planes of images, (N, C, H, W) to (N, C, size, size); floats stay floats. Raises ValueError for too many pixels."""
    shape = (*images.shape[:2], size, size)
    if prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"images of shape {shape} would have over 2**30 values; give a smaller --size, or fewer images")
    made = np.empty(shape, images.dtype)
    for place, image in zip(made.reshape(-1, size, size), images.reshape(-1, *images.shape[2:]), strict=True):
        place[:] = square(image, size, smooth)
    return made


def coloured(images: Pixels, channels: int) -> Pixels:
    """Gray images in three channels, or RGB ones in gray. Raises ValueError for images of other channels."""
    given = images.shape[1]
    if given == channels:
        return images
    if given not in (1, 3):
        raise ValueError(f"images have {given} channels; only 1 and 3 are made of each other, so leave --channels out")
    if channels == 3:
        return np.repeat(images, 3, 1)
    gray = sum(share * images[:, place : place + 1].astype(np.float32) for place, share in enumerate(GRAY))
    return (np.rint(gray) if images.dtype == np.uint8 else np.clip(gray, 0, 1)).astype(images.dtype)


def formed(images: Images, form: Form) -> Images:
    """A dataset in a form; its notes say what was done. Raises ValueError, one line with its name."""
    try:
        return changed(images, form)
    except ValueError as error:
        raise ValueError(f"data {images.name[-60:]!r}: {error}") from error


def changed(images: Images, form: Form) -> Images:
    """The same, without the name in the line."""
    pixels, labels, notes = images.pixels, images.labels, []
    if form.channels and form.channels != pixels.shape[1]:
        notes.append(recoloured(form.channels))
        pixels = coloured(pixels, form.channels)
    height, width = pixels.shape[2:]
    if form.size and (height, width) != (form.size, form.size):
        notes.append(resized([(width, height)], form.size))
        pixels = squared(pixels, form.size)
        labels = labels if labels.ndim == 1 else squared(labels[:, None], form.size, smooth=False)[:, 0]
    return replace(images, pixels=pixels, labels=labels, notes=(*images.notes, *notes))


def resized(sizes: Collection[tuple[int, int]], size: int) -> str:
    """What was done to images of these (width, height), in words."""
    known = sorted(set(sizes), key=lambda each: (each[0] * each[1], each))
    told = "x".join(map(str, known[0]))
    if len(known) > 1:
        told = f"{len(known):,} sizes, {told} to {'x'.join(map(str, known[-1]))},"
    return f"images of {told} were brought to {size}x{size}: the largest square in the middle, bilinear; masks by the nearest pixel"


def recoloured(channels: int) -> str:
    """What was done to the colours of some images, in words."""
    return "images in colour were made gray (ITU-R BT.601)" if channels == 1 else "gray images were given three equal channels"
