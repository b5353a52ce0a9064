"""Images as files in folders, PNG or JPEG: with masks beside them, or a folder for each class; whole, or in parts by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archsearch.data.base import MAX_ELEMENTS, Bytes, Images
from archsearch.data.masks import checked_masks
from archsearch.data.picture import BLACK, COLOUR, GRAY, NUMBERS, WHITE, Head, read_head, read_numbers, read_pixels
from archsearch.support.nearest import nearest
from archsearch.support.reading import at

SUFFIXES = (".png", ".jpg", ".jpeg")
PARTS = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test", "testing")}
"""What folders are called that hold parts of a dataset."""
LAYOUTS = "folders images and masks, or a folder of images for each of two classes or more; or these below train, val and test"


class Found(NamedTuple):
    """Files of images, with those of their masks or with the names of their classes."""

    images: list[Path]
    masks: list[Path]
    names: list[str]


def read_folder(folder: Path) -> Images:
    """Read a folder with `images` and `masks`, whose files are called alike, or with a folder of images for each class.

    Either may stand below `train`, `test` and, if you like, `val`: then these are the parts. All images are of one size, 8 bits a channel;
    gray if all are gray; turned as EXIF says; what is transparent shows white, or black where all would be white. A mask is a gray or
    palette PNG of class numbers from 0 on; white, 255, belongs to no class, but to class 1 where there is nothing else than 0 and white.

    Raises:
        ValueError: it is not so, a file is damaged, or there are over 2**30 pixel values; one line with the file's name.
    """
    parts = {part: found(path, 2 if part == "all" else 1) for part, path in parts_of(folder).items()}
    whole = Found(
        [path for part in parts.values() for path in part.images],
        [path for part in parts.values() for path in part.masks],
        [name for part in parts.values() for name in part.names],
    )
    kinds = {bool(part.masks) for part in parts.values()}
    if len(kinds) > 1:
        raise ValueError(at(folder, "some parts have masks and others have classes; give all the same", "data"))
    heads = checked_heads(whole.images, GRAY + COLOUR)
    masks = None if not whole.masks else numbers(whole.masks, checked_heads(whole.masks, NUMBERS))
    pixels, note = stack(whole.images, heads)
    labels, names = masked(folder, masks, pixels) if masks is not None else classed(folder, parts)
    counts = np.repeat(list(parts), [len(part.images) for part in parts.values()])
    given = {part: counts == part if part in parts else None for part in ("validation", "test")}
    return Images(folder.name, pixels, labels, names, False, given["test"], given["validation"], (note,) if note else ())


def parts_of(folder: Path) -> dict[str, Path]:
    """The folders of parts, by part; a folder that is not divided is one part, called all. Raises ValueError for some parts alone."""
    inside = folders(folder)
    known = {part: path for part, words in PARTS.items() for path in inside if path.name.lower() in words}
    if not known or "train" not in known or any(is_file_of_images(path) for path in known["train"].iterdir()):
        if known and len(known) == len(inside):
            raise ValueError(at(folder, f"there is {' and '.join(path.name for path in inside)}; expected {LAYOUTS}", "data"))
        return {"all": folder}
    odd = next((path.name for path in inside if path not in known.values()), None)
    if odd is not None:
        raise ValueError(at(folder, f"beside train there is {odd!r}; expected train, test and val alone", "data"))
    if "test" not in known:
        raise ValueError(at(folder, "there is train but no test; add it, or put all images below one folder to have them divided", "data"))
    return known


def folders(folder: Path) -> list[Path]:
    """Folders inside, by name, hidden ones left out."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX")))


def is_file_of_images(path: Path) -> bool:
    """Whether this is called as an image is."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def found(folder: Path, least: int) -> Found:
    """The files of a part, of so many classes at least. Raises ValueError."""
    inside = [path.name for path in folders(folder)]
    if "masks" in inside and "images" in inside:
        images = files(folder / "images")
        return Found(images, beside(folder / "masks", images), [])
    if len(inside) < least:
        raise ValueError(at(folder, f"expected {LAYOUTS}", "data"))
    members = [files(folder / name) for name in inside]
    names = [name for name, paths in zip(inside, members, strict=True) for _ in paths]
    return Found([path for paths in members for path in paths], [], names)


def masked(folder: Path, masks: Bytes, pixels: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """Masks and the names of their classes. Raises ValueError."""
    try:
        checked, classes = checked_masks(masks, pixels.shape)
    except ValueError as error:
        raise ValueError(at(folder, str(error), "data")) from error
    return checked, tuple(map(str, range(classes)))


def classed(folder: Path, parts: Mapping[str, Found]) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], tuple[str, ...]]:
    """The class of each image and the names of all. Raises ValueError for a class that is in no training part."""
    names = sorted(set(parts.get("train", next(iter(parts.values()))).names))
    if len(names) < 2:
        raise ValueError(at(folder, f"expected {LAYOUTS}", "data"))
    for part, files_of in parts.items():
        odd = next((name for name in files_of.names if name not in names), None)
        if odd is not None:
            raise ValueError(at(folder, f"class {odd!r} is in {part} but not in train; {nearest(odd, names)}", "data"))
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[name] for part in parts.values() for name in part.names], np.int64), tuple(names)


def files(folder: Path) -> list[Path]:
    """The images of a folder, by name. Raises ValueError for any other file, and where there is none."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not paths:
        raise ValueError(at(folder, "there are no images; give PNG or JPEG files", "data"))
    for path in paths:
        if path.is_dir():
            raise ValueError(at(path, f"is a folder among images; expected {LAYOUTS}", "data"))
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(at(path, "is no PNG or JPEG; take it out, or convert it", "data"))
    return paths


