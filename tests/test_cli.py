"""The command line as its users meet it: every command in a process of its own, with right input, wrong input and Ctrl-C."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.markup import render
from typer.main import get_command

from archsearch import Builder, Genotype
from archsearch.analysis import Device
from archsearch.cli import WrongUseError, run
from archsearch.cli.app import app
from archsearch.cli.options import parse_pairs
from archsearch.cli.units import parse_bytes, parse_count
from archsearch.exporters import FORMATS, STANDARD
from archsearch.ops import Conv2d, ReLU
from archsearch.runs.store import open_run
from archsearch.spaces.space import load_space
from tests.runs import assert_same_run, table
from tests.warm import run_python

TREE = Path(__file__).parents[1]
COMMANDS = (
    "search", "resume", "train", "show", "calibrate", "zoo", "lint", "diff", "edit", "convert", "draw",
    "import", "around", "strategies", "evaluators", "spaces", "space", "sample", "supernet", "tabulate", "compare",
    "front", "watch", "explain", "report", "dashboard", "export", "study",
)  # fmt: skip
QUICK = ("--evaluator-set", "epochs=2", "--workers", "1", "--max-params", "20k")


def call(*arguments: str, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return run_python(str(TREE / "cli.py"), *arguments, cwd=cwd, timeout=timeout)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run `x`, made by the command of a new user, from a folder that is not the project's."""
    folder = tmp_path_factory.mktemp("user")
    done = call("search", "chain", "--trials", "5", "--objective", "error", "--objective", "macs", *QUICK, "--out", "x", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Report  x/report.html" in done.stdout
    assert "auto: graph_gp and predictor in turn for the first 300 trials, then local" in done.stderr
    assert re.search(r"Model   x/export/trial-\d{4}/model.py", done.stdout)
    assert "5/5" in done.stderr
    return folder


def test_a_search_leaves_front_report_and_a_model_that_runs_alone(searched: Path) -> None:
    run = open_run(searched / "x")
    front = run.front()
    assert len(run.trials) == 5
    assert set(run.tests) == {trial.number for trial in front}
    assert all(0 <= metrics["error"] <= 1 for metrics in run.tests.values())
    assert "<html" in (searched / "x" / "report.html").read_text(encoding="utf-8")
    model = searched / "x" / "export" / f"trial-{front[0].number:04d}"
    assert {"model.py", "model.safetensors", "genotype.json"} <= {path.name for path in model.iterdir()}
    code = "import sys; sys.path.insert(0, '.'); import model; model.load(); assert not any('archsearch' in name for name in sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", code], cwd=model, check=True)


def test_show_prints_the_front_and_a_network(searched: Path) -> None:
    front = call("show", "x", cwd=searched)
    number = open_run(searched / "x").front()[0].number
    assert front.returncode == 0
    assert "auto in chain, seed 0; 5 of 5 trials" in front.stdout
    assert "Test error" in front.stdout
    network = call("show", f"x:{number}", "--batch", "8", cwd=searched)
    assert "head/linear" in network.stdout
    assert "Batch 8, float32: peak" in network.stdout
    told = json.loads(call("show", f"x:{number}", "--json", cwd=searched).stdout)
    assert told["params"] == open_run(searched / "x").trial(number).metrics["params"] == sum(row["params"] for row in told["rows"])
    assert json.loads(call("show", "x", "--json", cwd=searched).stdout)["front"][0]["trial"] == number


def test_show_tells_what_moves_what_exits_cost_and_what_is_live(searched: Path) -> None:
    number = open_run(searched / "x").front()[0].number
    told = json.loads(call("show", f"x:{number}", "--batch", "2", "--json", cwd=searched).stdout)
    assert told["moved_bytes"] == sum(row["moved_bytes"] for row in told["rows"])
    assert told["intensity"] == 2 * told["flops"] / told["moved_bytes"]
    assert [part["params"] for part in told["exits"]] == [told["params"]]
    assert told["timeline"]["inference"] == [row["live_bytes"] for row in told["rows"]]
    assert "latency_ms" not in told
    (searched / "two.json").write_text(two_exits().to_json())
    table = call("show", "two.json", cwd=searched).stdout
    assert re.search(r"Output +Shape +Params +MACs +Params added +MACs added\nrelu +4x8x8 +40 +2,304 +40 +2,304\nlast ", table)
    assert "FLOPs a byte" in table


