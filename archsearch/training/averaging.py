"""Moving averages of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of a network's weights and running statistics (Polyak & Juditsky 1992, doi:10.1137/0330046).

    The decay is warmed up, (1 + steps) / (10 + steps) at most, so that the first weights, which are random, are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        state = {name: value for name, value in [*network.named_parameters(), *network.named_buffers()] if value.is_floating_point()}
        self.names, self.live = list(state), [value.detach() for value in state.values()]
        self.mean = [value.clone() for value in self.live]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights of a step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.mean, self.live, 1 - decay)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The averages in the network's place, and then the weights again."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def tensors(self) -> dict[str, Tensor]:
        """The averages by name."""
        return dict(zip(self.names, self.mean, strict=True))

    def restore(self, tensors: Mapping[str, Tensor], steps: int) -> None:
        """Take up what `tensors` gave after so many steps. Raises ValueError for what is of another network."""
        if tensors.keys() != set(self.names) or any(tensors[n].shape != m.shape for n, m in zip(self.names, self.mean, strict=True)):
            raise ValueError("its averages are of another network")
        self.steps = steps
        for name, value in zip(self.names, self.mean, strict=True):
            value.copy_(tensors[name])

    @torch.no_grad()
    def _swap(self) -> None:
        for live, mean in zip(self.live, self.mean, strict=True):
            kept = live.clone()
            live.copy_(mean)
            mean.copy_(kept)
