"""Searches by what counts in the engine that will run the network: its latency there, its size, and what int8 makes of it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from archsearch.analysis import Budget
from archsearch.cli import run as archsearch
from archsearch.engines.exchange import to_exchange
from archsearch.engines.quantizing import InSession, calibration, deployed, quantized
from archsearch.engines.running import time_in, within_latency
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.exporters import ExportError, export_trial, gather
from archsearch.fidelity import Fidelity
from archsearch.network.compiler import compile_network
from archsearch.pareto import knee
from archsearch.runs.search import resume, search
from archsearch.runs.standing import Standing
from archsearch.runs.store import Run, connect, open_run
from archsearch.strategies import Random
from archsearch.support.packages import named
from archsearch.training.timing import ENGINES, Protocol
from archsearch.training.weights import load_weights
from archsearch.trial import EvaluationError
from tests.runs import StoppedError, small_space
from tests.test_export import cell

BRIEF = Protocol(rounds=3, passes=5, seconds=0.05)
JUDGE = Train(epochs=1, engine="onnxruntime", quantize=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small search by error in int8 and latency in ONNX Runtime."""
    out = tmp_path_factory.mktemp("engines") / "run"
    return search(small_space(), Random(), JUDGE, objectives=("int8_error", "latency_ms"), trials=2, workers=0, out=out)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_is_timed_in_its_engine_and_stays_as_it_was(engine: str) -> None:
    network = compile_network(cell())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    timing = time_in(engine, network, [(1, 8, 8)], protocol=BRIEF)
    assert 0 < timing.shortest <= timing.median < 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(EvaluationError, match=r"one forward pass takes \S+ ms, the limit is 1e-09 ms"):
        within_latency(network, (1, 8, 8), torch.device("cpu"), 1e-9, engine)


def when_all_began(standing: Standing) -> None:
    """Stops a search of four networks, and of two rungs, when all have been on the lower one."""
    if standing.done == 4:
        raise StoppedError


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_network_is_timed_once_in_a_place_of_a_run(elsewhere: bool, tmp_path: Path) -> None:
    judge, out = Train(epochs=2, batch=256), tmp_path / "run"
    how: dict[str, Any] = {"fidelity": Fidelity("epochs", (1, 2), "halving", 2), "progress": when_all_began}
    with pytest.raises(StoppedError):
        search(small_space(), Random(), judge, objectives=("error", "latency_ms"), trials=4, workers=0, out=out, **how)
    before = open_run(out)
    for trial in before.trials:
        [(place, metrics)] = before.latencies(trial.fingerprint).items()
        assert place.startswith(f"{named('torch')}, one image, ")
        assert place.endswith(f"{torch.get_num_threads()} thread")
        assert metrics == {name: trial.metrics[name] for name in ("latency_ms", "latency_spread_ms")}
    told = {"latency_ms": 123.0, "latency_spread_ms": 4.0}
    with closing(connect(out / "run.db")) as db, db:
        db.execute("UPDATE latencies SET metrics = ?", (json.dumps(told),))
        db.execute("UPDATE latencies SET place = 'torch, one image, another machine, 1 thread'" if elsewhere else "SELECT 1")
    run = resume(out, small_space(), Random(), judge)
    climbed = [trial for trial in run.trials if trial.rung == 1]
    assert climbed
    for trial in climbed:
        assert (trial.metrics["latency_ms"] == 123.0) is not elsewhere
        assert len(run.latencies(trial.fingerprint)) == 1 + elsewhere
    assert all(run.tests[trial.number]["latency_ms"] < 100 for trial in run.front())  # of the front it is measured once more


@pytest.mark.slow
def test_a_network_over_the_limit_is_timed_anew_in_another_try(tmp_path: Path) -> None:
    strict = Budget(latency_ms=1e-9)
    run = search(small_space(), Random(), Train(epochs=1), objectives=("error",), budget=strict, trials=1, workers=0, out=tmp_path / "run")
    [trial] = run.trials
    assert trial.failure is not None
    assert trial.failure.kind == "rejected"
    assert trial.metrics["latency_ms"] > 0
    assert run.latencies(trial.fingerprint) == {}


def test_an_engine_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"engine='onxruntime' is unknown; did you mean onnxruntime\?"):
        Train(engine="onxruntime")


@pytest.mark.slow
def test_what_is_lost_in_int8_is_measured_on_the_part_that_is_judged(found: Run) -> None:
    feed = JUDGE.feed()
    for trial in found.front():
        assert {"model_bytes", "int8_error", "int8_bytes", "latency_ms", "error"} <= trial.metrics.keys()
        assert 0 <= trial.metrics["int8_error"] <= 1
        network = load_weights(compile_network(found.genotype(trial.number)), found.weights(trial.number)).eval()
        candidate = Candidate(trial.number, found.genotype(trial.number), 0, found.weights(trial.number))
        assert JUDGE.test(replace(candidate, max_latency_ms=None))["int8_error"] == found.tests[trial.number]["int8_error"]
        sizes = deployed(network, (1, 8, 8), feed, feed.validation, [1])
        assert sizes == {name: trial.metrics[name] for name in sizes}


def test_images_that_ranges_are_taken_from_are_those_of_training_as_they_are() -> None:
    feed = replace(JUDGE, shift=0.3).feed()
    images = calibration(feed)
    assert images.shape == (256, 1, 8, 8)
    plain = calibration(replace(JUDGE, shift=0.0).feed())
    torch.testing.assert_close(images, plain)


