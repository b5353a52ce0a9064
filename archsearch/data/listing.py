"""A CSV file that lists images and their classes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archsearch.data.base import Images
from archsearch.data.folder import PARTS, given_parts, is_file_of_images
from archsearch.data.form import AS_THEY_ARE, Form
from archsearch.data.gathering import gather
from archsearch.support.nearest import nearest
from archsearch.support.reading import at, is_word, one_line, read_text, reason

COLUMNS = {"path": ("path", "file", "filename", "image"), "label": ("label", "class"), "part": ("part", "split")}
"""What the columns are called in the first line."""
SEPARATORS = ",;\t"
EXPECTED = "expected a first line path,label or path,label,part and then a line for each image"
BROKEN = (OSError, ValueError, csv.Error)


class Row(NamedTuple):
    """One image, its class, and its part; `all` where the file does not say."""

    path: Path
    label: str
    part: str


def read_csv(path: Path, form: Form = AS_THEY_ARE) -> Images:
    """Read the images that a CSV lists, `path,label` or `path,label,part`; paths start from its folder, parts are train, val and test.

    A first line with names of columns is not needed where there are two, path and label. Images are as in a folder of images; classes are
    sorted, by value where all are whole numbers.

    Raises:
        ValueError: it is no such file, an image is not there or stands twice, or as `gather`; one line with the file's name.
    """
    rows = rows_of(path)
    gathered = gather([row.path for row in rows], [], path.parent, form)
    kept = [row for row, whole in zip(rows, gathered.kept, strict=True) if whole]
    try:
        test, validation = given_parts(np.array([row.part for row in kept]))
    except ValueError as error:
        raise ValueError(at(path, str(error), "data")) from error
    names = in_order({row.label for row in kept})
    place = {name: number for number, name in enumerate(names)}
    labels = np.array([place[row.label] for row in kept], np.int64)
    return Images(path.name, gathered.pixels, labels, names, False, test, validation, gathered.notes)


def rows_of(path: Path) -> list[Row]:
    """All rows. Raises ValueError, one line with the file's name and the number of the line."""
    try:
        lines = list(lines_of(read_text(path)))
        if not lines:
            raise ValueError(f"it is empty; {EXPECTED}")
        columns, first = columns_of(lines[0][1], path.parent)
        rows = [row_of(number, fields, columns, path.parent) for number, fields in lines[first:]]
        if not rows:
            raise ValueError(f"it lists no image; {EXPECTED}")
        check_once(rows)
    except BROKEN as error:
        raise ValueError(at(path, reason(error, 200), "data")) from error
    return rows


def lines_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is not empty, whatever of the usual separators they have. Raises csv.Error."""
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(SEPARATORS, key=head.count), strict=True)
    for fields in reader:
        if any(field.strip() for field in fields):
            yield reader.line_num, [field.strip() for field in fields]


def columns_of(head: Sequence[str], folder: Path) -> tuple[dict[str, int], int]:
    """Places of the columns by name, and at which line the images begin. Raises ValueError."""
    words = [field.lower() for field in head]
    found = {name: words.index(word) for name, known in COLUMNS.items() for word in known if word in words}
    if "path" in found and "label" in found:
        return found, 1
    if len(head) == len("ab") and is_there(folder, head[0]):
        return {"path": 0, "label": 1}, 0
    raise ValueError(f"it begins with {one_line(','.join(head), 60)!r}; {EXPECTED}")


def row_of(number: int, fields: Sequence[str], columns: dict[str, int], folder: Path) -> Row:
    """One row, its image found. Raises ValueError."""
    if len(fields) <= max(columns.values()):
        raise ValueError(f"line {number} has {len(fields)} columns; {EXPECTED}")
    file, label = fields[columns["path"]], fields[columns["label"]]
    if not is_there(folder, file):
        raise ValueError(f"line {number}: there is no PNG, JPEG or TIFF {one_line(file, 80)!r}, seen from the folder of the CSV")
    if not label or not is_word(label):
        raise ValueError(f"line {number} has no class for {one_line(file, 80)!r}")
    return Row(folder / file, label, part_of(number, fields[columns["part"]]) if "part" in columns else "all")


def is_there(folder: Path, file: str) -> bool:
    """Whether this names a file of an image."""
    return bool(file) and is_word(file) and is_file_of_images(folder / file)


def part_of(number: int, word: str) -> str:
    """The part that a word names. Raises ValueError."""
    found = next((part for part, words in PARTS.items() if word.lower() in words), None)
    if found is None:
        near = nearest(word[:40], [known for words in PARTS.values() for known in words])
        raise ValueError(f"line {number} has part {one_line(word, 40)!r}; {near}")
    return found


def check_once(rows: Sequence[Row]) -> None:
    """Raise ValueError for an image that stands twice: it could be both trained on and measured by."""
    seen: set[Path] = set()
    for row in rows:
        place = row.path.resolve()  # the same file by another way
        if place in seen:
            raise ValueError(f"{one_line(str(row.path.name), 80)!r} stands twice; list each image once")
        seen.add(place)


def in_order(names: set[str]) -> tuple[str, ...]:
    """Names sorted, by value where all are whole numbers."""
    whole = all(name.isascii() and name.isdigit() and len(name) < 10 for name in names)
    return tuple(sorted(names, key=lambda name: (int(name) if whole else 0, name)))
