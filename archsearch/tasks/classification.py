"""One class for each image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from archsearch.tasks.base import Meter, Task


@dataclass(frozen=True)
class Classification(Task):
    """Scores for the classes, (N, classes), and labels (N,): cross-entropy; `error` is the share of wrong answers."""

    name = "classification"
    metrics = ("error", "loss")
    asks = "a score for every class"

    def answer(self, size: tuple[int, int]) -> tuple[int, ...]:
        return (self.classes,)

    def loss(self, answer: Tensor, truth: Tensor, smoothing: float) -> Tensor:
        return functional.cross_entropy(answer, truth, label_smoothing=smoothing)

    def meter(self) -> Meter:
        return Scores()


class Scores(Meter):
    """All scores, which are few."""

    def __init__(self) -> None:
        self.scores: list[Tensor] = []
        self.labels: list[Tensor] = []

    def add(self, answer: Tensor, truth: Tensor) -> None:
        self.scores.append(answer)
        self.labels.append(truth)

    def metrics(self) -> dict[str, float]:
        scores, labels = torch.cat(self.scores), torch.cat(self.labels)
        wrong = (scores.argmax(1) != labels).sum()
        return {"error": int(wrong) / len(labels), "loss": float(functional.cross_entropy(scores, labels))}
