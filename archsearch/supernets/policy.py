"""Gates that are drawn, and what they learn from how it went."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Adam

from archsearch.training.checkpoint import restore_optimizer, taken

STRETCH, SHRINK, HEAT = 1.1, -0.1, 2 / 3
"""Zeta, gamma and beta of hard-concrete gates (Louizos et al. 2018, arXiv:1712.01312)."""


class Bernoulli:
    """Independent gates, each open with probability sigmoid(logit); the logits follow the policy gradient (arXiv:1706.00046)."""

    differentiable = False

    def __init__(self, edges: int, logit: float, lr: float) -> None:
        self.logits = torch.full((edges,), float(logit))
        self.lr = lr
        self.optimizer = Adam([self.logits], lr)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """So many draws of all gates, (count, edges), open ones 1."""
        return torch.bernoulli(self.open().to(generator.device).expand(count, -1), generator=generator)

    def open(self) -> Tensor:
        """Probability of every gate to be open."""
        return torch.sigmoid(self.logits)

    def gradient(self, gates: Tensor, rewards: Tensor) -> Tensor:
        """Unbiased estimate of the gradient of the mean reward, (edges,), from draws (N, edges) and the reward of each, (N,).

        Rewards are what is to be small; each is centred by the mean of the others.
        """
        count = len(rewards)
        centred = (rewards - rewards.mean()) * (count / max(count - 1, 1))
        score = (gates > 0).to(rewards.dtype) - self.open().to(rewards.device)
        return (centred[:, None] * score).mean(0).to(self.logits.device)

    def learn(self, gates: Tensor, rewards: Tensor) -> None:
        """One step down the gradient."""
        gradient = self.gradient(gates, rewards)
        self.logits.grad = gradient if self.logits.grad is None else self.logits.grad + gradient
        self.optimizer.step()
        self.optimizer.zero_grad()

    def restart(self) -> None:
        """Forget how fast the gates moved, not where they are."""
        self.optimizer = Adam([self.logits], self.lr)

    def tensors(self) -> dict[str, Tensor]:
        """All that further learning depends on."""
        memory = self.optimizer.state_dict()["state"].get(0, {})
        return {"logits": self.logits.detach(), **memory}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave. Raises CheckpointError when it belongs to other gates."""
        self.logits.data.copy_(taken(tensors, "logits", self.logits))
        restore_optimizer(self.optimizer, {f"0/{name}": value for name, value in tensors.items() if name != "logits"})


class HardConcrete(Bernoulli):
    """Gates from 0 to 1, both ends with a probability of their own, through which the loss has a gradient (arXiv:1712.01312).

    The loss moves them by that gradient; the cost, a matter of which are open at all, by the policy gradient.
    """

    differentiable = True

    def __init__(self, edges: int, logit: float, lr: float) -> None:
        super().__init__(edges, logit, lr)
        self.logits.requires_grad_()

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        noise = torch.rand(count, len(self.logits), generator=generator, device=generator.device).clamp(1e-6, 1 - 1e-6)
        soft = torch.sigmoid((noise.log() - (1 - noise).log() + self.logits.to(generator.device)) / HEAT)
        return (soft * (STRETCH - SHRINK) + SHRINK).clamp(0, 1)

    def open(self) -> Tensor:
        return torch.sigmoid(self.logits.detach() - HEAT * math.log(-SHRINK / STRETCH))

    def gradient(self, gates: Tensor, rewards: Tensor) -> Tensor:
        # d P(open) / d logit is that of a sigmoid here too, so the score of a draw has the same form
        return super().gradient(gates.detach(), rewards)
