"""Exported folders: source that runs on torch alone, computes the same, and is written whole or not at all."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from archsearch import zoo
from archsearch.exporters import FORMATS, STANDARD, ExportError, export_network, gather, source_text
from archsearch.exporters.verify import verify
from archsearch.network.builder import Builder
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype, Node
from archsearch.ops import (
    Add,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    Div,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    LeakyReLU,
    Linear,
    MaxPool2d,
    MaxPoolIndices2d,
    Mul,
    Op,
    SeparableConv2d,
    Sigmoid,
    Zero,
)
from archsearch.ops.tensor import TensorSpec
from archsearch.spaces.space import load_space
from benchmarks.exported import module_in
from tests.op_examples import EXAMPLES, INDICES

CELL = {
    "0->1": "nor_conv_3x3",
    "0->2": "none",
    "1->2": "avg_pool_3x3",
    "0->3": "skip_connect",
    "1->3": "nor_conv_1x1",
    "2->3": "skip_connect",
}


def cell() -> Genotype:
    return load_space("cell", cells=1, channels=4, input=(1, 8, 8)).resolve(CELL, np.random.default_rng(0)).genotype


def nested() -> Genotype:
    """Numbered scopes, several inputs and outputs, names that Python keeps for itself, long calls, a value that nobody reads."""
    b = Builder((3, 8, 8), (4,))
    image, vector = b.inputs
    with b.scope("layer1"):
        for block in ("0", "1"):
            with b.scope(block):
                image = b(BatchNorm2d(), b(Conv2d(6, 3, bias=False), image, name="conv1"), name="bn1")
    with b.scope("mixed"):
        y = b(SeparableConv2d(6, (5, 3)), image, name="7")
        z = b(LeakyReLU(0.2), b(MaxPool2d(3, 1, 1), y, name="lambda"), name="__hidden")
    both = b(Concat(), image, y, z, name="forward")
    gated = b(Mul(), both, b(Sigmoid(), b(GlobalAvgPool2d(), both)), name="training")
    b(AvgPool2d(2), gated, name="unread")
    head = b(Linear(5), b(Dropout(0.25), b(Flatten(), gated)))
    return b.genotype(head, b(Add(), b(Linear(5), vector), head, b(Zero(), head)), image)


def chain() -> Genotype:
    return load_space("chain").resolve({}, np.random.default_rng(3)).genotype


def fabric() -> Genotype:
    return load_space("fabric").sample(np.random.default_rng(2)).genotype


def resnet50() -> Genotype:
    return zoo.build("resnet50", input=(3, 64, 64), classes=10)


def unet() -> Genotype:
    return zoo.build("unet", input=(1, 188, 188))


def exits() -> Genotype:
    return zoo.build("msdnet_cifar", classes=10)


REFERENCES: dict[str, Callable[[], Genotype]] = {
    "cell": cell, "nested": nested, "chain": chain, "fabric": fabric, "resnet50": resnet50, "unet": unet, "exits": exits,
}  # fmt: skip


def batch(genotype: Genotype) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(3, *spec.shape, generator=torch.Generator().manual_seed(1)) for spec in genotype.inputs)


def assert_same_network(folder: Path, genotype: Genotype, network: torch.nn.Module) -> None:
    exported = module_in(folder).load()
    assert list(exported.state_dict()) == list(network.state_dict())
    assert not exported.training
    with torch.no_grad():
        ours, theirs = (net(*batch(genotype)) for net in (network.eval(), exported))
    torch.testing.assert_close(theirs, ours, rtol=0, atol=0)


@pytest.mark.parametrize("name", REFERENCES)
def test_source_is_golden(name: str, assert_golden: Callable[[str, str], None]):
    given = {"mean": [0.25], "std": [0.5], "classes": [f"digit {i}" for i in range(10)]} if name == "cell" else None
    text = source_text(gather(REFERENCES[name](), preprocessing=given))
    assert_golden(f"export_{name}.py.txt", re.sub(r"^EXPECTED = .*?  #", "EXPECTED = ...  #", text, flags=re.M))


def test_resnet50_is_short():
    assert len(source_text(gather(resnet50())).splitlines()) < 150


@pytest.mark.parametrize("name", ["cell", "nested"])
def test_the_folder_holds_a_network_that_runs_alone(name: str, tmp_path: Path):
    genotype = REFERENCES[name]()
    folder = export_network(genotype, tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == sorted(file for name in STANDARD for file in FORMATS[name].files)
    assert_same_network(folder, genotype, compile_network(genotype))
    assert Genotype.from_json((folder / "genotype.json").read_text()) == genotype
    assert list(tmp_path.iterdir()) == [folder]


def op_genotype(op: Op, inputs: list[tuple[int, ...]]) -> Genotype:
    specs = tuple(TensorSpec(shape) for shape in inputs)
    return Genotype(specs, (Node(op, tuple(range(len(specs))), "part"),), (len(specs),))


def example(op: Op, shapes: tuple[tuple[int, ...], ...]) -> Genotype:
    """The op by itself, with indices of max pooling where it reads those."""
    b = Builder(*shapes)
    values = [b(MaxPoolIndices2d(1), x) if place in INDICES.get(op.kind, ()) else x for place, x in enumerate(b.inputs)]
    return b.genotype(b(op, *values, name="part"))


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_every_op_is_written_without_being_known(kind: str, tmp_path: Path):
    for place, (op, shapes) in enumerate(EXAMPLES[kind]):
        genotype = example(op, shapes)
        folder = export_network(genotype, tmp_path / str(place), check=False)
        assert_same_network(folder, genotype, compile_network(genotype))


def test_random_cells_compute_the_same(tmp_path: Path):
    space = load_space("cell", cells=1, channels=4)
    for seed in range(10):
        genotype = space.sample(np.random.default_rng(seed)).genotype
        folder = export_network(genotype, tmp_path / str(seed), check=False)
        assert_same_network(folder, genotype, compile_network(genotype))


def test_trained_weights_travel(tmp_path: Path):
    genotype = cell()
    trained = compile_network(genotype, seed=7)
    with torch.no_grad():
        trained(torch.randn(4, 1, 8, 8))  # running statistics other than at the start
    save_file(trained.state_dict(), tmp_path / "weights.safetensors")
    for name, weights in (("file", tmp_path / "weights.safetensors"), ("dict", trained.state_dict())):
        folder = export_network(genotype, tmp_path / name, weights=weights)
        assert_same_network(folder, genotype, trained)
        assert "trained" in (folder / "model.py").read_text()
    assert load_file(folder / "model.safetensors").keys() == trained.state_dict().keys()
    assert "NOT trained" in source_text(gather(genotype))


def test_weights_of_another_network_are_refused(tmp_path: Path):
    state = compile_network(cell()).state_dict()
    state["head.linear.weight"] = state["head.linear.weight"][:3]
    with pytest.raises(ExportError, match=r"another network: 'head.linear.weight' is \(3, 16\), expected \(10, 16\)"):
        export_network(cell(), tmp_path / "out", weights=state)
    with pytest.raises(ExportError, match=r"another network: 'stray' is \(2,\), expected no such name"):
        export_network(cell(), tmp_path / "out", weights={**compile_network(cell()).state_dict(), "stray": torch.zeros(2)})
    state = {**compile_network(cell()).state_dict(), "head.linear.weight": torch.zeros(10, 16, dtype=torch.complex64)}
    with pytest.raises(ExportError, match=r"'head.linear.weight' is \(10, 16\) of torch.complex64, expected \(10, 16\)"):
        export_network(cell(), tmp_path / "out", weights=state)
    (tmp_path / "bad.safetensors").write_bytes(b"not safe")
    for name in ("bad.safetensors", "absent.safetensors"):
        with pytest.raises(ExportError, match=rf"{name}: cannot be read: .*give a .safetensors file"):
            export_network(cell(), tmp_path / "out", weights=tmp_path / name)
    assert not (tmp_path / "out").exists()


def test_preprocess_normalises_what_the_network_was_trained_on(tmp_path: Path):
    names = [f'class """ {i} \\ \u2028' for i in range(10)]
    folder = export_network(cell(), tmp_path / "out", preprocessing={"mean": [0.25], "std": [0.5], "classes": names}, check=False)
    model = module_in(folder)
    images = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(model.preprocess(images), (images - 0.25) / 0.5)
    assert tuple(names) == model.CLASSES
    with pytest.raises(ValueError, match=r"expected float images in \[0, 1\] of shape \(N, 1, 8, 8\), got torch.uint8"):
        model.preprocess(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mean": [0.1], "std": []}, "1 means and 0 stds"),
        ({"mean": [0.1], "std": [0.0]}, "every std over 0"),
        ({"mean": [0.1] * 3, "std": [1.0] * 3}, "means for 3 channels, but the network reads 1x8x8"),
        ({"classes": ["a"]}, "names 1 classes, but the network's output is"),
        ({"median": 1}, "unknown key 'median'"),
    ],
)
def test_preprocessing_that_does_not_fit_is_refused(given: dict[str, Any], words: str, tmp_path: Path):
    with pytest.raises(ExportError, match=words):
        export_network(cell(), tmp_path / "out", preprocessing=given)


