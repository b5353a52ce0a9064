"""Images with labels or masks from arrays by name, whoever gives them: whole, or in parts as the user made them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.data.base import MAX_ELEMENTS, Bools, Images, Ints, Labels, Pixels
from archsearch.data.masks import checked_masks
from archsearch.support.reading import is_word

MAX_CHANNELS = 4
PARTS = ("train", "val", "test")
"""What arrays of parts begin with."""
NAMES = "class_names"
HOW = "save it with np.savez(file, images=..., labels=...), or masks=... for segmentation"
Read = Callable[[str], NDArray[Any]]
"""Gives the array of a name."""


def images_of(name: str, given: Collection[str], read: Read) -> Images:
    """A dataset from the arrays that are `given`: `images`, (N, H, W) or (N, H, W, C), uint8 or floats in [0, 1], and `labels` or `masks`.

    `labels`, (N,) or (N, 1), are integers from 0 on; `masks` are (N, H, W). Training may mirror the images only if `flip` says true.
    `test`, (N,) booleans, says which images are the test part; without it that is drawn. Instead there may be arrays for each part,
    `train_images`, `test_images`, `val_images` and so on, of which `val` may be left out. `class_names` are texts.

    Raises:
        ValueError: it is not so; one line.
    """
    parts = parts_of(given)
    prefixes = [f"{part}_" for part in parts] or [""]
    each = [checked_pixels(got(f"{prefix}images", given, read), f"{prefix}images") for prefix in prefixes]
    pixels = joined(each)
    labels, classes = labels_of(prefixes, [len(one) for one in each], given, read, pixels.shape)
    flip = "flip" in given and checked_flip(read("flip"))
    names = checked_names(read(NAMES), classes) if NAMES in given else tuple(map(str, range(classes)))
    if not parts:
        test = checked_test(read("test"), len(pixels)) if "test" in given else None
        return Images(name, pixels, labels, names, flip, test)
    belongs = np.repeat(parts, [len(one) for one in each])
    return Images(name, pixels, labels, names, flip, belongs == "test", belongs == "val" if "val" in parts else None)


def parts_of(given: Collection[str]) -> list[str]:
    """The parts for which there are arrays, none where there is one array for all. Raises ValueError for some parts alone."""
    parts = [part for part in PARTS if f"{part}_images" in given]
    if parts and "images" in given:
        raise ValueError(f"there are images and {parts[0]}_images; give one or the other")
    if parts and not {"train", "test"} <= set(parts):
        raise ValueError(f"there are images of {' and '.join(parts)} alone; give train_images and test_images, and val_images if you like")
    return parts


def got(name: str, given: Collection[str], read: Read) -> NDArray[Any]:
    """An array that is needed. Raises ValueError."""
    if name not in given:
        raise ValueError(f"there is no array {name!r}; {HOW}")
    return read(name)


def joined(parts: Sequence[Pixels]) -> Pixels:
    """Images of all parts. Raises ValueError when they are of several sizes or types, or too many."""
    kinds = [(one.shape[1:], one.dtype.kind) for one in parts]
    if len(set(kinds)) > 1:
        raise ValueError(
            f"images of the parts, (C, H, W), are {' and '.join(str(shape) for shape, _ in kinds)}; give all one size and type"
        )
    if sum(one.size for one in parts) > MAX_ELEMENTS:
        raise ValueError("there are over 2**30 pixel values; give fewer or smaller images")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def labels_of(
    prefixes: Sequence[str], counts: Sequence[int], given: Collection[str], read: Read, shape: tuple[int, ...]
) -> tuple[Labels, int]:
    """Labels or masks of all parts, whichever there are, and the number of classes; as many of each part as images. Raises ValueError."""
    kinds = {kind for prefix in prefixes for kind in ("labels", "masks") if f"{prefix}{kind}" in given}
    if len(kinds) > 1:
        raise ValueError("there are labels and masks; give one of the two")
    kind = next(iter(kinds), "labels")
    each = [got(f"{prefix}{kind}", given, read) for prefix in prefixes]
    if kind == "masks":
        if len({one.shape[1:] for one in each}) > 1:
            raise ValueError(f"masks of the parts have shapes {' and '.join(str(one.shape) for one in each)}; give all one size")
        return checked_masks(np.concatenate(each), shape)
    flat = [one[:, 0] if one.ndim == 2 and one.shape[1] == 1 else one for one in each]
    for prefix, count, one in zip(prefixes, counts, flat, strict=True):
        if one.ndim != 1 or not len(one) or one.dtype.kind not in "iu":
            raise ValueError(
                f"{prefix}labels have shape {one.shape} and type {one.dtype}; expected (N,) integers, one class for each image"
            )
        if count != len(one):
            raise ValueError(f"there are {count} {prefix}images, but {len(one)} {prefix}labels; give one label for each image")
    labels = checked_labels(np.concatenate(flat))
    return labels, int(labels.max()) + 1


def checked_pixels(images: NDArray[Any], what: str = "images") -> Pixels:
    """(N, C, H, W), bytes as they are, floats as float32 in [0, 1]. Raises ValueError."""
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise ValueError(f"{what} have shape {images.shape}; expected (N, H, W) or (N, H, W, C), none of them 0")
    channels_last = images[..., None] if images.ndim == 3 else images
    if channels_last.shape[3] > MAX_CHANNELS:
        raise ValueError(f"{what} have shape {images.shape}; expected (N, H, W, C) with 1 to {MAX_CHANNELS} channels last")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"{what} are of type {images.dtype}; give uint8, or floats from 0 to 1")
    if images.dtype != np.uint8 and not (images.min() >= 0 and images.max() <= 1):  # NaN fails this as well
        raise ValueError(f"{what} hold values from {images.min():g} to {images.max():g}; give uint8, or floats from 0 to 1")
    pixels = channels_last if images.dtype == np.uint8 else channels_last.astype(np.float32)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def checked_labels(labels: NDArray[Any]) -> Ints:
    """int64 (N,), every number from 0 to the largest in use. Raises ValueError."""
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


def checked_names(names: NDArray[Any], classes: int) -> tuple[str, ...]:
    """Names of so many classes. Raises ValueError."""
    found = tuple(names.tolist()) if names.ndim == 1 and names.dtype.kind == "U" else ()
    if len(found) != classes or len(set(found)) != classes or not all(map(is_word, found)):
        raise ValueError(f"{NAMES} are {len(found)} texts; expected {classes}, one for each class, each another")
    return found
