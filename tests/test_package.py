"""The wheel and the sdist: what people install holds all that runs need, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]


def built(tree: Path, kind: str, folder: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    [path] = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(TREE, "wheel", tmp_path_factory.mktemp("wheel"))


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_package_spaces_and_types(wheel: Path):
    names = names_in(wheel)
    wanted = {str(path.relative_to(TREE)) for path in (TREE / "archsearch").rglob("*.*") if "__pycache__" not in path.parts}
    wanted |= {f"archsearch/search_spaces/{path.name}" for path in (TREE / "search_spaces").glob("*.py")}
    assert wanted - names == set()
    assert "archsearch/py.typed" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"archsearch"}


def test_the_wheel_says_what_it_needs_and_what_it_runs(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        [info] = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        data = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        entries = archive.read(f"{info}/entry_points.txt").decode()
        assert f"{info}/licenses/LICENSE" in archive.namelist()
    assert data["Requires-Python"] == ">=3.11"
    needed = {line.partition(">")[0] for line in data.get_all("Requires-Dist") if "extra ==" not in line}
    assert {"torch", "numpy", "safetensors", "typer"} <= needed
    assert "archsearch = archsearch.cli:main" in entries


def test_what_was_installed_runs_from_any_folder(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "elsewhere").mkdir()
    code = "import archsearch.cli; print(archsearch.__file__); archsearch.cli.main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "sample", "cell", "-n", "1"],
        cwd=tmp_path / "elsewhere", env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert "stem" in done.stdout or "cell" in done.stdout


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path):
    (tmp_path / "sdist").mkdir()
    with tarfile.open(built(TREE, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [tree] = (tmp_path / "unpacked").iterdir()
    assert {"LICENSE", "README.md", "pyproject.toml", "tests", "docs"} <= {path.name for path in tree.iterdir()}
    (tmp_path / "again").mkdir()
    assert names_in(built(tree, "wheel", tmp_path / "again")) == names_in(wheel)