def beside(folder: Path, images: Sequence[Path]) -> list[Path]:
    """The mask of each image, by its name without the suffix. Raises ValueError where one is missing or left over."""
    masks = {path.stem: path for path in files(folder)}
    stems = [path.stem for path in images]
    for stem, path in zip(stems, images, strict=True):
        if stem not in masks:
            raise ValueError(at(folder, f"there is no mask {stem}.png for image {path.name}; {nearest(stem, sorted(masks))}", "data"))
        if masks[stem].suffix.lower() != ".png":
            raise ValueError(at(masks[stem], "JPEG changes the numbers of classes; save masks as PNG", "data"))
    if len(set(stems)) < len(masks) or len(set(stems)) < len(stems):
        odd = next((stem for stem in masks if stem not in stems), None) or next(stem for stem in stems if stems.count(stem) > 1)
        raise ValueError(at(folder, f"{odd} has not one image and one mask; give one of each", "data"))
    return [masks[stem] for stem in stems]


def checked_heads(paths: Sequence[Path], modes: tuple[str, ...]) -> list[Head]:
    """Heads of all files, before anything is decoded or made. Raises ValueError for files of several sizes, or too many."""
    heads = [read_head(path, modes) for path in paths]
    for path, head in zip(paths, heads, strict=True):
        if head.size != heads[0].size:
            sizes = ["x".join(map(str, size)) for size in (head.size, heads[0].size)]
            raise ValueError(at(path, f"is {sizes[0]}, {paths[0].name} is {sizes[1]}; give all one size", "data"))
    width, height = heads[0].size
    shape = (len(heads), 3 if modes != NUMBERS and any(head.mode in COLOUR for head in heads) else 1, height, width)
    if prod(shape) > MAX_ELEMENTS:
        raise ValueError(at(paths[0].parent, f"images of shape {shape} have over 2**30 values; give fewer or smaller ones", "data"))
    return heads


def numbers(paths: Sequence[Path], heads: Sequence[Head]) -> Bytes:
    """All masks (N, H, W); white of few bits is 255 where there is nothing else than 0 and white. Raises ValueError."""
    bits = {head.bits for head in heads if head.mode != "P"}
    if len(bits) > 1:
        raise ValueError(at(paths[0].parent, f"gray masks have {' and '.join(map(str, sorted(bits)))} bits; save all with 8", "data"))
    masks = np.empty((len(paths), *heads[0].size[::-1]), np.uint8)
    for place, path in zip(masks, paths, strict=True):
        place[:] = fitting(read_numbers(path), place.shape, path)
    white = 2 ** max(bits, default=8) - 1
    return np.where(masks == white, np.uint8(WHITE), masks) if 1 < white < WHITE and not ((masks > 0) & (masks < white)).any() else masks


def stack(paths: Sequence[Path], heads: Sequence[Head]) -> tuple[Bytes, str]:
    """All images (N, C, H, W), and words about those that are transparent. Raises ValueError, one line with the file's name."""
    coloured = any(head.mode in COLOUR for head in heads)
    width, height = heads[0].size
    pixels = np.empty((len(paths), 3 if coloured else 1, height, width), np.uint8)
    for ground in (WHITE, BLACK):
        transparent = 0
        for place, path in zip(pixels, paths, strict=True):
            array, through = read_pixels(path, "RGB" if coloured else "L", ground)
            transparent += through
            array = fitting(array, (height, width), path)
            place[:] = array.transpose(2, 0, 1) if array.ndim == 3 else array
        if not transparent or pixels.min() < WHITE:
            break
    name = "white" if ground == WHITE else "black, since on white they show nothing"
    return pixels, f"{transparent} of {len(paths)} images are transparent in places: they were laid on {name}" if transparent else ""


def fitting(array: Bytes, size: tuple[int, ...], path: Path) -> Bytes:
    """The pixels, if they are of the size that the file's head told. Raises ValueError."""
    if array.shape[:2] != size:
        raise ValueError(at(path, "is of another size than its head says; save it anew", "data"))
    return array
