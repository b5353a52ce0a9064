"""What every proxy is given, and which of a network's parameters are weights."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from archsearch.network.genotype import Genotype
from archsearch.tasks import Task, answers, joint_loss


@dataclass(frozen=True, eq=False)
class Probe:
    """A network that is not trained, and the minibatch that it is tried on.

    A proxy is a function of this, `proxy(probe) -> float`, the higher the better. The network is its own: what it does to it nobody else
    sees. Batch norm takes the statistics of the minibatch, and nothing else is as in training, so that dropout takes nothing away.

    Args:
        genotype: What `network` was compiled from.
        network: The network, (N, *shape) to one tensor or a tuple of them.
        images: What it sees, (N, C, H, W), normalised.
        truth: Labels (N,) or masks (N, H, W).
        task: What is learnt from them.
        seed: What the weights were drawn by; torch's own random numbers, too, begin from it for every proxy.
    """

    genotype: Genotype
    network: nn.Module
    images: Tensor
    truth: Tensor
    task: Task
    seed: int = 0

    def loss(self) -> Tensor:
        """The loss of the minibatch, the mean over all exits."""
        return joint_loss(self.task, self.network(self.images), self.truth, 0.0)

    def total(self, *inputs: Tensor) -> Tensor:
        """The sum of all numbers that the network gives for these inputs."""
        return sum_of(answers(self.network(*inputs)))


def sum_of(tensors: tuple[Tensor, ...]) -> Tensor:
    """The sum of all numbers in these."""
    total = tensors[0].sum()
    for tensor in tensors[1:]:
        total = total + tensor.sum()
    return total


def readied(network: nn.Module) -> nn.Module:
    """A copy with no gradients, whose batch norms take the statistics of a minibatch, and which is as in use otherwise."""
    fresh = deepcopy(network).eval()
    for module in fresh.modules():
        if isinstance(module, BatchNorm):
            module.train()
    fresh.zero_grad()
    return fresh.requires_grad_()


def slopes_at(points: Sequence[Tensor], total: Tensor, *, again: bool = False) -> Sequence[Tensor]:
    """The gradient of a scalar at these tensors, zeros where it does not depend on them; `again` if it is to be derived once more."""
    if not points or not total.requires_grad:
        return [torch.zeros_like(point) for point in points]
    return torch.autograd.grad(total, points, create_graph=again, materialize_grads=True)


def weights_of(network: nn.Module) -> list[nn.Parameter]:
    """Parameters of two axes or more: those of convolutions and matrix products, and no biases or norms."""
    return [weight for weight in network.parameters() if weight.ndim > 1]


def weighted(network: nn.Module) -> list[tuple[nn.Module, int]]:
    """The modules that hold weights, and how many numbers each holds."""
    own = [(module, [weight for weight in module.parameters(recurse=False) if weight.ndim > 1]) for module in network.modules()]
    return [(module, sum(prod(weight.shape) for weight in weights)) for module, weights in own if weights]
