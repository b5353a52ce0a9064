"""Pictures inside a page: arrays as small PNG files, maps in colours that read on light and dark and to colour-blind eyes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archsearch.data import VOID
from archsearch.explaining.explanation import Bytes, Floats, Mask

MOST_SIDE = 160
"""Pixels of a picture's longer side; larger ones are made smaller."""
HEAT = ((12, 11, 33), (79, 18, 103), (158, 47, 84), (224, 92, 46), (248, 175, 55), (252, 253, 191))
"""From nothing to most, evenly spaced, each lighter than the one before."""
FOR, AGAINST = (224, 123, 20), (40, 110, 200)
PALETTE = (
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66), (120, 120, 120),
)  # fmt: skip
"""Colours of classes (Okabe & Ito 2008), which eyes of every kind tell apart; from the ninth class on they come again, darker."""
VOID_COLOUR = (0, 0, 0)
Colours = NDArray[np.float64]


def image(pixels: Bytes, alt: str, most: int = MOST_SIDE, wide: int = 0) -> str:
    """An image element with the pixels (H, W), or (H, W, C) of 1, 3 or 4 channels, as PNG inside, of so many pixels a side at most.

    It is shown `wide` pixels wide, where that is given, or as wide as there is room.
    """
    plain = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    made = Image.fromarray(np.ascontiguousarray(plain))
    if max(made.size) > most:
        made.thumbnail((most, most), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    made.save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    look = f' style="width: {wide}px"' if wide else ""
    return f'<img alt="{escape(alt)}"{look} src="data:image/png;base64,{data}">'


def shown(picture: Bytes) -> Bytes:
    """A picture of any number of channels as one that can be looked at, (H, W, 1) or (H, W, 3)."""
    if picture.shape[2] in (1, 3):
        return picture
    return np.asarray(picture.mean(2, keepdims=True).round(), np.uint8)


def heat(values: Floats) -> Bytes:
    """Values of at least 0, (H, W), from dark to light; the largest is lightest."""
    most = float(values.max()) if values.size else 0.0
    at = np.clip(values / most, 0, 1) * (len(HEAT) - 1) if most > 0 else np.zeros(values.shape)
    steps = np.arange(len(HEAT))
    return np.stack([np.interp(at, steps, [colour[c] for colour in HEAT]) for c in range(3)], -1).round().astype(np.uint8)


def for_and_against(values: Floats, picture: Bytes) -> Bytes:
    """Values (H, W) over a gray picture: orange where they are above 0, blue where below, the stronger the larger."""
    gray = 0.3 + 0.55 * shown(picture).mean(2) / 255
    most = max(float(np.abs(values).max()), 1e-12)
    return blended(gray, np.where((values > 0)[..., None], FOR, AGAINST), 0.85 * np.abs(values)[..., None] / most)


def overlay(labels: Mask, picture: Bytes) -> Bytes:
    """Classes of pixels in their colours over a gray picture."""
    gray = shown(picture).mean(2) / 255
    return blended(gray, colours_of(labels), np.where(labels == VOID, 0.75, 0.6)[..., None])


def blended(gray: Colours, colours: NDArray[Any], share: Colours) -> Bytes:
    """Colours (H, W, 3) over a gray picture (H, W) in [0, 1], by so large a share of each pixel, (H, W, 1)."""
    return np.asarray(((1 - share) * 255 * gray[..., None] + share * colours).round().clip(0, 255), np.uint8)


def colour_of(label: int) -> tuple[int, int, int]:
    """The colour of a class."""
    red, green, blue = PALETTE[label % len(PALETTE)]
    fade = 0.7 ** (label // len(PALETTE))
    return round(red * fade), round(green * fade), round(blue * fade)


def colours_of(labels: Mask) -> NDArray[Any]:
    """The colours (H, W, 3) of classes of pixels."""
    known = np.array([colour_of(label) for label in range(int(labels.max()) + 1)])
    return np.where((labels == VOID)[..., None], VOID_COLOUR, known[labels])


def tiles(planes: Sequence[Bytes], columns: int) -> Bytes:
    """Small pictures of one size, (H, W) or (H, W, 3), side by side as RGBA, so many in a row, with a pixel of nothing between them."""
    height, width = planes[0].shape[:2]
    across, down = min(columns, len(planes)), -(-len(planes) // columns)
    sheet = np.zeros((down * (height + 1) - 1, across * (width + 1) - 1, 4), np.uint8)
    for place, plane in enumerate(planes):
        top, left = (place // columns) * (height + 1), (place % columns) * (width + 1)
        window = sheet[top : top + height, left : left + width]
        window[..., :3] = plane if plane.ndim == 3 else plane[..., None]
        window[..., 3] = 255
    return sheet


def stretched(values: Floats) -> Bytes:
    """Values of both signs as bytes: 0 is mid-gray, the largest size is black or white."""
    most = max(float(np.abs(values).max()), 1e-12)
    return ((values / most + 1) * 127.5).round().astype(np.uint8)