def as_a_program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", "model.py", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_the_file_run_as_a_program_checks_itself(tmp_path: Path):
    folder = export_network(cell(), tmp_path / "out", check=False)
    done = as_a_program(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "8,294 params, 61,856 MACs a sample; (1, 1, 8, 8) -> (1, 10)",
        "the outputs are those that were exported",
    ]
    save_file(compile_network(cell(), seed=1).state_dict(), folder / "model.safetensors")
    other = as_a_program(folder)
    assert other.returncode == 1
    assert "the outputs are not those that were exported" in other.stderr
    assert other.stderr.endswith("are the weights others?\n")


def test_the_file_run_as_a_program_says_what_images_show(tmp_path: Path):
    given = {"mean": [0.25], "std": [0.5], "classes": [f"digit {i}" for i in range(10)]}
    folder = export_network(cell(), tmp_path / "out", preprocessing=given, check=False)
    model = module_in(folder)
    wide = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    Image.fromarray(wide).save(folder / "wide.png")
    Image.fromarray(wide.astype(np.uint16) * 256 + 99).save(folder / "deep.png")
    squared = np.asarray(Image.fromarray(wide[:, 5:25]).resize((8, 8), Image.Resampling.BILINEAR))
    with torch.inference_mode():
        shares = model.load()(model.preprocess(torch.from_numpy(squared.copy())[None, None] / 255)).softmax(1)[0]
    best = shares.topk(3)
    wanted = ", ".join(f"digit {i} {share:.1%}" for share, i in zip(best.values.tolist(), best.indices.tolist(), strict=True))
    done = as_a_program(folder, "wide.png", "deep.png")
    assert (done.returncode, done.stdout) == (0, f"wide.png: {wanted}\ndeep.png: {wanted}\n"), done.stderr


