"""The house: which module may import which, which libraries stay in which rooms, and what starts without torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import LAYERS, PACKAGE, PICTURE, TREE, arrows, imports, modules, picture, room

LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
SIBLINGS = ("strategies", "evaluators", "exporters")
JOINTS = ("__init__", "auto", "base", "network", "of_run", "shared", "trust")
"""Where siblings are put together."""
HOMES = {
    "torch": {
        "support/randomness",
        "support/threads",
        "layers",
        "ops/measure",
        "ops/scratch",
        "ops/products",
        "network/compiler",
        "network/inheritance",
        "network/morphisms",
        "design/importer",
        "data",
        "tasks",
        "proxies",
        "training",
        "engines",
        "sharing",
        "evaluators",
        "explaining",
        "strategies/reinforce",
        "strategies/predictor",
        "supernets",
        "exporters",
        "solo/pretrained",
        "solo/training",
    },
    "safetensors": {"training", "sharing", "supernets", "exporters"},
    "sklearn": {"data", "strategies/predictor", "report/importance"},
    "optuna": {"strategies/bayesian", "optuna", "report/importance"},
    "ray": {"runs/cluster", "runs/kit", "runs/remote_worker", "tune"},
    "PIL": {"data", "report/pictures"},
    "pandas": {"figures/frame"},
    "plotly": {"figures"},
    "typer": {"cli"},
    "rich": {"cli"},
    "starlette": {"live"},
    "uvicorn": {"live"},
    "sqlite3": {"runs/store", "runs/database"},
    "networkx": set(),
    "onnx": {"engines"},
    "onnx_ir": {"engines"},
    "onnxruntime": {"engines"},
    "openvino": {"engines"},
    "pnnx": {"engines"},
}


def test_imports_point_down() -> None:
    assert {room(path) for path in modules()} <= LEVEL.keys(), "a room has no layer"
    up = [(path, other) for path in modules() for other in arrows(path) if LEVEL[other] >= LEVEL[room(path)]]
    assert not up, [f"{path.relative_to(PACKAGE)} imports {other}" for path, other in up]


def test_the_picture_of_the_house_is_that_of_its_imports() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "python -m tests.house draws it anew"


@pytest.mark.parametrize("path", [p for p in modules() if room(p) in SIBLINGS and p.stem not in JOINTS], ids=lambda p: p.stem)
def test_siblings_import_only_their_base(path: Path) -> None:
    own = path.relative_to(PACKAGE).with_suffix("").parts
    for name in imports(path):
        parts = name.split(".")
        if parts[:2] == ["archsearch", own[0]] and len(own) == 2:
            assert parts[2] == "base", f"{path.name} imports {name}"


def test_libraries_stay_in_their_rooms() -> None:
    strays = []
    for path in modules():
        inside = path.relative_to(PACKAGE).with_suffix("")
        here = {str(inside), *map(str, inside.parents)}
        strays += [f"{inside} imports {name}" for name in imports(path) if not here & HOMES.get(name.split(".")[0], here)]
    assert not strays


def test_only_the_command_line_prints() -> None:
    for path in modules():
        if room(path) != "cli":
            calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            assert "print" not in calls, path


START = """
import sys
{code}
assert not {{"torch", "pandas", "sklearn", "ray", "optuna", "starlette", "uvicorn"}} & sys.modules.keys()
"""


@pytest.mark.parametrize(
    "code",
    [
        "import archsearch; archsearch.Genotype, archsearch.load_space, archsearch.search, archsearch.open_run, archsearch.Budget",
        "from archsearch.cli import run; assert run(['--help']) == 0",
        "from archsearch.cli import run; assert run(['spaces']) == 0",
        "from archsearch.cli import run; assert run(['search', 'nowhere']) == 2",
        "import numpy, pathlib, tempfile; from archsearch import load_space; from archsearch.cli import run\n"
        "file = pathlib.Path(tempfile.mkdtemp()) / 'g.json'\n"
        "file.write_text(load_space('cell').sample(numpy.random.default_rng(0)).genotype.to_json())\n"
        "assert run(['show', str(file)]) == 0",
    ],
)
def test_what_needs_no_torch_starts_without_it(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", START.format(code=code)], capture_output=True, text=True, cwd=TREE)
    assert done.returncode == 0, done.stderr


def test_public_names_are_there() -> None:
    import archsearch

    for name in archsearch.__all__:
        assert getattr(archsearch, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = archsearch.nonsense


def test_functions_and_files_stay_small() -> None:
    for path in [*modules(), *(TREE / "search_spaces").glob("*.py"), *(TREE / "benchmarks").glob("*.py")]:
        text = path.read_text()
        assert text.count("\n") <= 350, f"{path} is long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                assert node.end_lineno - node.lineno < 40, f"{path}: {node.name} is long"
