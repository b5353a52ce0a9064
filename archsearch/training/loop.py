"""The loop of training: epochs and steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from archsearch.tasks import Feed, answers, joint_loss
from archsearch.training.averaging import Average
from archsearch.training.compiling import PAYS_FROM, compiled
from archsearch.training.failures import is_out_of_memory
from archsearch.training.memory import halved
from archsearch.training.numerics import Numerics
from archsearch.training.optimizer import make_optimizer, rate, set_rates
from archsearch.training.options import Options
from archsearch.trial import EvaluationError

EXPLODED = 100
"""A loss over so many times that of guessing will not come back."""
Pair = tuple[Tensor, Tensor]
Share = tuple[Tensor, Tensor | float]
"""What is right for a batch, and how much that counts."""


class Training:
    """One network in training: its optimiser, its place in the schedule, its random order of images.

    `at_once` images go through the network together; a batch of more is several parts whose gradients add up to that of the batch, but
    for batch norm, whose statistics are those of a part. It is halved when memory runs out. Modules of the network that are `frozen` keep
    their weights and running statistics, and do what they do in inference.
    """

    def __init__(
        self, options: Options, network: nn.Module, data: Feed, generator: torch.Generator, numerics: Numerics | None = None,
        frozen: Sequence[nn.Module] = (),
    ) -> None:  # fmt: skip
        self.options, self.data, self.generator, self.frozen = options, data, generator, frozen
        for module in frozen:
            module.requires_grad_(False)
        self.numerics = numerics or Numerics(data.train[0].device)
        self.network = self.numerics.prepared(network)
        self.batch = min(options.batch, len(data))
        self.per_epoch = len(data) // self.batch
        self.step = 0
        self.at_once = min(self.batch, options.at_once or self.batch)
        self.optimizer = make_optimizer(options, network)
        self.average = Average(network, options.ema) if options.ema else None
        self.compiled = compiled(self.network) if options.compile and self.total >= PAYS_FROM else None

    def epoch(self) -> tuple[float, float]:
        """Go once through the images; return the mean loss and the last learning rate. Raises EvaluationError (diverged)."""
        self.network.train()
        for module in self.frozen:
            module.eval()
        total = sum(self.steps(batches) for batches in self.data.epoch(self.batch, self.generator))
        return total / self.per_epoch, rate(self.options, (self.step - 1) / self.total)

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.options.rounds * self.per_epoch

    def steps(self, batches: list[Pair]) -> float:
        """One step for each batch; return the sum of their losses. Raises EvaluationError (diverged)."""
        losses = [self.take_step(images, truth) for images, truth in batches]
        total = float(torch.stack(losses).sum())
        check_loss(total / len(losses), self.data.task.classes)
        return total

    def take_step(self, images: Tensor, truth: Tensor) -> Tensor:
        """Move the weights by the gradient of one batch; return its loss."""
        set_rates(self.optimizer, self.options, self.step / self.total)
        loss = self.gradient(*(self.blended(images, truth) if self.options.mixup else (images, [(truth, 1.0)])))
        if self.options.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        self.step += 1
        return loss

    def gradient(self, images: Tensor, wanted: list[Share]) -> Tensor:
        """Put the gradient of a batch beside the weights, part by part where memory asks for it; return the loss."""
        while True:
            self.optimizer.zero_grad()
            try:
                return torch.stack([self.back(*part) for part in self.parts(images, wanted)]).sum()
            except (MemoryError, RuntimeError) as error:
                if self.at_once == 1 or not is_out_of_memory(error):
                    raise
            self.at_once = halved(self.at_once)  # outside of the handler, which holds all tensors of the failed step

    def parts(self, images: Tensor, wanted: list[Share]) -> Iterator[tuple[Tensor, list[Share]]]:
        """The batch in parts that go through at once, each with what is right and how much that counts in the mean over the batch."""
        if self.at_once >= len(images):
            yield images, wanted
            return
        mass = self.data.task.mass
        wholes = [mass(right) for right, _ in wanted]
        for start in range(0, len(images), self.at_once):
            few = slice(start, start + self.at_once)
            each = zip(wanted, wholes, strict=True)
            yield images[few], [(right[few], count * mass(right[few]) / whole) for (right, count), whole in each]

    def back(self, images: Tensor, wanted: list[Share]) -> Tensor:
        """Add the gradient of a part; return its share of the loss."""
        with self.numerics.autocast():
            outputs = (self.network if self.compiled is None else self.compiled)(images)
        loss = self.loss(outputs, wanted)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def loss(self, outputs: Tensor | tuple[Tensor, ...], wanted: list[Share]) -> Tensor:
        """The loss of answers, in float32."""
        whole = tuple(answer.float() for answer in answers(outputs))
        losses = [joint_loss(self.data.task, whole, right, self.options.label_smoothing) * count for right, count in wanted]
        return torch.stack(losses).sum() if len(losses) > 1 else losses[0]

    def blended(self, images: Tensor, truth: Tensor) -> tuple[Tensor, list[Share]]:
        """Each image mixed with another of the batch, in shares drawn once for all (mixup, Zhang et al. 2018, arXiv:1710.09412)."""
        drawn = torch.randint(2**31, (1,), generator=self.generator, device=self.generator.device)
        share = float(np.random.default_rng(int(drawn)).beta(self.options.mixup, self.options.mixup))
        other = torch.randperm(len(images), generator=self.generator, device=images.device)
        return share * images + (1 - share) * images[other], [(truth, share), (truth[other], 1 - share)]

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """The network with the weights to be judged and kept: their moving average where that is asked for."""
        if self.average is None:
            yield self.network
            return
        with self.average.swapped():
            yield self.network


def check_loss(loss: float, classes: int) -> float:
    """The loss itself. Raises EvaluationError (diverged) when it is no number, or far over that of guessing."""
    if not loss < EXPLODED * math.log(classes):  # NaN fails this as well
        raise EvaluationError("diverged", f"loss is {loss:.3g}, guessing gives {math.log(classes):.3g}; a lower lr or batch norm may help")
    return loss