def test_a_network_that_gives_no_numbers_is_written_too(tmp_path: Path):
    b = Builder((4,))
    zero = b(Zero(), b.input)
    folder = export_network(b.genotype(b(Div(), zero, zero)), tmp_path / "out")
    done = as_a_program(folder)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "the outputs are those that were exported")


def test_the_classes_of_pixels_become_an_image(tmp_path: Path):
    b = Builder((3, 8, 8))
    folder = export_network(b.genotype(b(Conv2d(4, 3), b.input)), tmp_path / "out", check=False)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(image).save(folder / "it.png")
    done = as_a_program(folder, "it.png")
    assert done.returncode == 0, done.stderr
    with torch.inference_mode():
        wanted = module_in(folder).load()(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)[0].argmax(0)
    assert np.array_equal(np.asarray(Image.open(folder / "it.png.classes.png")), wanted.numpy())
    assert done.stdout.startswith("it.png.classes.png: class ")


def test_an_existing_folder_is_safe(tmp_path: Path):
    folder = export_network(cell(), tmp_path / "out", check=False)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"out exists already; choose another folder, or replace its files"):
        export_network(nested(), folder, check=False)
    assert_same_network(folder, cell(), compile_network(cell()))
    export_network(nested(), folder, check=False, overwrite=True)
    assert_same_network(folder, nested(), compile_network(nested()))
    assert (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(ExportError, match=r"notes.txt exists already; it is a file, choose a folder"):
        export_network(cell(), folder / "notes.txt", check=False, overwrite=True)


def test_what_cannot_be_replaced_whole_is_left_as_it_is(tmp_path: Path):
    folder = export_network(cell(), tmp_path / "out", check=False)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(ExportError, match=r"out cannot be written: Is a directory"):
        export_network(nested(), folder, check=False, overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"file/out cannot be written: Not a directory"):
        export_network(cell(), tmp_path / "file" / "out", check=False)
    with pytest.raises(ExportError, match=r"no format 'onx'; did you mean onnx"):
        export_network(cell(), tmp_path / "out", formats=["onx"])


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path):
    script = textwrap.dedent("""
        import resource, sys
        from archsearch.network.builder import Builder
        from archsearch.exporters import ExportError, export_network
        from archsearch.ops import Linear
        b = Builder((64,))
        genotype = b.genotype(b(Linear(64), b.input))
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
        try:
            export_network(genotype, sys.argv[1])
        except ExportError as error:
            print(error)
    """)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "out")], capture_output=True, text=True, check=True)
    assert "cannot be written: File too large; free space" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_check_finds_another_network(tmp_path: Path):
    folder = export_network(cell(), tmp_path / "out", check=False)
    source = FORMATS["source"]
    assert verify(folder, gather(cell()), "source", source).difference <= 1e-6  # another process may share the sums out otherwise
    with pytest.raises(
        ExportError, match=r"output 0 of the exported model.py differs from the network's by up to \S+, allowed are [0-9.e-]+"
    ):
        verify(folder, gather(cell(), compile_network(cell(), seed=1).state_dict()), "source", source)
    (folder / "model.py").write_text("import archsearch\n")
    with pytest.raises(ExportError, match=r"does not run on its own: ModuleNotFoundError: import of archsearch halted"):
        verify(folder, gather(cell()), "source", source)


