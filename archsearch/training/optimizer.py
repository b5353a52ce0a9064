"""Optimisers of weights, and the schedule of their learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, float32, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

if TYPE_CHECKING:
    from archsearch.training.options import Options

STEP = "step"
ADAM = (STEP, "exp_avg", "exp_avg_sq")
REMEMBERED: Mapping[type[Optimizer], tuple[str, ...]] = {SGD: ("momentum_buffer",), Adam: ADAM, AdamW: ADAM}
"""What an optimiser keeps of every weight: the number of steps, and tensors of the weight's shape."""
MOMENTUM = 0.9
CYCLED = (0.85, 0.95)
"""Momentum where the rate is highest, and where it is lowest (Smith 2018, arXiv:1803.09820)."""


def make_optimizer(options: Options, network: nn.Module) -> Optimizer:
    """The optimiser of these options, fused: one call updates all weights that learn; only what has two axes or more decays."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if decays(weight)], "weight_decay": options.weight_decay},
        {"params": [weight for weight in weights if not decays(weight)], "weight_decay": 0.0},
    ]
    if options.optimizer == "adamw":
        return AdamW(groups, options.lr, fused=True)
    momentum = MOMENTUM if options.optimizer == "momentum" else 0.0
    return SGD(groups, options.lr, momentum, nesterov=momentum > 0, fused=True)


def decays(weight: Tensor) -> bool:
    """Whether a weight decays: those of norms, and biases, have one axis at most and do not."""
    return weight.ndim > 1


def group_of(optimizer: Optimizer, weight: Tensor) -> dict[str, Any]:
    """The group of an optimiser, as `make_optimizer` made it, that a weight belongs to."""
    return optimizer.param_groups[0 if decays(weight) else 1]


def set_rates(optimizer: Optimizer, options: Options, done: float) -> None:
    """Learning rate, and with one-cycle momentum, after a fraction `done` of all steps."""
    lr = rate(options, done)
    for group in optimizer.param_groups:
        group["lr"] = lr
    if options.schedule == "onecycle" and options.optimizer != "sgd":
        low, high = CYCLED
        momentum = high - (high - low) * wave(done, options.warmup)
        for group in optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            else:
                group["momentum"] = momentum


def rate(options: Options, done: float) -> float:
    """The learning rate after a fraction `done` of all steps."""
    return options.lr * SCHEDULES[options.schedule](done, options.warmup)


def cosine(done: float, warmup: float) -> float:
    """Up in a line, then down as a cosine to 0 (Loshchilov & Hutter 2017, arXiv:1608.03983)."""
    return constant(done, warmup) if done < warmup else half_wave((done - warmup) / (1 - warmup))


def onecycle(done: float, warmup: float) -> float:
    """Up as a cosine from 1/25, then down as a cosine to almost 0 (Smith & Topin 2019, arXiv:1708.07120)."""
    least = 0.04 if done < warmup else 4e-6
    return least + (1 - least) * wave(done, warmup)


def constant(done: float, warmup: float) -> float:
    """Up in a line, then as it is."""
    return (done + 0.01) / (warmup + 0.01) if done < warmup else 1.0


def wave(done: float, warmup: float) -> float:
    """From 0 to 1 over the warm-up, and back to 0, as cosines."""
    return 1 - half_wave(done / warmup) if done < warmup else half_wave((done - warmup) / (1 - warmup))


def half_wave(part: float) -> float:
    """From 1 to 0 as a cosine."""
    return 0.5 + 0.5 * math.cos(math.pi * part)


SCHEDULES: Mapping[str, Callable[[float, float], float]] = {"constant": constant, "cosine": cosine, "onecycle": onecycle}
"""Factor of the learning rate by (done, warmup), both shares of all steps."""


def remembers(optimizer: Optimizer, weight: Tensor, kept: Mapping[str, Tensor]) -> bool:
    """Whether an optimiser remembers such things of a weight."""
    wanted = {name: () if name == STEP else tuple(weight.shape) for name in REMEMBERED[type(optimizer)]}
    shapes = {name: tuple(value.shape) for name, value in kept.items()}
    return shapes == wanted and all(value.dtype == float32 for value in kept.values())
