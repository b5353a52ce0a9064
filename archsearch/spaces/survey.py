"""Statistics of a space: its networks by the hundred, drawn as a search draws them, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.analysis import COSTS, Budget
from archsearch.spaces.catalogue import Catalogue, Entry
from archsearch.spaces.space import Choices, Scalar, Space, SpaceError
from archsearch.units import unit

SAMPLES = 2000
BINS = 40
WIDE = 20
"""From this ratio of the largest to the smallest cost bins grow by a factor."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SIGMAS = 1.96

Draw = Entry | str
"""A network, or why choices lead to none."""


class Spread(NamedTuple):
    """How a cost is spread: the least, QUANTILES, the most, and the mean."""

    least: float
    quantiles: tuple[float, ...]
    most: float
    mean: float


class Histogram(NamedTuple):
    """Networks in each bin of a cost, and those of them within the budget; `logarithmic`: bins grow by a factor."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    within: tuple[int, ...]
    logarithmic: bool


@dataclass(frozen=True)
class Survey:
    """What was found out about a space by drawing from it.

    `asked`: draws that were to be made; `whole`: each network of the space was looked at once, and none drawn. Training memory is
    for `batch` and `optimizer`.
    """

    space: Space
    drawn: tuple[Draw, ...]
    budget: Budget = field(default_factory=Budget)
    asked: int = SAMPLES
    seed: int = 0
    whole: bool = False
    batch: int = 1
    optimizer: str = "sgd"

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The networks, in the order in which they were drawn."""
        return tuple(draw for draw in self.drawn if not isinstance(draw, str))

    @cached_property
    def invalid(self) -> tuple[str, ...]:
        """Why the other draws led to no network."""
        return tuple(draw for draw in self.drawn if isinstance(draw, str))

    @cached_property
    def different(self) -> int:
        """Networks that are no others in other words."""
        return len({entry.fingerprint for entry in self.entries})

    @cached_property
    def fitting(self) -> tuple[Entry, ...]:
        """The networks within the budget."""
        return tuple(entry for entry in self.entries if not self.budget.overruns(entry.costs))

    def values(self, cost: str) -> NDArray[np.float64]:
        """One cost of every network."""
        return np.array([entry.costs[cost] for entry in self.entries], np.float64)

    def share(self, count: int) -> tuple[float, float]:
        """A number of draws as a share of all, and by how much that may be off (95 %): not at all where the whole space was seen."""
        draws = max(1, len(self.drawn))
        share = count / draws
        if self.whole:
            return share, 0.0
        return share, 3 / draws if count in (0, draws) else SIGMAS * float(np.sqrt(share * (1 - share) / draws))

    def spread(self, cost: str) -> Spread:
        """How a cost is spread over the networks."""
        values = self.values(cost)
        quantiles = tuple(float(value) for value in np.quantile(values, QUANTILES))
        return Spread(float(values.min()), quantiles, float(values.max()), float(values.mean()))

    def histogram(self, cost: str, bins: int = BINS) -> Histogram:
        """The networks by one cost."""
        values = self.values(cost)
        within = np.array([entry.costs[cost] for entry in self.fitting], np.float64)
        low, high = float(values.min()), float(values.max())
        logarithmic = low > 0 and high / low > WIDE
        if low == high:
            edges = np.array([low, low + 1.0])
        else:
            edges = np.geomspace(low, high, bins + 1) if logarithmic else np.linspace(low, high, bins + 1)
            edges[0], edges[-1] = low, high
        counts, inside = (np.histogram(part, edges)[0] for part in (values, within))
        return Histogram(tuple(map(float, edges)), tuple(map(int, counts)), tuple(map(int, inside)), logarithmic)

    def cheapest(self, cost: str) -> Entry:
        """The network that costs least; the first of several."""
        return min(self.entries, key=lambda entry: entry.costs[cost])

    def dearest(self, cost: str) -> Entry:
        """The network that costs most; the first of several."""
        return max(self.entries, key=lambda entry: entry.costs[cost])

    @cached_property
    def extremes(self) -> tuple[tuple[Entry, tuple[str, ...]], ...]:
        """The cheapest and the dearest networks, each with what it is the extreme of, in words."""
        named: dict[str, tuple[Entry, list[str]]] = {}
        for most, which in (("least", self.cheapest), ("most", self.dearest)):
            for cost in COSTS:
                entry = which(cost)
                named.setdefault(entry.fingerprint, (entry, []))[1].append(f"{most} {words_of(cost)}")
        return tuple((entry, tuple(words)) for entry, words in named.values())

    @cached_property
    def options(self) -> dict[str, tuple[Scalar, ...]]:
        """Every choice with its options."""
        return self.space.options()

    def influence(self, choice: str, cost: str) -> float:
        """Share of the variance of the logarithm of a cost that one choice explains by itself, among networks that make it; 0 to 1."""
        making = [entry for entry in self.entries if choice in entry.choices]
        values = np.log(np.maximum([entry.costs[cost] for entry in making], 1))
        total = float(values.var()) if making else 0.0
        if not total:
            return 0.0
        groups: dict[str, list[int]] = {}
        for place, entry in enumerate(making):
            groups.setdefault(repr(entry.choices[choice]), []).append(place)
        between = sum(len(places) * float(values[places].mean() - values.mean()) ** 2 for places in groups.values())
        return between / len(values) / total

    def plain(self) -> dict[str, Any]:
        """The survey as plain data."""
        share, margin = self.share(len(self.fitting))
        counts = {"draws": len(self.drawn), "invalid": len(self.invalid), "different": self.different, "whole": self.whole}
        costs = {name: self._plain_cost(name) for name in COSTS} if self.entries else {}
        return {
            "space": self.space.source,
            "settings": self.space.settings,
            "choices": {name: list(offered) for name, offered in self.options.items()},
            "size": self.space.size(),
            "estimated": self.space.is_conditional(),
            "seed": self.seed,
            **counts,
            "budget": {"limits": self.budget.limits(), "share": share, "margin": margin},
            "costs": costs,
        }

    def _plain_cost(self, cost: str) -> dict[str, Any]:
        spread, ends = self.spread(cost), {"cheapest": self.cheapest(cost), "dearest": self.dearest(cost)}
        quantiles = {f"{quantile:g}": value for quantile, value in zip(QUANTILES, spread.quantiles, strict=True)}
        return {
            "least": spread.least,
            "most": spread.most,
            "mean": spread.mean,
            "quantiles": quantiles,
            "histogram": self.histogram(cost)._asdict(),
            **{name: {"choices": entry.choices, "costs": entry.costs} for name, entry in ends.items()},
        }


