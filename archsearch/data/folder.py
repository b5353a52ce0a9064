"""Images as files in folders, PNG or JPEG: with masks beside them, or a folder for each class."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archsearch.data.base import MAX_ELEMENTS, Bytes, Images
from archsearch.data.masks import checked_masks
from archsearch.ops.base import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")
GRAY, COLOUR, NUMBERS = ("1", "L"), ("RGB", "RGBA", "P", "CMYK", "YCbCr"), ("1", "L", "P")
"""Modes of Pillow: of gray and of coloured images, and of masks, where a pixel is the number of its class."""
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


def read_folder(folder: Path) -> Images:
    """Read a folder with `images` and `masks`, whose files are called alike, or with a folder of images for each class.

    All images are of one size, 8 bits a channel; gray if all are gray. A mask is a gray or palette PNG of class numbers from 0 on; 255
    belongs to no class, but to class 1 where there is nothing else than 0 and 255.

    Raises:
        ValueError: it is not so, a file is damaged, or there are over 2**30 pixel values; one line with the file's name.
    """
    inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if "masks" in inside and "images" in inside:
        return read_pairs(folder)
    if len(inside) < 2:
        raise ValueError(f"data {folder}: expected folders images and masks, or a folder of images for each of two classes or more")
    members = [files(folder / name) for name in inside]
    labels = np.repeat(np.arange(len(inside)), [len(paths) for paths in members])
    return Images(folder.name, stack([path for paths in members for path in paths], GRAY + COLOUR), labels, tuple(inside))


def read_pairs(folder: Path) -> Images:
    """Images and their masks. Raises ValueError."""
    paths = files(folder / "images")
    masks, pixels = stack(beside(folder / "masks", paths), NUMBERS), stack(paths, GRAY + COLOUR)
    try:
        checked, classes = checked_masks(masks[:, 0], pixels.shape)
    except ValueError as error:
        raise ValueError(f"data {folder}: {error}") from error
    return Images(folder.name, pixels, checked, tuple(map(str, range(classes))))


def files(folder: Path) -> list[Path]:
    """The images of a folder, by name. Raises ValueError for any other file, and where there is none."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not paths:
        raise ValueError(f"data {folder}: there are no images; give PNG or JPEG files")
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(f"data {path}: is no PNG or JPEG; take it out, or convert it")
    return paths


def beside(folder: Path, images: Sequence[Path]) -> list[Path]:
    """The mask of each image, by its name without the suffix. Raises ValueError where one is missing or left over."""
    masks = {path.stem: path for path in files(folder)}
    stems = [path.stem for path in images]
    for stem, path in zip(stems, images, strict=True):
        if stem not in masks:
            raise ValueError(f"data {folder}: there is no mask {stem}.png for image {path.name}; {nearest(stem, sorted(masks))}")
        if masks[stem].suffix.lower() != ".png":
            raise ValueError(f"data {masks[stem]}: JPEG changes the numbers of classes; save masks as PNG")
    if len(set(stems)) < len(masks) or len(set(stems)) < len(stems):
        odd = next((stem for stem in masks if stem not in stems), None) or next(stem for stem in stems if stems.count(stem) > 1)
        raise ValueError(f"data {folder}: {odd} has not one image and one mask; give one of each")
    return [masks[stem] for stem in stems]


def stack(paths: Sequence[Path], modes: Sequence[str]) -> Bytes:
    """All images as (N, C, H, W); masks, by their modes, as they are stored. Raises ValueError, one line with the file's name."""
    size, coloured = (0, 0), False
    for path in paths:  # heads alone, before anything is decoded or made
        with opened(path) as image:
            if image.mode not in modes:
                raise ValueError(f"is of mode {image.mode}; save it with 8 bits, {'gray' if modes == NUMBERS else 'gray or RGB'}")
            size, coloured = size if path is not paths[0] else image.size, coloured or image.mode in COLOUR
            if image.size != size:
                raise ValueError(f"is {image.size[0]}x{image.size[1]}, {paths[0].name} is {size[0]}x{size[1]}; give all one size")
    kind = "" if modes == NUMBERS else "RGB" if coloured else "L"
    shape = (len(paths), 3 if kind == "RGB" else 1, size[1], size[0])
    if prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"data {paths[0].parent}: images of shape {shape} have over 2**30 values; give fewer or smaller ones")
    pixels = np.empty(shape, np.uint8)
    for place, path in zip(pixels, paths, strict=True):
        with opened(path) as image:
            array = np.asarray(image.convert(kind) if kind else image, np.uint8)
            place[:] = array.transpose(2, 0, 1) if array.ndim == 3 else array
    return pixels


@contextmanager
def opened(path: Path) -> Iterator[Image]:
    """An image file; whatever is wrong with it or is raised inside becomes one ValueError that names it."""
    from PIL import Image, UnidentifiedImageError  # not needed by who has no image files

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            yield image
    except (*BROKEN, Image.DecompressionBombError) as error:
        words = "is no readable PNG or JPEG" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise ValueError(f"data {path}: {words or type(error).__name__}") from error
