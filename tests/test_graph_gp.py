"""The Gaussian process over networks: kernel, model and acquisition against plain formulas and sampling; its pool stays small."""

from __future__ import annotations

import time
from functools import lru_cache
from itertools import combinations
from math import exp, log, pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import rankdata

from archsearch import Builder, Genotype, Op, ops
from archsearch.analysis import Budget
from archsearch.network.similarity import subtree_counts
from archsearch.pareto import hypervolume
from archsearch.spaces.catalogue import Catalogue, Entry
from archsearch.strategies.base import Problem
from archsearch.strategies.graph_gp import GraphGP
from archsearch.strategies.graph_gp.acquisition import hypervolume_improvement, improvement, log_expected_improvement
from archsearch.strategies.graph_gp.kernel import HEIGHTS, PARTS, Shape, shapes
from archsearch.strategies.graph_gp.model import JITTER, Belief, Fit, Matrix, Vector, best_fits, cut_scores, limit, normal_scores
from archsearch.strategies.graph_gp.pool import Pool
from archsearch.strategies.graph_gp.strategy import chebyshev, filled
from archsearch.strategies.graph_gp.view import MOST_SEEN, promise, remembered
from archsearch.trial import Failure, Objective, Trial
from tests.runs import small_space


@lru_cache
def drawn() -> tuple[Entry, ...]:
    catalogue = Catalogue(small_space("cell"))
    return tuple({entry.fingerprint: entry for entry in (catalogue.draw(np.random.default_rng(seed)) for seed in range(120))}.values())


def networks(count: int) -> list[Entry]:
    """Different networks of a small space."""
    assert count <= len(drawn())
    return list(drawn()[:count])


def pool_of(entries: list[Entry], most: int = 1000) -> Pool:
    """A pool that has taken in these networks."""
    pool = Pool(Catalogue(small_space("cell")), most)
    for entry in entries:
        pool.number(entry)
    return pool


def cosine(a: dict[object, int], b: dict[object, int]) -> float:
    """Of two networks' counts."""
    shared = sum(count * b.get(key, 0) for key, count in a.items())
    return shared / sqrt(sum(c * c for c in a.values()) * sum(c * c for c in b.values()))


def net(op: Op | None) -> Genotype:
    b = Builder((8, 8, 8))
    x = b(ops.Conv2d(8), b.input)
    return b.genotype(b(ops.Add(), b(ops.Conv2d(8), x if op is None else b(op, x)), x))


def test_ops_that_move_or_drop_values_tell_networks_apart_and_activations_do_not() -> None:
    moving = (ops.Zero(), ops.ChannelShuffle(2), ops.ChannelShuffle(4), ops.Softmax())
    counts = [subtree_counts(net(op)) for op in (None, *moving)]
    assert all(one != other for one, other in combinations(counts, 2))
    assert all(subtree_counts(net(op)) == counts[0] for op in (ops.ReLU(), ops.BatchNorm2d(), ops.Dropout(0.5)))
    cut = [Builder((8, 8, 8)) for _ in range(2)]
    first, last = (b.genotype(b(ops.Conv2d(4), b(ops.Slice(*part), b.input))) for b, part in zip(cut, ((0, 1), (7, 8)), strict=True))
    assert subtree_counts(first) != subtree_counts(last)
    chains = []
    for between in ((), (ops.Transpose(),)):
        b = Builder((6, 8))
        x = b(ops.Linear(6), b.input)
        for op in between:
            x = b(op, x)
        chains.append(subtree_counts(b.genotype(b(ops.Linear(6), x))))
    assert chains[0] != chains[1]


def test_similarities_are_cosines_of_subtrees_and_choices() -> None:
    entries = networks(12)
    pool = pool_of(entries)
    found = pool.similarities(range(12), [3, 0, 7])
    catalogue = Catalogue(small_space("cell"))
    counts = [subtree_counts(catalogue.genotype(entry), HEIGHTS) for entry in entries]
    choices = [dict.fromkeys(entry.choices.items(), 1) for entry in entries]
    for row in range(12):
        for column, seen in enumerate((3, 0, 7)):
            parts = [cosine({**counts[row][height]}, {**counts[seen][height]}) for height in range(HEIGHTS + 1)]
            assert found[:, row, column] == pytest.approx([*parts, cosine({**choices[row]}, {**choices[seen]})])
    assert found.shape == (PARTS, 12, 3)


def test_kernels_are_kernels() -> None:
    similarities = pool_of(networks(30)).similarities(range(30), range(30))
    for shape in shapes():
        kernel = shape.of(similarities)
        assert np.diag(kernel) == pytest.approx(np.ones(30))
        assert np.linalg.eigvalsh(kernel).min() > -1e-9


