"""Mutants of a seeded sample, each against the tests of its file: python -m tests.mutate --mutants 400 --seed 0 --out mutants.jsonl.

Needs cosmic-ray 8.7.0, which makes the mutants: docs/mutation.md. The tests run in a copy of the tree, never in the tree itself.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import importlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
BYTES = ["test_backward", "test_views", "test_analysis: put_out, allocator, rows, bytes, timeline"]
TESTS = {
    "analysis/axes.py": ["test_receptive_field"],
    "analysis/backward.py": BYTES,
    "analysis/budget.py": ["test_search", "test_measure", "test_analysis: budget, unknown", "test_budgeted"],
    "analysis/calibration.py": ["test_latency"],
    "analysis/cost.py": [*BYTES[:2], "test_analysis", "test_show"],
    "analysis/exits.py": ["test_analysis: exits, rows", "test_show"],
    "analysis/latency.py": ["test_latency"],
    "analysis/memory.py": BYTES,
    "analysis/receptive_field.py": ["test_receptive_field"],
    "analysis/traffic.py": ["test_latency", "test_analysis: moves, rows"],
    "analysis/training.py": BYTES,
    "analysis/views.py": ["test_views"],
    "analysis/windows.py": ["test_receptive_field", "test_analysis: receptive, upsampling"],
    "pareto.py": ["test_pareto"],
    "network/passes/canonical.py": ["test_rules", "test_passes"],
    "network/passes/folding.py": ["test_rules", "test_passes"],
    "runs/agreement.py": ["test_predicted_latency: agreement, few"],
    "runs/proposal.py": ["test_proposal", "test_search", "test_strategies: evolution, space_of_one, one_in_a_million"],
    "runs/store.py": ["test_store", "test_record"],
    "strategies/__init__.py": ["test_strategies: unknown, evolution"],
    "strategies/auto.py": ["test_strategies: auto, two_models"],
    "strategies/base.py": ["test_strategies: evolution", "test_search", "test_predicted_latency: known, refused, half_times"],
    "strategies/bayesian.py": ["test_optuna", "test_strategies: optuna"],
    "strategies/evolution.py": ["test_strategies: evolution, those_that_learn"],
    "strategies/exhaustive.py": ["test_strategies: exhaustive"],
    "strategies/local.py": ["test_strategies: local, those_that_learn"],
    "strategies/nsga.py": ["test_strategies: nsga, child, parent, front, directions, normalised, those_that_learn"],
    "strategies/proposer.py": ["test_proposer", "test_strategies: proposer"],
    "strategies/random.py": ["test_strategies: random"],
}
"""The files that are changed, under archsearch/, and the tests that judge each: a test file, and words of which a test's name has one."""

SLOWEST = ["thousand_networks", "other_dtypes", "over_every_kind", "over_all_ops", "15625", "full_size", "not_put_out", "random_networks"]
SLOWEST += ["keeps_the_function", "crop2d-flatten-linear", "does_not_say_what_it_reads", "answers_lie", "another_process"]
SLOWEST += ["one_in_a_million", "their_end", "goes_on", "comes_twice", "those_that_learn", "begins_with_failures", "space_of_one"]
"""Words of tests of more than some seconds, which a mutant meets only with --thorough."""

LIBRARIES = ["torch", "torch.fx", "torch.utils.flop_counter", "pandas", "plotly.graph_objects", "scipy.optimize", "scipy.stats"]
LIBRARIES += ["sklearn.ensemble", "hypothesis", "networkx", "typer.testing", "rich.console", "optuna", "safetensors.torch"]
"""Imported once, before the fork of each mutant."""
KEY = ("file", "operator", "occurrence")
MOST_BYTES, SECONDS, QUICK_SECONDS = 12 * 2**30, 60, 5


def mutants_of(path: Path) -> Iterator[dict[str, Any]]:
    """One mutant for every place of the file that an operator changes, drawn by the caller among those of the place."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    hints, nodes = list(hints_of(path)), list(ast_nodes(get_ast_from_path(path)))
    for name in sorted(operator_names()):
        operator = get_operator(name)
        if operator.arguments() or name.endswith(("_Is_Eq", "_IsNot_NotEq")):
            continue  # wants names of variables; or changes nothing
        found = ((node, place) for node in nodes for place in operator().mutation_positions(node))
        for occurrence, (node, (start, end)) in enumerate(found):
            if not (any(low <= start < high for low, high in hints) or node.parent.type in ("parameters", "lambdef")):
                yield {"operator": name.removeprefix("core/"), "occurrence": occurrence, "line": start[0], "place": (start, end)}


def hints_of(path: Path) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where type hints stand: nothing runs them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if hint is not None:
                yield (hint.lineno, hint.col_offset), (hint.end_lineno, hint.end_col_offset)


def sample(file: str, share: float, seed: int) -> list[dict[str, Any]]:
    """The share of the places of a file, at least four, each with one of its mutants."""
    places: dict[Any, list[dict[str, Any]]] = {}
    for mutant in mutants_of(ROOT / "archsearch" / file):
        places.setdefault(mutant.pop("place"), []).append({"file": file, **mutant})
    rng = random.Random(f"{seed} {file}")
    chosen = rng.sample(sorted(places), min(len(places), max(4, round(share * len(places)))))
    return [rng.choice(places[place]) for place in sorted(chosen)]


def changed(mutant: dict[str, Any]) -> tuple[str, str]:
    """The text of the file and that of the mutant."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    text = (ROOT / "archsearch" / mutant["file"]).read_text(encoding="utf-8")
    return text, mutate_code(text, get_operator(f"core/{mutant['operator']}")(), mutant["occurrence"])


