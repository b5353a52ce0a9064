"""Images and labels from an `.npz` file; nothing in it is trusted, and nothing is allocated before its size is known."""

from __future__ import annotations

import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from archsearch.data.base import Floats, Images, Ints

MAX_ELEMENTS = 2**30
MAX_CHANNELS = 4
BROKEN = (OSError, ValueError, EOFError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def read_npz(path: Path) -> Images:
    """Read `images`, (N, H, W) or (N, H, W, C), uint8 or floats in [0, 1], and `labels`, (N,) integers from 0 on.

    Training may mirror these images only if the file has a third array, `flip`, that says true.

    Raises:
        ValueError: the file is not so, or has over 2**30 pixel values; one line with the file's name.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pixels, labels = checked_pixels(read_member(archive, "images")), checked_labels(read_member(archive, "labels"))
            flip = "flip.npy" in archive.namelist() and checked_flip(read_member(archive, "flip"))
        if len(pixels) != len(labels):
            raise ValueError(f"there are {len(pixels)} images, but {len(labels)} labels; give one label for each image")
        names = tuple(map(str, range(int(labels.max()) + 1)))
        return Images(path.name, pixels, labels, names, flip)
    except BROKEN as error:
        raise ValueError(f"data {path}: {' '.join(str(error).split()) or type(error).__name__}") from error


def read_member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array, after a look at its header. Raises one of BROKEN."""
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"there is no array {name!r}; save it with np.savez(file, images=..., labels=...)")
    with archive.open(f"{name}.npy") as stream:
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"array {name!r} has format {version}; save it with np.savez")
        shape, _, dtype = npy.read_array_header_1_0(stream) if version == (1, 0) else npy.read_array_header_2_0(stream)
    if dtype.hasobject or dtype.itemsize > 8 or dtype.kind not in "biuf":
        raise ValueError(f"array {name!r} is of type {dtype}; give plain numbers")
    if min(shape, default=0) < 0 or prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"array {name!r} of shape {shape} has over 2**30 elements; give fewer or smaller images")
    with archive.open(f"{name}.npy") as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
        return array


def checked_pixels(images: NDArray[Any]) -> Floats:
    """float32 (N, C, H, W) in [0, 1]. Raises ValueError."""
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(f"images have shape {images.shape}; expected (N, H, W) or (N, H, W, C), none of them 0")
    channels_last = images[..., None] if images.ndim == 3 else images
    if channels_last.shape[3] > MAX_CHANNELS:
        raise ValueError(f"images have shape {images.shape}; expected (N, H, W, C) with 1 to {MAX_CHANNELS} channels last")
    if images.dtype == np.uint8:
        pixels = channels_last.astype(np.float32) / np.float32(255)
    elif images.dtype.kind == "f":
        pixels = channels_last.astype(np.float32)
    else:
        raise ValueError(f"images are of type {images.dtype}; give uint8, or floats from 0 to 1")
    if not (pixels.min() >= 0 and pixels.max() <= 1):  # NaN fails this as well
        raise ValueError(f"images hold values from {pixels.min():g} to {pixels.max():g}; give uint8, or floats from 0 to 1")
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
