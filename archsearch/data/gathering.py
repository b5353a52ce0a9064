"""Many files of images, and of masks, brought into arrays; those that are damaged are left out, named and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from archsearch.data.base import MAX_ELEMENTS, Bools, Bytes
from archsearch.data.form import Form, recoloured, resized, square
from archsearch.data.picture import BLACK, COLOUR, GRAY, NUMBERS, WHITE, DamagedError, Head, read_head, read_numbers, read_pixels
from archsearch.support.reading import at, one_line

MOST_DAMAGED = 20
"""One in so many images may be damaged; with more something else is wrong."""
BITS, DIM = 8, 64
"""Bits of a channel as networks see it, and what the brightest value of an image with more of them is at least, or it is said."""
NAMED = 3
"""Damaged images that one line names."""
Found = TypeVar("Found")


class Gathered(NamedTuple):
    """Images (N, C, H, W), numbers of masks (N, H, W) if there are any, which of the files these are, and words on how they were read."""

    pixels: Bytes
    masks: Bytes | None
    kept: Bools
    notes: tuple[str, ...]


class Files:
    """Files of images and of their masks, and which of them were found to be damaged."""

    def __init__(self, images: Sequence[Path], masks: Sequence[Path], folder: Path) -> None:
        self.images, self.masks, self.folder = images, masks, folder
        self.damaged: dict[int, DamagedError] = {}

    def each(self, paths: Sequence[Path], read: Callable[[int, Path], Found]) -> dict[int, Found]:
        """What is read from each file, by its number, those left out that are damaged. Raises ValueError when these are many."""
        found: dict[int, Found] = {}
        for number, path in enumerate(paths):
            if number not in self.damaged:
                try:
                    found[number] = read(number, path)
                except DamagedError as error:
                    self.damaged[number] = error
        self.check()
        return found

    def check(self) -> None:
        """Raise ValueError when more images are damaged than may be left out."""
        count, whole = len(self.damaged), len(self.images)
        if count * MOST_DAMAGED > whole:
            first = self.damaged[min(self.damaged)]
            raise ValueError(one_line(f"{first}; {count} of {whole} images are damaged: take them out, or save them anew")) from first

    def note(self) -> str:
        """What was left out, in words; empty when nothing was."""
        if not self.damaged:
            return ""
        count, numbers = len(self.damaged), sorted(self.damaged)[:NAMED]
        names = ", ".join(one_line(str(inside(self.images[number], self.folder))[-60:], 60) for number in numbers)
        more = f" and {count - NAMED} more" if count > NAMED else ""
        return f"{count} of {len(self.images):,} images {'are' if count > 1 else 'is'} damaged and left out: {names}{more}"


def inside(path: Path, folder: Path) -> Path:
    """A path as seen from a folder, where it lies in it."""
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def gather(images: Sequence[Path], masks: Sequence[Path], folder: Path, form: Form) -> Gathered:
    """Read all images, in colour if any is, and their masks if there are some; brought to the form, otherwise they have to be of one size.

    Raises:
        ValueError: images of several sizes, over 2**30 pixel values, or more than one in twenty damaged;
            one line with a file's name.
    """
    files = Files(images, masks, folder)
    heads = files.each(images, lambda _, path: read_head(path, GRAY + COLOUR))
    coats = files.each(masks, lambda _, path: read_head(path, NUMBERS))
    colour = form.channels == 3 or (not form.channels and any(head.mode in COLOUR for head in heads.values()))
    for paths, known, channels in ((images, heads, 3 if colour else 1), (masks, coats, 1)):
        check_heads(paths, known, channels, form.size, folder)
    if form.size:
        check_pairs(files, heads, coats)
    pixels, ground = stack(files, heads, colour, form.size)
    numbers = masked(files, coats, form.size) if masks else None
    kept = np.array([number not in files.damaged for number in range(len(images))])
    sizes = [head.size for number, head in heads.items() if kept[number]]
    notes = [
        ground,
        files.note(),
        deepened(heads, kept, pixels),
        resized(sizes, form.size) if form.size and {*sizes} != {(form.size, form.size)} else "",
    ]
    notes += [recoloured(form.channels)] if form.channels and {head.mode in COLOUR for head in heads.values()} != {colour} else []
    if files.damaged:
        pixels, numbers = pixels[kept], None if numbers is None else numbers[kept]
    return Gathered(pixels, numbers, kept, tuple(filter(None, notes)))


def deepened(heads: dict[int, Head], kept: Bools, pixels: Bytes) -> str:
    """What became of images of 16 bits a channel, and how far these use what 16 bits can hold, in words; empty where there are none."""
    deep = [number for number, head in heads.items() if head.bits > BITS and kept[number]]
    if not deep:
        return ""
    brightest = max(int(pixels[number].max()) for number in deep)
    dim = f", and the brightest is {brightest}: stretch them first" if brightest < DIM else ""
    return f"of {len(deep):,} of {len(kept):,} images, which have 16 bits a channel, the upper 8 were taken: they go from 0 to 255{dim}"


def check_heads(paths: Sequence[Path], heads: dict[int, Head], channels: int, size: int, folder: Path) -> None:
    """Raise ValueError for files of several sizes where they are to stay, or too many pixels; before anything is decoded or made."""
    if not heads:
        return
    first = min(heads)
    for number, head in heads.items():
        if head.size != heads[first].size and not size:
            sizes = ["x".join(map(str, one.size)) for one in (head, heads[first])]
            words = (
                f"is {sizes[0]}, {paths[first].name} is {sizes[1]}; give all one size, or say to which they are brought, as by --size 64"
            )
            raise ValueError(at(paths[number], words, "data"))
    width, height = (size, size) if size else heads[first].size
    shape = (len(heads), channels, height, width)
    if prod(shape) > MAX_ELEMENTS:
        raise ValueError(at(folder, f"images of shape {shape} have over 2**30 values; give fewer or smaller ones", "data"))


def check_pairs(files: Files, heads: dict[int, Head], coats: dict[int, Head]) -> None:
    """Raise ValueError for a mask that is of another size than its image."""
    for number in heads.keys() & coats.keys():
        if heads[number].size != coats[number].size:
            sizes = ["x".join(map(str, one[number].size)) for one in (coats, heads)]
            raise ValueError(at(files.masks[number], f"is {sizes[0]}, its image is {sizes[1]}; give each image a mask of its size", "data"))


def stack(files: Files, heads: dict[int, Head], colour: bool, size: int) -> tuple[Bytes, str]:
    """All images (N, C, H, W), white where they are damaged, and words about those that are transparent. Raises ValueError."""
    width, height = (size, size) if size else heads[min(heads)].size
    pixels = np.full((len(files.images), 3 if colour else 1, height, width), WHITE, np.uint8)

    def put(number: int, path: Path, ground: int) -> bool:
        array, through = read_pixels(path, "RGB" if colour else "L", ground)
        array = fitted(array, heads[number], path, size)
        pixels[number] = array.transpose(2, 0, 1) if array.ndim == 3 else array
        return through

    for ground in (WHITE, BLACK):
        transparent = sum(files.each(files.images, partial(put, ground=ground)).values())
        if not transparent or pixels.min() < WHITE:
            break
    name = "white" if ground == WHITE else "black, since on white they show nothing"
    return pixels, f"{transparent} of {len(files.images)} images are transparent in places: they were laid on {name}" if transparent else ""


def masked(files: Files, heads: dict[int, Head], size: int) -> Bytes:
    """All masks (N, H, W); white of few bits is 255 where there is nothing else than 0 and white. Raises ValueError."""
    bits = {head.bits for head in heads.values() if head.mode != "P"}
    if len(bits) > 1:
        words = f"gray masks have {' and '.join(map(str, sorted(bits)))} bits; save all with 8"
        raise ValueError(at(files.masks[0].parent, words, "data"))
    width, height = (size, size) if size else heads[min(heads)].size
    masks = np.zeros((len(files.masks), height, width), np.uint8)

    def put(number: int, path: Path) -> None:
        masks[number] = fitted(read_numbers(path), heads[number], path, size, smooth=False)

    files.each(files.masks, put)
    white = 2 ** max(bits, default=8) - 1
    return np.where(masks == white, np.uint8(WHITE), masks) if 1 < white < WHITE and not ((masks > 0) & (masks < white)).any() else masks


def fitted(array: Bytes, head: Head, path: Path, size: int, smooth: bool = True) -> Bytes:
    """The pixels in the size that is wanted. Raises DamagedError unless they are of the size that the file's head told."""
    if array.shape[:2] != head.size[::-1]:
        raise DamagedError(at(path, "is of another size than its head says; save it anew", "data"))
    return square(array, size, smooth) if size else array
