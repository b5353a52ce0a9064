"""Results looked up in tables, and the tables that `tabulate` makes."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch import Builder, Genotype, Pick, analyse
from archsearch.evaluators import load_evaluator
from archsearch.evaluators.base import Candidate, Report
from archsearch.evaluators.table import Table
from archsearch.ops import Linear, ReLU
from archsearch.runs.tabulate import Tabulated, read_part, tabulate
from archsearch.spaces.catalogue import Catalogue, key_of
from archsearch.spaces.space import Choices, Space, load_space
from archsearch.strategies import Local
from archsearch.tables import (
    TableError,
    averaged,
    choices_to_arrays,
    find_table,
    load_table,
    read_arrays,
    rows_by_choices,
    table_names,
    write_arrays,
)
from archsearch.trial import EvaluationError
from tests.evaluators import Formula
from tests.runs import small_search, small_space

CELLS = {
    "arch": np.array(["|a~0|", "|b~0|"]), "ops": np.array([[0, 1, 0], [1, 1, 0]], dtype=np.int8), "op_names": np.array(["none", "conv"]),
    "edges": np.array([[0, 1], [0, 2], [1, 2]], dtype=np.int8), "val200_cifar10": np.array([90.0, 80.0], dtype=np.float32),
    "test200_cifar10": np.array([91.0, 79.0]), "train_s_per_epoch_cifar10": np.array([10.0, 20.0]),
}  # fmt: skip
FIRST: Choices = {"0->1": "none", "0->2": "conv", "1->2": "none"}


def tiny(pick: Pick) -> Genotype:
    """Two widths and a conditional activation: 2 + 2 networks, of which two are isomorphic."""
    b = Builder((3,))
    x = b(Linear(pick("width", [2, 4])), b.input)
    if pick("deep", [False, True]):
        x = b(Linear(2), b(ReLU(), x) if pick("active", [None, True]) else x)
    return b.genotype(x)


TINY = Space("tiny", tiny, {})


def candidate(choices: Choices, seed: int = 0) -> Candidate:
    return Candidate(0, small_space().sample(np.random.default_rng(0)).genotype, seed, choices=choices)


def quiet(epoch: int, metrics: dict[str, float]) -> bool:
    return False


def saved(path: Path, **arrays: Any) -> str:
    np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
    return str(path)


def test_a_table_of_cells_is_looked_up_by_its_operations(tmp_path: Path) -> None:
    table = Table(saved(tmp_path / "cells.npz", **CELLS))
    assert table.evaluate(candidate(FIRST), quiet) == pytest.approx({"error": 0.1, "seconds": 1000})
    assert table.test(candidate({**FIRST, "0->1": "conv"})) == pytest.approx({"error": 0.21})
    assert table.metrics == ("error", "seconds")
    assert table.setting() == {"input": (3, 32, 32), "classes": 10}
    assert load_evaluator("table") is Table


def test_metrics_are_formulas_over_columns_of_both_files(tmp_path: Path) -> None:
    hardware = {"arch": CELLS["arch"], "metrics": ["latency", "energy"], "cifar10": [[1.5, 3.0], [2.5, np.nan]]}
    beside = saved(tmp_path / "hardware.npz", **hardware)
    table = Table(
        saved(tmp_path / "cells.npz", **CELLS),
        ("auto", "latency_ms=cifar10.latency*2", "work=cifar10.energy*train_s_per_epoch_cifar10/4"),
        ("accuracy=test200_cifar10/100",),
        beside,
    )
    assert table.evaluate(candidate(FIRST), quiet) == pytest.approx({"error": 0.1, "seconds": 1000, "latency_ms": 3, "work": 7.5})
    assert table.test(candidate(FIRST)) == pytest.approx({"accuracy": 0.91})
    with pytest.raises(EvaluationError, match=r"table .*cells.npz has no work of this network"):
        table.evaluate(candidate({**FIRST, "0->1": "conv"}), quiet)
    with pytest.raises(EvaluationError, match=r"one forward pass takes 3 ms, the limit is 2 ms"):
        table.evaluate(replace(candidate(FIRST), max_latency_ms=2), quiet)
    other = saved(tmp_path / "other.npz", **{**hardware, "arch": ["|b~0|", "|a~0|"]})
    with pytest.raises(TableError, match=r"other.npz does not hold the same networks: both need an array 'arch'"):
        Table(table.data, beside=other).results()


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("error", "must be NAME=COLUMN, such as error=1-val200_cifar10/100"),
        ("error=1-2*3", "names no column"),
        ("error=val20_cifar10", "has no column 'val20_cifar10'; did you mean val200_cifar10"),
        ("error=__import__('os')", "has no column"),
    ],
)
def test_a_formula_that_cannot_be_is_named(formula: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=words):
        Table(saved(tmp_path / "cells.npz", **CELLS), (formula,)).results()


def test_what_is_not_in_the_table_is_rejected_in_one_line(tmp_path: Path) -> None:
    table = Table(saved(tmp_path / "cells.npz", **CELLS))
    with pytest.raises(EvaluationError, match="does not hold the network of 0->1=pool 0->2=conv") as caught:
        table.evaluate(candidate({**FIRST, "0->1": "pool"}), quiet)
    assert caught.value.failure.kind == "rejected"
    with pytest.raises(EvaluationError, match="does not hold the network of no choices"):
        table.evaluate(candidate({}), quiet)


def test_choices_of_every_type_come_back() -> None:
    rows: list[Choices] = [
        {"a": 1, "b": "x", "c": 1, "d": True},
        {"a": 2, "b": "y", "c": None, "d": False, "e": 0.5},
        {"a": 3, "b": "", "c": "1", "d": True},
        {"a": 3, "b": "", "c": 1.0, "d": True},
    ]
    arrays = choices_to_arrays(rows)
    assert arrays.keys() == {"choices/a", "choices/b", "choices_json/c", "choices/d", "choices_json/e"}
    assert rows_by_choices(arrays, "t") == {key_of(row): place for place, row in enumerate(rows)}
    with pytest.raises(TableError, match="2 rows repeat the choices of others"):
        rows_by_choices({"choices/a": np.array([1, 1, 2, 2])}, "t")
    with pytest.raises(TableError, match=r"plain and of one length, these have \[1, 2\]"):
        rows_by_choices({"choices/a": np.array([1, 1]), "choices/b": np.array([1])}, "t")
    with pytest.raises(TableError, match=r"a choice reads '\[1\]'; expected a text, number"):
        rows_by_choices({"choices_json/a": np.array(["[1]"])}, "t")
    with pytest.raises(TableError, match="array 'network' has 1 rows, the choices have 2"):
        rows_by_choices({"choices/a": np.array([1, 2]), "network": np.array([0])}, "t")


def test_a_table_of_ones_own_needs_only_columns(tmp_path: Path) -> None:
    path = saved(tmp_path / "own.npz", **{"choices/a": [1, 2], "choices/b": ["x", "y"], "accuracy": [50.0, 75.0], "metrics/size": [7, 8]})
    assert Table(path, ("error=1-accuracy/100",)).evaluate(candidate({"b": "y", "a": 2}), quiet) == {"error": 0.25}
    assert Table(path).evaluate(candidate({"a": 1, "b": "x"}), quiet) == {"size": 7}
    assert Table(path).setting() == {}


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        raise AssertionError("unpickled")


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: write(path, b"nothing"), "not a zip file"),
        (lambda path: write(path, b""), "not a zip file"),
        (lambda path: saved(path, **{"choices/a": np.array([Evil], dtype=object)}), "is of type object; give numbers"),
        (lambda path: saved(path, **{"choices/a": np.zeros(2, dtype=complex)}), "is of type complex128"),
        (lambda path: saved(path, error=[0.5]), r"has no choices: it needs an array choices/NAME for each"),
        (lambda path: saved(path, **{"choices/a": [1, 2]}), "has no metrics; name some"),
        (lambda path: saved(path, **{"choices/a": [1, 2], "metrics/error": [0.5]}), r"'error' has shape \(1, 1\), the choices have 2 rows"),
        (lambda path: saved(path, **{"choices/a": [1], "metrics/error": [0.5], "about": "[]"}), "array 'about' cannot be read"),
        (lambda path: saved(path, **{"choices/a": [1], "metrics/e": [0.5], "curves/e": [0.5]}), r"'e' has shape \(1,\)"),
    ],
)
def test_a_file_that_is_no_table_gets_one_line(make: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=words) as caught:
        load_table(make(tmp_path / "bad.npz"))
    assert "\n" not in str(caught.value)


def test_sizes_are_looked_at_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("choices/a.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    with pytest.raises(TableError, match=r"array .choices/a. of shape .* has over 2..30 elements"):
        load_table(str(path))


def test_tables_are_found_by_name_and_path(tmp_path: Path) -> None:
    assert find_table("small_cell-digits").is_file()
    with pytest.raises(TableError, match="unknown table 'small_cel-digits'; did you mean small_cell-digits"):
        find_table("small_cel-digits")
    with pytest.raises(TableError, match=r"no file .*none.npz; give the path of a table"):
        find_table(str(tmp_path / "none.npz"))


@dataclass(frozen=True)
class Half(Formula):
    """Fails for deep networks from the second seed on, gives NaN for wide ones, and stops for no report."""

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        if candidate.choices.get("deep") and candidate.seed % 2:
            raise EvaluationError("diverged", "as planned")
        return super().evaluate(candidate, report)

    def test(self, candidate: Candidate) -> dict[str, float]:
        return {"error": 0.5 + candidate.seed % 7 / 100}


def test_tabulate_trains_every_network_once_from_every_seed(tmp_path: Path) -> None:
    told: list[Tabulated] = []
    path = tabulate(TINY, Formula(), tmp_path / "t.npz", seeds=2, progress=told.append)
    assert told[-1] == Tabulated(len(told), len(told), 0)
    assert [at.done for at in told] == list(range(1, len(told) + 1))
    arrays = read_arrays(path)
    entries = list(Catalogue(TINY, 8).walk())
    prints = [entry.fingerprint for entry in entries]
    assert len(told) == 2 * len(set(prints))
    assert [prints.index(fingerprint) for fingerprint in prints] == [list(arrays["network"]).index(n) for n in arrays["network"]]
    table = Table(str(path))
    for entry in entries:
        shown: list[dict[str, float]] = []
        first = table.evaluate(candidate(entry.choices, 0), lambda epoch, metrics: bool(shown.append(metrics)))  # noqa: B023
        second = table.evaluate(candidate(entry.choices, 3), quiet)
        middle = replace(table, mean=True).evaluate(candidate(entry.choices), quiet)
        assert first["error"] != second["error"]
        assert middle["error"] == pytest.approx((first["error"] + second["error"]) / 2)
        assert [step["error"] for step in shown] == pytest.approx([first["error"] + late for late in (0.2, 0.1, 0)], rel=1e-5)
        assert arrays["costs/params"][table.results().rows[key_of(entry.choices)]] == entry.costs["params"]
    assert table.results().space == "tiny"
    assert json.loads(str(arrays["about"]))["options"] == {"seconds": 0.0, "batch": 8, "optimizer": "sgd"}
    assert not (tmp_path / "t.npz.part").exists()


def test_a_report_that_stops_gets_what_there_was_by_then(tmp_path: Path) -> None:
    path = tabulate(TINY, Formula(0.003), tmp_path / "t.npz", seeds=1)
    table, choices = Table(str(path)), Catalogue(TINY).draw(np.random.default_rng(0)).choices
    whole = table.evaluate(candidate(choices), quiet)
    stopped = table.evaluate(candidate(choices), lambda epoch, metrics: epoch == 1)
    assert stopped["error"] == pytest.approx(whole["error"] + 0.1, rel=1e-5)
    assert stopped["seconds"] == pytest.approx(whole["seconds"] * 2 / 3)


def test_failures_are_looked_up_too(tmp_path: Path) -> None:
    path = tabulate(TINY, Half(), tmp_path / "t.npz", seeds=4)
    table, kinds = Table(str(path)), read_arrays(path)["failures"]
    deep = next(entry.choices for entry in Catalogue(TINY).walk() if entry.choices["deep"])
    row = table.results().rows[key_of(deep)]
    assert "diverged" in kinds[row]
    for seed, kind in enumerate(kinds[row]):
        if kind:
            with pytest.raises(EvaluationError, match="so it ended when table"):
                table.evaluate(candidate(deep, seed), quiet)
        else:
            assert table.evaluate(candidate(deep, seed), quiet)["error"] > 0
            assert table.test(candidate(deep, seed))["error"] >= 0.5


def test_seeds_that_failed_are_left_out_of_means(tmp_path: Path) -> None:
    arrays = {
        "choices/a": [1, 2],
        "metrics/error": [[0.2, np.nan], [np.nan, np.nan]],
        "failures": [["", "diverged"], ["crashed", "diverged"]],
    }
    table = Table(saved(tmp_path / "t.npz", **arrays), mean=True)
    assert table.evaluate(candidate({"a": 1}), quiet) == {"error": 0.2}
    with pytest.raises(EvaluationError, match="so it ended when table"):
        table.evaluate(candidate({"a": 2}), quiet)
    np.testing.assert_array_equal(averaged(np.array([[0.2, np.nan, 1], [np.nan, np.nan, 2]])), [0.2, np.nan, 1.5])


def test_a_search_on_a_table_tests_its_front(tmp_path: Path) -> None:
    run = small_search(tmp_path / "run", evaluator=Table(), space=load_space("small_cell"), objectives=("error",), trials=6)
    tests = Table().results().tests["error"]
    best = run.front()[0]
    assert run.tests[best.number]["error"] in tests[Table().row_of(best.choices)]


def test_tabulate_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def stop(at: Tabulated) -> None:
        if at.done == 5:
            raise KeyboardInterrupt("enough")

    whole = read_arrays(tabulate(TINY, Half(), tmp_path / "whole.npz", seeds=3))
    part = tmp_path / "t.npz.part"
    with pytest.raises(KeyboardInterrupt, match="enough"):
        tabulate(TINY, Half(), tmp_path / "t.npz", seeds=3, progress=stop)
    with part.open("a") as file:
        file.write('[[1, 2], {"metr')  # killed while it wrote
    kept = part.read_text().splitlines()[1:6]
    with pytest.raises(TableError, match=r"t.npz.part belongs to a table of another space or with other options"):
        tabulate(TINY, Half(), tmp_path / "t.npz", seeds=2)
    seen: list[str] = []
    tabulate(TINY, Half(), tmp_path / "t.npz", seeds=3, progress=lambda at: seen.append(part.read_text()))
    assert seen[0].splitlines()[1:6] == kept
    again = read_arrays(tmp_path / "t.npz")
    assert again.keys() == whole.keys()
    for name, array in whole.items():
        if name != "metrics/seconds":
            np.testing.assert_array_equal(array, again[name], err_msg=name)
    with pytest.raises(TableError, match=r"t.npz exists already"):
        tabulate(TINY, Half(), tmp_path / "t.npz", seeds=3)


def test_a_sample_of_a_large_space(tmp_path: Path) -> None:
    space = load_space("chain", input=(1, 8, 8), classes=10)
    with pytest.raises(TableError, match="choices, over 50,000; give --sample"):
        tabulate(space, Formula(), tmp_path / "t.npz")
    arrays = read_arrays(tabulate(space, Formula(), tmp_path / "t.npz", sample=7, seeds=1))
    assert list(arrays["network"]) == list(range(7))
    few = read_arrays(tabulate(TINY, Formula(), tmp_path / "few.npz", sample=100, seeds=1))
    assert len(few["network"]) == len({entry.fingerprint for entry in Catalogue(TINY).walk()})
    with pytest.raises(TableError, match="seeds=0 and sample=None must be at least 1"):
        tabulate(space, Formula(), tmp_path / "u.npz", seeds=0)


def test_equal_arrays_give_equal_files(tmp_path: Path) -> None:
    arrays = {"choices/a": np.arange(5), "about": np.array("x")}
    for name in ("a", "b"):
        write_arrays(tmp_path / name, arrays)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with pytest.raises(TableError, match="choose another --out"):
        write_arrays(tmp_path / "a" / "c", arrays)


def test_the_table_that_comes_along_holds_its_whole_space() -> None:
    assert table_names() == ["small_cell-digits"]
    table, space = Table(), load_space("small_cell")
    results = table.results()
    assert (results.space, results.setting) == ("small_cell", space.settings)
    assert len(results.rows) == space.size() == 1458
    catalogue, rng = Catalogue(space), np.random.default_rng(0)
    for _ in range(40):
        entry = catalogue.draw(rng)
        row = results.rows[key_of(entry.choices)]
        held, now = {name: values[row, 0] for name, values in results.costs.items()}, analyse(catalogue.genotype(entry))
        trained = analyse(catalogue.genotype(entry), batch=64, optimizer="adamw")  # as the table was made
        assert (held["params"], held["macs"], held["memory_bytes"]) == (now.params, now.macs, now.inference_peak_bytes)
        assert held["training_memory_bytes"] == trained.training_peak_bytes
        shown: list[dict[str, float]] = []
        found = table.evaluate(candidate(entry.choices, 1), lambda epoch, metrics: bool(shown.append(metrics)))  # noqa: B023
        assert len(shown) == 12
        assert shown[-1]["error"] == pytest.approx(found["error"])
        assert found["seconds"] > 0
        assert 0 <= table.test(candidate(entry.choices, 1))["error"] < 1
    assert float(results.metrics["error"].mean(axis=1).min()) < 0.015


def test_a_search_on_a_table(tmp_path: Path) -> None:
    space = load_space("small_cell")
    run = small_search(tmp_path / "run", Local(), Table(), space=space, trials=60, objectives=("error", "params", "seconds"))  # type: ignore[arg-type]
    assert len(run.trials) == 60
    assert not run.failures
    assert min(trial.metrics["error"] for trial in run.trials) < 0.03
    there = small_search(tmp_path / "there", Local(), Table(), space=space, trials=60, objectives=("error", "params", "seconds"), workers=1)  # type: ignore[arg-type]
    assert [trial.values for trial in there.trials] == [trial.values for trial in run.trials]


@pytest.mark.parametrize(
    "damage",
    [
        *(
            "[[1, []], {}]",
            "[[1, 2], 3]",
            "[1]",
            "7",
            '[["a", 2], {}]',
            "[" * 900,
            '[[1, 2], {"error": 0.1',
            "[[1, 9], {}]",
            "[[-1, 2], {}]",
        ),
        *('[[1, 2], {"error": 0.5}]', '[[1, 2], {"metrics": {"error": 1e40}}]', '[[1, 2], {"curve": {}}]', '[[1, 2], {"failure": 1}]'),
    ],
    ids=range(13),
)
def test_what_is_whole_of_a_damaged_part_is_read(damage: str, tmp_path: Path) -> None:
    part = tmp_path / "t.npz.part"
    whole = '{"metrics": {"error": 0.5}}'
    part.write_text(f"head\n[[0, 1], {whole}]\n{damage}\n[[3, 4], {whole}]\n")
    assert read_part(part, "head", (5, 6)) == {(0, 1): {"metrics": {"error": 0.5}}}
