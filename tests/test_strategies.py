"""The contract of ask and tell, for every strategy; and what is said of each of those that need no model."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from archsearch import Builder, Genotype, Pick
from archsearch.analysis import Budget
from archsearch.ops import Conv2d, Flatten, Linear, ReLU
from archsearch.pareto import dominates
from archsearch.runs.proposal import Proposer, Refused, SearchError, problem_of
from archsearch.runs.record import Record
from archsearch.runs.search import resume
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.space import Choices, Space, SpaceError
from archsearch.strategies import (
    STRATEGIES,
    Auto,
    Evolution,
    Exhaustive,
    Local,
    Nsga2,
    Nsga3,
    Problem,
    Random,
    Strategy,
    begin,
    load_strategy,
)
from archsearch.strategies.nsga import directions, normalised
from archsearch.trial import Failure, Objective, Trial
from tests.evaluators import Formula
from tests.runs import OPTIONS, made, small_search, small_space, table

TREE = Path(__file__).parents[1]
ERROR, PARAMS = Objective("error"), Objective("params")


def nested(pick: Pick) -> Genotype:
    """Over 4,000 networks; depth decides how many widths there are, and some of them are invalid."""
    b = Builder((1, 6, 6))
    x = b.input
    widths = [pick(f"width{layer}", [2, 3, 5, 8]) for layer in range(pick("depth", [1, 2, 3, 4, 5]))]
    for width in widths:
        x = b(ReLU(), b(Conv2d(width), x))
    if widths[0] == 8 and len(widths) > 3:
        raise ValueError("too wide a beginning")
    return b.genotype(b(Linear(pick("classes", [2])), b(Flatten(), x)))


def single(pick: Pick) -> Genotype:
    """One network alone."""
    b = Builder((4,))
    return b.genotype(b(Linear(pick("width", [3])), b.input))


def rare(pick: Pick) -> Genotype:
    """A million networks with 6 + 5 (sum of all widths) params, all different."""
    b = Builder((1,))
    x = b.input
    for layer in range(6):
        x = b(Linear(pick(f"width{layer}", list(range(1, 11)))), x)
    return b.genotype(x)


NESTED, SINGLE, RARE = Space("nested", nested, {}), Space("single", single, {}), Space("rare", rare, {})


def changing(pick: Pick) -> Genotype:
    """Six widths in each of two kinds, which have three in common."""
    b = Builder((4,))
    wide = pick("kind", ["wide", "slim"]) == "wide"
    x = b(Linear(pick("width", [4, 5, 6, 7, 8, 9] if wide else [1, 2, 3, 4, 5, 6])), b.input)
    return b.genotype(b(ReLU(), x) if wide else x)


def broken(pick: Pick) -> Genotype:
    b = Builder((4,))
    return b.genotype(b(Linear(pick("width", [(1, 3)])), b.input))


def empty(pick: Pick) -> Genotype:
    raise ValueError(f"never with {pick('width', [1, 2])}")


CHANGING, BROKEN, EMPTY = Space("changing", changing, {}), Space("broken", broken, {}), Space("empty", empty, {})
FITS_ONE = 12
"""Params of the one network of RARE that has a width of 1 everywhere."""


def begun(strategy: Strategy, space: Space, objectives: int = 1, budget: Budget | None = None, trials: int = 60) -> Problem:
    """The problem that a strategy was told of."""
    problem = Problem(Catalogue(space), (ERROR, PARAMS)[:objectives], budget or Budget(), trials)
    begin(strategy, problem)
    return problem


def proposer(strategy: Strategy, space: Space, objectives: int = 1, budget: Budget | None = None, trials: int = 60) -> Proposer:
    record = Record("", {}, "", {}, "", {}, (ERROR, PARAMS)[:objectives], budget or Budget(), trials, seed=3, workers=0, lookahead=1)
    return Proposer(problem_of(record, space, Formula()), strategy, record.seed)


def outcome(number: int, choices: Choices, *values: float) -> Trial:
    return Trial(number, choices, str(number), {}, values)


def judged(number: int, choices: Choices, costs: dict[str, float], objectives: int) -> Trial:
    """A trial whose error says how far choices are from the last on offer; every seventh fails."""
    error = 1 / (1 + sum(len(repr(value)) + (value if isinstance(value, int) else 0) for value in choices.values()))
    if number % 7 == 5:
        return Trial(number, choices, str(number), costs, None, Failure("crashed", "x"))
    return Trial(number, choices, str(number), {**costs, "error": error}, (error, costs["params"])[:objectives])


def plays(strategy: Strategy, space: Space, trials: int, objectives: int = 1, ahead: int = 1) -> list[Trial]:
    """Trials of a run in which a strategy is told of each when `ahead` are under way."""
    asking, done, waiting = proposer(strategy, space, objectives, trials=trials), [], []
    for number in range(trials):
        proposal = asking.propose(number, [trial.choices for trial in waiting])
        if isinstance(proposal, Refused):
            break
        waiting.append(judged(number, proposal.choices, proposal.costs, objectives))
        if len(waiting) >= ahead:
            done.append(waiting.pop(0))
            strategy.tell(done[-1])
    return done + waiting


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_keeps_the_protocol(name: str) -> None:
    assert isinstance(made(name), Strategy)
    assert (load_strategy(name).__doc__ or "").strip()


@pytest.mark.parametrize("space", [small_space("chain"), NESTED], ids=["chain", "nested"])
@pytest.mark.parametrize("objectives", [1, 2])
@pytest.mark.parametrize("name", STRATEGIES)
def test_answers_lie_in_the_space_and_depend_on_tells_and_rng_alone(name: str, objectives: int, space: Space) -> None:
    if name == "exhaustive" and space.source == "chain":
        return  # too large for it
    pair = [made(name), made(name)]
    problems = [begun(strategy, space, objectives) for strategy in pair]
    for number in range(16 if name in OPTIONS else 30):
        asked = [strategy.ask(np.random.default_rng([7, number])) for strategy in pair]
        assert asked[0] == asked[1]
        try:
            _, choices = space.resolve(asked[0], np.random.default_rng(number))
        except SpaceError:
            raise
        except ValueError:
            continue  # allowed on offer, but no network: the loop asks again
        assert asked[0].items() <= choices.items() or set(asked[0]) - set(choices)
        for problem, strategy in zip(problems, pair, strict=True):
            entry = problem.catalogue.look_up(choices, np.random.default_rng(0))
            problem.seen.add(entry.fingerprint)
            strategy.tell(judged(number, entry.choices, entry.costs, objectives))
        pair[1].ask(np.random.default_rng(number))  # an ask whose trial was never recorded changes nothing


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_network_comes_twice_with_several_under_way(name: str) -> None:
    trials = plays(made(name), NESTED, 40, objectives=2, ahead=4)
    assert len(trials) == 40
    catalogue = Catalogue(NESTED)
    prints = [catalogue.look_up(trial.choices, np.random.default_rng(0)).fingerprint for trial in trials]
    assert len(set(prints)) == 40


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_run_that_begins_with_failures_goes_on(name: str) -> None:
    strategy = made(name)
    asking = proposer(strategy, NESTED, 2)
    for number in range(24):
        proposal = asking.propose(number)
        assert not isinstance(proposal, Refused)
        trial = judged(number, proposal.choices, proposal.costs, 2)
        strategy.tell(trial if number > 3 else Trial(number, trial.choices, trial.fingerprint, {}, None, Failure("crashed", "x")))


@pytest.mark.parametrize("name", STRATEGIES)
def test_spaces_whose_options_depend_on_other_choices_are_searched_to_their_end(name: str) -> None:
    trials = plays(made(name), CHANGING, 40, objectives=2)
    assert len(trials) == len({(choices["kind"], choices["width"]) for choices in (trial.choices for trial in trials)}) == 12


@pytest.mark.parametrize("space", [BROKEN, EMPTY], ids=["broken", "empty"])
def test_a_space_that_nobody_can_draw_from_is_refused_before_anything_is_asked(space: Space) -> None:
    asked: list[int] = []

    class Asking(Random):
        def ask(self, rng: np.random.Generator) -> Choices:
            asked.append(1)
            return {}

    words = r"offers \(1, 3\) \(tuple\); options are|'empty' gives no valid network in 1000 tries; .*: never"
    with pytest.raises(SpaceError, match=words):
        proposer(Asking(), space)
    assert not asked


SAME = """
import json
from archsearch.strategies import STRATEGIES
from tests.test_strategies import played
print(json.dumps({name: played(name) for name in STRATEGIES}))
"""


def played(name: str) -> str:
    return str([sorted(trial.choices.items()) for trial in plays(made(name), NESTED, 30, 2)])


@pytest.fixture(scope="module")
def played_elsewhere() -> dict[str, str]:
    """What every strategy asks for in another process."""
    return json.loads(subprocess.run([sys.executable, "-c", SAME], capture_output=True, text=True, cwd=TREE, check=True).stdout)


@pytest.mark.parametrize("name", STRATEGIES)
def test_another_process_does_the_same(name: str, played_elsewhere: dict[str, str]) -> None:
    assert played_elsewhere[name] == played(name)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_space_of_one_network_ends_the_run(name: str, tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", made(name), space=SINGLE, trials=5, budget=Budget())
    assert [trial.choices for trial in run.trials] == [{"width": 3}]
    assert run.refusals["duplicate"] > 0


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_budget_that_leaves_one_in_a_million_ends_in_bounded_work(name: str) -> None:
    calls = [0]

    def counted(pick: Pick) -> Genotype:
        calls[0] += 1
        return rare(pick)

    strategy, space = made(name), Space("rare", counted, {})
    budget = Budget(params=FITS_ONE)
    if name == "exhaustive":
        with pytest.raises(SpaceError, match="1,000,000 choices, too many"):
            proposer(strategy, space, budget=budget)
        return
    asking = proposer(strategy, space, budget=budget)
    for number in range(24):  # such as were done before the budget was so narrow
        _, choices = space.sample(np.random.default_rng(number))
        strategy.tell(judged(number, choices, {"params": 1.0}, 1))
    with pytest.raises(SearchError, match="no network of space 'rare' met the budget in 1000 tries; the closest had params"):
        asking.propose(24)
    assert calls[0] < 12_000


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_run_goes_on_where_it_stopped(name: str, tmp_path: Path) -> None:
    whole = small_search(tmp_path / "whole", made(name), objectives=("error",), trials=36)
    small_search(tmp_path / "half", made(name), objectives=("error",), trials=17)
    resume(tmp_path / "half", small_space(), made(name), Formula(), trials=36)
    assert table(whole.folder, "trials") == table(tmp_path / "half", "trials")


def test_unknown_strategies_are_named() -> None:
    with pytest.raises(ValueError, match="unknown strategy 'evolutoin'; did you mean evolution"):
        load_strategy("evolutoin")


def test_evolution_forgets_the_oldest_and_mutates_one_choice() -> None:
    strategy = Evolution(population=3, tournament=3)
    begun(strategy, small_space("cell"))
    cells = [{f"{a}->{b}": op for a, b in ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))} for op in
             ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect")]  # fmt: skip
    for number, choices in enumerate(cells):
        strategy.tell(outcome(number, choices, float(number)))
    for seed in range(10):
        child = strategy.ask(np.random.default_rng(seed))
        assert sum(child[name] != value for name, value in cells[1].items()) == 1  # trial 0 was the best, and has died of age


def test_evolution_mutates_again_when_the_child_is_known() -> None:
    strategy = Evolution(population=1, tournament=1)
    problem = begun(strategy, SINGLE_CHOICE)
    strategy.tell(outcome(0, {"width": 1}, 0.0))
    for width in (1, 2, 3):
        problem.seen.add(problem.catalogue.look_up({"width": width}, np.random.default_rng(0)).fingerprint)
    asked = [strategy.ask(np.random.default_rng(seed))["width"] for seed in range(40)]
    assert asked.count(4) > 30


def choice_of_four(pick: Pick) -> Genotype:
    b = Builder((4,))
    return b.genotype(b(Linear(pick("width", [1, 2, 3, 4])), b.input))


SINGLE_CHOICE = Space("four", choice_of_four, {})


def test_evolution_takes_the_least_crowded_of_the_front() -> None:
    strategy = Evolution(population=4, tournament=4)
    begun(strategy, SINGLE_CHOICE, 2)
    for number, values in enumerate([(0, 10), (1, 9), (2, 8), (10, 10)]):
        strategy.tell(outcome(number, {"width": number + 1}, *values))
    children = {strategy.ask(np.random.default_rng(seed))["width"] for seed in range(40)}
    assert children <= {2, 3, 4} or children <= {1, 2, 4}  # those of one end of the front, never of the middle


@pytest.mark.parametrize(("population", "tournament"), [(0, 1), (5, 6), (5, 0)])
def test_evolution_refuses_sizes_that_cannot_be(population: int, tournament: int) -> None:
    with pytest.raises(ValueError, match=rf"tournament={tournament} must lie in 1..population={population}"):
        Evolution(population, tournament)


@pytest.mark.parametrize("make", [lambda: Evolution(12, 5), Local, lambda: Nsga2(12), lambda: Nsga3(12)])
def test_those_that_learn_find_more_than_random(make: Callable[[], Strategy], tmp_path: Path) -> None:
    best: dict[str, list[float]] = {"learned": [], "random": []}
    for seed in range(4):
        for name, strategy in (("learned", make()), ("random", Random())):
            run = small_search(tmp_path / f"{name}{seed}", strategy, objectives=("error",), trials=70, seed=seed)
            best[name].append(run.front()[0].metrics["error"])
    assert mean(best["learned"]) < mean(best["random"])


def test_exhaustive_finds_every_network_once_in_a_random_order() -> None:
    orders = []
    for seed in (0, 1):
        catalogue = Catalogue(NESTED)
        strategy, problem = Exhaustive(), Problem(catalogue, (ERROR,), Budget(params=400), 10)
        strategy.begin(problem)
        wanted = {entry.fingerprint for entry in catalogue.walk() if entry.costs["params"] <= 400}
        found = []
        for number in range(len(wanted)):
            entry = catalogue.look_up(strategy.ask(np.random.default_rng([seed, number])), np.random.default_rng(0))
            found.append(entry.fingerprint)
            problem.seen.add(entry.fingerprint)
        assert set(found) == wanted
        assert strategy.ask(np.random.default_rng(0)) == {}
        orders.append(found)
    assert orders[0] != orders[1]


def test_exhaustive_takes_larger_spaces_where_no_choice_depends_on_another() -> None:
    def grid(pick: Pick) -> Genotype:
        b = Builder((4,))
        return b.genotype(b(Linear(1 + sum(10**place * pick(f"digit{place}", list(range(10))) for place in range(4)) % 99), b.input))

    def deep(pick: Pick) -> Genotype:
        return grid(pick) if pick("kind", [0, 1]) else b_of(pick("other", [1, 2]))

    def b_of(width: int) -> Genotype:
        b = Builder((4,))
        return b.genotype(b(Linear(width), b.input))

    begun(Exhaustive(), Space("grid", grid, {}))
    with pytest.raises(SpaceError, match=r"holds 10,\d+ choices, too many to try all \(at most 10,000\)"):
        begun(Exhaustive(), Space("deep", deep, {}))


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_a_strategy_remembers_is_no_option(name: str) -> None:
    assert not [f.name for f in dataclasses.fields(made(name)) if f.init and f.name.startswith("_")]  # type: ignore[arg-type]


def test_a_mutation_takes_any_other_option() -> None:
    strategy = Nsga2(2, mutations=6.0)
    begun(strategy, small_space("cell"), 2)
    names, ops = list(small_space("cell").options()), set(small_space("cell").options()["0->1"])
    for number in range(2):
        strategy.tell(outcome(number, dict.fromkeys(names, "nor_conv_1x1"), number, 9 - number))
    assert {op for child in asks(strategy, 60) for op in child.values()} == ops - {"nor_conv_1x1"}


def test_exhaustive_walks_a_grid_to_its_end(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", Exhaustive(), space=SINGLE_CHOICE, trials=9, budget=Budget(params=15))
    assert sorted(trial.choices["width"] for trial in run.trials) == [1, 2, 3]


def test_what_exhaustive_found_done_on_its_way_changes_nothing() -> None:
    def numbered(pick: Pick) -> Genotype:
        b = Builder((4,))
        return b.genotype(b(Linear(1000 * pick("a", list(range(20))) + pick("b", list(range(1, 31)))), b.input))

    strategy, problem = Exhaustive(), Problem(Catalogue(Space("numbered", numbered, {})), (ERROR,), Budget(), 10)
    strategy.begin(problem)
    entries = list(problem.catalogue.walk())
    problem.seen.update(entry.fingerprint for entry in entries[:-20])
    fresh = Exhaustive()
    fresh.begin(problem)
    for number in range(20):
        rng = np.random.default_rng(number)
        choices = strategy.ask(rng)
        assert choices == fresh.ask(np.random.default_rng(number))  # what it found closed on its way changes nothing
        fresh.begin(problem)
        problem.seen.add(problem.catalogue.look_up(choices, rng).fingerprint)
    assert strategy.ask(np.random.default_rng(0)) == {}


@pytest.mark.parametrize(("crossover", "both"), [(1.0, True), (0.0, False)])
def test_children_come_from_two_parents_by_crossover_alone(crossover: float, both: bool) -> None:
    strategy = Nsga2(population=2, crossover=crossover, mutations=1e-9)
    begun(strategy, small_space("cell"))
    names = list(small_space("cell").options())
    parents = [dict.fromkeys(names, op) for op in ("nor_conv_3x3", "skip_connect")]
    for number, choices in enumerate(parents):
        strategy.tell(outcome(number, choices, 0.5))
    children = [strategy._child(np.random.default_rng(seed)) for seed in range(60)]
    mixed = [child for child in children if min(differences(child, parent) for parent in parents) > 1]
    assert bool(mixed) == both
    assert all(set(child.values()) <= {"nor_conv_3x3", "skip_connect"} for child in mixed)


def test_local_search_steps_to_neighbours_and_moves_to_the_first_that_is_better() -> None:
    strategy = Local()
    problem = begun(strategy, small_space("cell"))
    start = dict.fromkeys(problem.catalogue.options, "avg_pool_3x3")
    strategy.tell(outcome(0, start, 0.5))
    step = strategy.ask(np.random.default_rng(0))
    assert differences(step, start) == 1
    strategy.tell(outcome(1, step, 0.6))
    assert differences(strategy.ask(np.random.default_rng(1)), start) == 1
    strategy.tell(outcome(2, step, 0.4))
    assert {differences(strategy.ask(np.random.default_rng(seed)), step) for seed in range(20)} == {1}


def test_local_search_crosses_plateaus_and_begins_anew_at_the_top() -> None:
    strategy = Local()
    problem = begun(strategy, small_space("cell"))
    start = dict.fromkeys(problem.catalogue.options, "nor_conv_3x3")
    strategy.tell(outcome(0, start, 0.5))
    equal = {**start, "0->1": "nor_conv_1x1"}
    strategy.tell(outcome(1, equal, 0.5))
    assert {differences(strategy.ask(np.random.default_rng(seed)), equal) for seed in range(40)} >= {1, 2}
    for choices in [start, equal, *problem.catalogue.neighbours(start), *problem.catalogue.neighbours(equal)]:
        problem.seen.add(problem.catalogue.look_up(choices, np.random.default_rng(0)).fingerprint)
    assert strategy.ask(np.random.default_rng(0)) == {}
    far = dict.fromkeys(problem.catalogue.options, "skip_connect")
    strategy.tell(outcome(2, far, 0.9))  # worse, but where it begins anew
    assert differences(strategy.ask(np.random.default_rng(0)), far) == 1


def test_local_search_stands_on_a_front() -> None:
    strategy = Local()
    begun(strategy, small_space("cell"), 2)
    base = dict.fromkeys(small_space("cell").options(), "nor_conv_3x3")
    front = [{**base, "0->1": op} for op in ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")]
    for number, (choices, values) in enumerate(zip(front, [(1, 9), (5, 5), (9, 1)], strict=True)):
        strategy.tell(outcome(number, choices, *values))
    strategy.tell(outcome(3, {**base, "0->1": "none"}, 9, 9))
    near = {min(range(3), key=lambda i: differences(child, front[i])) for child in asks(strategy, 60)}
    assert near == {0, 1, 2}


def asks(strategy: Strategy, times: int) -> list[Choices]:
    return [strategy.ask(np.random.default_rng(seed)) for seed in range(times)]


def differences(a: Choices, b: Choices) -> int:
    return sum(a.get(name) != value for name, value in b.items())


@pytest.mark.parametrize("strategy", [Nsga2(4, mutations=1e-9), Nsga3(4, mutations=1e-9)], ids=["nsga2", "nsga3"])
def test_a_child_takes_its_choices_from_two_parents(strategy: Strategy) -> None:
    begun(strategy, small_space("cell"), 2)
    names = list(small_space("cell").options())
    for number, op in enumerate(["nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect"]):
        strategy.tell(outcome(number, dict.fromkeys(names, op), number, 9 - number))
    mixed = [child for child in asks(strategy, 60) if len(set(child.values())) == 2]
    assert len(mixed) > 30  # the others are a parent with one choice changed


def test_choices_that_one_parent_alone_has_come_along() -> None:
    strategy = Nsga2(2, crossover=1.0, mutations=1e-9)
    begun(strategy, NESTED)
    strategy.tell(outcome(0, {"depth": 1, "width0": 2, "classes": 2}, 1.0))
    strategy.tell(outcome(1, {"depth": 3, "width0": 3, "width1": 5, "width2": 8, "classes": 2}, 2.0))
    children = asks(strategy, 60)
    deep = [child for child in children if child["depth"] == 3]
    assert deep
    assert {1, 3} <= {child["depth"] for child in children}
    assert sum(child["width1"] == 5 and child["width2"] == 8 for child in deep) > len(deep) / 2


@pytest.mark.parametrize("make", [Nsga2, Nsga3])
def test_the_best_front_stays_and_what_breaks_a_measured_limit_stands_behind(make: type[Nsga2 | Nsga3]) -> None:
    strategy = make(6)
    begun(strategy, small_space("cell"), 2, Budget(latency_ms=10))
    rng = np.random.default_rng(0)
    kept = []
    for number in range(60):
        a, b = (float(value) for value in rng.random(2))
        latency = 9.0 if number % 2 else 10.0 + a
        kept.append(Trial(number, {"0->1": str(number)}, str(number), {"latency_ms": latency}, (a, b)))
        strategy.tell(kept[-1])
    alive = {int(str(member.choices["0->1"])) for member in strategy._members}
    assert len(alive) == 6
    good = [trial for trial in kept if trial.metrics["latency_ms"] <= 10]
    assert alive <= {trial.number for trial in good}
    front = {t.number for t in good if not any(dominates(other.values, t.values) for other in good)}
    assert front <= alive if len(front) <= 6 else alive <= front


@pytest.mark.parametrize("make", [Nsga2, Nsga3])
def test_of_those_over_a_limit_the_least_over_all_limits_stay(make: type[Nsga2 | Nsga3]) -> None:
    strategy = make(2)
    begun(strategy, small_space("cell"), 2, Budget(latency_ms=10, params=100))
    for number, (latency, params) in enumerate([(15, 50), (11, 110), (13, 90), (10.1, 150)]):
        strategy.tell(Trial(number, {"0->1": str(number)}, str(number), {"latency_ms": latency, "params": params}, (0.5, 0.5)))
    assert [member.choices["0->1"] for member in strategy._members] == ["1", "2"]


def test_nsga_refuses_sizes_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="population=1 must be at least 2"):
        Nsga2(1)
    with pytest.raises(ValueError, match=r"crossover=1.5 must lie in 0..1"):
        Nsga3(crossover=1.5)


@pytest.mark.parametrize(("objectives", "most", "count"), [(2, 20, 20), (3, 21, 21), (3, 20, 15), (4, 3, 4), (3, 91, 91)])
def test_directions_are_the_lattice_of_das_and_dennis(objectives: int, most: int, count: int) -> None:
    found = directions(objectives, most)
    assert found.shape == (count, objectives)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    assert (found >= 0).all()
    assert len(np.unique(found.round(9), axis=0)) == count
    assert all(any(np.allclose(row, end) for row in found) for end in np.eye(objectives))


def test_values_are_normalised_by_the_plane_through_the_ends() -> None:
    simplex = np.array([[4.0, 0, 0], [0, 10, 0], [0, 0, 2], [1, 1, 1], [4, 10, 2]]) + 7
    found = normalised(simplex)
    assert found[:3] == pytest.approx(np.eye(3))
    assert found.min() == 0
    assert np.isfinite(normalised(np.ones((3, 2)))).all()


def test_nsga3_spreads_over_the_directions() -> None:
    strategy = Nsga3(15)
    begun(strategy, small_space("cell"), 2)
    rng = np.random.default_rng(1)
    for number in range(300):
        point = rng.random(3)
        strategy.tell(outcome(number, {"0->1": str(number)}, *(point / np.linalg.norm(point)).tolist()))
    kept = normalised(np.array([member.values for member in strategy._members]))
    towards = directions(3, 15)
    cosines = (kept / np.linalg.norm(kept, axis=1, keepdims=True)) @ towards.T
    assert len(set(cosines.argmax(axis=1))) >= 11


# Auto


def test_auto_asks_its_models_in_turn_and_tells_all_who_may_be_asked() -> None:
    asked = ("first", "first", "first", "beside", "first", "beside", "then", "then")
    names = {"first": "exhaustive", "beside": "random", "then": "evolution"}
    auto, twins = Auto(**names, until=6, alone=2), {part: made(name) for part, name in names.items()}
    problem = begun(auto, small_space())
    for twin in twins.values():
        begun(twin, small_space())
    for number, part in enumerate(asked):
        choices = auto.ask(np.random.default_rng(number))
        assert choices == twins[part].ask(np.random.default_rng(number)), number
        full = problem.catalogue.look_up(choices, np.random.default_rng(number)).choices
        for strategy in (auto, *twins.values()):
            strategy.tell(outcome(number, full, 0.5))


def test_auto_counts_the_trials_under_way_too() -> None:
    auto = Auto(first="random", beside="exhaustive", then="random", until=6, alone=2)
    problem = begun(auto, small_space())
    for number in range(3):
        auto.tell(outcome(number, {}, 0.5))
    asked = []
    for under_way in range(5):
        problem.pending = ({},) * under_way
        asked.append(bool(auto.ask(np.random.default_rng(0))))
    assert asked == [True, False, True, False, False]  # the 4th trial to the 8th; random chooses nothing itself


def test_auto_does_not_hold_itself() -> None:
    with pytest.raises(ValueError, match="first, beside and then=graph_gp, auto, local must be others than auto"):
        Auto(beside="auto")


@pytest.mark.slow
def test_two_models_in_turn_go_on_where_they_stopped(tmp_path: Path) -> None:
    whole = small_search(tmp_path / "whole", Auto(alone=8), objectives=("error",), trials=26)
    small_search(tmp_path / "half", Auto(alone=8), objectives=("error",), trials=17)
    resume(tmp_path / "half", small_space(), Auto(alone=8), Formula(), trials=26)
    assert table(whole.folder, "trials") == table(tmp_path / "half", "trials")
    assert any("kendall_tau_error" in notes for notes in whole.notes.values())
