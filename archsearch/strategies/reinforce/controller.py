"""Policies that write a network choice by choice: one with a memory, one without."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archsearch.strategies.reinforce.sequence import INPUT, NOTHING, Script, Steps
from archsearch.support.randomness import seeded

REACH = 0.08
"""Weights begin uniform between minus this and this (Zoph & Le 2017)."""


@dataclass(frozen=True)
class Shape:
    """What a controller is made of; `tanh` bounds the logits, 0 for not, and `temperature` flattens them."""

    units: int = 35
    layers: int = 2
    tanh: float = 0.0
    temperature: float = 1.0


@dataclass
class Draft:
    """Networks that are being written side by side, all with the same choices so far."""

    rows: int
    reached: dict[tuple[str, int], int] = field(default_factory=dict)
    seen: list[Tensor] = field(default_factory=list)
    state: tuple[Tensor, Tensor] | None = None
    last: Tensor | None = None


class Controller(ABC):
    """A distribution over the options of every choice, given the choices before it."""

    def __init__(self, script: Script, shape: Shape) -> None:
        self.script, self.shape = script, shape
        counts = torch.as_tensor(script.encoding.counts)
        self.starts = torch.cumsum(counts, 0) - counts
        self.offered = torch.arange(script.width) < counts[:, None]

    @abstractmethod
    def parameters(self) -> list[Tensor]:
        """What is learnt."""

    @abstractmethod
    def logits(self, steps: Steps) -> Tensor:
        """(networks, steps, options), for networks that are there in full."""

    @abstractmethod
    def next_logits(self, draft: Draft, column: int) -> Tensor:
        """(networks, options) of the next choice of networks that are being written."""

    def log_probabilities(self, steps: Steps) -> tuple[Tensor, Tensor]:
        """(networks,): of writing each network, and the mean entropy of its choices."""
        columns = torch.as_tensor(steps.columns)
        log = self._normal(self.logits(steps), columns.clamp(min=0))
        made = columns >= 0
        chosen = log.gather(2, torch.as_tensor(steps.taken)[..., None])[..., 0]
        entropy = -(log.exp() * log.clamp(min=-50)).sum(2)
        return (chosen * made).sum(1), (entropy * made).sum(1) / made.sum(1).clamp(min=1)

    @torch.no_grad()
    def write(self, draft: Draft, column: int, rng: np.random.Generator, heat: float) -> NDArray[np.int64]:
        """(networks,): options drawn for the next choice, which the draft remembers; more `heat` flattens the distribution."""
        log = self._normal(self.next_logits(draft, column), torch.full((1,), column)) / heat
        bounds = torch.softmax(log.double(), 1).cumsum(1).numpy()
        drawn = (rng.random((draft.rows, 1)) * bounds[:, -1:] >= bounds).sum(1)
        draft.last = self.starts[column] + torch.as_tensor(drawn)
        return np.asarray(drawn, dtype=np.int64)

    def _normal(self, logits: Tensor, columns: Tensor) -> Tensor:
        logits = logits / self.shape.temperature
        if self.shape.tanh:
            logits = self.shape.tanh * torch.tanh(logits)
        return torch.log_softmax(logits.masked_fill(~self.offered[columns], -torch.inf), -1)


class Independent(Controller):
    """Each choice on its own: its logits are the parameters, zero at first."""

    def __init__(self, script: Script, shape: Shape) -> None:
        super().__init__(script, shape)
        self.table = torch.zeros(self.offered.shape, requires_grad=True)

    def parameters(self) -> list[Tensor]:
        return [self.table]

    def logits(self, steps: Steps) -> Tensor:
        return self.table[torch.as_tensor(steps.columns).clamp(min=0)]

    def next_logits(self, draft: Draft, column: int) -> Tensor:
        return self.table[column].expand(draft.rows, -1)


class Recurrent(Controller):
    """An LSTM that reads what it wrote last and predicts the next choice; links by attention (Zoph & Le 2017, arXiv:1611.01578).

    The paper's anchor point of a layer is the state at the first of its links; the logit of a link is `v tanh(P a + Q s)` of the anchor `a`
    that it reads and the state `s` now, and 0 for no link. Where the paper decides all links of a layer in one step, here each has its own.
    """

    def __init__(self, script: Script, shape: Shape, seed: int = 0) -> None:
        super().__init__(script, shape)
        columns, width = self.offered.shape
        units = shape.units
        with seeded(seed):  # nobody else's random numbers are used up
            self.embedding = nn.Embedding(int(script.encoding.counts.sum()) + 1, units)
            self.lstm = nn.LSTM(units, units, shape.layers, batch_first=True)
            self.past, self.present = (nn.Linear(units, units, bias=False) for _ in range(2))
        self.head, self.bias = torch.empty(columns, width, units), torch.empty(columns, width)
        self.input, self.attention = torch.empty(units), torch.empty(units)
        generator = torch.Generator().manual_seed(seed)
        for weights in self.parameters():
            nn.init.uniform_(weights.requires_grad_(), -REACH, REACH, generator=generator)

    def parameters(self) -> list[Tensor]:
        modules = (self.embedding, self.lstm, self.past, self.present)
        return [weights for module in modules for weights in module.parameters()] + [self.head, self.bias, self.input, self.attention]

    def logits(self, steps: Steps) -> Tensor:
        columns, reads = torch.as_tensor(steps.columns).clamp(min=0), torch.as_tensor(steps.reads)
        tokens = self.starts[columns] + torch.as_tensor(steps.taken)
        start = torch.full((len(tokens), 1), self.embedding.num_embeddings - 1)
        states, _ = self.lstm(self.embedding(torch.cat([start, tokens[:, :-1]], 1)))
        plain = torch.einsum("btu,btou->bto", states, self.head[columns]) + self.bias[columns]
        if not self.script.links:
            return plain
        anchors = torch.cat([self.past(states), self.past(self.input).expand(len(tokens), 1, -1)], 1)
        return self._linked(plain, anchors, self.present(states), reads, columns)

    def next_logits(self, draft: Draft, column: int) -> Tensor:
        last = torch.full((draft.rows,), self.embedding.num_embeddings - 1) if draft.last is None else draft.last
        states, draft.state = self.lstm(self.embedding(last)[:, None], draft.state)
        plain: Tensor = states[:, 0] @ self.head[column].T + self.bias[column]
        if not self.script.links:
            return plain
        reads = torch.as_tensor(self.script.read(column, len(draft.seen), draft.reached))
        draft.seen.append(self.past(states))
        anchors = torch.cat([*draft.seen, self.past(self.input).expand(draft.rows, 1, -1)], 1)
        spread = reads.expand(draft.rows, 1, -1)
        return self._linked(plain[:, None], anchors, self.present(states), spread, torch.full((1, 1), column))[:, 0]

    def _linked(self, plain: Tensor, anchors: Tensor, present: Tensor, reads: Tensor, columns: Tensor) -> Tensor:
        rows, steps, options = reads.shape
        where = torch.where(reads == INPUT, anchors.shape[1] - 1, reads.clamp(min=0)).view(rows, -1, 1)
        read = anchors.gather(1, where.expand(-1, -1, anchors.shape[2])).view(rows, steps, options, -1)
        scores: Tensor = torch.tanh(read + present[:, :, None]) @ self.attention
        is_link = torch.isin(columns, torch.tensor(list(self.script.links)))[..., None]
        scores = scores.masked_fill(reads == NOTHING, 0.0)
        return torch.where(is_link, scores, plain)
