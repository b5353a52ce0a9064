"""CIFAR-10 coded as JPEG (30.5 dB mean PSNR), for `--data benchmarks/cifar.py:small` or `:whole`; not the original pixels."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FILE = Path(__file__).parents[2] / "shared" / "data" / "cifar10" / "cifar10_jpeg.npz"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def whole() -> dict[str, Any]:
    """All 50,000 images for training and 10,000 for test."""
    return arrays(50_000, 10_000)


def small() -> dict[str, Any]:
    """6,000 images for training and validation, 2,000 for test, as many of every class."""
    return arrays(6_000, 2_000)


def arrays(train: int, test: int) -> dict[str, Any]:
    """The first images of each part; they are ordered so that any beginning is balanced."""
    with np.load(FILE, allow_pickle=False) as file:
        found = {f"{part}_{what}": file[f"{part}_{what}"] for part in ("train", "test") for what in ("jpeg", "offsets", "labels")}
    return {
        "train_images": decoded(found["train_jpeg"], found["train_offsets"][: train + 1]),
        "train_labels": found["train_labels"][:train].astype(np.int64),
        "test_images": decoded(found["test_jpeg"], found["test_offsets"][: test + 1]),
        "test_labels": found["test_labels"][:test].astype(np.int64),
        "class_names": np.array(CLASSES),
        "flip": np.array(True),
    }


def decoded(data: NDArray[np.uint8], offsets: NDArray[Any]) -> NDArray[np.uint8]:
    """Images between the offsets, (N, 32, 32, 3)."""
    texts = (data[start:end].tobytes() for start, end in pairwise(offsets))
    return np.stack([np.asarray(Image.open(io.BytesIO(text))) for text in texts])
