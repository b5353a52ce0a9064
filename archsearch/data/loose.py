"""Images of a person's own, without labels, brought to what a network takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archsearch.data.base import Bytes
from archsearch.data.folder import SUFFIXES, is_file_of_images
from archsearch.data.form import middle
from archsearch.data.gathering import BITS
from archsearch.data.picture import COLOUR, GRAY, WHITE, DamagedError, read_head, read_pixels
from archsearch.support.reading import at, one_line

DEPTH, MOST_FILES = 4, 100_000
"""So many folders deep images are looked for, and so many of them at most."""
NAMED = 5
"""Files that one line names."""


class Loose(NamedTuple):
    """Images (N, C, H, W), the name of each, and words on what was done to them and what was left out."""

    pixels: Bytes
    names: tuple[str, ...]
    notes: tuple[str, ...]


def read_loose(source: Path, shape: tuple[int, int, int], limit: int) -> Loose:
    """Read the first images of a folder and what is below it, or one image, brought to a network's input (C, H, W).

    Of another size, the largest part in the middle that has the form of the input is scaled, bilinear; colours are made gray or gray ones
    given three channels; what is transparent shows white. Files that are damaged are left out, and named in the notes.

    Raises:
        ValueError: there is no image, none that is whole, or the network takes neither 1 nor 3 channels; one line.
    """
    channels, *size = shape
    if channels not in (1, 3):
        raise ValueError(f"the network takes images of {channels} channels, and files of images have 1 or 3")
    files = files_of(source)
    told: Counter[str] = Counter()
    kept: dict[str, Bytes] = {}
    broken: list[str] = []
    looked = 0
    for file in files:
        if len(kept) == limit:
            break
        looked += 1
        name = str(file.relative_to(source)) if source.is_dir() else file.name
        try:
            kept[one_line(name, 200)] = brought(file, channels, (size[0], size[1]), told)
        except ValueError as error:
            broken.append(one_line(f"{name}: {str(error).rpartition(': ')[2]}", 120))
    if not kept:
        raise ValueError(at(source, f"none of {looked:,} images is whole; {broken[0]}", "images"))
    notes = [*left_out(len(files) - looked, len(kept), broken), *done_to(told, channels, (size[0], size[1]))]
    return Loose(np.stack(list(kept.values())), tuple(kept), tuple(notes))


def brought(file: Path, channels: int, size: tuple[int, int], told: Counter[str]) -> Bytes:
    """One image (C, H, W) in the form that is wanted; what is done to it is counted. Raises ValueError for one that cannot be read."""
    head = read_head(file, GRAY + COLOUR)
    pixels, transparent = read_pixels(file, "RGB" if channels == 3 else "L", WHITE)
    if pixels.shape[:2] != head.size[::-1]:
        raise DamagedError("it is of another size than its head says")
    told["transparent"] += transparent
    told["deep"] += head.bits > BITS
    told["size"] += pixels.shape[:2] != size
    told["colour"] += (head.mode in COLOUR) != (channels == 3)
    made = middle(pixels, size)
    return np.ascontiguousarray(made.transpose(2, 0, 1) if channels == 3 else made[None])


def files_of(source: Path) -> list[Path]:
    """Files of images in a folder and below it, by name, hidden ones left out; or the one file. Raises ValueError where there is none."""
    if is_file_of_images(source):
        return [source]
    found = sorted(below(source, DEPTH)) if source.is_dir() else []
    if not found:
        why = "there are no PNG, JPEG or TIFF files in it" if source.is_dir() else "no folder, and no PNG, JPEG or TIFF file"
        raise ValueError(at(source, why, "images"))
    return found


def below(folder: Path, depth: int) -> Iterator[Path]:
    """Files of images so many folders deep, MOST_FILES of each at most. Raises ValueError for more."""
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
    except OSError as error:
        raise ValueError(at(folder, str(error.strerror), "images")) from error
    if len(inside) > MOST_FILES:
        raise ValueError(at(folder, f"there are over {MOST_FILES:,} files; give a folder of fewer", "images"))
    for path in inside:
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
        elif depth and path.is_dir() and not path.is_symlink():
            yield from below(path, depth - 1)


def left_out(more: int, kept: int, broken: list[str]) -> Iterator[str]:
    """What was not read, in words."""
    if more:
        yield f"the first {kept:,} images are shown; --limit shows some of the {more:,} others, too"
    if broken:
        rest = f" and {len(broken) - NAMED:,} more" if len(broken) > NAMED else ""
        yield f"{len(broken):,} {'files are' if len(broken) > 1 else 'file is'} damaged and left out: {'; '.join(broken[:NAMED])}{rest}"


def done_to(told: Counter[str], channels: int, size: tuple[int, int]) -> Iterator[str]:
    """What was done to images, in words."""
    if count := told["size"]:
        yield f"{count:,} of another size brought to {size[1]}x{size[0]}: the largest part of that form in the middle, bilinear"
    if count := told["colour"]:
        yield f"{count:,} {'in colour made gray (ITU-R BT.601)' if channels == 1 else 'in gray given three equal channels'}"
    if count := told["deep"]:
        yield f"{count:,} of 16 bits a channel, of which the upper 8 were taken"
    if count := told["transparent"]:
        yield f"{count:,} transparent in places, laid on white"
