"""How far to trust shared weights: networks ranked by them, and by training each alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from math import isfinite
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from archsearch.evaluators.base import Candidate, Evaluator
from archsearch.evaluators.shared import Shared
from archsearch.evaluators.train import Train
from archsearch.sharing import SharedWeights, read_supernet
from archsearch.sharing.folder import Checked, write_supernet
from archsearch.sharing.single_path import CHECK, Drawn, Sampler, options_of
from archsearch.support.progress import Progress
from archsearch.support.seeds import seed_of
from archsearch.training.failures import foreseen
from archsearch.trial import EvaluationError

DRAWS = 50
"""Draws for each network before the space counts as smaller than the check."""
RESAMPLES, INTERVAL = 2000, 0.9
FEWEST = 5
"""Networks that an interval says something about."""


def check_supernet(folder: Path, count: int, progress: Callable[[Progress], None] | None = None, space: str = "") -> SharedWeights:
    """Judge so many random networks by the supernet's weights and by training each from scratch, and write down how well both agree.

    Each result is written as it comes: the same call after a stop goes on, and one with a larger count adds to what is there. `space`
    is the file of a space of your own.

    Raises:
        SharingError: no supernet that is trained to its end, or a folder that cannot be written.
    """
    supernet = read_supernet(folder)
    alone, shared = Train(**asdict(options_of(supernet))), Shared(supernet=str(folder), space=space, **supernet.training)
    sampler = Sampler(supernet.open_space(space), supernet.budget, alone.batch, alone.optimizer)
    for place, drawn in enumerate(different(sampler, supernet.seed, count)):
        if place >= len(supernet.checked):
            seed = seed_of(supernet.seed, CHECK, place)
            candidate = Candidate(place, drawn.genotype, seed, choices=drawn.choices)
            result = Checked(
                choices=drawn.choices, macs=drawn.macs, shared=error_of(shared, candidate), retrained=error_of(alone, candidate)
            )
            supernet = with_results(supernet, (*supernet.checked, result))
            write_supernet(folder, supernet)
        if progress is not None:
            progress(Progress(place + 1, count))
    return supernet


def different(sampler: Sampler, seed: int, count: int) -> Iterator[Drawn]:
    """So many different networks at random, always the same ones; fewer when the space seems to hold no more."""
    rng, seen = np.random.default_rng([seed, CHECK]), set[str]()
    for _ in range(DRAWS * count):
        drawn = sampler.draw(rng)
        if drawn.genotype.fingerprint not in seen:
            seen.add(drawn.genotype.fingerprint)
            yield drawn
        if len(seen) == count:
            return


def error_of(evaluator: Evaluator, candidate: Candidate) -> float | None:
    """Error of a candidate, None where its evaluation failed."""
    try:
        with foreseen():
            return evaluator.evaluate(candidate, lambda epoch, metrics: False)["error"]
    except EvaluationError:
        return None


def with_results(supernet: SharedWeights, checked: tuple[Checked, ...]) -> SharedWeights:
    """The supernet with these results and what follows from them."""
    known = [(entry["macs"], entry["shared"], entry["retrained"]) for entry in checked]
    rows = np.array([row for row in known if None not in row], dtype=np.float64).reshape(-1, 3)
    found = agreement(rows[:, 1], rows[:, 2], supernet.seed)
    macs = tau(-rows[:, 0], rows[:, 2])
    return replace(supernet, checked=checked, agreement={**found, **({"macs_tau": macs} if isfinite(macs) else {})})


def agreement(shared: Sequence[float] | np.ndarray, retrained: Sequence[float] | np.ndarray, seed: int = 0) -> dict[str, float]:
    """`count` of networks, Kendall's `tau` of their two errors, and `low` and `high`: its 90 % interval by bootstrap over networks.

    Ties count as in tau-b. There is no tau for errors that are all equal, and no interval for fewer than five networks.
    """
    first, second = np.asarray(shared, np.float64), np.asarray(retrained, np.float64)
    found = {"count": float(len(first)), "tau": tau(first, second)}
    if not isfinite(found["tau"]) or len(first) < FEWEST:
        return {name: value for name, value in found.items() if isfinite(value)}
    chosen = np.random.default_rng(seed).integers(len(first), size=(RESAMPLES, len(first)))
    taus = np.array([tau(first[rows], second[rows]) for rows in chosen])
    low, high = np.nanquantile(taus, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])  # a resample of one network alone has no tau
    return {**found, "low": float(low), "high": float(high)}


def tau(first: np.ndarray, second: np.ndarray) -> float:
    """Kendall's tau-b: 1 for the same order, 0 for none in common, -1 for the reverse; NaN where all are equal."""
    return float(kendalltau(first, second).statistic) if len(first) > 1 else float("nan")


def verdict(found: dict[str, float]) -> str:
    """Whether to trust shared weights, in a sentence."""
    if "low" not in found:
        return "Not known: too few networks were checked, or all came out equal; check 20 or more before you trust it."
    if found["low"] <= 0:
        words = "Do not trust it: its order of networks may be chance; train it for more epochs, or search with --evaluator train."
    elif found["low"] < 0.5:
        words = "Trust it to tell bad networks from good ones, not to choose among the best: train those that it leaves."
    else:
        words = "Trust it: it orders networks much as training each of them does."
    if found.get("macs_tau", -1) >= found["tau"]:
        words += f" But counting multiply-adds orders these networks as well (tau {found['macs_tau']:.2f})."
    return words
