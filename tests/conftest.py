"""Settings that every test shares, and golden files."""

from __future__ import annotations

import gc
import os

# Read once, when torch and numpy are imported; tests go side by side, and so do what they start: more threads only wait for each other.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests.warm import checks_with_torch

torch.set_num_threads(1)
settings.register_profile("archsearch", deadline=None, derandomize=True, print_blob=False, database=None)
settings.load_profile("archsearch")

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[2] / "shared"
OF_EXPORT = ("test_export", "test_formats", "test_engines", "test_model_card", "test_layers")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew from what the code says now")


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: the collector of garbage need not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def checked_in_a_warm_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """What is exported on the way is checked by a process that has torch already; tests of export itself start new ones."""
    with nullcontext() if request.path.name.startswith(OF_EXPORT) else checks_with_torch():
        yield


@pytest.fixture
def assert_golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with the golden file of that name; `--update-golden` writes it."""

    def assert_equal(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no golden file {name}; run pytest --update-golden"
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; if that is meant, run pytest --update-golden and read the diff"

    return assert_equal


@pytest.fixture(scope="session")
def tabular() -> Path:
    """The folder of tabular benchmarks."""
    folder = SHARED / "data" / "tabular"
    if not folder.is_dir():
        pytest.skip(f"needs the tabular benchmark data in {folder}, which are not part of the project")
    return folder