def survey(
    space: Space, samples: int = SAMPLES, budget: Budget | None = None, *, seed: int = 0, batch: int = 1, optimizer: str = "sgd"
) -> Survey:
    """Statistics of a space from so many random networks, or from all of them where there are not more.

    Args:
        space: The space.
        samples: Networks to draw.
        budget: What the share within a budget is about.
        seed: Network k is drawn by `default_rng([seed, k])`.
        batch: Samples at once in training, for its memory.
        optimizer: sgd, momentum, adam or adamw, for the memory of training.

    Raises:
        SpaceError: the space's function fails. ValueError: fewer than one sample.
    """
    drawn = tuple(draws(Catalogue(space, batch, optimizer), samples, seed))
    return Survey(space, drawn, budget or Budget(), len(drawn), seed, is_walked(space, samples), batch, optimizer)


def draws(catalogue: Catalogue, samples: int, seed: int) -> Iterator[Draw]:
    """One network after the other; every one of the space once where it holds no more than `samples`. Raises SpaceError, ValueError."""
    if samples < 1:
        raise ValueError(f"samples={samples} must be at least 1")
    if is_walked(catalogue.space, samples):
        grid = (dict(zip(catalogue.options, values, strict=True)) for values in product(*catalogue.options.values()))
        yield from (drawn(catalogue, choices, np.random.default_rng(0)) for choices in grid)
    else:
        yield from (drawn(catalogue, {}, np.random.default_rng([seed, number])) for number in range(samples))


def is_walked(space: Space, samples: int) -> bool:
    """Whether a space is small and regular enough to look at all of it."""
    return not space.is_conditional() and space.size() <= samples


def drawn(catalogue: Catalogue, choices: Choices, rng: np.random.Generator) -> Draw:
    """The network of these choices, the rest drawn, or why there is none. Raises SpaceError when the space's function fails."""
    try:
        return catalogue.look_up(choices, rng)
    except SpaceError:
        raise
    except ValueError as error:
        return str(error)


def words_of(cost: str) -> str:
    """A cost inside a sentence."""
    label = unit(cost).label
    return label if label == "MACs" else label.lower()
