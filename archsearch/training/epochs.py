"""The epochs of one training: what comes out of each is reported, and a long one that is stopped goes on from its checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archsearch.data import VOID
from archsearch.support.changed import first_change
from archsearch.support.randomness import own_generators
from archsearch.support.reading import NUMBER, OBJECT, at, at_least, each, fields, named, reason
from archsearch.tasks import Feed
from archsearch.training.checkpoint import (
    load_standing,
    optimizer_tensors,
    prefixed,
    restore_network,
    restore_optimizer,
    save_standing,
    taken,
    under,
)
from archsearch.training.failures import CheckpointError
from archsearch.training.loop import Training
from archsearch.trial import EvaluationError

SECONDS_BETWEEN = 60.0
"""A training writes a checkpoint no more often than that; shorter ones begin again."""
FEWEST_TO_STALL, STALLED = 3, 0.999
"""Epochs before a training can count as stalled, and the share of its first loss, and of that of guessing, that it stays above."""
OWN = ("train_loss", "lr")
"""What an epoch reports besides the metrics of the validation part."""
STATE = {"identity": OBJECT, "curve": each(named(NUMBER), least=1), "steps": at_least(1), "at_once": at_least(1)}


@dataclass
class Epochs:
    """A training, epoch by epoch.

    `judge` gives the metrics of a network, and is told whether training is over; `checkpoint` is the file to go on from, `identity` what
    tells its training from any other; `before` epochs of the same network are done already, by another training whose weights this one
    began with. With `every` a checkpoint is written after each epoch, so that whoever stops it loses none.
    """

    training: Training
    judge: Callable[[nn.Module, bool], dict[str, float]]
    checkpoint: Path | None
    identity: Mapping[str, Any]
    before: int = 0
    every: bool = False
    curve: list[dict[str, float]] = field(default_factory=list)

    def run(self, report: Callable[[int, dict[str, float]], bool]) -> dict[str, float]:
        """Train what is left; return the metrics of what came out.

        Raises:
            EvaluationError: diverged, or stalled: half of the epochs passed, and the loss is still that of guessing.
            CheckpointError: the checkpoint is damaged, or of another training.
        """
        self._take_up()
        stopped = False
        for epoch, found in enumerate(self.curve):
            stopped = report(self.before + epoch, found) or stopped
        saved, guessing = time.monotonic(), guessing_loss(self.training.data, self.training.options.label_smoothing)
        while len(self.curve) < self.training.options.rounds and not stopped:
            self._epoch()
            if self.before == 0:
                check_progress(self.curve, self.training.options.rounds, guessing)
            stopped = report(self.before + len(self.curve) - 1, self.curve[-1])
            if (self.every or time.monotonic() - saved > SECONDS_BETWEEN) and len(self.curve) < self.training.options.rounds:
                self._save()
                saved = time.monotonic()
        if len(self.curve) < self.training.options.rounds:  # stopped before it was judged as the last one is
            with self.training.averaged() as network:
                return self.judge(network, True)
        return {name: value for name, value in self.curve[-1].items() if name not in OWN}

    def finish(self) -> None:
        """Delete the checkpoint: what was trained is kept elsewhere. Raises OSError."""
        if self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)

    def _epoch(self) -> None:
        loss, lr = self.training.epoch()
        last = len(self.curve) + 1 == self.training.options.rounds
        with self.training.averaged() as network:
            self.curve.append({"train_loss": loss, **self.judge(network, last), "lr": lr})

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        training = self.training
        random = {str(place): generator.get_state() for place, generator in enumerate(self._generators())}
        average = {} if training.average is None else training.average.tensors()
        parts = {"network": training.network.state_dict(), "optimizer": optimizer_tensors(training.optimizer), "average": average}
        tensors = {name: value for prefix, part in {**parts, "random": random}.items() for name, value in prefixed(part, prefix).items()}
        state = {"identity": dict(self.identity), "curve": self.curve, "steps": training.step, "at_once": training.at_once}
        save_standing(self.checkpoint, state, tensors)

    def _take_up(self) -> None:
        standing = None if self.checkpoint is None else load_standing(self.checkpoint)
        if standing is None or self.checkpoint is None:
            return
        try:
            state = fields(standing.state, STATE, "its state")
            if words := first_change(state["identity"], self.identity):
                raise ValueError(f"it is of another training: {words}")
            self._restore(state, standing.tensors)
        except ValueError as error:
            raise CheckpointError(at(self.checkpoint, f"{reason(error)}; delete it to begin again", "checkpoint")) from error

    def _restore(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        training = self.training
        restore_network(training.network, under(tensors, "network"))
        restore_optimizer(training.optimizer, under(tensors, "optimizer"))
        training.step, training.at_once = state["steps"], min(training.batch, state["at_once"])
        if training.average is not None:
            training.average.restore(under(tensors, "average"), state["steps"])
        for place, generator in enumerate(self._generators()):
            generator.set_state(taken(tensors, f"random/{place}", generator.get_state()))
        self.curve = state["curve"]

    def _generators(self) -> list[torch.Generator]:
        """All that the rest of the training draws from."""
        return [self.training.generator, torch.default_generator, *own_generators(self.training.generator.device)]


def guessing_loss(data: Feed, smoothing: float) -> float:
    """Mean loss of the best answer that is the same for all images: the entropy of the classes, labels smoothed."""
    truth, classes, weights = data.train[1], data.task.classes, data.task.weights
    counts = torch.bincount(truth[truth != VOID].long().flatten() if truth.ndim > 1 else truth, minlength=classes).double().cpu()
    weighed = counts * torch.tensor(weights or (1.0,) * classes, dtype=torch.float64)
    share = (1 - smoothing) * weighed / weighed.sum() + smoothing / classes
    return float(-(share * share.clamp(min=1e-12).log()).sum())


def check_progress(curve: list[dict[str, float]], epochs: int, guessing: float) -> None:
    """Raise EvaluationError (stalled) when half of the epochs passed, the loss of training does not fall and is that of guessing."""
    losses = [step["train_loss"] for step in curve]
    if len(losses) >= max(FEWEST_TO_STALL, epochs / 2) and losses[-1] > STALLED * losses[0] and min(losses) > STALLED * guessing:
        words = f"after {len(losses)} of {epochs} epochs the loss is {losses[-1]:.3g}, guessing gives {guessing:.3g}"
        raise EvaluationError("stalled", f"{words}; it learns nothing: a higher lr, or another network")