@pytest.mark.slow
def test_a_trial_goes_out_in_int8(found: Run, tmp_path: Path) -> None:
    number, said = found.front()[0].number, []
    folder = export_trial(found, number, tmp_path / "out", formats=["onnx"], quantize=said.append)
    text = json.loads((folder / "quantized.json").read_text())
    assert text["calibrated_on"] == 256
    assert text["float32"]["test_error"] == pytest.approx(found.tests[number]["error"])
    assert text["int8"]["test_error"] == pytest.approx(found.tests[number]["int8_error"])
    assert text["int8"]["bytes"] == (folder / "model.int8.onnx").stat().st_size
    [line] = said
    assert line.startswith("int8: test error")
    kinds = {tensor.data_type for tensor in onnx.load(folder / "model.int8.onnx").graph.initializer}
    assert onnx.TensorProto.INT8 in kinds


@pytest.mark.slow
def test_the_card_of_a_trial_in_int8_says_what_that_costs_and_saves(found: Run, tmp_path: Path) -> None:
    folder = export_trial(found, found.front()[0].number, tmp_path / "out", quantize=lambda line: None)
    measured, card = json.loads((folder / "quantized.json").read_text()), (folder / "README.md").read_text()
    before, after = measured["float32"], measured["int8"]
    tested = len(JUDGE.feed().test[0])
    rows = (
        f"| accuracy on the test part ({tested} images) | {1 - before['test_error']:.2%} | {1 - after['test_error']:.2%} |",
        f"| size of the file | {before['bytes'] / 1000:.3g} kB | {after['bytes'] / 1000:.3g} kB |",
        f"| latency | {before['latency_ms']:.3g} ms | {after['latency_ms']:.3g} ms |",
    )
    section = card.partition("## In int8\n")[2].partition("\n## ")[0]
    assert [row for row in rows if row not in section] == []
    assert "calibrated on 256 training images" in section
    assert f"measured in {measured['engine']}" in section
    plain = export_trial(found, found.front()[0].number, tmp_path / "plain", check=False)
    assert "int8" not in (plain / "README.md").read_text().partition("## Results")[0]
    assert "## In int8" not in (plain / "README.md").read_text()


@pytest.mark.slow
def test_int8_takes_images_as_they_are_where_it_normalises_them(found: Run, tmp_path: Path) -> None:
    folder = export_trial(found, found.front()[0].number, tmp_path / "out", formats=["onnx"], inside=True, quantize=lambda line: None)
    pixels, labels = JUDGE.feed().test
    scores = InSession((folder / "model.int8.onnx").read_bytes(), 1)(pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels)
    wrong = float((scores.argmax(1) != labels).float().mean())  # type: ignore[union-attr]
    assert wrong == pytest.approx(json.loads((folder / "quantized.json").read_text())["int8"]["test_error"], abs=0.01)


@pytest.mark.slow
def test_int8_of_data_that_are_gone_is_refused(found: Run, tmp_path: Path) -> None:
    record = replace(found.record, evaluator_options={**found.record.evaluator_options, "data_seed": 1})
    with pytest.raises(ExportError, match=r"int8 needs the images of the run: .*the data are not those"):
        export_trial(Run(found.folder, record), found.front()[0].number, tmp_path / "out", quantize=lambda line: None)
    assert not any(tmp_path.iterdir())


def test_quantised_convolutions_answer_nearly_as_before() -> None:
    images = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    material = gather(cell())
    file = to_exchange(material.program, ["x"], ["y"])
    small = InSession(quantized(file, images), 1)
    with torch.inference_mode():
        wanted = material.network(images)
    assert float((small(images) - wanted).abs().max() / wanted.abs().max()) < 0.1


@pytest.mark.slow
def test_the_knee_stands_for_a_run_and_all_of_the_front_can_go_out(found: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front = found.front()
    number = front[knee([trial.values for trial in front])].number  # type: ignore[misc]
    assert (
        archsearch(["export", str(found.folder), "--to", str(tmp_path / "one"), "--format", "svg", "--format", "dot,mermaid", "--json"])
        == 0
    )
    told = capsys.readouterr()
    assert json.loads(told.out)["files"] == ["checks.json", "model.dot", "model.mmd", "model.svg"]
    assert f"trial {number}: the knee of the front of {len(front)}, nearest to the best int8_error and latency_ms" in told.err
    assert archsearch(["export", str(found.folder), "--all", "--out", str(tmp_path / "all"), "--format", "genotype"]) == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == sorted(f"trial-{trial.number:04d}" for trial in front)


def test_wishes_that_cannot_be_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, words in (
        (["--all"], "--all is for the front of a run"),
        (["--quantize", "int8"], "--quantize int8 needs training images: export a trial of a run"),
        (["--format", "tflite"], "no format 'tflite'"),
    ):
        assert archsearch(["export", "lenet5", "--out", str(tmp_path / "out"), *options]) in (1, 2)
        assert words in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_the_engine_of_a_search_is_recorded_and_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["search", "chain", "--objective", "model_bytes,latency_ms", "--engine", "openvino", "--trials", "1", "--workers", "0"]
    assert archsearch([*words, "--set", "stages=1", "--evaluator-set", "epochs=1", "--out", str(tmp_path / "run")]) == 0
    told = capsys.readouterr()
    assert "latency of one image in openvino" in told.err
    options = open_run(tmp_path / "run").record.evaluator_options
    assert (options["engine"], options["quantize"]) == ("openvino", True)
