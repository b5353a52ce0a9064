"""What every task is: the form of an answer, a loss to train on, and a meter for how wrong answers are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


class Meter(ABC):
    """Takes answers batch by batch, and in the end says how wrong they were."""

    @abstractmethod
    def add(self, answer: Tensor, truth: Tensor) -> None:
        """Take in the answers to a batch, and what was right."""

    @abstractmethod
    def metrics(self) -> dict[str, float]:
        """The metrics of the task for all that was taken in."""


@dataclass(frozen=True)
class Task(ABC):
    """What is to be learnt from data with so many classes.

    `name` as the data call it; `metrics`, of which `error`, a fraction, and `loss` are always two; `asks`: the answer in words.
    """

    classes: int
    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    asks: ClassVar[str]

    @abstractmethod
    def answer(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Shape of what a network has to give for one image of that (height, width)."""

    @abstractmethod
    def loss(self, answer: Tensor, truth: Tensor, smoothing: float) -> Tensor:
        """Mean loss of a batch of answers, with labels smoothed by that much."""

    @abstractmethod
    def meter(self) -> Meter:
        """A fresh meter."""


def answers(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What a network gives, as a tuple: one answer for each of its outputs."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


def joint_loss(task: Task, outputs: Tensor | tuple[Tensor, ...], truth: Tensor, smoothing: float) -> Tensor:
    """The loss of a network: the mean over its exits, all of equal weight as in Huang et al. 2018 (arXiv:1703.09844)."""
    losses = [task.loss(answer, truth, smoothing) for answer in answers(outputs)]
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()
