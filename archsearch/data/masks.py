"""Masks: the class of every pixel, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.data.base import VOID, Bytes, histograms


def checked_masks(masks: NDArray[Any], images: tuple[int, ...]) -> tuple[Bytes, int]:
    """uint8 (N, H, W) for images (N, C, H, W), and the number of classes; 255 belongs to no class unless all else is 0.

    Raises:
        ValueError: other sizes than the images', numbers that are no classes, or a class that is nowhere; one line.
    """
    count, _, *size = images
    if masks.shape != (count, *size):
        raise ValueError(f"masks have shape {masks.shape}, the images need {(count, *size)}; give each image a mask of its size")
    if masks.dtype.kind not in "biu":
        raise ValueError(f"masks are of type {masks.dtype}; give the number of the class of each pixel, from 0 on")
    low, high = int(masks.min()), int(masks.max())
    if low < 0 or high > VOID:
        raise ValueError(f"masks go from {low} to {high}; number the classes from 0 to {VOID - 1}, {VOID} for none")
    checked = masks.astype(np.uint8)
    used = np.flatnonzero(histograms(checked[:, None])[0])
    if used.tolist() == [0, VOID]:  # how editors save a mask of two classes
        return (checked > 0).astype(np.uint8), 2
    classes = used[used != VOID]
    if not np.array_equal(classes, np.arange(len(classes))):
        missing = next(label for label in range(VOID) if label not in classes)
        raise ValueError(f"no pixel is {missing}, but masks go up to {classes.max()}; number the classes from 0 without gaps")
    return checked, len(classes)