SCALE = 3.0


def doubled(x: torch.Tensor) -> torch.Tensor:
    return x * 2


class Scaled(torch.nn.Module):
    """What a user's op may bring: a module of its own, with a constant and a function from its file."""

    def __init__(self, channels: int, power: float = 1.0) -> None:
        super().__init__()
        self.channels, self.power = channels, power
        self.gain = torch.nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return doubled(x) * self.gain**self.power * SCALE


class Forgetful(torch.nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@dataclass(frozen=True)
class UserOp(Op):
    kind = "user_op_of_test_export"
    module: str = "scaled"

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def build(self, layers: Any, x: TensorSpec) -> Any:
        if self.module == "scaled":
            return layers.Sequential(Scaled(x.channels, power=2.0), layers.ReLU())
        return Forgetful(x.channels) if self.module == "forgetful" else layers.Conv2d(x.channels, 4, kernel_size=torch.ones(1))


def test_modules_of_a_user_travel_with_all_that_they_read(tmp_path: Path):
    genotype = op_genotype(UserOp(), [(4, 6, 6)])
    source = source_text(gather(genotype))
    assert "self.part = nn.Sequential(Scaled(4, power=2.0), nn.ReLU())" in source
    assert source.index("SCALE = 3.0") < source.index("class Scaled")
    assert "def doubled" in source
    folder = export_network(genotype, tmp_path / "out")
    assert_same_network(folder, genotype, compile_network(genotype))


def test_a_module_that_cannot_be_written_says_why():
    with pytest.raises(
        ExportError, match=r"node 'part': .* does not keep its argument 'channels' as an attribute; keep it, or build from `layers`"
    ):
        source_text(gather(op_genotype(UserOp("forgetful"), [(4, 6, 6)])))


def test_the_source_needs_torch_alone():
    text = source_text(gather(nested())).partition("\n")[2]
    assert "archsearch" not in text
    imports = {line.split()[1].partition(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imports <= {"__future__", "collections", "json", "math", "pathlib", "sys", "torch"}
