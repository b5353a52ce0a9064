"""What is said of the models that predict, and of the search by them."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from archsearch.analysis import Budget
from archsearch.pareto import hypervolume
from archsearch.runs.search import resume
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.encoding import CLOSED, Encoding, Places
from archsearch.spaces.space import Choices
from archsearch.strategies import Predictor, Problem
from archsearch.strategies.predictor.candidates import drawn, mutated, written
from archsearch.strategies.predictor.ensemble import LEAST_DEVIATION, Ensemble, Model, Sample, Trees, Vector
from archsearch.strategies.predictor.features import Features, Network
from archsearch.strategies.predictor.pool import Pool
from archsearch.strategies.predictor.recurrent import Recurrent
from archsearch.strategies.predictor.strategy import most_gain
from archsearch.trial import Failure, Objective, Trial
from tests.evaluators import Formula
from tests.runs import small_search, small_space
from tests.test_strategies import NESTED

CELL = small_space("cell")
ENCODING = Encoding(CELL.options())
ERROR, PARAMS = Objective("error"), Objective("params")


def problem(*objectives: Objective, budget: Budget | None = None) -> Problem:
    return Problem(Catalogue(CELL), objectives or (ERROR,), budget or Budget(), 100)


def networks(count: int, seed: int = 0) -> list[Network]:
    pool, rng = Pool(problem(), 10), np.random.default_rng(seed)
    found = [pool.network({}, rng) for _ in range(count)]
    return [network for network in found if network is not None]


def quality(network: Network) -> float:
    """An error that falls with convolutions of 3x3, those that follow one another most."""
    choices = network.entry.choices
    deep = choices["0->1"] == choices["1->3"] == "nor_conv_3x3"
    return -sum(value == "nor_conv_3x3" for value in choices.values()) / 6 - deep + (choices["0->3"] == "none") / 3


@pytest.mark.parametrize("make", [Trees, lambda seed: Recurrent(ENCODING, seed)], ids=["trees", "recurrent"])
def test_models_rank_networks_that_they_have_not_seen(make: type[Trees]) -> None:
    read = networks(200)  # of one pool, which numbers their paths
    known, fresh = read[:120], read[120:]
    features = Features(ENCODING)
    sample = features.fit(known)
    values = np.array([quality(network) for network in known])
    models = [make(seed) for seed in (0, 0, 1)]
    for model in models:
        model.fit(sample, values)
    said = [model.predict(features.of(fresh)) for model in models]
    assert np.corrcoef(said[0], [quality(network) for network in fresh])[0, 1] > 0.75
    assert (said[0] == said[1]).all()
    assert (said[0] != said[2]).any()


def test_the_recurrent_model_reads_choices_that_are_open_alone() -> None:
    model = Recurrent(Encoding({"depth": (1, 2), "width": (4, 8), "kernel": (1, 3)}), seed=0)
    rows = np.array([[1, CLOSED, 0], [1, 1, 0]])
    words, made = model._words_of(rows)
    assert made.tolist() == [[True, True, False], [True, True, True]]
    assert words[:, :2].tolist() == [[1, 4], [1, 3]]
    alone = model.predict(Sample(rows[:1], np.empty((1, 0))))
    assert alone[0] == pytest.approx(model.predict(Sample(rows, np.empty((2, 0))))[0], abs=1e-6)


def test_features_are_choices_and_paths_that_networks_share() -> None:
    entry, encoding = networks(1)[0].entry, Encoding({"a": (1, 2)})

    def through(places: Places, counts: dict[int, int]) -> Network:
        return Network(entry, places, np.array(list(counts)), np.array(list(counts.values()), dtype=np.float64))

    x, y, z, own = range(4)
    paths = [{x: 1, y: 1, own: 1}, {x: 3, y: 3, z: 1}, {z: 1, x: 1, y: 1}]
    read = [through(encoding.places({"a": 1 + i % 2}), counts) for i, counts in enumerate(paths)]
    features = Features(encoding)
    sample = features.fit(read)
    assert sample.features[:, :3].tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 0]]
    columns = {tuple(column) for column in sample.features[:, 3:].T.tolist()}
    assert columns == {tuple(np.log1p([1, 3, 1])), tuple(np.log1p([0, 1, 1]))}  # y occurs as x does, `own` in one alone
    new = features.of([through(encoding.places({}), {9: 5})])
    assert not new.features[:, 3:].any()
    assert new.places.tolist() == [[CLOSED]]


class Fixed(Model):
    """Says what it was made to say of the place of the first choice."""

    def __init__(self, slope: float) -> None:
        self.slope, self.count = slope, 0

    def fit(self, sample: Sample, values: Vector) -> None:
        self.count = len(values)

    def predict(self, sample: Sample) -> Vector:
        return self.slope * sample.places[:, 0].astype(np.float64)


def test_tau_is_of_trials_that_members_had_not_seen() -> None:
    places = np.arange(40)[:, None]
    sample, values = Sample(places, np.empty((40, 0))), np.arange(40.0)
    made: list[Fixed] = []

    def member(slope: float) -> Fixed:
        made.append(Fixed(slope))
        return made[-1]

    right = Ensemble([lambda seed: member(1.0), lambda seed: member(3.0)])
    assert right.fit(sample, values) == pytest.approx(1, abs=0.5)
    assert Ensemble([lambda seed: member(-1.0)] * 2).fit(sample, values) == pytest.approx(-1)
    assert Ensemble([lambda seed: member(0.0)] * 2).fit(sample, values) == 0
    assert {model.count for model in made} == {30}
    expected, deviation = right.believe(sample)
    assert expected == pytest.approx(2 * values)
    assert deviation == pytest.approx(np.maximum(2**0.5 * values, LEAST_DEVIATION))


def told(strategy: Predictor, count: int, *objectives: Objective) -> Problem:
    """A strategy that knows some random trials, every ninth a failure."""
    asked = problem(*objectives)
    strategy.begin(asked)
    for number, network in enumerate(networks(count)):
        values = None if number % 9 == 4 else tuple(
            quality(network) if objective.metric == "error" else network.entry.costs[objective.metric] for objective in asked.objectives
        )  # fmt: skip
        failure = Failure("crashed", "x") if values is None else None
        asked.seen.add(network.entry.fingerprint)
        strategy.tell(Trial(number, network.entry.choices, network.entry.fingerprint, network.entry.costs, values, failure))
    return asked


def small(**options: int) -> Predictor:
    return Predictor(**{"startup": 20, "candidates": 12, "trees": 3, "recurrent": 1, **options})


def test_every_refit_says_how_well_it_ranks() -> None:
    strategy = small()
    told(strategy, 44)
    assert [fit.trials for fit in strategy.quality] == [22, 27, 32, 37, 42]  # 20 results and 2 failures at first
    assert {fit.objective for fit in strategy.quality} == {0}
    assert mean(fit.tau for fit in strategy.quality[-3:]) > 0.3
    assert strategy.notes == {}  # of the trial told last, number 44
    again = small()
    told(again, 42)
    assert again.quality == strategy.quality
    assert again.notes == {"kendall_tau_error": again.quality[-1].tau}


def test_networks_are_drawn_by_what_is_believed_of_them() -> None:
    strategy = small()
    asked = told(strategy, 40)
    candidates = strategy._pool.open()[:3]
    means, deviations = (-0.2, 0.0, 5.0), (0.1, 0.3, 0.1)
    for network, *belief in zip(candidates, means, deviations, strict=True):
        strategy._beliefs[network.entry.fingerprint] = {0: tuple(belief)}
    picks = [strategy._best(asked, candidates, np.random.default_rng(seed)) for seed in range(400)]
    assert picks.count(1) / 400 == pytest.approx(0.264, abs=0.06)  # P(N(0, .3) < N(-.2, .1))
    assert picks.count(2) == 0


def test_of_very_many_trials_the_best_and_the_latest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archsearch.strategies.predictor.strategy.MOST", 24)
    strategy = small()
    told(strategy, 40)
    rows = strategy._remembered()
    assert rows == sorted(rows)
    assert set(range(28, 40)) <= set(rows)
    values = [trial.values[0] if trial.values else np.inf for trial in strategy._told]
    assert set(np.argsort(values, kind="stable")[:12].tolist()) <= set(rows)
    assert len(rows) <= 24


def test_known_costs_are_computed_and_not_predicted() -> None:
    strategy = small()
    told(strategy, 40, ERROR, PARAMS)
    assert strategy._ensembles.keys() == {0}
    strategy = small()
    asked = told(strategy, 40, PARAMS)
    assert not strategy.quality
    entries = [network.entry for network in strategy._pool.open()]
    asking = strategy.ask(np.random.default_rng(0))
    cost = asked.catalogue.look_up(asking, np.random.default_rng(0)).costs["params"]
    assert cost <= max(min(entry.costs["params"] for entry in entries), min(network.entry.costs["params"] for network in networks(40)))


def test_of_several_objectives_the_hypervolume_decides() -> None:
    rng = np.random.default_rng(0)
    for objectives in (2, 3):
        seen, promised = 0.5 + rng.random((12, objectives)) / 2, rng.random((30, objectives))
        bound = (1.1,) * objectives
        added = [hypervolume([*seen, point], bound) - hypervolume(seen, bound) for point in promised]
        assert most_gain(seen, promised) == int(np.argmax(added))
        beaten = seen[:1] + rng.random((8, objectives)) / 10
        assert most_gain(seen, beaten) in range(8)  # also where nothing is added
    assert most_gain(np.empty((0, 1)), np.array([[0.3], [0.1], [0.2]])) == 1


def test_candidates_are_near_the_best_new_and_within_the_budget() -> None:
    asked = problem(budget=Budget(params=int(np.median([network.entry.costs["params"] for network in networks(40)]))))
    pool = Pool(asked, 30)
    trials = [
        Trial(number, network.entry.choices, network.entry.fingerprint, {}, (quality(network),))
        for number, network in enumerate(networks(40)) if asked.fits(network.entry)
    ]  # fmt: skip
    for last in range(1, len(trials) + 1):
        pool.grow(trials[:last], parents=1, count=8)
        asked.seen.add(trials[last - 1].fingerprint)
    assert len(pool.networks) == 30
    assert all(asked.fits(network.entry) for network in pool.networks.values())
    assert len({network.entry.fingerprint for network in pool.open()}) == len(pool.open())
    best = min(trials, key=lambda trial: trial.values or (9.0,)).choices
    near = [sum(best[name] != value for name, value in network.entry.choices.items()) <= 2 for network in pool.networks.values()]
    assert sum(near) >= 15


def test_children_differ_in_one_choice_or_two() -> None:
    rng = np.random.default_rng(0)
    parents = drawn(ENCODING, 1, rng)
    differ = (mutated(ENCODING, parents, 300, rng) != parents).sum(axis=1)
    assert set(differ.tolist()) <= {0, 1, 2}
    assert (differ == 1).mean() > 0.6
    parent: Choices = {"depth": 2, "width0": 3, "width1": 5, "classes": 2}
    children = written(NESTED, [parent], 100, rng)
    assert {child["depth"] for child in children} == {1, 2, 3, 4, 5}
    for child in children:
        assert sum(name.startswith("width") for name in child) == child["depth"]
        assert sum(parent[name] != child[name] for name in child if name in parent) in (0, 1, 2)
    assert written(NESTED, [{}], 5, rng)


@pytest.mark.slow
def test_it_finds_more_than_random(tmp_path: Path) -> None:
    best = {}
    for startup in (10, 99):  # before the startup is over all is random
        runs = [
            small_search(tmp_path / f"{startup}-{seed}", small(startup=startup, recurrent=0), objectives=("error",), trials=45, seed=seed)
            for seed in range(2)
        ]
        best[startup] = mean(run.front()[0].metrics["error"] for run in runs)
    assert best[10] < best[99]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"startup": 7}, "startup=7 must be at least 8"),
        ({"candidates": 0}, "candidates=0 must be at least 1"),
        ({"trees": 1, "recurrent": 0}, "trees=1 and recurrent=0 must be at least 2 together"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Predictor(**options)


def test_how_well_the_model_ranks_is_recorded_with_the_run(tmp_path: Path) -> None:
    whole = small_search(tmp_path / "whole", Predictor(startup=8, trees=2, recurrent=0), objectives=("error",), trials=20)
    assert set(whole.notes) >= {7, 12, 17}  # told of the eighth trial, then every five
    assert all(-1 <= notes["kendall_tau_error"] <= 1 for notes in whole.notes.values())
    small_search(tmp_path / "half", Predictor(startup=8, trees=2, recurrent=0), objectives=("error",), trials=15)
    resumed = resume(tmp_path / "half", small_space(), Predictor(startup=8, trees=2, recurrent=0), Formula(), trials=20)
    assert resumed.notes == whole.notes
