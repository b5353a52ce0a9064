"""Images with labels or masks, and their split into training, validation and test part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Pixels = NDArray[Any]
"""(N, C, H, W): float32 in [0, 1], or uint8, where 255 stands for 1."""
Labels = NDArray[Any]
"""int64 (N,), the class of each image; or uint8 (N, H, W), the class of each pixel, VOID where it has none."""
TaskName = Literal["classification", "segmentation"]

MAX_ELEMENTS = 2**30
"""Of one array of a dataset."""
VOID = 255
"""A pixel of a mask that belongs to no class: neither trained on nor measured."""
VALIDATION = TEST = 0.2
"""Fractions of every class; the rest is trained on. Where a test part is published, the other images are divided."""


@dataclass(frozen=True, eq=False)
class Images:
    """A dataset before its split: `pixels` and `labels`, counted from 0; their types stand beside Pixels and Labels.

    `flip`: a mirrored image still shows the same class, so training may mirror; digits and letters do not. `test`: which images are
    the test part as it was published, (N,) booleans; None where none was, so that it is drawn; `validation` likewise, beside `test`.
    `notes`: what a person has to know of how they were read.
    """

    name: str
    pixels: Pixels
    labels: Labels
    class_names: tuple[str, ...]
    flip: bool = False
    test: Bools | None = None
    validation: Bools | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """Images of one part and their labels, as in Images; both read-only."""

    images: Pixels
    labels: Labels

    def __post_init__(self) -> None:
        self.images.flags.writeable = self.labels.flags.writeable = False  # one copy serves the whole process

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Data:
    """A dataset in three parts; `mean` and `std` of every channel, of pixels in [0, 1], are those of the training part."""

    name: str
    train: Part
    validation: Part
    test: Part
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip: bool
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @property
    def task(self) -> TaskName:
        """What is to be learnt: the class of each image, or that of each pixel."""
        return "classification" if self.train.labels.ndim == 1 else "segmentation"

    def counts(self) -> Ints:
        """Images of each class in the training part, (classes,); of masks pixels, without those that belong to no class."""
        labels = self.train.labels
        return np.bincount(labels[labels != VOID] if self.task == "segmentation" else labels, minlength=self.classes)


def split(images: Images, seed: int) -> Data:
    """The three parts: 60 % for training, 20 % for validation, 20 % for test, drawn by `seed` alone; of every class so much.

    A test part that was published stays as it is, and 20 % of the other images are for validation. Images with masks are drawn from all.

    Raises:
        ValueError: fewer than two classes, or too few images for three parts.
    """
    if len(images.class_names) < 2:
        raise ValueError(f"data {images.name!r}: there is one class only; give two or more")
    rng = np.random.default_rng(seed)
    chosen: tuple[list[Ints], ...] = ([], [], [])
    for what, members in groups(images):
        for part, indices in zip(chosen, divided(images, what, members, rng), strict=True):
            part.append(indices)
    train, validate, test_part = (take(images, np.sort(np.concatenate(indices))) for indices in chosen)
    mean, std = statistics(train.images)
    return Data(images.name, train, validate, test_part, images.class_names, mean, std, images.flip, images.notes)


def groups(images: Images) -> Iterator[tuple[str, Ints]]:
    """Images that are divided in the same proportions, with words for them: those of each class, or all that have masks."""
    if images.labels.ndim > 1:
        yield "there are", np.arange(len(images.labels))
        return
    for label, name in enumerate(images.class_names):
        yield f"class {name} has", np.flatnonzero(images.labels == label)


def divided(images: Images, what: str, members: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Numbers of images for training, validation and test. Raises ValueError when they are too few."""
    if images.test is not None and images.validation is not None:
        return given(images, what, members, images.validation[members], images.test[members])
    known = np.zeros(len(members), bool) if images.test is None else images.test[members]
    test, free = members[known], rng.permutation(members[~known])
    least = 3 if images.test is None else 2
    if len(free) < least:
        of = "" if images.test is None else " outside the test part"
        raise ValueError(f"data {images.name!r}: {what} {len(free)} images{of}; give at least {least}, one for each part")
    if images.test is None:
        cut = len(free) - max(1, round(TEST * len(free)))
        test, free = free[cut:], free[:cut]
    cut = len(free) - max(1, round(VALIDATION * len(members if images.test is None else free)))
    return free[:cut], free[cut:], test


def given(images: Images, what: str, members: Ints, validation: Bools, test: Bools) -> tuple[Ints, Ints, Ints]:
    """Numbers of images in the parts as the user made them. Raises ValueError when none is left to train on."""
    train = members[~(validation | test)]
    if not len(train):
        raise ValueError(f"data {images.name!r}: {what} no image to train on; give at least one in the training part")
    return train, members[validation], members[test]


def take(images: Images, indices: Ints) -> Part:
    """The images at these indices."""
    return Part(images.pixels[indices], images.labels[indices])


def statistics(pixels: Pixels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel of pixels in [0, 1]; a channel that never changes has standard deviation 1."""
    if pixels.dtype == np.uint8:
        counts, values = histograms(pixels), np.arange(256) / 255
        shares = counts / counts.sum(1, keepdims=True)
        mean = shares @ values
        std = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(1))
    else:
        mean = pixels.mean((0, 2, 3), dtype=np.float64)
        std = pixels.std((0, 2, 3), dtype=np.float64)
    return tuple(mean.tolist()), tuple(np.where(std > 1e-6, std, 1.0).tolist())


def histograms(pixels: Bytes) -> Ints:
    """How often each byte stands in each channel, (C, 256); image by image, since counting makes eight bytes of one."""
    counts = np.zeros((pixels.shape[1], 256), np.int64)
    for image in pixels:
        for channel, plane in enumerate(image):
            counts[channel] += np.bincount(plane.ravel(), minlength=256)
    return counts
