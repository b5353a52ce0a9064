"""Images with labels, and their stratified split into training, validation and test part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

VALIDATION = TEST = 0.2
"""Fractions of every class; the rest is trained on."""


@dataclass(frozen=True, eq=False)
class Images:
    """A dataset before its split: `pixels` float32 (N, C, H, W) in [0, 1], `labels` int64 (N,), counted from 0.

    `flip`: a mirrored image still shows the same class, so training may mirror; digits and letters do not.
    """

    name: str
    pixels: Floats
    labels: Ints
    class_names: tuple[str, ...]
    flip: bool = False


@dataclass(frozen=True, eq=False)
class Part:
    """Images of one part, float32 (N, C, H, W) in [0, 1], and their labels, int64 (N,); both read-only."""

    images: Floats
    labels: Ints

    def __post_init__(self) -> None:
        self.images.flags.writeable = self.labels.flags.writeable = False  # one copy serves the whole process

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Data:
    """A dataset in three parts; `mean` and `std` of every channel are those of the training part."""

    name: str
    train: Part
    validation: Part
    test: Part
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip: bool

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width


def split(images: Images, seed: int) -> Data:
    """The three parts: of every class 60 % for training, 20 % for validation, 20 % for test, drawn by `seed` alone.

    Raises:
        ValueError: fewer than two classes, or a class with fewer than three images.
    """
    if len(images.class_names) < 2:
        raise ValueError(f"data {images.name!r}: there is one class only; classification needs two or more")
    rng = np.random.default_rng(seed)
    chosen: tuple[list[Ints], ...] = ([], [], [])
    for label, name in enumerate(images.class_names):
        members = rng.permutation(np.flatnonzero(images.labels == label))
        if len(members) < 3:
            raise ValueError(f"data {images.name!r}: class {name} has {len(members)} images; give at least 3, one for each part")
        validation, test = (max(1, round(fraction * len(members))) for fraction in (VALIDATION, TEST))
        for part, indices in zip(chosen, np.split(members, [len(members) - validation - test, len(members) - test]), strict=True):
            part.append(indices)
    train, validate, test_part = (take(images, np.sort(np.concatenate(indices))) for indices in chosen)
    mean, std = statistics(train.images)
    return Data(images.name, train, validate, test_part, images.class_names, mean, std, images.flip)


def take(images: Images, indices: Ints) -> Part:
    """The images at these indices."""
    return Part(images.pixels[indices], images.labels[indices])


def statistics(pixels: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel; a channel that never changes has standard deviation 1."""
    mean = pixels.mean((0, 2, 3), dtype=np.float64)
    std = pixels.std((0, 2, 3), dtype=np.float64)
    return tuple(mean.tolist()), tuple(np.where(std > 1e-6, std, 1.0).tolist())