def two_exits() -> Genotype:
    b = Builder((1, 8, 8))
    x = b(ReLU(), b(Conv2d(4), b.input))
    return b.genotype(x, b(Conv2d(4), x, name="last"))


def test_calibrate_describes_the_machine_and_show_estimates_with_it(searched: Path) -> None:
    done = call("calibrate", "--out", "new/device.json", cwd=searched)
    assert done.returncode == 0, done.stderr
    assert re.search(r"window +\d+ +[\d.]+ [GT]FLOP/s", done.stdout)
    assert done.stdout.rstrip().endswith("--latency-device new/device.json, or show NETWORK --device new/device.json")
    assert done.stderr == ""
    number = open_run(searched / "x").front()[0].number
    table = call("show", f"x:{number}", "--device", "new/device.json", cwd=searched).stdout
    assert re.search(r"Estimated on .*1 thread: [\d.]+ ms", table)
    told = json.loads(call("show", f"x:{number}", "--device", "new/device.json", "--json", cwd=searched).stdout)
    assert 0 < told["latency_ms"] == pytest.approx(sum(row["latency_ms"] for row in told["rows"]))


def test_calibrate_stops_cleanly_and_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(TREE / "cli.py"), "calibrate", "--out", "device.json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(4)  # torch is loaded by then, and measuring takes longer
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "archsearch: interrupted; nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_calibrate_writes_to_the_users_settings_by_default(tmp_path: Path) -> None:
    code = (
        "import archsearch.training.latency as l, archsearch.cli as c; from archsearch.ops import *\n"
        "all = l.sample_networks; l.sample_networks = lambda: all()[-60:]\n"
        "raise SystemExit(c.run(['calibrate', '--json']))"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "settings")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=TREE, env=environment)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["device"]).is_relative_to(tmp_path)
    assert told["samples"] == 60
    assert Device.from_json(Path(told["device"]).read_text()).name == told["name"]


def test_report_and_export_write_where_they_are_told(searched: Path) -> None:
    assert call("report", "x", "--out", "page.html", cwd=searched).stdout == "page.html\n"
    number = open_run(searched / "x").front()[-1].number
    done = call("export", f"x:{number}", "--out", "mine", "--json", cwd=searched)
    assert json.loads(done.stdout)["files"] == sorted(file for name in STANDARD for file in FORMATS[name].files)
    again = call("export", f"x:{number}", "--out", "mine", cwd=searched)
    assert_one_line(again, 1, "exists")
    fresh = call("export", "mine/genotype.json", "--out", "fresh", cwd=searched)
    assert fresh.returncode == 0
    assert "weights" in fresh.stderr


