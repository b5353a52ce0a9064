"""One class for each image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from archsearch.tasks.base import Meter, Task, balanced_error, weight_of


@dataclass(frozen=True)
class Classification(Task):
    """Scores for the classes, (N, classes), and labels (N,): cross-entropy; `error` is the share of wrong answers.

    `balanced_error` is the mean over the classes of the share of wrong answers to their images: to answer the commonest class always is
    wrong by (classes - 1) / classes, however common it is.
    """

    name = "classification"
    metrics = ("error", "loss", "balanced_error")
    asks = "a score for every class"

    def answer(self, size: tuple[int, int]) -> tuple[int, ...]:
        return (self.classes,)

    def loss(self, answer: Tensor, truth: Tensor, smoothing: float) -> Tensor:
        return functional.cross_entropy(answer, truth, self.weight(answer), label_smoothing=smoothing)

    def mass(self, truth: Tensor) -> Tensor:
        return weight_of(self.weights or (1.0,) * self.classes, truth.device, torch.float32)[truth].sum()

    def meter(self) -> Meter:
        return Scores(self.classes)


class Scores(Meter):
    """All scores, which are few."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.scores: list[Tensor] = []
        self.labels: list[Tensor] = []

    def add(self, answer: Tensor, truth: Tensor) -> None:
        self.scores.append(answer)
        self.labels.append(truth)

    def metrics(self) -> dict[str, float]:
        scores, labels = torch.cat(self.scores), torch.cat(self.labels)
        right = scores.argmax(1) == labels
        hits, counts = (torch.bincount(of, minlength=self.classes) for of in (labels[right], labels))
        return {
            "error": int((~right).sum()) / len(labels),
            "loss": float(functional.cross_entropy(scores, labels)),
            "balanced_error": balanced_error(hits, counts),
        }
