"""The contract of ask and tell, for every strategy; and that evolution learns."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from archsearch.strategies import STRATEGIES, Evolution, Random, Strategy
from archsearch.trial import Failure, Trial
from tests.runs import small_search, small_space


def outcome(number: int, choices: dict, *values: float) -> Trial:
    return Trial(number, choices, str(number), {}, values)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("objectives", [1, 2])
def test_ask_is_partial_choices_and_depends_on_tells_and_rng_alone(name: str, objectives: int) -> None:
    space, pair = small_space("chain"), [STRATEGIES[name](), STRATEGIES[name]()]
    for number in range(60):
        asked = [strategy.ask(np.random.default_rng([7, number])) for strategy in pair]
        assert asked[0] == asked[1]
        _, choices = space.resolve(asked[0], np.random.default_rng(number))
        assert asked[0].items() <= choices.items() or set(asked[0]) - set(choices)
        values = tuple(float(number * (i + 3) % 17) for i in range(objectives))
        failed = Trial(number, choices, str(number), {}, None, Failure("crashed", "x"))
        for strategy in pair:
            strategy.tell(failed if number % 5 == 0 else outcome(number, choices, *values))
        pair[1].ask(np.random.default_rng(number))  # an ask whose trial was never recorded changes nothing


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_keeps_the_protocol(name: str) -> None:
    assert isinstance(STRATEGIES[name](), Strategy)


def test_evolution_forgets_the_oldest_and_mutates_one_choice() -> None:
    strategy = Evolution(population=3, tournament=3)
    for number in range(4):
        strategy.tell(outcome(number, {"a": number, "b": number}, float(number)))
    child = strategy.ask(np.random.default_rng(0))
    assert child in ({"a": 1}, {"b": 1})  # trial 0 was the best, and has died of age


def test_evolution_takes_the_least_crowded_of_the_front() -> None:
    strategy = Evolution(population=4, tournament=4)
    for number, values in enumerate([(0, 10), (1, 9), (2, 8), (10, 10)]):
        strategy.tell(outcome(number, {"a": number, "b": 0}, *values))
    parents = {(strategy.ask(np.random.default_rng(seed)) | {"b": 0}).get("a") for seed in range(20)} - {None}
    assert parents <= {0, 2}


@pytest.mark.parametrize(("population", "tournament"), [(0, 1), (5, 6), (5, 0)])
def test_evolution_refuses_sizes_that_cannot_be(population: int, tournament: int) -> None:
    with pytest.raises(ValueError, match=rf"tournament={tournament} must lie in 1..population={population}"):
        Evolution(population, tournament)


def test_evolution_finds_more_than_random(tmp_path: Path) -> None:
    best: dict[str, list[float]] = {"evolution": [], "random": []}
    for seed in range(4):
        for strategy in (Evolution(population=12, tournament=5), Random()):
            run = small_search(tmp_path / f"{type(strategy).__name__}{seed}", strategy, objectives=("error",), trials=70, seed=seed)
            best[run.record.strategy].append(run.front()[0].metrics["error"])
    assert mean(best["evolution"]) < mean(best["random"])