def test_old_candidates_leave_the_pool_and_those_seen_stay() -> None:
    entries = networks(60)
    pool = Pool(Catalogue(small_space("cell")), 10)
    pool.seen += [pool.number(entry) for entry in entries[:3]]
    for entry in entries:
        pool.similarities([pool.number(entry)], pool.seen)
        pool.trim()
        assert len(pool.entries) <= 3 + 2 * 10
    kept = [entry.fingerprint for entry in pool.entries]
    assert [pool.entries[i].fingerprint for i in pool.seen] == [entry.fingerprint for entry in entries[:3]]
    assert set(kept) > {entry.fingerprint for entry in entries[-10:]}
    fresh = pool_of(pool.entries)
    assert pool.similarities(range(len(kept)), [*pool.seen, 8]) == pytest.approx(fresh.similarities(range(len(kept)), [*pool.seen, 8]))
    again = pool.number(entries[20])
    assert pool.entries[again] is entries[20]
    assert pool.similarities([again], pool.seen) == pytest.approx(pool_of(entries[:21]).similarities([20], range(3)))


def line(count: int, seed: int) -> tuple[Matrix, Vector]:
    """Similarities of random points in a plane, and values that vary smoothly over it."""
    points = np.random.default_rng(seed).random((count, 2))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    return np.stack([1 - distance**2] * PARTS), np.sin(3 * points[:, 0]) + points[:, 1]


def test_a_fit_predicts_as_the_textbook_says() -> None:
    similarities, values = line(40, 1)
    seen, new = slice(0, 25), slice(25, 40)
    shape = Shape((1.0,) * PARTS, 0.3, 1e-2)
    fit = Fit.to(shape, similarities[:, seen, seen], values[seen], np.zeros(25))
    assert fit is not None
    kernel = shape.of(similarities)
    inverse = np.linalg.inv(kernel[seen, seen] + (1e-2 + JITTER) * np.eye(25))
    ones = np.ones(25)
    middle = ones @ inverse @ values[seen] / (ones @ inverse @ ones)
    scale = (values[seen] - middle) @ inverse @ (values[seen] - middle) / 25
    mean, deviation = fit.predict(similarities[:, new, seen])
    assert mean == pytest.approx(middle + kernel[new, seen] @ inverse @ (values[seen] - middle))
    variance = scale * (1 - np.einsum("ij,jk,ik->i", kernel[new, seen], inverse, kernel[new, seen]))
    assert deviation == pytest.approx(np.sqrt(variance), rel=1e-6)
    gaussian = -0.5 * np.linalg.slogdet(scale * (kernel[seen, seen] + (1e-2 + JITTER) * np.eye(25)))[1]
    assert fit.likelihood == pytest.approx(gaussian, abs=1e-6)


def test_the_form_that_explains_the_values_comes_first() -> None:
    similarities, values = line(60, 2)
    noise = np.random.default_rng(2).standard_normal((60, 60)) / 8
    similarities[0] = 1 - np.abs(noise + noise.T)  # a part that says nothing
    np.fill_diagonal(similarities[0], 1.0)
    idle = (0.0,) * (PARTS - 2)
    told, misled = Shape((0.0, 1.0, *idle), 0.3, 1e-2), Shape((1.0, 0.0, *idle), 0.3, 1e-2)
    fits = best_fits([misled, told], similarities, values, 2, np.zeros(60))
    assert fits[0].shape == told


def test_expected_improvement_is_that_of_a_normal_value() -> None:
    for mean, deviation, best in ((0.0, 1.0, 0.0), (1.0, 0.5, -0.3), (-2.0, 0.3, 0.5), (0.0, 2.0, -5.0)):
        found = float(log_expected_improvement(np.array([mean]), np.array([deviation]), best)[0])

        def gain(y: float, m: float = mean, d: float = deviation, b: float = best) -> float:
            return (b - y) * exp(-(((y - m) / d) ** 2) / 2) / (d * sqrt(2 * pi))

        exact = quad(gain, min(best, mean) - 12 * deviation, best)[0]
        assert found == pytest.approx(log(exact), abs=1e-6)
    far = log_expected_improvement(np.array([4.9, 5.1, 20.0, 200.0]), np.ones(4), 0.0)
    assert np.all(np.isfinite(far))
    assert np.all(np.diff(far) < 0)
    both = improvement([Belief(np.zeros(1), np.ones(1), 0.25), Belief(np.zeros(1), np.ones(1), 0.75)], 0.3)
    assert both == pytest.approx(log_expected_improvement(np.zeros(1), np.ones(1), 0.3))


