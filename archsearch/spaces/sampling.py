"""Random networks of a space that keep a budget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from archsearch.analysis import Budget
from archsearch.network.genotype import Genotype
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.space import Choices, Space
from archsearch.spaces.survey import drawn

TRIES = 2000
"""So many draws without a new network within the budget are enough."""


class Sample(NamedTuple):
    """A network within a budget, and how it came about."""

    genotype: Genotype
    choices: Choices
    costs: dict[str, float]
    fingerprint: str


def sample(
    space: Space, n: int, budget: Budget | None = None, *, seed: int = 0, tries: int = TRIES, batch: int = 1, optimizer: str = "sgd"
) -> tuple[Sample, ...]:
    """Up to `n` different random networks within a budget: fewer where `tries` draws in a row bring no further one.

    Args:
        space: The space.
        n: Networks wanted.
        budget: What they may cost; latency is not looked at.
        seed: The same seed gives the same networks.
        tries: Draws in a row after which no more are expected.
        batch: Samples at once in training, for its memory.
        optimizer: sgd, momentum, adam or adamw, for the memory of training.

    Raises:
        SpaceError: the space's function fails. ValueError: a number below 1.
    """
    return tuple(samples(Catalogue(space, batch, optimizer), n, budget or Budget(), seed, tries))


def samples(catalogue: Catalogue, n: int, budget: Budget, seed: int = 0, tries: int = TRIES) -> Iterator[Sample]:
    """The networks of `sample`, one by one as they are found."""
    if n < 1 or tries < 1:
        raise ValueError(f"n={n} and tries={tries} must be at least 1")
    seen: set[str] = set()
    number, missed = 0, 0
    while len(seen) < n and missed < tries:
        draw = drawn(catalogue, {}, np.random.default_rng([seed, number]))
        number, missed = number + 1, missed + 1
        if isinstance(draw, str) or draw.fingerprint in seen or budget.overruns(draw.costs):
            continue
        seen.add(draw.fingerprint)
        missed = 0
        yield Sample(catalogue.genotype(draw), draw.choices, draw.costs, draw.fingerprint)
