"""The networks that may be proposed next, and what is believed of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from archsearch.pareto import preference
from archsearch.spaces.catalogue import Entry
from archsearch.spaces.encoding import Encoding, path_counts
from archsearch.spaces.space import Choices
from archsearch.strategies.base import Problem
from archsearch.strategies.predictor.candidates import drawn, mutated, written
from archsearch.strategies.predictor.features import Network
from archsearch.trial import Trial

ANYWHERE = 4
"""One candidate in so many is drawn at random; the others are children of the best trials."""


@dataclass
class Pool:
    """Networks near the best trials and some from anywhere; each once, the newest `most`."""

    problem: Problem
    most: int
    networks: dict[str, Network] = field(default_factory=dict, repr=False)
    _paths: dict[bytes, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.encoding = Encoding(self.problem.catalogue.options)
        self._conditional = self.problem.catalogue.space.is_conditional()

    def grow(self, trials: Sequence[Trial], parents: int, count: int) -> None:
        """Take in `count` candidates; drawn by the last trial itself, so that a resumed run has the same pool."""
        rng = np.random.default_rng([trials[-1].number, int(trials[-1].fingerprint[:15], 16)])
        done = [(trial.values, trial.choices) for trial in trials if trial.values is not None]
        best = [done[i][1] for i in preference([values for values, _ in done])[:parents]] if done else []
        for choices in self._children(best, count, rng):
            entry = self.problem.catalogue.find(choices, rng)
            if entry is not None and self.problem.fits(entry) and entry.fingerprint not in self.networks:
                self.networks[entry.fingerprint] = self._read(entry)
        for fingerprint in list(self.networks)[: -self.most]:
            del self.networks[fingerprint]

    def open(self) -> list[Network]:
        """Those of which no trial was made."""
        return [network for network in self.networks.values() if self.problem.is_open(network.entry)]

    def network(self, choices: Choices, rng: np.random.Generator) -> Network | None:
        """The network of these choices, None when they make none."""
        entry = self.problem.catalogue.find(choices, rng)
        return None if entry is None else self.networks.get(entry.fingerprint) or self._read(entry)

    def _read(self, entry: Entry) -> Network:
        counts = self.problem.catalogue.derived(entry, path_counts)
        paths = np.array([self._paths.setdefault(path, len(self._paths)) for path in counts], dtype=np.int64)
        return Network(entry, self.encoding.places(entry.choices), paths, np.array(list(counts.values()), dtype=np.float64))

    def _children(self, best: Sequence[Choices], count: int, rng: np.random.Generator) -> Iterable[Choices]:
        near = count - count // ANYWHERE if best else 0
        if self._conditional:
            space = self.problem.catalogue.space
            return [*written(space, best, near, rng), *({} for _ in range(count - near))]
        rows = [drawn(self.encoding, count - near, rng)]
        if near:
            rows.append(mutated(self.encoding, self.encoding.table(best), near, rng))
        return map(self.encoding.choices, np.concatenate(rows))