def test_resume_goes_on_to_more_trials(searched: Path, tmp_path: Path) -> None:
    """By a worker, to the trials that one process finds by itself."""
    goals = ("--objective", "error", "--objective", "macs")
    whole = call("search", "chain", "--trials", "7", *goals, *QUICK, "--workers", "0", "--out", str(tmp_path / "w"), cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    more = call("resume", "x", "--trials", "7", "--json", cwd=searched)
    assert more.returncode == 0, more.stderr
    assert "of 7 trials done, space " in more.stderr
    assert open_run(searched / "x").trials == open_run(tmp_path / "w").trials
    assert json.loads(more.stdout)["run"] == "x"


def test_spaces_lists_what_can_be_searched(tmp_path: Path) -> None:
    listed = json.loads(call("spaces", "--json", cwd=tmp_path).stdout)
    assert {space["name"]: space["size"] for space in listed}["cell"] == 15625
    assert "avg_pool_3x3" in call("spaces", "cell", cwd=tmp_path).stdout
    assert "15,625" in call("spaces", cwd=tmp_path).stdout


def test_a_search_in_which_all_fail_says_so_and_leaves_a_report(tmp_path: Path) -> None:
    done = call("search", "chain", "--trials", "2", "--quiet", "--evaluator-set", "lr=999", "--workers", "0", "--out", "x", cwd=tmp_path)
    assert_one_line(done, 1, "none of 2 trials has a result (2 diverged)", "loss is")
    assert "diverged" in (tmp_path / "x" / "report.html").read_text(encoding="utf-8")


def test_a_run_with_odd_options_gets_one_line(searched: Path, tmp_path: Path) -> None:
    shutil.copytree(searched / "x", tmp_path / "x")
    file = tmp_path / "x" / "run.json"
    file.write_text(file.read_text().replace('"first"', '"frist"'))
    assert_one_line(call("resume", "x", cwd=tmp_path), 1, "run.json", "frist")


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, str(TREE / "cli.py"), "search", "chain", "--trials", "500", *QUICK, "--workers", "2", "--out", "x"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (recorded := list_trials(tmp_path / "x")):
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err.strip().splitlines()[-1] == "stopped; `archsearch resume x` goes on"
    assert "Traceback" not in err
    assert open_run(tmp_path / "x").trials[: len(recorded)] == recorded


def list_trials(folder: Path) -> tuple:
    return open_run(folder).trials if (folder / "run.json").is_file() else ()


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("archsearch: ")
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["serch"], 2, ["No such command 'serch'", "search"]),
        (["search", "chian"], 2, ["unknown space 'chian'", "did you mean chain"]),
        (["search", "missing.py"], 2, ["no file missing.py"]),
        (["search", "chain", "--data", "digit"], 2, ["'digit'", "digits"]),
        (["search", "chain", "--data", "missing.npz"], 2, ["missing.npz"]),
        (["search", "chain", "--strategy", "evolutoin"], 2, ["unknown strategy 'evolutoin'", "did you mean evolution"]),
        (
            ["search", "chain", "--strategy", "evolution", "--strategy-set", "populaton=3"],
            2,
            ["strategy 'evolution' has no setting 'populaton'", "population"],
        ),
        (["search", "chain", "--strategy", "evolution", "--strategy-set", "population=0"], 2, ["tournament=7 must lie in 1..population=0"]),
        (["search", "chain", "--set", "stage=3"], 2, ["space 'chain' has no setting 'stage'", "stages"]),
        (["search", "chain", "--set", "stages=three"], 2, ["stages=three must be a whole number"]),
        (["search", "chain", "--set", "stages"], 2, ["'stages' must be NAME=VALUE"]),
        (["search", "chain", "--evaluator", "trian"], 2, ["unknown evaluator 'trian'", "did you mean train"]),
        (["search", "chain", "--evaluator-set", "epochs=0"], 2, ["epochs=0"]),
        (["search", "chain", "--evaluator-set", "epoch=3"], 2, ["has no setting 'epoch'", "epochs"]),
        (["search", "chain", "--trails", "3"], 2, ["--trails", "--trials"]),
        (["search", "chain", "--trials", "0"], 2, ["--trials"]),
        (["search", "chain", "--max-params", "many"], 2, ["'many' must be a number such as 20000, 50k or 5M"]),
        (["search", "chain", "--max-memory", "64XB"], 2, ["'64XB' must be a size such as"]),
        (["search", "chain", "--max-latency", "-1"], 2, ["budget latency_ms=-1.0 must be a number over 0"]),
        (["search", "chain", "--objective", "big:error"], 2, ["objective 'big:error'"]),
        (["search", "chain", "--strategy", "random", "--objective", "eror"], 1, ["objective 'eror' is not measured", "did you mean error"]),
        (["search", "chain", "--strategy", "random", "--out", "taken"], 2, ["taken exists already"]),
        (
            ["search", "chain", "--strategy", "random", "--max-params", "5", "--workers", "0", "--out", "nothing-fits"],
            1,
            ["no network of space 'chain' met the budget", "params"],
        ),
        (["show", "nowhere.json"], 2, ["nowhere.json", "No such file"]),
        (["show", "taken"], 1, ["taken is no run"]),
        (["show", "cut.json"], 1, ["cut.json", "not valid JSON"]),
        (["show", "cycle.json"], 1, ["cycle.json", "node 'a'", "made before it"]),
        (["show", "odd.json"], 1, ["odd.json", "node 'a'", "unknown op 'conv3d'", "conv2d"]),
        (["show", "type.json"], 1, ["type.json", "node 'a'", "channels=", "whole number"]),
        (["show", "huge.json"], 1, ["huge.json", "node 'a'", "2**31"]),
        (["show", "binary.json"], 1, ["binary.json"]),
        (["show", "whole.json", "--device", "none.json"], 1, ["none.json", "No such file", "archsearch calibrate"]),
        (["show", "whole.json", "--device", "cut.json"], 1, ["cut.json", "not valid JSON"]),
        (["show", "whole.json", "--device", "whole.json"], 1, ["whole.json", "archsearch.device/1"]),
        (["calibrate", "--out", "taken"], 2, ["taken is a folder"]),
        (["calibrate", "--out", "taken/file/device.json"], 2, ["taken/file/device.json", "--out"]),
        (["calibrate", "--on", "tpu"], 2, ["--on tpu is not there", "cpu"]),
        (["calibrate", "--threads", "0"], 2, ["--threads", "1"]),
        (["resume", "nowhere"], 1, ["nowhere is no run"]),
        (["report", "nowhere"], 1, ["nowhere is no run"]),
        (["resume", "taken", "--extend"], 2, ["No such option: --extend", "archsearch resume RUN --trials 80"]),
        (["export", "nowhere"], 2, ["nowhere", "no file, run or network"]),
        (["export", "taken", "--to", "optuna.db"], 2, ["archsearch study taken --to optuna.db"]),
        (["search", "chain", "--warm-start", "cut.json"], 2, ["cut.json: file is not a database", "Optuna 5"]),
        (["spaces", "cel"], 2, ["unknown space 'cel'", "cell"]),
    ],
)
def test_wrong_input_gets_one_line(arguments: list[str], code: int, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    whole = load_space("chain").sample(np.random.default_rng(0)).genotype.to_json()
    node = '{"name": "a", "op": %s, "inputs": ["%s"]}'
    text = '{"format": "archsearch.genotype/1", "inputs": [[1, 8, 8]], "nodes": [%s], "outputs": ["a"]}'
    files = {
        "whole.json": whole,
        "cut.json": whole[: len(whole) // 2],
        "cycle.json": text % (node % ('{"kind": "relu"}', "a")),
        "odd.json": text % (node % ('{"kind": "conv3d"}', "x")),
        "type.json": text % (node % ('{"kind": "conv2d", "channels": "8"}', "x")),
        "huge.json": text % (node % ('{"kind": "conv2d", "channels": 2000000000}', "x")),
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "binary.json").write_bytes(bytes(range(128, 256)))
    assert_one_line(call(*arguments, cwd=tmp_path), code, *words)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Usage: archsearch" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_of_a_help_is_taken_for_markup(command: str) -> None:
    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    for text in (found.help, *(given.help for given in found.params)):
        assert render(text or "").plain == (text or "")


def test_the_table_of_commands_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    listed = re.findall(r"^│ (\w+) ", capsys.readouterr().out, flags=re.M)
    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize(
    ("text", "value"), [("20000", 20_000), ("50k", 50_000), ("5M", 5_000_000), ("1.5G", 1_500_000_000), ("2 k", 2_000)]
)
def test_counts_are_read(text: str, value: int) -> None:
    assert parse_count(text) == value


def test_bytes_are_read() -> None:
    assert [parse_bytes(text) for text in ("64MB", "64MiB", "500kB", "1024")] == [64_000_000, 64 * 2**20, 500_000, 1024]


@pytest.mark.parametrize("text", ["-1", "0", "1e3", "", "k", "1" * 40, "nan"])
def test_counts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(WrongUseError, match="must be"):
        parse_count(text)


def test_settings_get_the_type_of_their_default() -> None:
    defaults = {"a": 1, "b": 0.5, "c": True, "d": "x", "e": (1, 2), "f": None}
    pairs = ["a=3", "b=1e-3", "c=no", "d=y=z", "e=3,4,5", "f=7"]
    assert parse_pairs(pairs, defaults, "it") == {"a": 3, "b": 0.001, "c": False, "d": "y=z", "e": (3, 4, 5), "f": 7}
    with pytest.raises(WrongUseError, match="it: c=maybe must be true or false"):
        parse_pairs(["c=maybe"], defaults, "it")


@pytest.mark.slow
def test_kill_of_a_real_search_loses_nothing_and_resume_ends_where_no_kill_ends(tmp_path: Path) -> None:
    arguments = ["chain", "--trials", "12", *QUICK, "--seed", "5", "--quiet"]
    assert call("search", *arguments, "--out", "whole", cwd=tmp_path).returncode == 0
    command, moments, recorded = ["search", *arguments, "--out", "killed"], random.Random(0), set()
    for _ in range(3):
        process = subprocess.Popen([sys.executable, str(TREE / "cli.py"), *command], cwd=tmp_path, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(3, 6))
        process.kill()
        process.wait()
        if (tmp_path / "killed" / "run.json").is_file():
            rows = set(table(tmp_path / "killed", "trials"))
            assert recorded <= rows
            recorded, command = rows, ["resume", "killed", "--quiet"]
    assert call(*command, cwd=tmp_path).returncode == 0
    assert_same_run(tmp_path / "whole", tmp_path / "killed")
