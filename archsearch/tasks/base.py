"""What every task is: the form of an answer, a loss to train on, and a meter for how wrong answers are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from archsearch.data import VOID


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

    `weights` are those of the classes in the loss that is trained on, all 1 where there are none; what is measured does not heed them.
    `name` as the data call it; `metrics`, of which `error`, a fraction, and `loss` are always two; `asks`: the answer in words.
    """

    classes: int
    weights: tuple[float, ...] = ()
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
    def mass(self, truth: Tensor) -> Tensor:
        """What the mean loss of a batch is taken over, a scalar: losses of parts, weighed by theirs, add up to that of the whole."""

    def weight(self, answer: Tensor) -> Tensor | None:
        """The weights, (classes,), where an answer lies and of its type; None where there are none."""
        return weight_of(self.weights, answer.device, answer.dtype) if self.weights else None

    @abstractmethod
    def meter(self) -> Meter:
        """A fresh meter."""


@lru_cache(maxsize=4)
def weight_of(weights: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """The weights as a tensor, made once: on its way to a GPU every step would wait for it."""
    return torch.tensor(weights, device=device, dtype=dtype)


def tally(right: Tensor, given: Tensor, classes: int) -> Tensor:
    """How often what is right, (N,) or masks (N, H, W), was answered by what, (classes, classes); of masks data.VOID counts nowhere."""
    known = right != VOID if right.ndim > 1 else slice(None)
    return torch.bincount(right[known] * classes + given[known], minlength=classes**2).reshape(classes, classes)


def balanced_error(hits: Tensor, counts: Tensor) -> float:
    """1 - the mean over classes of the share of their members that was answered right, (classes,) each; classes without any left out."""
    met = counts > 0
    return 1 - float((hits[met].double() / counts[met].double()).mean()) if met.any() else 1.0


def answers(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What a network gives, as a tuple: one answer for each of its outputs."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


def joint_loss(task: Task, outputs: Tensor | tuple[Tensor, ...], truth: Tensor, smoothing: float) -> Tensor:
    """The loss of a network: the mean over its exits, all of equal weight as in Huang et al. 2018 (arXiv:1703.09844)."""
    losses = [task.loss(answer, truth, smoothing) for answer in answers(outputs)]
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()
