"""Ask and tell of the graph Gaussian process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from archsearch.pareto import front, preference
from archsearch.spaces.space import Choices
from archsearch.strategies.base import Foretold, Problem
from archsearch.strategies.graph_gp.kernel import Shape
from archsearch.strategies.graph_gp.model import Vector, cut_scores, normal_scores
from archsearch.strategies.graph_gp.pool import Pool
from archsearch.strategies.graph_gp.prior import Prior
from archsearch.strategies.graph_gp.view import Computed, Modelled, View, promise, weigh
from archsearch.strategies.heard import Heard
from archsearch.trial import Trial

FORMS = 5
"""Forms of the kernel that are averaged over."""
SHORT_LIST = 256
"""Networks, the best by the likeliest form, of which all forms are asked."""
CANDIDATES = 1000
"""Candidates that are kept, at least."""
PARENTS = 5
Score = Callable[[NDArray[np.float64]], tuple[Vector, float]]
"""From (trials, objectives) to what a model is fitted to, the smallest the best, and the score from which on a network does not count."""
ALONE = 3
"""With two objectives, one trial of so many goes for the first that is measured, alone: the end of the front that is hardest to find."""


@dataclass
class GraphGP:
    """Bayesian optimisation over networks: a Gaussian process on subtrees and choices, expected improvement, known costs computed.

    The kernel is Weisfeiler-Lehman's on the canonical genotype (as in Ru et al. 2021, arXiv:2006.07556), joined with the choices; its
    forms are averaged over by marginal likelihood. One objective: expected improvement in log form; two: expected hypervolume
    improvement, and every third trial the first that is measured, alone; more: random Chebyshev weights (Knowles 2006,
    doi:10.1109/TEVC.2005.851274). Params, MACs and memory are computed, never modelled. Trials under way count as if they had come out
    as the model expects; failures as the worst seen. Of several rungs it learns from all: values are brought to the top one, and the
    kernel falls with the distance between two rungs. What proxies say of networks before the first trial is the mean that the process
    begins with, as far as trials bear it out.

    Args:
        start: Random networks at first.
        breadth: Random networks, and as many neighbours of the best, that join the candidates for every trial, some milliseconds each.
        refit: Trials after which the forms of the kernel are weighed anew, the slowest part.
    """

    start: int = 5
    breadth: int = 96
    refit: int = 5
    climbs: ClassVar[bool] = True
    _problem: Problem | None = field(default=None, init=False, repr=False)
    _pool: Pool | None = field(default=None, init=False, repr=False)
    _prior: Prior | None = field(default=None, init=False, repr=False)
    _heard: Heard = field(default_factory=Heard, init=False, repr=False)
    _forms: dict[int, tuple[int, list[Shape]]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.start < 2 or self.breadth < 1 or self.refit < 1:
            raise ValueError(f"start={self.start} must be at least 2, breadth={self.breadth} and refit={self.refit} at least 1")

    def begin(self, problem: Problem) -> None:
        self._problem = problem
        self._pool = Pool(problem.catalogue, CANDIDATES)

    def foresee(self, said: Sequence[Foretold]) -> None:
        if self._pool is not None:
            self._prior = Prior.of(self._pool, said)

    def tell(self, trial: Trial) -> None:
        self._heard.tell(trial)

    def ask(self, rng: np.random.Generator) -> Choices:
        problem, pool = self._problem, self._pool
        if problem is None or pool is None:
            return {}
        if sum(trial.ok for trial in self._heard.known()) < self.start:
            return self._begin(problem, pool, self._prior, rng) if self._prior is not None else {}
        while len(pool.seen) < len(self._heard.ends):
            self._take_in(problem, pool, self._heard.known(self._heard.ends[len(pool.seen)]))
        candidates = [i for i, entry in enumerate(pool.entries) if problem.is_open(entry)]
        if not candidates:
            return {}
        return dict(pool.entries[self._best(problem, pool, candidates, rng)].choices)

    def _begin(self, problem: Problem, pool: Pool, prior: Prior, rng: np.random.Generator) -> Choices:
        """One of the first networks, by proxies alone: good, or not known to be bad, among those of the front where costs count, too."""
        open_ = [i for i in pool.foretold if problem.is_open(pool.entries[i])]
        if not open_:
            return {}
        mean, deviation = prior.believe(open_)
        columns = [mean + deviation * rng.standard_normal(len(open_))]
        for place in range(len(problem.objectives)):
            costs = [problem.known_value(place, pool.entries[i]) for i in open_]
            if None not in costs:
                columns.append(np.array(costs, dtype=np.float64))
        able = front(np.column_stack(columns))
        return dict(pool.entries[open_[able[int(rng.integers(len(able)))]]].choices)

    def _take_in(self, problem: Problem, pool: Pool, known: list[Trial]) -> None:
        """Number the last of these trials, and let candidates join the pool; drawn by it, so that a resumed run has the same pool."""
        trial = known[-1]
        rng = np.random.default_rng([trial.number, int(trial.fingerprint[:15], 16)])
        pool.seen.append(pool.number(problem.catalogue.look_up(trial.choices, rng)))
        done = [t for t in known if t.values is not None]
        best = preference([t.values for t in done if t.values is not None])[:PARENTS] if done else ()
        near = [choices for i in best for choices in problem.catalogue.neighbours(done[i].choices)]
        rng.shuffle(near)
        for choices in [*near[: self.breadth], *({} for _ in range(self.breadth))]:
            entry = pool.catalogue.find(choices, rng)
            if entry is not None and problem.fits(entry):  # seen or not: the pool is to depend on what was told alone
                pool.number(entry)
        pool.trim()

    def _best(self, problem: Problem, pool: Pool, candidates: list[int], rng: np.random.Generator) -> int:
        """The candidate that promises most."""
        views = self._views(problem, pool, rng)
        for pending in problem.pending:
            number = pool.known(pending)
            if number is not None:  # the pool grows by what is told alone, so that a resumed run has the same
                views = [view.imagined(number) for view in views]
        worth = promise(views, candidates, forms=1)
        short = [candidates[i] for i in np.argsort(-worth, kind="stable")[:SHORT_LIST]]
        best: int = short[int(np.argmax(promise(views, short, forms=FORMS)))]
        return best

    def _views(self, problem: Problem, pool: Pool, rng: np.random.Generator) -> list[View]:
        """One view for each objective; for three and more a single one of their weighted worst."""
        count = len(problem.objectives)
        if count > 2:
            return [self._modelled(pool, weighted(rng.dirichlet(np.ones(count))), weighted(np.full(count, 1 / count)))]
        costs = [self._computed(problem, pool, place) for place in range(count)]
        measured = [place for place, cost in enumerate(costs) if cost is None]
        alone = count == 1 or (len(self._heard.ends) + len(problem.pending)) % ALONE == 0
        if alone and measured:
            return [self._modelled(pool, ranked(measured[0]))]
        return [cost or self._modelled(pool, cut(place), place=place + 1) for place, cost in enumerate(costs)]

    def _computed(self, problem: Problem, pool: Pool, place: int) -> Computed | None:
        """The view of a known cost; None for what is measured."""
        if problem.known_value(place, pool.entries[0]) is None:
            return None
        return Computed(np.array([problem.known_value(place, entry) for entry in pool.entries], dtype=np.float64), pool.seen)

    def _modelled(self, pool: Pool, score: Score, weighing: Score | None = None, place: int = 0) -> Modelled:
        """A Gaussian process on scores of the trials, with forms of the kernel that were weighed some trials ago at most.

        They are weighed by what was known then, whenever that is asked for, so that a resumed run has the same.
        """
        tells = self._heard.tells
        count, okay = len(tells), next(i for i, trial in enumerate(tells, 1) if trial.ok)
        since = max(okay, count if count < 4 * self.refit else count - count % self.refit)
        weighed, forms = self._forms.get(place, (0, []))
        if weighed != since:
            then = self._heard.known(since)
            scores, _ = (weighing or score)(filled([trial.values for trial in then]))
            left = self._beyond(pool, pool.seen[: len(then)], scores)
            forms = weigh(pool, pool.seen[: len(then)], left, FORMS, self._gaps(then))
            self._forms[place] = (since, forms)
        now = self._heard.known()
        return Modelled.fitted(pool, pool.seen, *score(filled([trial.values for trial in now])), forms, self._gaps(now), self._prior)

    def _beyond(self, pool: Pool, numbers: Sequence[int], scores: Vector) -> Vector:
        """What scores of trials are beyond what proxies let expect."""
        prior = self._prior
        return scores if prior is None else np.asarray(scores - prior.leaning(numbers, scores) * prior.believe(numbers)[0])

    def _gaps(self, trials: Sequence[Trial]) -> Vector:
        """How far below the top rung each trial is."""
        top = 0 if self._problem is None else self._problem.top
        return np.array([top - trial.rung for trial in trials], dtype=np.float64)


def ranked(place: int) -> Score:
    """One objective by ranks; no value is too bad to count."""
    return lambda values: (normal_scores(values[:, place]), np.inf)


def cut(place: int) -> Score:
    """One objective by its values, cut off where they are too bad to count."""
    return lambda values: cut_scores(values[:, place])


def weighted(weights: Vector) -> Score:
    """All objectives by their weighted worst."""
    return lambda values: (normal_scores(chebyshev(values, weights)), np.inf)


def filled(values: Sequence[tuple[float, ...] | None]) -> NDArray[np.float64]:
    """(trials, objectives); failures get the worst that was seen."""
    seen = np.array([row for row in values if row is not None], dtype=np.float64)
    worst = seen.max(axis=0)
    return np.array([worst if row is None else row for row in values], dtype=np.float64)


def chebyshev(values: NDArray[np.float64], weights: Vector) -> Vector:
    """The augmented weighted maximum of the objectives, each on its own scale."""
    spread = np.ptp(values, axis=0)
    scaled = weights * (values - values.min(axis=0)) / np.where(spread > 0, spread, 1)
    return np.asarray(scaled.max(axis=1) + 0.05 * scaled.sum(axis=1))
