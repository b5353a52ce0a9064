"""Images as files in folders, PNG, JPEG or TIFF: with masks beside them, or a folder for each class; whole, or in parts by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.data.base import Bools, Bytes, Images, Ints, Labels
from archsearch.data.form import AS_THEY_ARE, Form
from archsearch.data.gathering import gather
from archsearch.data.masks import checked_masks
from archsearch.support.nearest import nearest
from archsearch.support.reading import at

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
PARTS = {"train": ("train", "training"), "validation": ("val", "valid", "validation"), "test": ("test", "testing")}
"""What folders are called that hold parts of a dataset."""
LAYOUTS = "folders images and masks, or a folder of images for each of two classes or more; or these below train, val and test"


class Found(NamedTuple):
    """Files of images, with those of their masks or with the names of their classes."""

    images: list[Path]
    masks: list[Path]
    names: list[str]


def read_folder(folder: Path, form: Form = AS_THEY_ARE) -> Images:
    """Read a folder with `images` and `masks`, whose files are called alike, or with a folder of images for each class.

    Either may stand below `train`, `test` and, if you like, `val`: then these are the parts. All images are of one size, unless the form
    gives one; of 16 bits a channel the upper 8 are taken; gray if all are gray; turned as EXIF says; what is transparent shows white, or
    black where all would be white. A mask is a gray or palette PNG of class numbers from 0 on; white, 255, belongs to no class, but to
    class 1 where there is nothing else than 0 and white. Damaged images are left out, and named in the notes.

    Raises:
        ValueError: it is not so, more than one image in twenty is damaged, or there are over 2**30 pixel values; one line with a name.
    """
    parts = {part: found(path, 2 if part == "all" else 1) for part, path in parts_of(folder).items()}
    if len({bool(part.masks) for part in parts.values()}) > 1:
        raise ValueError(at(folder, "some parts have masks and others have classes; give all the same", "data"))
    images = [path for part in parts.values() for path in part.images]
    masks = [path for part in parts.values() for path in part.masks]
    gathered = gather(images, masks, folder, form)
    labels: Labels
    if gathered.masks is not None:
        labels, names = masked(folder, gathered.masks, gathered.pixels)
    else:
        labels, names = classed(folder, parts)
        labels = labels[gathered.kept]
    test, validation = given_parts(np.repeat(list(parts), [len(part.images) for part in parts.values()])[gathered.kept])
    return Images(folder.name, gathered.pixels, labels, names, False, test, validation, gathered.notes)


def given_parts(belongs: NDArray[np.str_]) -> tuple[Bools | None, Bools | None]:
    """Which images are the test part, and which the validation part, by the part of each, `all` where there are none.

    Raises:
        ValueError: there are parts, but nothing to train on or to test.
    """
    if not belongs.size or (belongs == "all").all():
        return None, None
    test, validation = belongs == "test", belongs == "validation"
    if not test.any() or not (belongs == "train").any():
        raise ValueError(
            f"there are images for {' and '.join(sorted(set(belongs.tolist())))} alone; give train and test, and val if you like"
        )
    return test, validation if validation.any() else None


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


def classed(folder: Path, parts: Mapping[str, Found]) -> tuple[Ints, tuple[str, ...]]:
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
        raise ValueError(at(folder, "there are no images; give PNG, JPEG or TIFF files", "data"))
    for path in paths:
        if path.is_dir():
            raise ValueError(at(path, f"is a folder among images; expected {LAYOUTS}", "data"))
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(at(path, "is no PNG, JPEG or TIFF; take it out, or convert it", "data"))
    return paths


def beside(folder: Path, images: Sequence[Path]) -> list[Path]:
    """The mask of each image, by its name without the suffix. Raises ValueError where one is missing or left over."""
    masks = {path.stem: path for path in files(folder)}
    stems = [path.stem for path in images]
    for stem, path in zip(stems, images, strict=True):
        if stem not in masks:
            raise ValueError(at(folder, f"there is no mask {stem}.png for image {path.name}; {nearest(stem, sorted(masks))}", "data"))
        if masks[stem].suffix.lower() != ".png":
            raise ValueError(at(masks[stem], "masks are PNG files, since JPEG changes the numbers of classes; save it as PNG", "data"))
    if len(set(stems)) < len(masks) or len(set(stems)) < len(stems):
        odd = next((stem for stem in masks if stem not in stems), None) or next(stem for stem in stems if stems.count(stem) > 1)
        raise ValueError(at(folder, f"{odd} has not one image and one mask; give one of each", "data"))
    return [masks[stem] for stem in stems]
