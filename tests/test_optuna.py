"""What is said of the samplers of Optuna behind ask and tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import mean

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import GPSampler, TPESampler
from optuna.trial import TrialState

from archsearch.analysis import Budget
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.encoding import CLOSED, Encoding
from archsearch.spaces.space import Choices, Space
from archsearch.strategies import Optuna, Problem
from archsearch.strategies.bayesian import MOST_OVER, distributions, ordered
from archsearch.trial import Failure, Objective, Trial
from tests.runs import small_space
from tests.test_strategies import NESTED, RARE, SINGLE, plays

CELL = small_space("cell")
ERROR, PARAMS = Objective("error"), Objective("params")


def begun(strategy: Optuna, space: Space, *objectives: Objective, budget: Budget | None = None) -> Problem:
    problem = Problem(Catalogue(space), objectives or (ERROR,), budget or Budget(), 100)
    strategy.begin(problem)
    return problem


def outcome(number: int, choices: Choices, *values: float, **metrics: float) -> Trial:
    return Trial(number, choices, str(number), metrics, values)


def failed(number: int, choices: Choices) -> Trial:
    return Trial(number, choices, str(number), {}, None, Failure("crashed", "x"))


def searched(strategy: Optuna, problem: Problem, trials: int) -> list[Choices]:
    """Choices of a run in which convolutions of 3x3 pay."""
    found = []
    for number in range(trials):
        entry = problem.catalogue.look_up(strategy.ask(np.random.default_rng([1, number])), np.random.default_rng(number))
        if not problem.is_open(entry):
            entry = problem.catalogue.draw(np.random.default_rng([2, number]))
        problem.seen.add(entry.fingerprint)
        found.append(entry.choices)
        error = 1 - sum(value == "nor_conv_3x3" for value in entry.choices.values()) / 6
        values = tuple(objective.value({**entry.costs, "error": error}) for objective in problem.objectives)
        strategy.tell(Trial(number, entry.choices, entry.fingerprint, entry.costs, values))
    return found


@pytest.mark.parametrize("objectives", [(ERROR,), (ERROR, Objective("params", maximise=True))], ids=["one", "two"])
@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_every_sampler_finds_more_than_random(sampler: str, objectives: tuple[Objective, ...]) -> None:
    trials = 30 if sampler == "tpe" else 14
    strategy = Optuna(sampler=sampler, startup=8)
    found = searched(strategy, begun(strategy, CELL, *objectives), trials)
    convolutions = [sum(value == "nor_conv_3x3" for value in choices.values()) for choices in found]
    assert mean(convolutions[8:]) > mean(convolutions[:8])
    assert type(strategy._study.sampler) is {"tpe": TPESampler, "gp": GPSampler}[sampler]


def test_the_sampler_keeps_away_from_what_is_over_the_budget() -> None:
    budget, shares = Budget(params=7000), {}
    for name, startup in (("told", 8), ("random", 1000)):
        strategy = Optuna(startup=startup)
        problem = begun(strategy, CELL, budget=budget)
        searched(strategy, problem, 8)
        over = 0
        for seed in range(40):
            with_seed = strategy._new_sampler(seed)
            strategy._study.sampler = with_seed
            asked = strategy._study.ask(strategy._distributions)
            choices = strategy._choices(asked.params)
            over += not problem.fits(problem.catalogue.look_up(choices, np.random.default_rng(0)))
            strategy._study.tell(asked.number, state=TrialState.FAIL)
        shares[name] = over / 40
    assert shares["told"] < shares["random"] - 0.1


def test_constraints_say_how_far_over_the_budget_a_network_is() -> None:
    strategy = Optuna(startup=2)
    problem = begun(strategy, CELL, ERROR, PARAMS, budget=Budget(params=7000, latency_ms=3))
    for number in range(2):
        entry = problem.catalogue.draw(np.random.default_rng(number))
        strategy.tell(outcome(number, entry.choices, 0.5 - number / 10, entry.costs["params"], **entry.costs))
        (constraint,) = strategy._told[number].constraints.items()  # a latency is known after the fact alone
        assert constraint == ("params", entry.costs["params"] / 7000 - 1)
    over = strategy._told[2:]
    assert 0 < len(over) <= MOST_OVER
    for trial in over:
        assert trial.constraints["params"] > 0
        assert trial.values == pytest.approx([0.5, 7000 * (1 + trial.constraints["params"])])  # what is measured is as bad as the worst


def test_choices_that_others_close_are_parameters_too() -> None:
    strategy = Optuna()
    begun(strategy, NESTED)
    strategy.tell(outcome(0, {"depth": 1, "width0": 5, "classes": 2}, 0.5))
    params = strategy._told[0].params
    assert params == {"depth": 0, "width0": 2, "classes": 0, **{f"width{layer}": CLOSED for layer in range(1, 5)}}
    assert strategy._choices(params) == {"depth": 1, "width0": 5, "classes": 2}
    assert all(isinstance(choice, CategoricalDistribution) for choice in strategy._distributions.values())


def test_numbers_in_order_are_an_order() -> None:
    options = {"width": (4, 8, 16), "op": ("a", "b"), "only": (1,), "two": (1, 2), "mixed": (4, 2, 8), "down": (0.5, 0.3, 0.1)}
    found = distributions(Encoding(options), conditional=False)
    assert found == {
        "width": IntDistribution(0, 2), "op": CategoricalDistribution((0, 1)), "two": CategoricalDistribution((0, 1)),
        "mixed": CategoricalDistribution((0, 1, 2)), "down": IntDistribution(0, 2),
    }  # fmt: skip
    assert not ordered((True, False, 2))


def test_a_failure_counts_as_the_worst_and_teaches_nothing_alone() -> None:
    strategy = Optuna()
    begun(strategy, CELL, ERROR, PARAMS)
    choices = dict.fromkeys(CELL.options(), "none")
    strategy.tell(failed(0, choices))
    assert not strategy._told
    strategy.tell(outcome(1, choices, 0.5, 10.0))
    strategy.tell(outcome(2, choices, 0.2, 90.0))
    strategy.tell(failed(3, choices))
    assert strategy._told[-1].values == [0.5, 90.0]


def test_it_keeps_away_from_trials_under_way_which_leave_nothing_behind() -> None:
    strategy = Optuna(startup=5)
    trials = plays(strategy, NESTED, 24, ahead=6)
    assert len(trials) == 24
    states = {trial.state for trial in strategy._study.trials}
    assert states == {TrialState.COMPLETE, TrialState.FAIL}


def test_a_study_is_written_anew_before_unused_samples_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archsearch.strategies.bayesian.DISCARDED", 10)
    few = Optuna(startup=3)
    found = [trial.choices for trial in plays(few, NESTED, 30)]
    assert len(few._study.trials) <= 30 + 10 + 30
    monkeypatch.undo()
    assert [trial.choices for trial in plays(Optuna(startup=3), NESTED, 30)] == found


def test_who_asks_again_for_the_same_trial_in_vain_is_answered_at_once() -> None:
    strategy = Optuna()
    begun(strategy, RARE, budget=Budget(params=1))
    rng = np.random.default_rng(0)
    assert strategy.ask(rng) == {}
    state, count = rng.bit_generator.state, len(strategy._study.trials)
    assert strategy.ask(rng) == {}
    assert (rng.bit_generator.state, len(strategy._study.trials)) == (state, count)


def test_a_space_of_one_network_is_left_to_be_drawn() -> None:
    strategy = Optuna()
    begun(strategy, SINGLE)
    strategy.tell(outcome(0, {"width": 3}, 0.5))
    assert strategy.ask(np.random.default_rng(0)) == {}
    assert Optuna().ask(np.random.default_rng(0)) == {}  # of no problem at all


def test_optuna_is_as_loud_afterwards_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    plays(Optuna(startup=2), NESTED, 6)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


MISSING = """
import sys
sys.modules["optuna"] = None
from archsearch.strategies import load_strategy
load_strategy("optuna")
"""


def test_without_optuna_one_line_says_how_to_install_it() -> None:
    done = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.stderr.splitlines()[-1] == (
        'ModuleNotFoundError: strategy "optuna" needs Optuna; install it with: pip install "archsearch[optuna]"'
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [({"sampler": "cma"}, "sampler='cma' must be one of tpe, gp"), ({"startup": 0}, "startup=0 must be at least 1")],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Optuna(**options)
