"""The loop of training: epochs and steps, the optimiser, the schedule of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from archsearch.tasks import Feed, joint_loss
from archsearch.training.options import Options
from archsearch.trial import EvaluationError

STEP = "step"
ADAM = (STEP, "exp_avg", "exp_avg_sq")
REMEMBERED: Mapping[type[Optimizer], tuple[str, ...]] = {SGD: ("momentum_buffer",), Adam: ADAM, AdamW: ADAM}
"""What an optimiser keeps of every weight: the number of steps, and tensors of the weight's shape."""
EXPLODED = 100
"""A loss over so many times that of guessing will not come back."""


class Training:
    """One network in training: its optimiser, its place in the schedule, its random order of images."""

    def __init__(self, options: Options, network: nn.Module, data: Feed, generator: torch.Generator) -> None:
        self.options, self.network, self.data, self.generator = options, network, data, generator
        self.batch = min(options.batch, len(data))
        self.per_epoch = len(data) // self.batch
        self.step = 0
        self.optimizer = make_optimizer(options, network)

    def epoch(self) -> tuple[float, float]:
        """Go once through the images; return the mean loss and the last learning rate. Raises EvaluationError (diverged)."""
        self.network.train()
        total = sum(self.steps(batches) for batches in self.data.epoch(self.batch, self.generator))
        return total / self.per_epoch, self.options.lr * schedule((self.step - 1) / self.total, self.options.warmup)

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.options.epochs * self.per_epoch

    def steps(self, batches: list[tuple[Tensor, Tensor]]) -> float:
        """One step for each batch; return the sum of their losses. Raises EvaluationError (diverged)."""
        network, optimizer, task, smoothing = self.network, self.optimizer, self.data.task, self.options.label_smoothing
        losses = []
        for x, y in batches:
            for group in optimizer.param_groups:
                group["lr"] = self.options.lr * schedule(self.step / self.total, self.options.warmup)
            loss = joint_loss(task, network(x), y, smoothing)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            self.step += 1
            losses.append(loss.detach())
        total = float(torch.stack(losses).sum())
        check_loss(total / len(losses), task.classes)
        return total


def make_optimizer(options: Options, network: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of these options, fused: one call updates all weights."""
    weights = list(network.parameters())
    if options.optimizer == "adamw":
        return torch.optim.AdamW(weights, options.lr, weight_decay=options.weight_decay, fused=True)
    momentum = 0.9 if options.optimizer == "momentum" else 0.0
    return torch.optim.SGD(weights, options.lr, momentum, weight_decay=options.weight_decay, nesterov=momentum > 0, fused=True)


def schedule(done: float, warmup: float) -> float:
    """Factor of the learning rate after a fraction `done` of all steps: up in a line, then down as a cosine (arXiv:1608.03983)."""
    if done < warmup:
        return (done + 0.01) / (warmup + 0.01)
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))


def check_loss(loss: float, classes: int) -> float:
    """The loss itself. Raises EvaluationError (diverged) when it is no number, or far over that of guessing."""
    if not loss < EXPLODED * math.log(classes):  # NaN fails this as well
        raise EvaluationError("diverged", f"loss is {loss:.3g}, guessing gives {math.log(classes):.3g}; a lower lr or batch norm may help")
    return loss


def remembers(optimizer: Optimizer, weight: Tensor, kept: Mapping[str, Tensor]) -> bool:
    """Whether an optimiser remembers such things of a weight."""
    wanted = {name: () if name == STEP else tuple(weight.shape) for name in REMEMBERED[type(optimizer)]}
    shapes = {name: tuple(value.shape) for name, value in kept.items()}
    return shapes == wanted and all(value.dtype == torch.float32 for value in kept.values())