@pytest.mark.parametrize(("low", "high"), [(-1.01, -0.99), (-5.01, -4.99), (-100.01, -99.99), (-200, 8), (-1e9, -1e3)])
def test_log_expected_improvement_grows_with_the_improvement(low: float, high: float) -> None:
    means = -np.linspace(low, high, 20_001)
    found = log_expected_improvement(means, np.ones(len(means)), 0.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()


def test_log_expected_improvement_is_exact_where_it_is_tiny() -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        for u in (-0.5, -1.5, -5.0, -37.0, -99.0, -101.0, -4000.0):
            exact = float(mpmath.log(mpmath.npdf(u) + u * mpmath.ncdf(u)))
            assert log_expected_improvement(np.array([-u]), np.ones(1), 0.0)[0] == pytest.approx(exact, rel=1e-12)


def test_hypervolume_improvement_is_the_mean_growth_of_the_hypervolume() -> None:
    rng = np.random.default_rng(0)
    seen, reference = np.array([[0.1, 0.9], [0.4, 0.5], [0.8, 0.1], [0.9, 0.95], [0.2, 1.5]]), np.array([1.0, 1.2])
    means, deviations = rng.random((6, 2)), rng.uniform(0.05, 0.4, (6, 2))
    beliefs = [Belief(means[:, i], deviations[:, i], 1.0) for i in (0, 1)]
    found = hypervolume_improvement(seen, beliefs[0], beliefs[1], reference)
    before = hypervolume(seen, reference)
    for row in range(6):
        drawn = means[row] + deviations[row] * rng.standard_normal((4000, 2))
        grown = np.array([hypervolume(np.vstack([seen, point]), reference) - before for point in drawn])
        assert found[row] == pytest.approx(grown.mean(), abs=4 * grown.std() / 4000**0.5)


def test_broken_networks_do_not_move_the_limit() -> None:
    values = np.concatenate([np.linspace(0.08, 0.12, 20), np.full(10, 0.9)])
    assert 0.12 < limit(values) < 0.3
    assert limit(np.concatenate([values, np.full(15, 0.9)])) == pytest.approx(limit(values), abs=0.02)
    assert limit(np.full(5, 0.3)) == 0.3
    scores, reference = cut_scores(values)
    assert scores.max() == pytest.approx(reference)
    assert (scores.mean(), scores.std()) == pytest.approx((0, 1))


def test_scores_of_ranks_failures_and_weights() -> None:
    assert normal_scores(np.array([5.0, 1.0, 1e9])) == pytest.approx([0.0, -0.967421566, 0.967421566])
    assert filled([(1.0, 5.0), None, (3.0, 2.0)]).tolist() == [[1, 5], [3, 5], [3, 2]]
    values = np.array([[0.0, 10.0, 7.0], [1.0, 0.0, 7.0]])
    assert chebyshev(values, np.array([0.2, 0.7, 0.1])) == pytest.approx([0.7 + 0.05 * 0.7, 0.2 + 0.05 * 0.2])


def test_a_model_remembers_the_best_and_the_latest() -> None:
    assert remembered(np.zeros(MOST_SEEN)).tolist() == list(range(MOST_SEEN))
    scores = np.random.default_rng(0).random(1000)
    kept = remembered(scores)
    assert len(kept) == len(set(kept.tolist())) == MOST_SEEN
    assert set(np.argsort(scores)[: MOST_SEEN // 2]) < set(kept)
    assert np.array_equal(np.intersect1d(kept, range(900, 1000)), np.arange(900, 1000))


def test_ten_thousand_scores_are_remembered_at_once() -> None:
    began = time.process_time()
    remembered(np.random.default_rng(0).random(100_000))
    assert time.process_time() - began < 0.5


def told(names: tuple[str, ...], trials: list[tuple[Entry, tuple[float, ...]]], **options: int) -> tuple[GraphGP, Problem]:
    """A strategy that was told of these networks with their values."""
    problem = Problem(Catalogue(small_space("cell")), tuple(map(Objective, names)), Budget(), 100)
    strategy = GraphGP(**{"breadth": 8, **options})
    strategy.begin(problem)
    for number, (entry, values) in enumerate(trials):
        problem.seen.add(entry.fingerprint)
        strategy.tell(Trial(number, entry.choices, entry.fingerprint, dict(entry.costs), values))
    return strategy, problem


@pytest.mark.parametrize("names", [("error", "params"), ("error", "loss")], ids=["one known cost", "two measured"])
def test_with_two_objectives_more_trials_come_than_the_model_remembers(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archsearch.strategies.graph_gp.view.MOST_SEEN", 12)
    rng, problem = np.random.default_rng(1), None
    trials = [(entry, (float(rng.random()), float(entry.costs["params"]))) for entry in networks(40)]
    strategy, problem = told(names, trials)
    problem.pending = (networks(41)[40].choices,)
    for seed in range(3):
        assert strategy.ask(np.random.default_rng(seed))
    assert strategy._pool is not None
    views = strategy._views(problem, strategy._pool, rng)
    assert len(views) == len(names)
    for place, view in enumerate(views):  # row i of every view is trial i
        values = np.array([each[place] for _, each in trials])
        least = values if names[place] == "params" else np.minimum(values, limit(values))
        assert np.array_equal(rankdata(view.seen, "min"), rankdata(least, "min"))
        assert len(view.imagined(0).seen) == 41


def test_it_asks_for_what_promises_most_and_never_for_what_promises_least() -> None:
    entries = networks(30)
    strategy, problem = told(("error",), [(entry, (-float(entry.costs["params"]),)) for entry in entries])
    asked = []
    for seed in range(5):
        choices = strategy.ask(np.random.default_rng(seed))
        asked.append(problem.catalogue.look_up(choices, np.random.default_rng(0)).costs["params"])
    assert strategy._pool is not None
    others = [entry.costs["params"] for entry in strategy._pool.entries if entry.fingerprint not in problem.seen]
    assert np.mean(asked) > np.quantile(others, 0.75)


def test_trials_under_way_are_not_asked_for_in_other_words() -> None:
    entries = networks(30)
    strategy, problem = told(("error",), [(entry, (-float(entry.costs["params"]),)) for entry in entries])
    first = strategy.ask(np.random.default_rng(0))
    pool = strategy._pool
    assert pool is not None
    views = strategy._views(problem, pool, np.random.default_rng(0))
    number = pool.known(first)
    assert number is not None
    promised = promise(views, [number], 1)[0]
    imagined = promise([view.imagined(number) for view in views], [number], 1)[0]
    assert imagined < promised - 1  # what is on its way has little left to give
    problem.pending = (first,)
    near = [i for i, entry in enumerate(pool.entries) if entry.fingerprint not in problem.seen and i != number]
    alone = max(near, key=lambda i: promise(views, [i], 5)[0])
    problem.seen.add(pool.entries[number].fingerprint)
    heeding = strategy._best(problem, pool, near, np.random.default_rng(0))
    imagined_views = [view.imagined(number) for view in views]
    assert heeding == max(near, key=lambda i: promise(imagined_views, [i], 5)[0])
    problem.pending = ()
    assert strategy._best(problem, pool, near, np.random.default_rng(0)) == alone


def test_known_costs_are_computed_and_never_modelled() -> None:
    entries = networks(20)
    strategy, problem = told(("error", "params"), [(entry, (0.5, float(entry.costs["params"]))) for entry in entries])
    strategy.ask(np.random.default_rng(0))
    pool = strategy._pool
    assert pool is not None
    unseen = [i for i in range(len(pool.entries)) if i not in pool.seen]
    (belief,) = strategy._views(problem, pool, np.random.default_rng(0))[1].believe(unseen, 5)
    assert belief.mean.tolist() == [pool.entries[i].costs["params"] for i in unseen]
    assert (belief.deviation < 1).all()


@pytest.mark.parametrize("names", [("error",), ("error", "other"), ("error", "other", "third")], ids=len)
def test_what_it_asks_depends_on_what_it_was_told_alone(names: tuple[str, ...]) -> None:
    problem = Problem(Catalogue(small_space("cell")), tuple(map(Objective, names)), Budget(), 100)
    rng = np.random.default_rng(0)
    trials = []
    for number, entry in enumerate(networks(34)):
        noisy = tuple((entry.costs["params"] / 1e4 + rng.normal(0, 0.3, len(names))).tolist())
        failure = Failure("crashed", "no") if number % 7 == 6 else None
        trials.append(Trial(number, entry.choices, entry.fingerprint, {}, None if failure else noisy, failure))
    often = GraphGP(breadth=4)
    often.begin(problem)
    for trial in trials:
        often.tell(trial)
        if trial.number % 2:
            asked = often.ask(np.random.default_rng(trial.number))
        if trial.number % 2 and trial.number > 20:
            once = GraphGP(breadth=4)
            once.begin(problem)
            for earlier in trials[: trial.number + 1]:
                once.tell(earlier)
            assert once.ask(np.random.default_rng(trial.number)) == asked
