"""A recurrent network that reads another network."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from archsearch.spaces.encoding import CLOSED, Encoding, Places
from archsearch.strategies.predictor.ensemble import Sample, Vector
from archsearch.support.randomness import seeded
from archsearch.support.threads import torch_threads


class Recurrent:
    """A GRU reads a network as a sequence, a word for each choice made, and predicts its value.

    As the predictor of Liu et al. 2018 (arXiv:1712.00559), smaller.
    """

    def __init__(self, encoding: Encoding, seed: int, units: int = 32, epochs: int = 40, learning_rate: float = 0.01) -> None:
        counts = torch.as_tensor(encoding.counts)
        self._starts, self._epochs = torch.cumsum(counts, 0) - counts, epochs
        generator = torch.Generator().manual_seed(seed)
        with seeded(seed):  # nobody else's random numbers are used up
            self._words = nn.Embedding(int(counts.sum()) + 1, units)
            self._reader = nn.GRU(units, units, batch_first=True)
            self._last = nn.Linear(units, 1)
        for weights in self._parameters():
            nn.init.uniform_(weights, -(units**-0.5), units**-0.5, generator=generator)
        self._adam = torch.optim.Adam(self._parameters(), lr=learning_rate, weight_decay=1e-4, fused=True)

    def fit(self, sample: Sample, values: Vector) -> None:
        words, made = self._words_of(sample.places)
        wanted = torch.as_tensor(values, dtype=torch.float32)
        with torch_threads():
            for _ in range(self._epochs):
                loss = nn.functional.smooth_l1_loss(self._value(words, made), wanted)
                self._adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                self._adam.step()

    @torch.no_grad()
    def predict(self, sample: Sample) -> Vector:
        with torch_threads():
            return np.asarray(self._value(*self._words_of(sample.places)).double().numpy())

    def _parameters(self) -> list[Tensor]:
        return [weights for module in (self._words, self._reader, self._last) for weights in module.parameters()]

    def _words_of(self, table: Places) -> tuple[Tensor, Tensor]:
        """Choices made, pushed to the front of each row, and which places in the rows they fill."""
        made = table != CLOSED
        order = np.argsort(~made, axis=1, kind="stable")
        words = np.where(made, self._starts.numpy() + table, self._words.num_embeddings - 1)
        return torch.as_tensor(np.take_along_axis(words, order, 1)), torch.as_tensor(np.take_along_axis(made, order, 1))

    def _value(self, words: Tensor, made: Tensor) -> Tensor:
        states, _ = self._reader(self._words(words))
        mean = (states * made[..., None]).sum(1) / made.sum(1, keepdim=True).clamp(min=1)
        found: Tensor = self._last(mean)[:, 0]
        return found
