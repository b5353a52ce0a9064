"""How a controller changes by what its networks came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archsearch.strategies.reinforce.controller import Controller
from archsearch.strategies.reinforce.sequence import Steps, pad


@dataclass(frozen=True)
class Rates:
    """How a controller learns: `epochs` steps of Adam after every `batch` networks.

    There is a bonus for `entropy`, and for making the `queue` best networks likelier. Ratios of new to old probabilities count up to
    1 +- `clip` (Schulman et al. 2017, arXiv:1707.06347); None is the plain policy gradient.
    """

    learning_rate: float
    entropy: float
    batch: int
    epochs: int
    queue: int
    clip: float | None = None


class Learner:
    """A controller with its optimiser."""

    def __init__(self, controller: Controller, rates: Rates) -> None:
        self.controller, self.rates = controller, rates
        self._adam = torch.optim.Adam(controller.parameters(), lr=rates.learning_rate, fused=True)

    def learn(self, rows: Sequence[Steps], advantages: Sequence[float], best: Sequence[Steps]) -> None:
        """Make networks likelier by their advantages, and the best ones in any case."""
        steps, gains = pad([*rows, *best]), torch.tensor(advantages)
        old = torch.zeros(0)
        if self.rates.clip is not None:
            with torch.no_grad():
                old, _ = self.controller.log_probabilities(pad(rows))
        for _ in range(self.rates.epochs):
            log, entropy = self.controller.log_probabilities(steps)
            loss = -self._gain(log[: len(rows)], old, gains) - self.rates.entropy * entropy.mean()
            if best:
                loss = loss - log[len(rows) :].mean()
            self._adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._adam.step()

    def _gain(self, log: Tensor, old: Tensor, gains: Tensor) -> Tensor:
        if self.rates.clip is None:
            return (log * gains).mean()
        ratio = (log - old).exp()
        return torch.minimum(ratio * gains, ratio.clamp(1 - self.rates.clip, 1 + self.rates.clip) * gains).mean()