class Chosen:
    """The tests of a file by the words of their names; hypothesis stops at the first example that fails."""

    def __init__(self, tests: list[str], thorough: bool) -> None:
        self.words = dict(self.parted(test) for test in tests)
        self.avoided = [] if thorough else SLOWEST

    @staticmethod
    def parted(test: str) -> tuple[str, list[str]]:
        file, _, words = test.partition(": ")
        return file, words.split(", ")

    def pytest_collection(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile("mutants", settings.get_profile("archsearch"), phases=[Phase.explicit, Phase.generate])
        settings.load_profile("mutants")
        self.began = time.process_time()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self.wants(item)]

    def pytest_runtest_setup(self) -> None:
        if self.avoided and time.process_time() - self.began > QUICK_SECONDS:
            pytest.skip("enough for a first look")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            print(f"\nKILLER {report.nodeid}")

    def wants(self, item: pytest.Item) -> bool:
        words = self.words[item.path.stem]
        return any(word in item.name.lower() for word in words) and not any(word in item.name for word in self.avoided)


def outcome(tree: Path, chosen: Chosen, seconds: float, said: Path) -> tuple[str, float]:
    """What the tests say in a process of their own: passed, failed, timeout, or nothing to run; and its seconds of processor time."""
    started = time.monotonic()
    child = os.fork()
    if not child:
        code = 99
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            resource.setrlimit(resource.RLIMIT_CPU, (ceil(seconds), ceil(seconds) + 5))
            handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (0, 1, 2):
                os.dup2(os.open(os.devnull, os.O_RDONLY) if not stream else handle, stream)
            os.chdir(tree)
            sys.path.insert(0, str(tree))
            sys.modules["__main__"] = types.ModuleType("__main__")  # which processes that the tests spawn would run again
            for name in [name for name in sys.modules if name == "tests" or name.startswith(("tests.", "archsearch"))]:
                del sys.modules[name]
            files = [f"tests/{name}.py" for name in chosen.words]
            options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
            code = int(pytest.main([*options, *files], plugins=[chosen]))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    while time.monotonic() < started + 30 + 10 * seconds:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            stop(child)
            told = {0: "passed", 5: "nothing", -signal.SIGXCPU: "timeout"}.get(os.waitstatus_to_exitcode(status), "failed")
            return told, used.ru_utime + used.ru_stime
        time.sleep(0.05)
    stop(child)
    os.waitpid(child, 0)
    return "timeout", seconds


def stop(group: int) -> None:
    """End a child and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def copy_of_tree(folder: Path) -> Path:
    tree = folder / "tree"
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    if (ROOT.parent / "shared").is_dir():
        (folder / "shared").symlink_to(ROOT.parent / "shared")
    return tree


def judge(mutants: list[dict[str, Any]], thorough: bool) -> Iterator[dict[str, Any]]:
    """Each mutant with its difference and what became of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = copy_of_tree(folder)
        os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-m", "compileall", "-q", "archsearch", "search_spaces"], cwd=tree, check=True)
        sys.dont_write_bytecode = True
        for library in LIBRARIES:
            importlib.import_module(library)
        gc.freeze()
        for mutant in mutants:
            file = mutant["file"]
            chosen, path = Chosen(TESTS[file], thorough), tree / "archsearch" / file
            before, after = changed(mutant)
            times = path.stat()
            path.write_text(after, encoding="utf-8")
            told, took = outcome(tree, chosen, SECONDS, folder / "said")
            path.write_text(before, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # so that what was compiled of it holds again
            killer = re.search(r"^KILLER (.+)$", (folder / "said").read_text(errors="replace"), re.MULTILINE)
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
            yield {
                **mutant,
                "told": told,
                "by": killer and killer[1],
                "seconds": round(took, 1),
                "change": [line for line in lines if not line.startswith(("---", "+++", "@@"))],
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=400, help="size of the sample, over all files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file", action="append", choices=sorted(TESTS), help="only these; again and again")
    parser.add_argument("--thorough", action="store_true", help="with the slowest tests too")
    parser.add_argument("--survivors", type=Path, help="those that passed in this file, instead of a sample")
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"))
    args = parser.parse_args()
    if args.survivors:
        mutants = [mutant for mutant in map(json.loads, args.survivors.read_text().splitlines()) if mutant["told"] == "passed"]
    else:
        places = {file: len({mutant["place"] for mutant in mutants_of(ROOT / "archsearch" / file)}) for file in TESTS}
        share = args.mutants / sum(places.values())
        mutants = [mutant for file in TESTS for mutant in sample(file, share, args.seed)]
        random.Random(args.seed).shuffle(mutants)  # what a run that is stopped has done is a sample too
        firsts = {mutant["file"]: id(mutant) for mutant in reversed(mutants)}
        mutants.sort(key=lambda mutant: id(mutant) not in firsts.values())  # one of each file comes first
    mutants = [mutant for mutant in mutants if not args.file or mutant["file"] in args.file]
    done = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    known = {tuple(mutant[name] for name in KEY) for mutant in done}
    mutants = [mutant for mutant in mutants if tuple(mutant[name] for name in KEY) not in known]
    print(f"{len(mutants)} mutants", flush=True)
    with args.out.open("a") as out:
        for mutant in judge(mutants, args.thorough):
            out.write(json.dumps(mutant) + "\n")
            out.flush()
            print(f"{mutant['told']:8}{mutant['seconds']:6.1f} s  {mutant['file']}:{mutant['line']}", flush=True)


if __name__ == "__main__":
    main()
