"""Model files of users' ops: they carry the modules with all that these read, or say in one line what cannot be carried."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from archsearch import compile_network, load_space
from archsearch.exporters import ExportError, export_network
from archsearch.exporters.source.statements import reads_of
from archsearch.ops.base import OPS
from tests.test_export import assert_same_network


@pytest.fixture(autouse=True)
def _only_here() -> Iterator[None]:
    known, modules = dict(OPS), set(sys.modules)
    yield
    OPS.clear()
    OPS.update(known)
    for name in sys.modules.keys() - modules:
        if name.startswith(("archsearch_own_", "own_parts")):
            del sys.modules[name]


HEAD = """
from __future__ import annotations
import math
import torch.nn.functional as F
from dataclasses import dataclass
from functools import partial
import torch
from torch import nn, relu as rectified
from archsearch import Builder, Genotype, Op, Pick, TensorSpec, register
from archsearch.ops import Linear
{head}

{module}

@register("mine")
@dataclass(frozen=True)
class Mine(Op):
    k: int = 2

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def build(self, layers, x):
        {build}


def space(pick: Pick, *, classes: int = 4) -> Genotype:
    b = Builder((8,))
    return b.genotype(b(Linear(classes), b(Mine(pick("k", [2, 3])), b.input)))
"""
PLAIN = """
class Made(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return {result}
"""


def exported(tmp_path: Path, result: str = "x", head: str = "", module: str = PLAIN, build: str = "return Made()") -> str:
    """Export a network with the op, check that its file computes the same where archsearch cannot be imported, and return its text."""
    file = tmp_path / "own.py"
    file.write_text(HEAD.format(head=head, module=module.replace("{result}", result), build=build))
    genotype = load_space(str(file)).sample(np.random.default_rng(0)).genotype
    folder = export_network(genotype, tmp_path / "out")
    assert_same_network(folder, genotype, compile_network(genotype))
    text = (folder / "model.py").read_text()
    assert "archsearch" not in text.partition("class ")[2]
    return text


@pytest.mark.parametrize(
    ("result", "head", "found"),
    [
        ("x * x", "", "class Made"),
        ("x - space", "", "class Made"),
        ("x * SCALE", "SCALE = 3.0", "SCALE = 3.0"),
        ("x * SCALE", "SCALE = float('inf') if 0 else math.sqrt(4)", "SCALE = 2.0"),
        ("x * TABLE['a']", "BASE = 2\nTABLE = {'a': BASE, 'b': 3}", "TABLE = {'a': BASE, 'b': 3}"),
        ("act(x)", "act = nn.Hardtanh()", "act = nn.Hardtanh()"),
        ("softened(x)", "softened = partial(F.softmax, dim=-1)", "from functools import partial"),
        ("square(x)", "square = lambda value: value * value", "square = lambda value: value * value"),
        ("rectified(F.elu(x))", "", "relu as rectified"),
        ("outer(x)", "def inner(v):\n    return v + LOW\n\n\nLOW, HIGH = 1, 2\n\n\ndef outer(v):\n    return inner(v) * HIGH", "LOW = 1"),
        ("even(x, 3)", "def even(v, n):\n    return v if n < 1 else odd(v, n)\n\n\ndef odd(v, n):\n    return even(-v, n - 1)", "def odd"),
        ("Point(2, 3).a * x", "from typing import NamedTuple\n\n\nclass Point(NamedTuple):\n    a: int\n    b: int", "class Point"),
        ("[x * f for f in factors][-1]", "factors = [1, 2]", "factors = [1, 2]"),
        ("noted(x)", "def noted(x: torch.Tensor, spec: TensorSpec | None = None) -> torch.Tensor:\n    return x * 2", "def noted"),
    ],
)  # fmt: skip
def test_a_module_carries_what_it_reads(result: str, head: str, found: str, tmp_path: Path) -> None:
    body = PLAIN.replace("return", "space = x.mean(1, keepdim=True)\n        return")
    assert found in exported(tmp_path, result, head, body)


@pytest.mark.parametrize(
    "build",
    [
        "return nn.Sequential(nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 8))",
        "return layers.Sequential(nn.LayerNorm(8), layers.Linear(8, 8))",
        "part = layers.Linear(8, 8)\n        nn.init.ones_(part.weight)\n        return part",
        "return nn.BatchNorm1d(8, affine=False)",
    ],
)
def test_modules_made_without_layers_are_written(build: str, tmp_path: Path) -> None:
    assert "class Network" in exported(tmp_path, build=build)


def test_a_file_beside_is_carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_parts.py").write_text("GAIN = 4\n\n\ndef louder(x):\n    return x * GAIN\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = exported(tmp_path, "more(x)", "from own_parts import louder as more")
    assert "GAIN = 4" in text
    assert "more = louder" in text


@pytest.mark.parametrize(
    ("result", "head", "message"),
    [
        ("x * float(np.float32(2))", "import numpy as np", r"np in own.py comes from numpy, which cannot go into a file that needs torch"),
        ("x * TensorSpec((2,)).shape[0]", "", "TensorSpec in own.py comes from archsearch, which cannot go"),
        ("load(x)", "def load(x):\n    return x", "load in own.py: another thing in the exported file has that name; rename it"),
        ("Path(x)", "def Path(x):\n    return x", "Path in own.py: another thing in the exported file has that name; rename it"),
        ("f(x)", "if True:\n    def f(x):\n        return x", "f in own.py, line .* cannot be carried; make it by one plain statement"),
        ("x * L[0]", "L = [1]\nL += [2]", "L in own.py, line .* cannot be carried; make it by one plain statement"),
        ("x * L[0]", "globals()['L'] = [2]", "L in own.py is made by no statement at the top of the file"),
    ],
)
def test_what_cannot_be_carried_is_one_line_and_nothing_is_written(result: str, head: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=rf"node 'mine': mine cannot be written as source: {message}") as caught:
        exported(tmp_path, result, head)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 300
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".py" and path.name != "__pycache__"] == []


def test_a_module_made_inside_a_function_is_one_line(tmp_path: Path) -> None:
    inside = "class Inside(nn.Module):\n            def forward(self, x):\n                return x\n        return Inside()"
    with pytest.raises(ExportError, match=r"class Mine\.build\.<locals>\.Inside is not made at the top of a file; move it there"):
        exported(tmp_path, build=inside)
    assert not (tmp_path / "out").exists()


def test_variables_are_not_names_of_the_file() -> None:
    text = "def f(a, b=DEFAULT):\n    space = a + G\n    return [space for space in b if other(space)]"
    assert reads_of(text).running == {"DEFAULT", "G", "other", "f"} - {"f"}
    noted = "class C(Base):\n    x: Note = FIRST\n    def m(self, y: Hint) -> Back:\n        return self.x"
    assert reads_of(noted).running == {
        "Base",
        "FIRST",
    }
    assert reads_of("def f(y: Hint) -> Back: ...").noted == {"Hint", "Back"}
