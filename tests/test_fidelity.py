"""Several fidelities: what each schedule lets climb, and that a run repeats and goes on exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from archsearch import analyse, zoo
from archsearch.analysis import Budget
from archsearch.evaluators.train import Train
from archsearch.fidelity import SCHEDULES, Asha, Fidelity, FidelityError, Hyperband, Rungs, Schedule, Step
from archsearch.runs.climb import Climb
from archsearch.runs.proposal import SearchError
from archsearch.runs.search import resume, search
from archsearch.runs.store import Run, open_run
from archsearch.strategies import STRATEGIES, Climbing, Evolution, Random
from archsearch.strategies.heard import Heard
from archsearch.supernets import load_supernet_search
from archsearch.training.narrowing import narrowed
from archsearch.trial import Trial
from tests.evaluators import Formula, Rising
from tests.runs import StoppedError, assert_same_run, made, small_search, small_space, stopping, table

EPOCHS = Fidelity("epochs", (1, 3, 9))
Values = Callable[[int, int], tuple[float, ...] | None]


def climbed(schedule: Schedule, trials: int, values: Values, count: int = 3, ahead: int = 1) -> tuple[list[Step], Rungs]:
    """All steps of a schedule, `ahead` of them under way at a time."""
    rungs, steps, told = Rungs(count, trials), list[Step](), 0
    while True:
        step = schedule.next(rungs) if len(steps) - told < ahead else None
        if step is not None:
            rungs.begin(step)
            steps.append(step)
        elif told < len(steps):
            rungs.tell(steps[told], values(*steps[told]))
            told += 1
        else:
            return steps, rungs


def by_number(trial: int, rung: int) -> tuple[float, ...]:
    """The lower the number, the better."""
    return (float(trial),)


# Schedules


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("ahead", [1, 4])
@pytest.mark.parametrize("trials", [1, 2, 7, 60])
def test_every_schedule_evaluates_all_and_lets_the_best_climb(name: str, ahead: int, trials: int) -> None:
    values = {trial: (float(value),) for trial, value in enumerate(np.random.default_rng(trials).permutation(trials))}
    steps, rungs = climbed(SCHEDULES[name](3), trials, lambda trial, rung: values[trial], ahead=ahead)
    assert len({*steps}) == len(steps)
    firsts = {trial: min(rung for number, rung in steps if number == trial) for trial in range(trials)}
    assert sorted(firsts) == list(range(trials))
    for trial in range(trials):
        own = [rung for number, rung in steps if number == trial]
        assert own == list(range(firsts[trial], firsts[trial] + len(own)))
    assert rungs.ranked(rungs.top)
    assert name == "hyperband" or not any(firsts.values())
    if trials == 60:
        best = min(values, key=values.__getitem__)
        assert best in rungs.begun[1 if name == "hyperband" else 2] or firsts[best] == 2


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("trials", [7, 60, 200])
def test_every_schedule_foretells_about_how_many_climb(name: str, trials: int) -> None:
    values = np.random.default_rng(trials).permutation(trials).tolist()
    schedule = SCHEDULES[name](3)
    expected = schedule.expected(Rungs(3, trials))
    steps, _ = climbed(schedule, trials, lambda trial, rung: (values[trial],))
    counts = [sum(step.rung == rung for step in steps) for rung in range(3)]
    assert expected == (counts if name != "asha" else pytest.approx(counts, abs=2, rel=0.4))  # of early ones more climb, as it turns out
    exhausted = Rungs(3, 10 * trials, more=False, fresh=trials)
    assert name == "hyperband" or schedule.expected(exhausted) == expected


def test_halving_keeps_one_in_eta_and_waits_for_the_whole_rung() -> None:
    steps, _ = climbed(SCHEDULES["halving"](3), 27, by_number, count=4)
    assert [step.rung for step in steps] == [0] * 27 + [1] * 9 + [2] * 3 + [3]
    assert {step.trial for step in steps if step.rung == 1} == set(range(9))
    assert steps[-1] == Step(0, 3)


def test_asha_promotes_as_soon_as_one_in_eta_is_known() -> None:
    steps, _ = climbed(Asha(3), 9, by_number)
    assert steps[:5] == [Step(0, 0), Step(1, 0), Step(2, 0), Step(0, 1), Step(3, 0)]
    assert Counter(step.rung for step in steps) == {0: 9, 1: 3, 2: 1}
    worse_and_worse, _ = climbed(Asha(3), 9, lambda trial, rung: (-float(trial),))
    assert Counter(step.rung for step in worse_and_worse)[1] >= 3  # each was the best when it was promoted


def test_delayed_asha_lets_no_more_than_one_in_eta_climb_at_any_time() -> None:
    steps, _ = climbed(SCHEDULES["delayed_asha"](3), 27, lambda trial, rung: (-float(trial),))  # each was the best when it came
    for number in range(len(steps)):
        counts = Counter(step.rung for step in steps[:number])
        assert counts[1] <= counts[0] // 3
        assert counts[2] <= counts[1] // 3
    assert Counter(step.rung for step in steps) == {0: 27, 1: 9, 2: 3}
    best_first, _ = climbed(SCHEDULES["delayed_asha"](3), 27, by_number)
    assert Step(0, 2) in best_first[:13]  # it waits for no whole rung


def test_brackets_of_hyperband_are_those_of_the_paper() -> None:
    """Table 1 of arXiv:1603.06560 has R = 81: n = 81, 34, 15, 8, 5."""
    brackets = Hyperband(3).brackets(Rungs(5, 1000))
    assert [(first, len(members)) for first, members in brackets[:6]] == [(0, 81), (1, 34), (2, 15), (3, 8), (4, 5), (0, 81)]
    assert sum(len(members) for _, members in brackets) == 1000
    steps, _ = climbed(Hyperband(3), 143, by_number, count=5)
    assert [sum(step.rung == rung for step in steps if step.trial < 81) for rung in range(5)] == [81, 27, 9, 3, 1]


def test_with_several_objectives_the_lowest_fronts_climb() -> None:
    points = {
        0: (0.0, 3.0),
        1: (1.0, 1.0),
        2: (3.0, 0.0),
        3: (4.0, 4.0),
        4: (1.0, 5.0),
        5: (2.0, 2.0),
        6: (5.0, 1.0),
        7: (6.0, 6.0),
        8: (7.0, 0.5),
    }
    steps, _ = climbed(SCHEDULES["halving"](3), 9, lambda trial, rung: points[trial])
    assert {step.trial for step in steps if step.rung == 1} == {0, 1, 2}


def test_failures_count_but_never_climb() -> None:
    steps, rungs = climbed(Asha(3), 12, lambda trial, rung: None if trial % 2 else (float(trial),))
    assert not any(step.trial % 2 for step in steps if step.rung)
    assert len(rungs.results[0]) == 12
    steps, rungs = climbed(Asha(3), 6, lambda trial, rung: None)
    assert [step.rung for step in steps] == [0] * 6


def test_a_rung_whose_ranks_say_nothing_stops_nobody() -> None:
    """Spearman below 0.4 over 20 trials on both: then all climb."""
    rng = np.random.default_rng(0)
    noise = {(trial, rung): (float(rng.random()),) for trial in range(120) for rung in range(2)}
    steps, rungs = climbed(Asha(3), 120, lambda trial, rung: noise[trial, rung], count=2)
    correlation = rungs.correlation(0)
    assert correlation is not None
    assert correlation < 0.4
    assert sum(step.rung for step in steps) > 80
    good, _ = climbed(Asha(3), 120, lambda trial, rung: noise[trial, 0], count=2)
    assert sum(step.rung for step in good) < 60


def test_the_correlation_of_rungs_is_spearmans() -> None:
    rng, rungs = np.random.default_rng(1), Rungs(2, 50)
    for trial in range(50):
        rungs.tell(Step(trial, 0), None if trial == 7 else (float(rng.integers(12)), 0.0))
        if trial % 2:
            rungs.tell(Step(trial, 1), None if trial == 9 else (float(rng.integers(12)) + trial / 5, 1.0))
    both = [trial for trial in range(1, 50, 2) if trial not in (7, 9)]
    low, high = ([results[trial][0] for trial in both] for results in rungs.results)  # type: ignore[index]
    assert rungs.correlation(0) == pytest.approx(spearmanr(low, high).statistic)


# Fidelities in words


def test_a_fidelity_is_read_and_written() -> None:
    read = Fidelity.parse("epochs=3,9,27", "halving", 4)
    assert read == Fidelity("epochs", (3, 9, 27), "halving", 4)
    assert str(read) == "epochs=3,9,27"
    assert Fidelity.from_dict(read.to_dict()) == read
    assert read.of(Train(), 1) == Train(epochs=9)
    assert Fidelity.parse("fraction=0.1,1").of(Train(), 0).fraction == 0.1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs", "must be NAME=VALUES, such as epochs=3,9,27"),
        ("epochs=3,x", "must be NAME=VALUES"),
        ("epochs=3", "needs 2 to 20 numbers"),
        ("epochs=9,3", "epochs=9,3: values must rise"),
        ("epochs=0,3", "needs 2 to 20 numbers"),
        ("epochs=nan,3", "needs 2 to 20 numbers"),
        ("9=3,4", "must be NAME=VALUES"),
    ],
)
def test_a_fidelity_that_cannot_be_is_one_line(text: str, words: str) -> None:
    with pytest.raises(FidelityError, match=words):
        Fidelity.parse(text)


def test_a_schedule_that_is_unknown_is_named() -> None:
    with pytest.raises(FidelityError, match=r"unknown schedule 'ahsa'; did you mean asha"):
        Fidelity("epochs", (1, 3), "ahsa")
    with pytest.raises(FidelityError, match="eta=1 must be a whole number of at least 2"):
        Fidelity("epochs", (1, 3), "asha", 1)


@pytest.mark.parametrize(
    ("fidelity", "words"),
    [
        (Fidelity("epoch", (1, 3)), "evaluator Train has no numeric option 'epoch'; did you mean epochs"),
        (Fidelity("optimizer", (1, 3)), "has no numeric option 'optimizer'"),
        (Fidelity("epochs", (1.5, 3)), r"fidelity epochs=1.5: epochs=1.5 must be a whole number"),
        (Fidelity("size", (8, 16)), "with another size the data are others, so it cannot be a fidelity"),
        (Fidelity("data_seed", (1, 2)), "with another data_seed the data are others"),
        (Fidelity("fraction", (0.5, 3)), r"fidelity fraction=3: fraction=3 must be a number over 0 and at most 1"),
    ],
)
def test_rungs_that_the_evaluator_does_not_take_are_refused_before_anything_begins(fidelity: Fidelity, words: str, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=words):
        search(small_space(), Random(), Train(), out=tmp_path / "run", fidelity=fidelity)
    assert not (tmp_path / "run").exists()


def test_a_supernet_has_no_rungs(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="a supernet trains all networks together, so a fidelity is nothing for it"):
        search(small_space("fabric"), load_supernet_search("fabric")(), Train(), out=tmp_path / "run", fidelity=EPOCHS)


# Runs


def quick_or_slow(name: str) -> object:
    """Two strategies, one that learns from rungs and one that does not, in the short tests; all in the long ones."""
    return pytest.param(name, marks=[] if name in ("evolution", "graph_gp") else [pytest.mark.slow])


def climbing(out: Path, strategy: object = None, **options: object) -> Run:
    return small_search(out, strategy, **{"evaluator": Rising(), "trials": 20, "fidelity": EPOCHS, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SCHEDULES)
def test_only_the_top_rung_is_on_the_front_and_keeps_its_weights(name: str, tmp_path: Path) -> None:
    run = climbing(tmp_path / "run", fidelity=replace(EPOCHS, schedule=name))
    assert len(run.trials) == 20
    assert run.front()
    assert {trial.rung for trial in run.front()} == {2}
    assert sorted(path.name for path in (run.folder / "weights").iterdir()) == sorted(
        f"{trial.number:06d}.safetensors" for trial in run.front()
    )
    assert sorted(run.tests) == sorted(trial.number for trial in run.front())
    for trial in run.trials:
        steps = [placed.trial for placed in run.steps if placed.trial.number == trial.number]
        assert [step.rung for step in steps] == list(range(steps[0].rung, trial.rung + 1))
        assert steps[-1].metrics == trial.metrics
        assert [len(step.curve) for step in steps] == [len(trial.curve[: EPOCHS.values[step.rung]]) for step in steps]  # type: ignore[misc]
        assert len(trial.curve) == EPOCHS.values[trial.rung]
        assert all(step.metrics["params"] == trial.metrics["params"] for step in steps)
    assert any(name.startswith("rung_correlation_0") for notes in run.notes.values() for name in notes)


@pytest.mark.parametrize("name", [quick_or_slow(name) for name in STRATEGIES if name != "exhaustive"])
def test_every_strategy_climbs_and_its_resume_is_replay(name: str, tmp_path: Path) -> None:
    climbing(tmp_path / "whole", made(name))

    for stop in (3, 11):
        folder = tmp_path / f"broken{stop}"
        with pytest.raises(StoppedError, match="stopped by the test"):
            climbing(folder, made(name), progress=stopping(5 * stop))
        assert 0 < len(open_run(folder).steps) < len(open_run(tmp_path / "whole").steps)
        resume(folder, small_space(), made(name), Rising())
        assert_same_run(tmp_path / "whole", folder)


@pytest.mark.parametrize("schedule", [name if name == "asha" else pytest.param(name, marks=pytest.mark.slow) for name in SCHEDULES])
def test_a_run_of_rungs_repeats_whatever_the_workers(schedule: str, tmp_path: Path) -> None:
    fidelity = replace(EPOCHS, schedule=schedule)
    climbing(tmp_path / "inline", fidelity=fidelity)
    climbing(tmp_path / "one", workers=1, fidelity=fidelity)
    assert_same_run(tmp_path / "inline", tmp_path / "one")
    for name in ("a", "b"):
        climbing(tmp_path / name, workers=2, fidelity=fidelity)
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_failures_on_any_rung_are_recorded_and_tried_again(tmp_path: Path) -> None:
    run = climbing(tmp_path / "run", evaluator=Rising(fails=True), trials=40)
    failed = [trial for trial in run.trials if trial.failure]
    assert failed
    again = resume(tmp_path / "run", small_space(), Evolution(population=10, tournament=4), Rising(fails=True), retry_failed=True)
    assert [trial.number for trial in again.trials if trial.failure] == [trial.number for trial in failed]
    assert table(tmp_path / "run", "rungs") == sorted(table(tmp_path / "run", "rungs"), key=lambda row: row[0])


def test_more_trials_go_on_from_what_there_is(tmp_path: Path) -> None:
    climbing(tmp_path / "run")
    run = resume(tmp_path / "run", small_space(), Evolution(population=10, tournament=4), Rising(), trials=30)
    assert len(run.trials) == 30
    assert len({(placed.trial.number, placed.trial.rung) for placed in run.steps}) == len(run.steps)


def test_a_space_that_is_used_up_still_climbs(tmp_path: Path) -> None:
    run = climbing(tmp_path / "run", made("random"), trials=5, budget=Budget())
    assert run.front()


def test_a_promoted_network_goes_on_with_its_weights(tmp_path: Path) -> None:
    """With rungs of 2 and 3 epochs the second trains one epoch more; a network that began anew would be where it was behind the first."""
    space = small_space()
    fidelity = Fidelity("epochs", (4, 5))
    run = search(space, Random(), Train(epochs=5), out=tmp_path / "run", trials=3, workers=0, objectives=["error"], fidelity=fidelity)
    [best] = run.front()
    assert len(best.curve) == 5
    assert best.curve[4]["train_loss"] < best.curve[0]["train_loss"]
    assert best.curve[4]["train_loss"] < best.curve[2]["train_loss"]


@pytest.mark.slow
def test_networks_may_be_narrower_on_lower_rungs_and_are_widened_with_their_weights(tmp_path: Path) -> None:
    space, fidelity = small_space(), Fidelity("width", (0.25, 0.5, 1))
    run = search(space, Random(), Train(epochs=3), out=tmp_path / "run", trials=9, workers=0, objectives=["error"], fidelity=fidelity)
    [best] = run.front()
    assert len(best.curve) == 9
    assert best.curve[6]["train_loss"] < best.curve[0]["train_loss"]
    assert run.tests[best.number]["error"] < 0.5
    first = [placed.trial for placed in run.steps if placed.trial.number == best.number]
    assert len({trial.metrics["params"] for trial in first}) == 1  # what it costs is what it costs in full width
    with pytest.raises(SearchError, match="networks of other widths have other weights"):
        search(space, Random(), Train(), out=tmp_path / "other", fidelity=fidelity, inherit=True)


@pytest.mark.parametrize("name", ["resnet20_cifar", "mobilenet_v2", "densenet40_12_cifar", "lenet5"])
def test_a_narrowed_network_has_fewer_channels_and_the_same_outputs(name: str) -> None:
    whole = zoo.build(name)
    half = narrowed(whole, 0.5)
    assert narrowed(whole, 1) is whole
    assert analyse(half).params < 0.5 * analyse(whole).params
    assert [half.specs[output] for output in half.outputs] == [whole.specs[output] for output in whole.outputs]
    assert {node.name for node in half.nodes} == {node.name for node in whole.nodes}


def test_a_run_without_rungs_says_so(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", evaluator=Formula(), trials=5)
    assert run.record.fidelity is None
    assert run.steps == ()
    assert table(tmp_path / "run", "rungs") == []


# What models learn


def told(number: int, rung: int, *values: float) -> Trial:
    return Trial(number, {"x": number}, f"{number:032x}", {}, values, rung=rung)


def test_models_get_every_trial_once_with_its_values_brought_to_the_top() -> None:
    heard = Heard()
    tells = [told(0, 0, 0.4, 7), told(1, 0, 0.6, 5), told(2, 0, 0.8, 3), told(0, 1, 0.2, 7), told(1, 1, 0.3, 5), told(0, 2, 0.1, 7)]
    firsts = [heard.tell(trial) for trial in tells]
    assert firsts == [True, True, True, False, False, False]
    assert [trial.values for trial in heard.known(3)] == [(0.4, 7), (0.6, 5), (0.8, 3)]
    known = heard.known()
    assert [(trial.number, trial.rung) for trial in known] == [(0, 2), (1, 1), (2, 0)]
    assert [trial.values for trial in known] == [pytest.approx((0.1, 7)), pytest.approx((0.15, 5)), pytest.approx((0.2, 3))]
    heard = Heard([told(0, 0, -1.0), told(1, 0, -2.0), told(0, 1, -4.0)], [1, 2])
    assert [trial.values for trial in heard.known()] == [(-4.0,), (-5.0,)]


@pytest.mark.parametrize("name", ["graph_gp", "predictor", "auto"])
def test_models_hear_of_climbs_and_others_do_not(name: str, tmp_path: Path) -> None:
    strategy = made(name)
    assert isinstance(strategy, Climbing)
    assert not isinstance(made("evolution"), Climbing)
    run = climbing(tmp_path / "run", strategy, trials=24)
    assert len(run.steps) > 24
    assert run.front()


def test_a_longer_training_goes_on_and_one_on_more_images_begins_anew() -> None:
    assert Fidelity("epochs", (1, 3, 9)).costs == (1, 2, 6)
    assert Fidelity("fraction", (0.1, 0.5, 1)).costs == (0.1, 0.5, 1)


def test_a_long_step_holds_up_nobody(tmp_path: Path) -> None:
    """By numbers: two workers, steps that take as long as their rung costs, the top one a hundred times as long as the lowest."""
    fidelity = Fidelity("epochs", (0.1, 0.5, 2, 12))
    recorded = climbing(tmp_path / "run", fidelity=EPOCHS, trials=1, workers=2).record
    climb = Climb(replace(recorded, trials=60, fidelity=fidelity), {})
    values = np.random.default_rng(0).random(60).tolist()
    free, now, ends, worked = [0.0, 0.0], 0.0, dict[int, float](), 0.0
    while True:
        step = climb.next() if climb.told >= climb.wanted else None
        if step is not None:
            cost = fidelity.costs[step.rung]
            ends[len(climb.steps) - 1] = begun = max(now, heappop(free)) + cost
            heappush(free, begun)
            worked += cost
        elif climb.told == len(climb.steps):
            break
        else:
            now = max(now, ends[climb.due])
            trial = Trial(climb.steps[climb.due].trial, {}, "", {}, (values[climb.steps[climb.due].trial],))
            climb.results[climb.due] = trial
            climb.tell()
    assert len(climb.rungs.results[3]) >= 2
    assert max(ends.values()) < 1.2 * worked / 2
