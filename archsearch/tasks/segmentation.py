"""One class for each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from archsearch.data import VOID
from archsearch.tasks.base import Meter, Task, balanced_error, tally, weight_of


@dataclass(frozen=True)
class Segmentation(Task):
    """Scores for the classes at every pixel, (N, classes, H, W), and masks (N, H, W): cross-entropy, mean over all pixels.

    `miou` is the mean over the classes of intersection over union, each counted over all pixels of all images; a class that is
    neither there nor answered is left out. `error` is 1 - miou, `pixel_accuracy` the share of right pixels,
    `balanced_error` the mean over the classes of the share of wrong ones. Pixels that belong to no class (data.VOID) count nowhere.
    """

    name = "segmentation"
    metrics = ("error", "loss", "miou", "pixel_accuracy", "balanced_error")
    asks = "a score for every class at every pixel"

    def answer(self, size: tuple[int, int]) -> tuple[int, ...]:
        return (self.classes, *size)

    def loss(self, answer: Tensor, truth: Tensor, smoothing: float) -> Tensor:
        total = functional.cross_entropy(
            answer, truth.long(), self.weight(answer), ignore_index=VOID, label_smoothing=smoothing, reduction="sum"
        )
        return total / self.mass(truth)

    def mass(self, truth: Tensor) -> Tensor:
        known, weights = truth != VOID, weight_of(self.weights or (1.0,) * self.classes, truth.device, torch.float32)
        return (weights[truth.long() * known] * known).sum().clamp(min=weights.min())  # a crop may hold no pixel that counts

    def meter(self) -> Meter:
        return Confusion(self.classes)


class Confusion(Meter):
    """How many pixels of each class were answered with each class, (classes, classes), and the sum of their losses."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts = torch.zeros(classes, classes, dtype=torch.int64)
        self.loss = 0.0

    def add(self, answer: Tensor, truth: Tensor) -> None:
        truth = truth.long()
        self.counts += tally(truth, answer.argmax(1), self.classes).cpu()
        self.loss += float(functional.cross_entropy(answer, truth, ignore_index=VOID, reduction="sum"))

    def metrics(self) -> dict[str, float]:
        hits, pixels = self.counts.diagonal().double(), max(1, int(self.counts.sum()))
        union = self.counts.sum(0) + self.counts.sum(1) - self.counts.diagonal()
        met = union > 0
        miou = float((hits[met] / union[met]).mean()) if met.any() else 0.0
        return {
            "error": 1 - miou,
            "loss": self.loss / pixels,
            "miou": miou,
            "pixel_accuracy": float(hits.sum()) / pixels,
            "balanced_error": balanced_error(self.counts.diagonal(), self.counts.sum(1)),
        }
