"""What tells one dataset from another, so that a run does not go on with other images."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.data.base import Data


def fingerprint(data: Data) -> dict[str, int | str]:
    """How many images each part has, the number of classes, and digests of all pixels, of all labels and of the names of classes."""
    parts = (data.train, data.validation, data.test)
    counts = {f"{name} images": len(part) for name, part in zip(("training", "validation", "test"), parts, strict=True)}
    return {
        **counts,
        "classes": data.classes,
        "pixels": digest(*(part.images for part in parts)),
        "labels": digest(*(part.labels for part in parts)),
        "names of classes": hashlib.sha256("\0".join(data.class_names).encode()).hexdigest(),
    }


def digest(*arrays: NDArray[Any]) -> str:
    """sha256 of arrays: their types, shapes and values in order, whatever their byte order and layout."""
    found = hashlib.sha256()
    for array in arrays:
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        found.update(f"{plain.dtype.str}{plain.shape}".encode())
        found.update(plain.reshape(-1).view(np.uint8).data)
    return found.hexdigest()
