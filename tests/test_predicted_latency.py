"""Latency that is predicted in a search: refused before training, known to strategies, recorded beside what was measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from archsearch.analysis import PREDICTED, Budget, Device, known_costs, latency_ms, read_device
from archsearch.analysis.latency import Factors
from archsearch.evaluators.train import Train
from archsearch.report.of_run import report_run
from archsearch.report.sections import reason_text
from archsearch.runs.agreement import CORRELATION, COUNT, FLOOR, RATIO, agreement, latency_words
from archsearch.runs.proposal import SearchError
from archsearch.runs.record import Prefilter, Record
from archsearch.runs.search import resume, search
from archsearch.runs.store import Run, open_run
from archsearch.spaces.catalogue import Catalogue
from archsearch.strategies import Problem, Random, Strategy
from archsearch.strategies.base import OVER_PREDICTED, SLACK
from archsearch.support.reading import place
from archsearch.training.device import machine_name
from archsearch.training.latency import sample_networks
from archsearch.training.this_machine import this_machine
from archsearch.trial import EvaluationError, Objective, Trial
from tests.evaluators import ROOFLINE, Clocked
from tests.runs import made, small_search, small_space, table
from tests.warm import run_python

TREE = Path(__file__).parents[1]
LIMIT = 0.25
"""Milliseconds that about half of the networks take on ROOFLINE."""
ALL = sample_networks()
STRATEGIES = ("graph_gp", "predictor", "optuna", "nsga2", "auto", "exhaustive", "local")


def latency_search(out: Path, strategy: Strategy | None = None, evaluator: Any = None, **options: Any) -> Run:
    options = {"objectives": ("error", "latency_ms"), "budget": None, "latency_device": ROOFLINE, "trials": 12, **options}
    return small_search(out, strategy or Random(), evaluator or Clocked(), **options)


def problem_of(*objectives: str, device: Device | None = ROOFLINE, **limits: float) -> Problem:
    catalogue = Catalogue(small_space(), device=device)
    return Problem(catalogue, tuple(map(Objective.parse, objectives)), Budget(**limits), 10)  # type: ignore[arg-type]


# What is known before anything is trained


def test_the_latency_of_every_network_is_recorded_as_it_was_predicted_beside_what_was_measured(tmp_path: Path) -> None:
    run = latency_search(tmp_path / "run")
    for trial in run.trials:
        assert trial.metrics[PREDICTED] == latency_ms(run.genotype(trial.number), ROOFLINE)
        assert trial.values == (trial.metrics["error"], trial.metrics["latency_ms"])
        assert trial.metrics["latency_ms"] != trial.metrics[PREDICTED]
    assert {PREDICTED, "latency_ms"} <= set(run.frame().columns)


def test_without_a_device_nothing_is_predicted(tmp_path: Path) -> None:
    run = latency_search(tmp_path / "run", latency_device=None, trials=4)
    assert not any(PREDICTED in trial.metrics for trial in run.trials)
    assert (run.notes, latency_words(run)) == ({}, "")
    assert PREDICTED not in known_costs(run.genotype(0))


def test_what_is_far_over_the_limit_never_reaches_the_evaluator(tmp_path: Path) -> None:
    run = latency_search(tmp_path / "run", evaluator=Clocked(slower=1.0, off=0.0), budget=Budget(latency_ms=LIMIT), trials=30)
    assert run.refusals[f"over {OVER_PREDICTED}"] > 0
    predicted = [trial.metrics[PREDICTED] for trial in run.trials]
    assert max(predicted) <= SLACK * LIMIT
    late = [trial for trial in run.trials if trial.metrics[PREDICTED] > LIMIT]  # near the limit: measured, and then rejected
    assert late
    assert {trial.failure.kind for trial in late if trial.failure} == {"rejected"}
    assert all(trial.metrics["latency_ms"] == trial.metrics[PREDICTED] for trial in late)  # what was measured is kept
    assert "over latency (predicted)" in report_run(run).read_text(encoding="utf-8")


def test_a_network_is_refused_from_one_and_a_half_times_the_limit_on() -> None:
    problem = problem_of("error")
    entry = problem.catalogue.draw(np.random.default_rng(0))
    cost = entry.costs[PREDICTED]
    for ratio, fits in ((0.9, True), (1.2, True), (SLACK, True), (1.51, False), (3, False)):
        limited = replace(problem, budget=Budget(latency_ms=cost / ratio))
        assert limited.fits(entry) is fits
        assert limited.overruns(entry) == ({} if fits else {OVER_PREDICTED: pytest.approx(ratio)})
    assert replace(problem_of("error", device=None), budget=Budget(latency_ms=1e-9)).fits(entry._replace(costs={}))
    both = replace(problem, budget=Budget(latency_ms=cost / 3, params=1))
    assert both.overruns(entry).keys() == {OVER_PREDICTED, "params"}


def test_what_was_measured_draws_the_line_from_the_tenth_network_on(tmp_path: Path) -> None:
    problem = problem_of("error", latency_ms=1)
    entry = problem.catalogue.draw(np.random.default_rng(0))._replace(costs={PREDICTED: 0.9})
    assert problem.is_open(entry)
    problem.hear(1.2, 1.15)
    assert problem.late(entry) == {OVER_PREDICTED: 0.9}
    assert problem.fits(entry)  # what was measured may say otherwise later
    assert not problem.is_open(entry)
    problem.hear(None, None)
    assert problem.is_open(entry)
    assert not problem_of("error").late(entry)

    run = latency_search(tmp_path / "run", budget=Budget(latency_ms=LIMIT), trials=24)
    assert {number for number, notes in run.notes.items() if FLOOR in notes} == set(range(9, 24))
    for trial in run.trials[10:]:
        ratios = sorted(told.metrics["latency_ms"] / told.metrics[PREDICTED] for told in run.trials[: trial.number])
        assert run.notes[trial.number - 1][FLOOR] == ratios[len(ratios) // 10]
        assert trial.metrics[PREDICTED] * ratios[len(ratios) // 10] <= LIMIT
    rejected = [trial.number for trial in run.trials if trial.failure]
    assert sum(number < 10 for number in rejected) / 10 > sum(number >= 10 for number in rejected) / 14


def test_a_limit_that_nothing_meets_is_one_line_with_figures(tmp_path: Path) -> None:
    words = r"met the budget in 1000 tries; the closest had latency_ms \(predicted\) 0\.0\d+ \(limit 0\.0001\); raise the limit"
    with pytest.raises(SearchError, match=words):
        latency_search(tmp_path / "run", budget=Budget(latency_ms=0.0001))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("reason", "words"), [(f"over {OVER_PREDICTED}", "over latency (predicted)"), ("over macs", "over MACs")])
def test_refusals_are_told_in_words(reason: str, words: str) -> None:
    assert reason_text(reason) == words


# What strategies see


def test_strategies_know_the_latency_and_what_measuring_has_added_to_it_so_far() -> None:
    problem = problem_of("error", "latency_ms", PREDICTED, "max:latency_ms", "params")
    entry = problem.catalogue.draw(np.random.default_rng(1))
    cost = entry.costs[PREDICTED]
    problem.latency_ratio = 1.5
    assert [problem.known_value(place, entry) for place in range(5)] == [None, 1.5 * cost, cost, -1.5 * cost, entry.costs["params"]]
    unknown = problem_of("error", "latency_ms", "params", device=None)
    assert [unknown.known_value(place, entry) for place in range(3)] == [None, None, entry.costs["params"]]
    assert not unknown.is_known(PREDICTED)


def test_a_latency_that_is_known_is_not_modelled(tmp_path: Path) -> None:
    def notes(name: str, device: Device | None) -> set[str]:
        run = latency_search(tmp_path / name, made("predictor"), latency_device=device)
        return {note for notes in run.notes.values() for note in notes if note.startswith("kendall")}

    assert notes("with", ROOFLINE) == {"kendall_tau_error"}
    assert notes("without", None) == {"kendall_tau_error", "kendall_tau_latency_ms"}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_resumed_run_proposes_the_same_and_needs_no_file(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"budget": Budget(latency_ms=LIMIT)}
    whole = latency_search(tmp_path / "whole", made(name), trials=16, **options)
    latency_search(tmp_path / "half", made(name), trials=11, **options)
    resumed = resume(tmp_path / "half", small_space(), made(name), Clocked(), trials=16)
    assert resumed.record.latency_device == ROOFLINE
    for rows in ("trials", "curves", "refusals", "notes"):  # what was tested has left the front since
        assert table(whole.folder, rows) == table(resumed.folder, rows)


def test_of_several_proposals_the_predicted_latency_counts_beside_proxies(tmp_path: Path) -> None:
    space = small_space("small_cell")
    run = search(
        space, Random(), Train(data="digits", epochs=1, fraction=0.05), objectives=("error", "latency_ms"), trials=2, workers=0,
        out=tmp_path / "run", prefilter=Prefilter(4, ("params",)), latency_device=ROOFLINE,
    )  # fmt: skip
    assert all({PREDICTED, "latency_ms", "foretold_params"} <= trial.metrics.keys() for trial in run.trials)


def test_a_device_that_is_elsewhere_is_an_objective_of_its_own(tmp_path: Path) -> None:
    run = latency_search(tmp_path / "run", objectives=("error", PREDICTED), trials=4)
    assert all(trial.values == (trial.metrics["error"], trial.metrics[PREDICTED]) for trial in run.trials)
    with pytest.raises(SearchError, match="objective 'predicted_latency_ms' is not measured"):
        latency_search(tmp_path / "no", objectives=("error", PREDICTED), latency_device=None)


# What is recorded


def test_a_record_holds_the_device_and_reads_it_strictly(tmp_path: Path) -> None:
    device = replace(ROOFLINE, factors={"window": Factors(2, 3, 0.5)}, dtype="float16")
    record = latency_search(tmp_path / "run", trials=1, latency_device=device).record
    assert Record.from_json(record.to_json()) == record
    assert record.latency_device == device
    data = json.loads(record.to_json())
    older = {name: value for name, value in data.items() if name != "latency_device"}
    assert Record.from_json(json.dumps(older)) == replace(record, latency_device=None)
    for change, words in (
        ({"bandwidth": 0}, "bandwidth=0 must be a number over 0"),
        ({"more": 1}, "the device has an unknown field"),
        ({"factors": {"odd": dict.fromkeys(Factors._fields, 1)}}, "unknown kind of op 'odd'"),
    ):
        with pytest.raises(ValueError, match=words):
            Record.from_json(json.dumps({**data, "latency_device": {**data["latency_device"], **change}}))
    with pytest.raises(ValueError, match='"latency_device" of the run must be null or an object'):
        Record.from_json(json.dumps({**data, "latency_device": "device.json"}))


def test_what_is_no_device_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"latency_device='device.json' is no Device; read a file with archsearch.analysis.read_device"):
        latency_search(tmp_path / "run", latency_device="device.json")
    assert not (tmp_path / "run").exists()


# How well both agree


def trial_of(number: int, **metrics: float) -> Trial:
    return Trial(number, {}, str(number), metrics, None)


def test_agreement_is_spearmans_and_the_median_ratio() -> None:
    rng = np.random.default_rng(0)
    for count in (3, 4, 25):
        predicted = rng.integers(1, 9, count) / 4  # ties
        measured = predicted * rng.lognormal(0.2, 0.4, count)
        trials = [trial_of(i, predicted_latency_ms=a, latency_ms=b) for i, (a, b) in enumerate(zip(predicted, measured, strict=True))]
        found = agreement([*trials, trial_of(99, predicted_latency_ms=1.0), trial_of(98, latency_ms=1.0)])
        assert found[CORRELATION] == pytest.approx(spearmanr(predicted, measured).statistic)
        assert found[RATIO] == pytest.approx(np.median(measured / predicted))
        assert found[COUNT] == count
    assert agreement(trials[:2]) == {}
    assert agreement([trial_of(i, predicted_latency_ms=0.0, latency_ms=1.0) for i in range(9)]) == {}  # a network that does nothing
    assert agreement([trial_of(i, predicted_latency_ms=2.0, latency_ms=1.0) for i in range(9)])[CORRELATION] == 0


def test_agreement_is_noted_from_the_third_trial_on_and_told_in_one_line(tmp_path: Path) -> None:
    run = latency_search(tmp_path / "run", budget=Budget(latency_ms=LIMIT), trials=20)
    assert run.failures["rejected"] > 0
    assert list(run.notes) == list(range(2, 20))
    for number, notes in run.notes.items():
        told = run.trials[: number + 1]  # those that were too slow as well
        both = [[trial.metrics[name] for trial in told] for name in (PREDICTED, "latency_ms")]
        assert notes[CORRELATION] == pytest.approx(spearmanr(*both).statistic)
        assert notes[RATIO] == pytest.approx(np.median(np.divide(both[1], both[0])))
    notes = run.notes[19]
    words = f"predicted for a machine on paper, float32, batch 1; 20 networks measured: rank correlation {notes[CORRELATION]:.2f}, "
    assert latency_words(run) == f"{words}measured is {notes[RATIO]:.2f} times predicted (median)"
    shown = run_python(str(TREE / "cli.py"), "show", str(run.folder))
    assert f"\nlatency {latency_words(run)}\n" in shown.stdout
    assert "told of trial" not in shown.stdout  # a strategy that says nothing of itself
    assert "Predicted latency" in shown.stdout
    assert latency_words(run) in report_run(run).read_text(encoding="utf-8")


def test_a_device_that_is_another_is_told(tmp_path: Path) -> None:
    run = latency_search(tmp_path / "run", evaluator=Clocked(slower=4.0), trials=3)
    assert latency_words(run).endswith("times predicted (median); it is hardly the device that networks ran on: calibrate anew")


def test_few_networks_say_nothing(tmp_path: Path) -> None:
    run = latency_search(tmp_path / "run", trials=2)
    assert latency_words(run) == "predicted for a machine on paper, float32, batch 1; too few networks are measured to say how well"


def test_a_failure_keeps_what_was_measured_and_numbers_alone() -> None:
    assert EvaluationError("rejected", "slow", {"latency_ms": np.float32(2)}).metrics == {"latency_ms": 2.0}
    assert EvaluationError("rejected", "slow").metrics == {}
    with pytest.raises(ValueError, match="could not convert"):
        EvaluationError("rejected", "slow", {"latency_ms": "long"})  # type: ignore[dict-item]


# The command line, and the description of this machine


FEW = (
    "import sys, archsearch.training.latency as l, archsearch.cli as c\n"
    "all = l.sample_networks; l.sample_networks = lambda: all()[-60:]\n"
    "raise SystemExit(c.run(sys.argv[1:]))"
)
"""A command line that measures fewer ops, for some seconds less."""
SHORT = ("search", "small_cell", "--trials", "3", "--workers", "0", "--strategy", "random", "--evaluator-set", "epochs=1",
         "--evaluator-set", "fraction=0.05", "--objective", "error")  # fmt: skip


def called(folder: Path, *arguments: str, code: str = FEW, cache: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    environment |= {"HOME": str(folder / "home"), **({"XDG_CACHE_HOME": cache} if cache else {})}
    return run_python("-c", code, *arguments, cwd=folder, env=environment)


def test_a_file_that_is_wrong_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "damaged.json").write_text('{"format": "archsearch.device/1", "name": "x"}')
    for file, words in (("none.json", "No such file or directory"), ("damaged.json", 'the device has no "'), (".", "Is a directory")):
        done = called(tmp_path, *SHORT, "--objective", "latency_ms", "--latency-device", file, "--out", "run")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert words in done.stderr
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_machine_is_measured_once(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    limited = (*SHORT, "--objective", "macs", "--max-latency", "1000")
    first = called(tmp_path, *limited, "--out", "first")
    assert first.returncode == 0, first.stderr
    [kept] = (tmp_path / "home" / ".cache" / "archsearch" / "devices").iterdir()  # nothing half written beside it
    assert re.fullmatch(r"cpu-.+-[0-9a-f]{8}-\d+-float32-torch-[\w.-]+\.json", kept.name)
    said = [line for line in first.stderr.splitlines() if "measuring single ops" in line]
    assert len(said) == 1
    assert "once for this machine" in said[0]
    device = read_device(kept)
    assert f"; latency predicted for {device.name[:80]}, float32, batch 1" in first.stderr
    run = open_run(tmp_path / "first")
    assert run.record.latency_device == device
    assert all(trial.metrics[PREDICTED] == latency_ms(run.genotype(trial.number), device) for trial in run.trials)

    second = called(tmp_path, *limited, "--out", "second")
    assert "measuring" not in second.stderr
    assert open_run(tmp_path / "second").record.latency_device == device


def measured_here(monkeypatch: pytest.MonkeyPatch, cache: Path) -> tuple[Device, list[str]]:
    """This machine by few ops, and what was said."""
    said: list[str] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr("archsearch.training.latency.sample_networks", lambda: ALL[-60:])
    return this_machine(say=said.append), said


@pytest.mark.slow
def test_a_file_that_is_damaged_or_of_another_machine_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = measured_here(monkeypatch, tmp_path)
    [kept] = (tmp_path / "archsearch" / "devices").iterdir()
    assert said == [f"latency    measuring single ops on {machine_name('cpu', 1)[:80]}, float32, once for this machine: {place(kept)}"]
    device, said = measured_here(monkeypatch, tmp_path)
    assert (device, said) == (read_device(kept), [])
    for text, words in (
        (kept.read_text()[:100], "write it anew with archsearch calibrate"),
        (replace(device, name="a toaster").to_json(), "it is of a toaster, float32"),
        (replace(device, dtype="float16").to_json(), f"{device.name[:60]}, float16"),
    ):
        kept.write_text(text)
        found, said = measured_here(monkeypatch, tmp_path)
        assert len(said) == 2
        assert words in said[0]
        assert said[0].endswith("it is measured anew")
        assert read_device(kept) == found


def test_where_nothing_can_be_kept_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    device, said = measured_here(monkeypatch, tmp_path / "file")
    assert device.name == machine_name("cpu", 1)
    assert said[1].endswith(".json: Not a directory; so it will be measured again next time")
    assert (tmp_path / "file").is_file()


def test_what_is_measured_is_kept_where_the_user_keeps_such(tmp_path: Path) -> None:
    code = "from archsearch.training.this_machine import file_of; print(file_of(2, 'cpu'), file_of(3, 'cpu'))"
    for cache, folder in ((str(tmp_path / "mine"), tmp_path / "mine"), ("relative", tmp_path / "home" / ".cache")):
        found = list(map(Path, called(tmp_path, code=code, cache=cache).stdout.split()))
        assert len(set(found)) == 2
        assert {path.parent for path in found} == {folder / "archsearch" / "devices"}


@pytest.mark.parametrize(
    "options", [("--objective", "latency_ms", "--latency-device", "none"), ("--objective", "macs")], ids=["off", "no latency counts"]
)
def test_nothing_is_measured_where_nothing_asks_for_it(options: tuple[str, ...], tmp_path: Path) -> None:
    done = called(tmp_path, *SHORT, *options, "--out", "run", "--trials", "1")
    assert done.returncode == 0, done.stderr
    assert open_run(tmp_path / "run").record.latency_device is None
    assert not (tmp_path / "home").exists()


def test_a_file_is_used_and_resume_needs_it_no_more(tmp_path: Path) -> None:
    (tmp_path / "device.json").write_text(ROOFLINE.to_json())
    asked = (*SHORT, "--objective", "latency_ms", "--latency-device", "device.json", "--out", "run")
    done = called(tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    assert "; latency predicted for a machine on paper, float32, batch 1" in done.stderr
    (tmp_path / "device.json").unlink()
    done = called(tmp_path, "resume", "run", "--trials", "4")
    assert done.returncode == 0, done.stderr
    run = open_run(tmp_path / "run")
    assert len(run.trials) == 4
    assert all(trial.metrics[PREDICTED] == latency_ms(run.genotype(trial.number), ROOFLINE) for trial in run.trials)
