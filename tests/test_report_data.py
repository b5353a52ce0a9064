"""What the page of a run is made from: rows, packed networks, importance, and the script as one piece."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch import Genotype, load_space, open_run, zoo
from archsearch.figures.frame import hypervolumes
from archsearch.pareto import front, hypervolume
from archsearch.report.dashboard import Live, by_worth, message, page
from archsearch.report.details import detail
from archsearch.report.importance import by_forest, by_optuna, importance
from archsearch.report.of_run import summarise
from archsearch.report.packs import MOST_DETAILS, MOST_TEXTS, detail_packs, text_packs
from archsearch.report.rows import facts, rows
from archsearch.report.summary import Summary
from archsearch.support.offline_page import bundle
from archsearch.trial import Failure, Objective, Trial
from archsearch.units import unit

EXAMPLE = Path(__file__).parents[1] / "results" / "example"
SCRIPT = Path(__file__).parents[1] / "archsearch" / "report" / "script"
GOALS = (Objective("error"), Objective("macs"))


def trial(number: int, **more: Any) -> Trial:
    metrics = more.pop("metrics", {"error": 0.5 - number / 100, "macs": 1e6 + number})
    values = None if "failure" in more else (metrics["error"], metrics["macs"])
    return Trial(number, more.pop("choices", {"kernel": 3}), f"{number:032x}", metrics, values, **more)


def unpacked(content: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(content)))


def test_rows_have_a_column_for_everything_and_say_what_is_missing() -> None:
    trials = [
        trial(4, choices={"kernel": 3, "norm": None, "bias": True}, curve=({"error": 0.9}, {"loss": 1.5, "error": 0.4})),
        trial(5, choices={"kernel": 5, "bias": 1}, metrics={"macs": 7.0}, failure=Failure("crashed", "no memory"), rung=1),
    ]
    told = rows(trials, {4: 1.5}, {4: {"error": 0.6}})
    assert told["number"] == [4, 5]
    assert told["rung"] == [0, 1]
    assert told["seconds"] == [1.5, None]
    assert told["failure"] == [None, ["crashed", "no memory"]]
    assert told["metrics"] == {"error": [0.46, None], "macs": [1000004.0, 7.0], "test_error": [0.6, None]}
    assert told["choices"]["kernel"] == {"options": [3, 5], "chosen": [0, 1]}
    assert told["choices"]["norm"] == {"options": [None], "chosen": [0, -1]}, "null is an option, and not a missing choice"
    assert told["choices"]["bias"]["chosen"] == [0, 1], "true and 1 are two options"
    assert [type(option) for option in told["choices"]["bias"]["options"]] == [bool, int]
    assert told["curves"] == {"error": [[0.9, 0.4], None], "loss": [[None, 1.5], None]}
    assert told["units"]["error"]["suffix"] == "%"
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert rows([])["number"] == []


def test_one_more_trial_is_a_small_message() -> None:
    run = open_run(EXAMPLE)
    one = json.dumps({"run": facts(summarise(run)), "rows": rows(run.trials[-1:], run.seconds, run.tests)}, separators=(",", ":"))
    assert len(one) < 10_000


def test_the_page_holds_all_rows_and_the_best_trials_first() -> None:
    summary = summarise(open_run(EXAMPLE))
    order = by_worth(summary)
    assert sorted(order) == [each.number for each in summary.trials]
    assert tuple(order[: len(summary.front)]) == summary.front
    told = message(summary, order)
    assert told["rows"] == rows(summary.trials, summary.seconds, summary.tests)
    assert told["run"]["objectives"] == [{"metric": "error", "maximise": False}, {"metric": "params", "maximise": False}]


def test_genotypes_come_back_letter_by_letter() -> None:
    run = open_run(EXAMPLE)
    texts = list(run.genotype_texts([*[each.number for each in run.trials][::-1], 999]))
    assert [number for number, _ in texts] == [each.number for each in run.trials][::-1]
    odd = [(1000, "},{"), (1001, ""), (1002, '{"nodes":[{"a":1},{"b":2}]}')]
    [pack] = text_packs([*texts, *odd])
    told = unpacked(pack.content)
    found = [told["between"].join(told["pieces"][piece] for piece in pieces) for pieces in told["networks"]]
    assert dict(zip(pack.numbers, found, strict=True)) == dict([*texts, *odd])


def test_packs_stop_where_the_page_is_full() -> None:
    space = load_space("cell", cells=1)
    text = [space.sample(np.random.default_rng(seed)).genotype.to_json() for seed in range(6)]
    few = list(detail_packs((number, text[number % 6]) for number in range(20)))
    assert [len(pack.numbers) for pack in few] == [8, 8, 4]
    noise = np.random.default_rng(0)
    many = ((number, base64.b64encode(noise.bytes(3000)).decode()) for number in range(10_000))
    kept = list(text_packs(many))
    assert sum(len(pack.content) for pack in kept) <= MOST_TEXTS + len(kept[0].content)
    assert len(kept) < 5
    assert sum(len(pack.content) for pack in few) < MOST_DETAILS


def test_a_detail_says_what_the_network_costs_or_why_it_cannot() -> None:
    network = zoo.build("resnet18")
    told = detail(network.to_json())
    assert told["genotype"] == network.to_json()
    totals = told["drawing"]["totals"]
    assert totals[1] == sum(fact.cost.params for fact in network.facts)
    assert len(told["memory"]["live"]) == len(told["memory"]["names"]) == len(network.nodes)
    assert told["memory"]["peak"] >= told["memory"]["state"] + max(told["memory"]["live"])
    assert set(told["drawing"]["inside"]) == set(told["drawing"]["plans"])
    assert "conv9d" in detail(network.to_json().replace('"conv2d"', '"conv9d"', 1))["undrawn"]
    assert detail("{")["undrawn"]


def test_a_large_network_is_drawn_with_all_that_can_be_opened() -> None:
    told = detail(zoo.build("resnet152").to_json())["drawing"]
    keys = set(told["boxes"])
    assert {child for inside in told["inside"].values() for child in inside} == keys
    assert json.loads(json.dumps(told))


@pytest.mark.parametrize("weigh", [by_optuna, by_forest])
def test_importance_finds_the_choice_that_decides(weigh: Any) -> None:
    if weigh is by_optuna:
        pytest.importorskip("optuna")
    rng = np.random.default_rng(0)
    table = {name: [str(rng.integers(3)) for _ in range(200)] for name in ("deciding", "idle", "silent")}
    method, [weights] = weigh(table, [[float(option) + rng.normal() / 10 for option in table["deciding"]]])
    assert re.search(r"(Optuna|scikit-learn) \d", method)
    assert weights["deciding"] > 0.7
    assert sum(weights.values()) == pytest.approx(1)


def test_importance_of_too_little_is_none() -> None:
    few = Summary("", "", "", "", 0, GOALS, tuple(trial(number, choices={"kernel": number % 2}) for number in range(19)))
    assert importance(few) is None
    same = Summary("", "", "", "", 0, GOALS, tuple(map(trial, range(40))))
    assert importance(same) is None


def test_modules_of_the_script_share_no_name() -> None:
    text = bundle("report/script/main.js")
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", text, re.M)
    assert sorted(names) == sorted(set(names))
    assert not re.findall(r"^\s*(?:import|export)\b", text, re.M)
    imported = re.findall(r'from "\./(\w+\.js)"', "".join(path.read_text() for path in SCRIPT.glob("*.js")))
    assert {path.name for path in SCRIPT.glob("*.js")} == {*imported, "main.js"}
    assert max(path.read_text().count("\n") for path in SCRIPT.glob("*.js")) <= 350


def test_nothing_in_the_script_reads_html_or_code() -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\(\s*[\"'`]"
    assert not re.findall(ways, bundle("report/script/main.js"))


TSC = Path(__file__).parents[1] / "node_modules" / "typescript" / "bin" / "tsc"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None or not TSC.is_file(), reason="no TypeScript (npm install typescript@5.9.3): scripts are unchecked")
def test_types_of_the_scripts_hold() -> None:
    done = subprocess.run([str(NODE), str(TSC), "-p", str(TSC.parents[3])], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def in_node(folder: Path, code: str) -> Any:
    """What code that imports the script's modules of numbers prints as JSON."""
    for name in ("pareto.js", "units.js"):
        shutil.copy(SCRIPT / name, folder / name)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.js").write_text(code)
    done = subprocess.run([str(NODE), str(folder / "run.js")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(NODE is None, reason="no node: the script's numbers are not compared with Python's")
def test_the_script_computes_as_python_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sets = [rng.integers(0, 9, (int(rng.integers(1, 40)), axes)).astype(float).tolist() for axes in (1, 2, 3, 4) for _ in range(6)]
    holes = [[point if rng.random() > 0.2 else None for point in points] for points in sets]
    values = [0.0, 0.5, 1.0, 9.994, 9.996, 99.96, 999.4, 999.6, 1234.5, 999_499, 999_600, 1.234e7, 5.5e9, 7e13, -2.5e6, 1e-7, 123.456]
    names = ["error", "macs", "memory_bytes", "latency_ms", "loss", "accuracy"]
    given = json.dumps({"sets": sets, "holes": holes, "values": values, "units": [vars_of(name) for name in names]})
    told = in_node(
        tmp_path,
        f"""
        import {{ frontOf, growth, hypervolume }} from "./pareto.js"; import {{ written }} from "./units.js";
        const given = {given};
        console.log(JSON.stringify({{ fronts: given.sets.map((points) => frontOf(points).sort((a, b) => a - b)),
          volumes: given.sets.map((points) => hypervolume(points, points[0].map(() => 8.5))), growths: given.holes.map(growth),
          texts: given.units.map((unit) => given.values.map((value) => written(unit, value))) }}));
    """,
    )
    assert told["fronts"] == [front(points) for points in sets]
    np.testing.assert_allclose(told["volumes"], [hypervolume(points, [8.5] * len(points[0])) for points in sets])
    for points, found in zip(holes, told["growths"], strict=True):
        axes = next((len(point) for point in points if point is not None), 1)
        wanted = hypervolumes(np.array([point or [np.nan] * axes for point in points], dtype=float))
        np.testing.assert_allclose([one["share"] for one in found], [wanted[one["place"]] for one in found], rtol=1e-9)
    for name, texts in zip(names, told["texts"], strict=True):
        for value, text in zip(values, texts, strict=True):
            if unit(name).prefixed or abs(value) < 1000:  # above, Python writes powers of ten and the page all digits
                assert plain(text) == plain(unit(name).text(value)), name


def vars_of(name: str) -> dict[str, Any]:
    return {field: getattr(unit(name), field) for field in ("label", "axis", "factor", "suffix", "prefixed")}


def plain(text: str) -> str:
    """Exponents are written in two ways: 1e-07 and 1e-7."""
    return re.sub(r"e([+-])0*(\d)", r"e\1\2", text)


def test_a_page_with_networks_is_the_same_each_time() -> None:
    run = open_run(EXAMPLE)
    text = page(summarise(run), run.genotype_texts)
    assert text == page(summarise(run), run.genotype_texts)
    assert len(re.findall(r'id="details-of-\d+"', text)) == 8
    assert Genotype.from_json(next(run.genotype_texts([43]))[1]) == run.genotype(43)


def test_a_live_page_may_ask_its_own_server_alone() -> None:
    text = page(Summary("", "", "", "", 0, GOALS), live=Live('3"<', "live/run.js", ""))
    assert '<html lang="en" data-live="yes" data-place="3&quot;&lt;">' in text
    assert "; connect-src 'self'\"" in text
    assert "connect-src" not in page(Summary("", "", "", "", 0, GOALS))
    assert len(text.encode()) < 2_600_000
