"""Data that a function in a user's own file gives, as arrays or as a torch Dataset."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.data.arrays import images_of
from archsearch.data.base import MAX_ELEMENTS, Images
from archsearch.data.form import AS_THEY_ARE, Form, resized, square
from archsearch.support.own_code import load_file
from archsearch.support.reading import one_line

WHITE, RANKS = 255, (2, 3)
Arrays = dict[str, NDArray[Any]]
HOW = "it must give images and labels, a dict of arrays, a Dataset, or Datasets for train, (val) and test"
PARTS = {1: ("",), 2: ("train_", "test_"), 3: ("train_", "val_", "test_")}
"""What arrays of so many Datasets begin with."""


def read_own(source: str, path: Path, function: str, form: Form = AS_THEY_ARE) -> Images:
    """Run a user's file and take the data that a function of it, called without arguments, gives.

    These are arrays `(images, labels)`, a dict of arrays as in an `.npz` file (see arrays.images_of), a torch Dataset of pairs of an image
    and its class or mask, or two or three of those: train, (val) and test. Tensors have channels first, arrays and PIL images last. Of a
    Dataset `classes`, if it has them, are the names.

    Raises:
        ValueError: the file has no such function, it raises something, or what it gives is no data; one line.
    """
    sizes: set[tuple[int, int]] = set()
    try:
        with redirect_stdout(sys.stderr):  # results alone go to stdout
            maker = getattr(load_file(str(path)), function, None)
            if not callable(maker):
                raise ValueError(f"there is no function {function[:60]!r} in it")  # noqa: TRY004 one kind of error for all
            arrays = arrays_of(maker(), form, sizes)
        images = images_of(f"{path.name}:{function}", set(arrays), arrays.__getitem__)
    except (Exception, SystemExit) as error:  # the user's code may do anything
        what = str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"
        raise ValueError(one_line(f"data {source[-100:]}: {what}")) from error
    changed = sizes - {(form.size, form.size)}
    return replace(images, notes=(resized(sizes, form.size),)) if changed and form.size else images


def arrays_of(found: object, form: Form, sizes: set[tuple[int, int]]) -> Arrays:
    """Arrays by name, whatever a function gave; the (width, height) of items of Datasets are added to the sizes. Raises ValueError."""
    if isinstance(found, Mapping):
        return {str(name): batch_of(value) for name, value in found.items()}
    several = list(found) if isinstance(found, tuple | list) else [found]
    if len(several) == len("ab") and all(isinstance(one, np.ndarray) or is_tensor(one) for one in several):
        return {"images": batch_of(several[0]), "labels": batch_of(several[1])}
    if len(several) not in PARTS or not all(hasattr(one, "__len__") and hasattr(one, "__getitem__") for one in several):
        raise ValueError(f"it gives {type(found).__name__}; {HOW}")
    made = {
        f"{part}{name}": array
        for part, one in zip(PARTS[len(several)], several, strict=True)
        for name, array in taken(one, form, sizes).items()
    }
    names = getattr(several[0], "classes", None)
    if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
        made["class_names"] = np.array(names)
    return made


def taken(dataset: Any, form: Form, sizes: set[tuple[int, int]]) -> Arrays:
    """Images and labels or masks of a Dataset, item by item, brought to the size of the form. Raises ValueError."""
    images: list[NDArray[Any]] = []
    truths: list[NDArray[Any]] = []
    for number in range(len(dataset)):
        item = dataset[number]
        if not isinstance(item, tuple | list) or len(item) != len("ab"):
            raise ValueError(f"item {number} is no pair of an image and its class or mask")
        image, truth = image_of(item[0]), plain(item[1])
        sizes.add((image.shape[1], image.shape[0]) if image.ndim in RANKS else (0, 0))
        if form.size and image.ndim in RANKS:
            image = brought(image, form.size)
            truth = brought(truth, form.size, smooth=False) if truth.ndim == len("hw") else truth
        if images and (image.shape, truth.shape) != (images[0].shape, truths[0].shape):
            raise ValueError(f"item {number} is {image.shape}, the first is {images[0].shape}; give all one size, or --size 64")
        if prod(image.shape) * len(dataset) > MAX_ELEMENTS:
            raise ValueError(f"{len(dataset):,} images of shape {image.shape} have over 2**30 values; give fewer or smaller ones")
        images.append(image)
        truths.append(truth)
    if not images:
        raise ValueError("it gives a Dataset without items")
    return {"images": np.stack(images), ("masks" if truths[0].ndim else "labels"): np.stack(truths)}


def brought(image: NDArray[Any], size: int, smooth: bool = True) -> NDArray[Any]:
    """The largest square in the middle of an image, (H, W) or (H, W, C), or of a mask, brought to that size. Raises ValueError."""
    if image.dtype.kind not in "buif" or 0 in image.shape or (not smooth and not 0 <= image.min() <= image.max() <= WHITE):
        raise ValueError(f"an image or mask has shape {image.shape} and type {image.dtype}; give bytes, or images as floats from 0 to 1")
    plain = image.astype(np.float32 if smooth and image.dtype.kind == "f" else np.uint8)
    if smooth and image.dtype.kind in "iu" and image.dtype != np.uint8:
        raise ValueError(f"an image is of type {image.dtype}; give bytes, or floats from 0 to 1")
    planes = plain[..., None] if image.ndim == len("hw") else plain
    made = np.stack([square(np.ascontiguousarray(planes[..., channel]), size, smooth) for channel in range(planes.shape[2])], -1)
    return made[..., 0] if image.ndim == len("hw") else made


def batch_of(value: Any) -> NDArray[Any]:
    """An array of many; of images in a tensor, (N, C, H, W), the channels are moved last."""
    array = plain(value)
    return np.moveaxis(array, 1, -1) if is_tensor(value) and array.ndim == len("nchw") else array


def image_of(value: Any) -> NDArray[Any]:
    """One image, channels last: in a tensor, (C, H, W), they are moved there; of a PIL image with a palette, its colours."""
    mode = getattr(value, "mode", None)
    if mode in ("P", "CMYK", "1"):
        return np.asarray(value.convert("L" if mode == "1" else "RGB"))
    array = plain(value)
    return np.moveaxis(array, 0, -1) if is_tensor(value) and array.ndim == len("chw") else array


def plain(value: Any) -> NDArray[Any]:
    """The array of a tensor, of a PIL image, of a list or of a number."""
    return np.asarray(value.detach().cpu().numpy() if is_tensor(value) else value)


def is_tensor(value: object) -> bool:
    """Whether this is a tensor of torch, which then has been imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
