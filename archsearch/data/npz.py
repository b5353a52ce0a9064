"""Images with labels or masks from an `.npz` file; nothing in it is trusted, and nothing is allocated before its size is known."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.data.base import Bools, Images, Ints, Labels, Pixels
from archsearch.data.masks import checked_masks
from archsearch.support.archive import names_in, opened, read_array
from archsearch.support.reading import at, reason

MAX_CHANNELS = 4


def read_npz(path: Path) -> Images:
    """Read `images`, (N, H, W) or (N, H, W, C), uint8 or floats in [0, 1], and `labels`, (N,) integers from 0 on, or `masks`, (N, H, W).

    Training may mirror these images only if the file has an array `flip` that says true. An array `test`, (N,) booleans, says which
    images are the test part; without it that is drawn.

    Raises:
        ValueError: the file is not so, or has over 2**30 pixel values; one line with the file's name.
    """
    try:
        with opened(path) as archive:
            given = set(names_in(archive))
            pixels = checked_pixels(read_member(archive, "images"))
            labels, classes = read_labels(archive, given, pixels)
            flip = "flip" in given and checked_flip(read_member(archive, "flip"))
            test = checked_test(read_member(archive, "test"), len(pixels)) if "test" in given else None
        return Images(path.name, pixels, labels, tuple(map(str, range(classes))), flip, test)
    except ValueError as error:
        raise ValueError(at(path, reason(error), "data")) from error


def read_labels(archive: zipfile.ZipFile, given: set[str], pixels: Pixels) -> tuple[Labels, int]:
    """Labels or masks, whichever there are, and the number of classes. Raises one of archive.BROKEN."""
    if "masks" in given:
        if "labels" in given:
            raise ValueError("there are labels and masks; give one of the two")
        return checked_masks(read_member(archive, "masks"), pixels.shape)
    labels = checked_labels(read_member(archive, "labels"))
    if len(pixels) != len(labels):
        raise ValueError(f"there are {len(pixels)} images, but {len(labels)} labels; give one label for each image")
    return labels, int(labels.max()) + 1


def read_member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array. Raises one of archive.BROKEN."""
    if name not in names_in(archive):
        raise ValueError(f"there is no array {name!r}; save it with np.savez(file, images=..., labels=...), or masks=... for segmentation")
    return read_array(archive, name)


def checked_pixels(images: NDArray[Any]) -> Pixels:
    """(N, C, H, W), bytes as they are, floats as float32 in [0, 1]. Raises ValueError."""
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(f"images have shape {images.shape}; expected (N, H, W) or (N, H, W, C), none of them 0")
    channels_last = images[..., None] if images.ndim == 3 else images
    if channels_last.shape[3] > MAX_CHANNELS:
        raise ValueError(f"images have shape {images.shape}; expected (N, H, W, C) with 1 to {MAX_CHANNELS} channels last")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"images are of type {images.dtype}; give uint8, or floats from 0 to 1")
    if images.dtype != np.uint8 and not (images.min() >= 0 and images.max() <= 1):  # NaN fails this as well
        raise ValueError(f"images hold values from {images.min():g} to {images.max():g}; give uint8, or floats from 0 to 1")
    pixels = channels_last if images.dtype == np.uint8 else channels_last.astype(np.float32)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def checked_labels(labels: NDArray[Any]) -> Ints:
    """int64 (N,), every number from 0 to the largest in use. Raises ValueError."""
    if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels have shape {labels.shape} and type {labels.dtype}; expected (N,) integers")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(labels):
        raise ValueError(f"labels go from {low} to {high}; number the classes from 0")
    counts = np.bincount(labels.astype(np.int64))
    if not counts.all():
        raise ValueError(f"no label is {int(counts.argmin())}, but labels go up to {high}; number the classes from 0 without gaps")
    return labels.astype(np.int64)


def checked_flip(flip: NDArray[Any]) -> bool:
    """Whether training may mirror. Raises ValueError."""
    if flip.shape != () or flip.dtype.kind != "b":
        raise ValueError(f"flip has shape {flip.shape} and type {flip.dtype}; expected one boolean")
    return bool(flip)


def checked_test(test: NDArray[Any], count: int) -> Bools:
    """Which images are the test part, some of them and not all. Raises ValueError."""
    if test.shape != (count,) or test.dtype.kind != "b" or test.all() or not test.any():
        raise ValueError(f"test has shape {test.shape} and type {test.dtype}; expected ({count},) booleans, some true and some false")
    return test
