"""Users' own files and scripts: what lies beside a file is found, and nothing of it stays where others look; scripts without a guard."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from archsearch.runs.proposal import SearchError
from archsearch.spaces.space import SpaceError, load_space
from archsearch.support.own_code import load_file
from archsearch.support.threads import cores
from tests.evaluators import Formula
from tests.runs import small_search
from tests.warm import run_python

SCRIPT = """import sys
from pathlib import Path
import archsearch
from archsearch.strategies import Random
from tests.evaluators import Formula
from tests.runs import small_space

run = archsearch.search(small_space(), Random(), Formula(), trials=2, workers=1, out=sys.argv[1])
print("done", len(run.trials))
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def own_folder(folder: Path, word: str) -> Path:
    """A file with modules of every form beside it: plain, package with and without __init__, one named as one of Python's own."""
    write(
        folder,
        main="import pack.inner as inner\nimport pack\nfrom bare.leaf import LEAF\nfrom parts_of_mine import WORD, Part\nimport random\n"
        "def late():\n    from lazy import LATE\n    return LATE\n",
        parts_of_mine=f"from __future__ import annotations\nimport dataclasses\nWORD = {word!r}\n"
        "@dataclasses.dataclass\nclass Part:\n    a: int = 1\n",
        lazy="from main import WORD\nLATE = WORD + ' late'\n",
        pack__inner="from parts_of_mine import WORD as INNER\n",
        bare__leaf="from parts_of_mine import WORD as LEAF\n",
        random="raise ZeroDivisionError\n",
    )
    (folder / "pack" / "__init__.py").write_text("from . import inner\nfrom .inner import INNER\n")
    return folder / "main.py"


def test_each_file_finds_its_own_neighbours_and_leaves_nothing_behind(tmp_path: Path) -> None:
    paths, modules = list(sys.path), set(sys.modules)
    for word in ("one", "two"):
        found = load_file(str(own_folder(tmp_path / word, word)))
        assert (found.WORD, found.inner.INNER, found.pack.INNER, found.LEAF, found.late()) == (word, word, word, word, f"{word} late")
        assert pickle.loads(pickle.dumps(found.Part(3))) == found.Part(3)
        assert found.random.Random
    assert sys.path == paths
    assert {name for name in set(sys.modules) - modules if not name.startswith("archsearch_own_")} == set()


def test_a_missing_neighbour_is_named(tmp_path: Path) -> None:
    write(tmp_path, space="from nothing_of_the_kind import x\n")
    with pytest.raises(SpaceError, match=r"space.py fails when it is run: ModuleNotFoundError: No module named 'nothing_of_the_kind'"):
        load_space(str(tmp_path / "space.py"))


def test_a_space_with_a_module_beside_it_is_searched_by_a_worker(tmp_path: Path) -> None:
    write(
        tmp_path,
        block="from archsearch.ops import Conv2d, ReLU\ndef block(b, width, x):\n    return b(ReLU(), b(Conv2d(width), x))\n",
        space="from archsearch import Builder, Genotype, Pick\nfrom archsearch.ops import Flatten, GlobalAvgPool2d, Linear\n"
        "from block import block\n"
        "def space(pick: Pick) -> Genotype:\n    b = Builder((1, 8, 8))\n    x = block(b, pick('width', [4, 8, 12]), b.input)\n"
        "    return b.genotype(b(Linear(10), b(Flatten(), b(GlobalAvgPool2d(), x))))\n",
    )
    space = load_space(str(tmp_path / "space.py"))
    assert space.sample(np.random.default_rng(0)).choices["width"] in (4, 8, 12)
    assert len(small_search(tmp_path / "run", space=space, trials=3, workers=1).trials) == 3


def run_script(tmp_path: Path, text: str, stdin: bool = False) -> subprocess.CompletedProcess[str]:
    (tmp_path / "script.py").write_text(text)
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": ""}
    if not stdin:
        return run_python(str(tmp_path / "script.py"), str(tmp_path / "run"), cwd=tmp_path, env=environment)
    command = [sys.executable, "-", str(tmp_path / "run")]
    return subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("stdin", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_script_without_the_guard_is_told_so_in_one_line(tmp_path: Path, stdin: bool) -> None:
    done = run_script(tmp_path, SCRIPT, stdin)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") <= 2  # that of the script itself, with its cause; none of a worker
    last = done.stderr.splitlines()[-1]
    assert 'if __name__ == "__main__":' in last
    assert len(last) < 300
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_script_with_the_guard_runs(tmp_path: Path) -> None:
    head, run = SCRIPT.split("\n\n")
    done = run_script(tmp_path, f'{head}\n\nif __name__ == "__main__":\n    ' + run.replace("\n", "\n    ").rstrip() + "\n")
    assert (done.returncode, done.stdout) == (0, "done 2\n"), done.stderr


def test_cores_are_counted_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert cores() >= 1


def test_a_search_in_this_process_takes_no_time_limit(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="a time limit needs a worker to end: give workers=1 or more"):
        small_search(tmp_path / "run", evaluator=Formula(), workers=0, timeout_s=1)
