"""An explanation as plain data: arrays and words, from which a page is made without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Mask = NDArray[np.int16]
"""Classes of pixels; data.VOID where one has none."""
Floats = NDArray[np.float32]


class Score(NamedTuple):
    """A class and the share of certainty that it was given, or with masks the share of the pixels."""

    label: int
    share: float


@dataclass(frozen=True, eq=False)
class Exit:
    """One output of the network, the cheapest first: its node, multiply-adds of one sample until there, and how often it answered what.

    `counts` are images, with masks pixels, (classes, classes): rows are what was right, columns the answer; None where labels are unknown.
    """

    name: str
    macs: int
    counts: Ints | None = None
    masks: bool = False

    @property
    def error(self) -> float | None:
        """The share of wrong answers; of masks 1 - mean IoU. None where nothing is known to be right."""
        if self.counts is None or not self.counts.any():
            return None
        return 1 - float(np.nanmean(ious(self.counts))) if self.masks else self.wrong

    @property
    def wrong(self) -> float:
        """The share of images, or of pixels, that were answered wrong; 0 where labels are unknown."""
        return 0.0 if self.counts is None else int(self.counts.sum() - np.trace(self.counts)) / max(1, int(self.counts.sum()))


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and what was found about it.

    `picture` (H, W, C) as the network sees it, before normalisation; `truth` the right class, None where unknown; `answers` of each
    exit, best first; `asked` the class whose maps these are: `saliency` (H, W), at least 0, and `occlusion` (H, W), what the answer
    loses in certainty where it is covered; `layers` the strongest channels of some layers, (K, h, w) each. `true_mask` and `mask` (H, W)
    are classes of pixels, right ones and answered ones, where the task has masks.
    """

    name: str
    picture: Bytes
    truth: int | None
    answers: tuple[tuple[Score, ...], ...]
    asked: Score
    saliency: Floats
    occlusion: Floats
    layers: tuple[Floats, ...]
    true_mask: Mask | None = None
    mask: Mask | None = None


@dataclass(frozen=True, eq=False)
class Mistake:
    """An image that was answered wrong: with how much certainty; with masks, the share of its pixels that are wrong."""

    name: str
    picture: Bytes
    share: float
    truth: int | None = None
    answer: int | None = None
    true_mask: Mask | None = None
    mask: Mask | None = None


@dataclass(frozen=True, eq=False)
class Filters:
    """Kernels of the first layer that has weights, (K, h, w, channels), and the name of its node."""

    name: str
    kernels: Floats


@dataclass(frozen=True, eq=False)
class Explanation:
    """All that was found about a network.

    `title` names it, `source` says which images; `judged` counts those with labels. `layers` names the nodes of the samples' `layers`,
    `notes` are for people.
    """

    title: str
    source: str
    task: str
    classes: tuple[str, ...]
    exits: tuple[Exit, ...]
    samples: tuple[Sample, ...]
    layers: tuple[str, ...]
    judged: int = 0
    mistakes: tuple[Mistake, ...] = ()
    filters: Filters | None = None
    notes: tuple[str, ...] = ()

    @property
    def masks(self) -> bool:
        """Whether the network answers for each pixel."""
        return self.task == "segmentation"

    def plain(self) -> dict[str, Any]:
        """What is worth having as data: exits with their counts, and the answers to each sample."""
        exits = [
            {"output": each.name, "macs": each.macs, "error": each.error, "counts": None if each.counts is None else each.counts.tolist()}
            for each in self.exits
        ]
        samples = [
            {
                "image": sample.name,
                "truth": None if sample.truth is None else self.classes[sample.truth],
                "answers": [[{"class": self.classes[s.label], "share": s.share} for s in scores] for scores in sample.answers],
            }
            for sample in self.samples
        ]
        about = {"network": self.title, "images": self.source, "task": self.task, "classes": list(self.classes), "notes": list(self.notes)}
        return {**about, "outputs": exits, "samples": samples}


def ious(counts: Ints) -> NDArray[np.float64]:
    """Intersection over union of each class from how often it was answered what; NaN for a class that is neither there nor answered."""
    hits = np.diagonal(counts).astype(float)
    union = counts.sum(0) + counts.sum(1) - hits
    return np.where(union > 0, hits / np.maximum(union, 1), np.nan)


def confused(counts: Ints) -> list[tuple[int, int, int]]:
    """Right class, answered one, and how often, of all pairs that were confused, the most frequent first."""
    wrong = counts - np.diag(np.diagonal(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
    places = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [(int(right), int(given), int(wrong[right, given])) for right, given in places]
