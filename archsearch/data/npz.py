"""An `.npz` file with images; nothing in it is trusted, and nothing is allocated before its size is known."""

from __future__ import annotations

from pathlib import Path

from archsearch.data.arrays import NAMES, images_of
from archsearch.data.base import Images
from archsearch.support.archive import names_in, opened, read_array
from archsearch.support.reading import at, reason


def read_npz(path: Path) -> Images:
    """Read the arrays that `arrays.images_of` describes; files of MedMNIST (Yang et al. 2023, arXiv:2110.14795) are of that form.

    Raises:
        ValueError: the file is not so, or has over 2**30 pixel values; one line with the file's name.
    """
    try:
        with opened(path) as archive:
            return images_of(path.name, set(names_in(archive)), lambda name: read_array(archive, name, "U" if name == NAMES else "biuf"))
    except ValueError as error:
        raise ValueError(at(path, reason(error), "data")) from error
