"""Formats for engines: each computes what the network computes in its own engine, and tells nothing of this machine."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

from archsearch.analysis import analyse
from archsearch.engines.exchange import to_exchange
from archsearch.engines.intermediate import openvino, to_intermediate
from archsearch.engines.program import program_of, quietly
from archsearch.exporters import FORMATS, ExportError, export_network, gather
from archsearch.exporters.base import Material, one_file
from archsearch.exporters.verify import BATCHES, Check, difference, is_hollow, outputs_of, verify
from archsearch.network.builder import Builder
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.network.morphisms import fold_norms
from archsearch.ops import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    Aten,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    FractionalMaxPool2d,
    GlobalAvgPool2d,
    Linear,
    LPPool2d,
    MaxPool2d,
    MaxPoolIndices2d,
    MaxUnpool2d,
    Op,
    ReLU,
    RReLU,
    SeparableConv2d,
    SparseConv2d,
    Upsample,
)
from archsearch.support.packages import PackageError, require
from archsearch.zoo import build, names
from benchmarks.exported import smallest
from tests.op_examples import EXAMPLES
from tests.test_export import cell, example

GIVEN = {"mean": [0.25], "std": [0.5], "classes": [f"digit {i}" for i in range(10)]}
ENGINES = ("onnx", "openvino", "pt2", "ncnn")


def trained(genotype: Genotype, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights whose norms have statistics other than at the start."""
    network = compile_network(genotype, seed=seed).train()
    with torch.no_grad():
        for _ in range(3):
            network(*(torch.randn(8, *spec.shape, generator=torch.Generator().manual_seed(seed)) for spec in genotype.inputs))
    return network.state_dict()


def several() -> Genotype:
    """Two inputs of different kinds, three outputs, one of them an image."""
    b = Builder((3, 8, 8), (4,))
    image, vector = b.inputs
    with b.scope("body"):
        y = b(BatchNorm2d(), b(Conv2d(6, 3, bias=False), image, name="conv"), name="norm")
    early = b(Linear(5), b(Flatten(), b(GlobalAvgPool2d(), y)), name="early")
    late = b(Add(), b(Linear(5), vector), b(Linear(5), b(Dropout(0.5), b(Flatten(), y))), name="late")
    return b.genotype(early, late, b(Upsample(scale=2, mode="bilinear"), y, name="mask"))


def alone(op: Op, *shapes: tuple[int, ...]) -> Genotype:
    b = Builder(*shapes)
    return b.genotype(b(op, *b.inputs, name="part"))


def assert_alike(network: nn.Module, shapes: list[tuple[int, ...]], allowed: float = 1e-5) -> None:
    """ONNX Runtime and OpenVINO give what torch gives, for one image and for three."""
    program, names = program_of(network, shapes), [f"x{i}" for i in range(len(shapes))]
    file = to_exchange(program, names, [])
    onnx.checker.check_model(onnx.load_from_string(file), full_check=True)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    compiled = openvino().Core().compile_model(to_intermediate(program, shapes, names), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for batch in (1, 3):
        inputs = [torch.randn(batch, *shape, generator=torch.Generator().manual_seed(batch)) for shape in shapes]
        wanted = outputs_of(network, [tensor.numpy() for tensor in inputs])
        arrays = [tensor.numpy() for tensor in inputs]
        ports = compiled(arrays)
        for engine, found in (
            ("onnxruntime", session.run(None, dict(zip(names, arrays, strict=True)))),
            ("openvino", [ports[port] for port in compiled.outputs]),
        ):
            assert difference(engine, found, wanted, allowed) <= allowed


def assert_export_is_checked(genotype: Genotype, folder: Path, formats: list[str]) -> None:
    """An export says of each of these formats, and of no others, that it differs by no more than is allowed, on all batches."""
    checks: list[Check] = []
    export_network(genotype, folder, formats=formats, report=checks.append)
    assert [check.format for check in checks] == formats
    for check in checks:
        assert (check.batches, check.allowed) == (BATCHES, FORMATS[check.format].allowed)
        assert 0 <= check.difference <= check.allowed


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Check]]:
    """A network in all formats, images normalised inside, and what the checks came to."""
    checks: list[Check] = []
    target = tmp_path_factory.mktemp("formats") / "out"
    return export_network(cell(), target, trained(cell()), GIVEN, formats=[*FORMATS], inside=True, report=checks.append), checks


def test_a_network_goes_into_all_formats_and_each_is_checked(exported: tuple[Path, list[Check]]) -> None:
    folder, checks = exported
    files = [name for form in FORMATS.values() for name in form.files]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*files, "checks.json"])
    stored = json.loads((folder / "checks.json").read_text())
    assert stored == {"format": "archsearch.checks/1", "checks": [check.to_dict() for check in checks]}
    found = {check.format: check for check in checks}
    assert found.keys() == {"source", "safetensors", *ENGINES}
    assert all(found[name].difference <= 1e-5 and found[name].batches == (1, 2, 5) for name in ("source", *ENGINES))
    assert not any(check.hollow for check in checks)
    assert found["onnx"].engine == f"onnxruntime {onnxruntime.__version__}"


def test_a_check_of_what_hardly_depends_on_its_inputs_says_so(tmp_path: Path) -> None:
    weights = dict(trained(cell()))
    last = [name for name, tensor in weights.items() if tensor.dim() == 2][-1]
    checks: list[Check] = []
    for share in (1e-2, 1e-6):
        export_network(cell(), tmp_path / str(share), {**weights, last: share * weights[last]}, report=checks.append)
    assert [check.hollow for check in checks if check.format == "source"] == [False, True]
    assert "outputs hardly depend on the inputs" in str(next(check for check in checks if check.hollow))
    assert is_hollow([np.zeros((5, 3), np.float32)], 1e-5)
    assert is_hollow([np.arange(5.0), np.ones((5, 2))], 1e-5)  # one of two outputs
    assert not is_hollow([np.array([np.nan, 1.0, np.inf])], 1e-5)


def test_preprocessing_goes_inside(exported: tuple[Path, list[Check]], tmp_path: Path) -> None:
    images, network = torch.rand(2, 1, 8, 8), gather(cell(), trained(cell())).network
    with torch.inference_mode():
        wanted = network((images - 0.25) / 0.5)
    found = onnxruntime.InferenceSession(exported[0] / "model.onnx").run(None, {"x": images.numpy()})[0]
    torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))
    with pytest.raises(ExportError, match="how images are normalised is not known here"):
        export_network(cell(), tmp_path / "none", formats=["onnx"], inside=True)


def test_nothing_of_this_machine_is_in_the_files(exported: tuple[Path, list[Check]]) -> None:
    folder = exported[0]
    texts = {name: (folder / name).read_bytes() for name in ("model.onnx", "model.xml", "model.bin", "model.ncnn.param", "model.ncnn.bin")}
    with zipfile.ZipFile(folder / "model.pt2") as packed:
        texts |= {f"pt2/{name}": packed.read(name) for name in packed.namelist()}
        assert [packed.read(name) for name in packed.namelist() if "sample_inputs" in name] == [b""]
    for name, text in texts.items():
        for place in (str(Path(__file__).parents[1]), sys.prefix, str(Path.home()), str(folder.parent), ".py", "stack_trace"):
            assert place.encode() not in text, f"{name} holds {place}"


@pytest.mark.slow
def test_several_inputs_and_outputs_have_names(tmp_path: Path) -> None:
    folder = export_network(several(), tmp_path / "out", trained(several()), formats=ENGINES)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    assert [port.name for port in session.get_inputs()] == list(several().input_names)
    assert [port.name for port in session.get_outputs()] == ["early", "late", "mask"]
    assert [port.shape[1:] for port in session.get_outputs()] == [[5], [5], [6, 16, 16]]
    model = openvino().Core().read_model(folder / "model.xml")
    assert [port.any_name for port in model.outputs] == ["early", "late", "mask"]
    assert [str(port.partial_shape) for port in model.inputs] == ["[?,3,8,8]", "[?,4]"]


@pytest.mark.slow
def test_equal_networks_give_equal_files() -> None:
    material = gather(cell(), trained(cell()))
    again = gather(cell(), trained(cell()))
    names = (material.genotype.input_names, material.outputs)
    assert to_exchange(material.program, *names) == to_exchange(again.program, *names)


WINDOWS = [
    MaxPool2d(2, 2, 1, ceil=True),
    MaxPool2d(3, 2, 1, ceil=True),
    MaxPool2d(3, 2, dilation=2, ceil=True),
    AvgPool2d(3, 2, 1, ceil=True),
    AvgPool2d(3, 2, 1, ceil=True, count_padding=False),
    AvgPool2d((2, 4), (2, 4), ceil=True),
    LPPool2d(2, 3, 2, ceil=True),
    AdaptiveAvgPool2d((3, 4)),
    AdaptiveMaxPool2d((3, 4)),
    AdaptiveMaxPool2d((4, 3)),
    FractionalMaxPool2d((2, 3), size=(5, 4)),
    RReLU(),
    SparseConv2d(((0, 1), (1,), (0,))),
]


def test_engines_read_windows_alike() -> None:
    b = Builder((2, 8, 9))
    network = compile_network(b.genotype(*(b(op, b.input) for op in WINDOWS)))
    assert_alike(network.eval(), [(2, 8, 9)])


def test_windows_that_hang_over_the_border_would_be_read_in_two_ways() -> None:
    """What is true of the engines without rewriting: when these begin to agree, it may go."""
    image = torch.randn(1, 2, 7, 7)
    with quietly():
        plain = torch.onnx.export(nn.MaxPool2d(2, 2, 1, ceil_mode=True).eval(), (image,), dynamo=True, verbose=False)
    file = plain.model_proto.SerializeToString()
    found = openvino().Core().compile_model(openvino().Core().read_model(io.BytesIO(file)), "CPU")([image.numpy()])[0]
    assert found.shape[2:] == (5, 5)
    assert functional.max_pool2d(image, 2, 2, 1, ceil_mode=True).shape[2:] == (4, 4)


def test_places_of_maxima_in_windows_that_hang_over_the_border() -> None:
    b = Builder((3, 7, 7))
    pooled, places = b(MaxPool2d(2, ceil=True), b.input), b(MaxPoolIndices2d(2, ceil=True), b.input)
    genotype = b.genotype(b(MaxUnpool2d(2, size=7), pooled, places))
    assert_alike(compile_network(genotype).eval(), [(3, 7, 7)], allowed=0)


SMALLER = Aten("_upsample_bilinear2d_aa.vec(x0, [5, 5], false, none)")


@pytest.mark.slow
def test_images_made_smaller_with_antialiasing_are_right_or_refused(tmp_path: Path) -> None:
    genotype = alone(SMALLER, (2, 9, 9))
    assert_export_is_checked(genotype, tmp_path / "out", ["onnx"])
    with pytest.raises(ExportError, match="format openvino has no words for node 'part'"):
        export_network(genotype, tmp_path / "none", formats=["openvino"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), [("unet_padded", {"input": (3, 32, 32), "width": 4}), ("msdnet_cifar", {"exits": (2, 4)})])
def test_masks_and_early_answers(name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    assert_export_is_checked(build(name, **settings), tmp_path / "out", ["onnx", "openvino", "ncnn"])


@pytest.mark.slow
def test_batch_norms_are_folded_into_all_formats(tmp_path: Path) -> None:
    folder = export_network(cell(), tmp_path / "out", trained(cell()), GIVEN, formats=["source", "genotype", "onnx"], fold=True)
    folded = Genotype.from_json((folder / "genotype.json").read_text())
    before, after = (sum(isinstance(node.op, BatchNorm2d) for node in each.nodes) for each in (cell(), folded))
    assert after < before


def test_folding_keeps_what_is_shared_read_twice_or_not_linear() -> None:
    b = Builder((3, 8, 8))
    first = b(Conv2d(4, bias=False), b.input, name="first")
    plain = b(BatchNorm2d(), first, name="folded")
    second = b(SeparableConv2d(4), plain, name="second")
    both = b(Add(), b(BatchNorm2d(), second, name="kept"), second)
    out = b(BatchNorm2d(), b(ReLU(), both), name="kept_too")
    genotype = b.genotype(b(BatchNorm2d(), b(SeparableConv2d(4, bias=False), out), name="folded_too"))
    state = trained(genotype)
    folded, weights = fold_norms(genotype, state)
    assert [node.name for node in folded.nodes if isinstance(node.op, BatchNorm2d)] == ["kept", "kept_too"]
    networks = [compile_network(genotype).eval(), compile_network(folded).eval()]
    for network, own in zip(networks, (state, weights), strict=True):
        network.load_state_dict(own)
    images = torch.randn(4, 3, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(networks[1](images), networks[0](images), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_node_that_a_format_has_no_words_for_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    b = Builder((3, 4, 4))
    odd = Aten("special_bessel_j0.default(x0)")
    genotype = b.genotype(b(ReLU(), b(odd, b(Conv2d(3), b.input), name="deep/bessel")))
    with pytest.raises(ExportError, match=r"format onnx has no words for node 'deep/bessel' \(aten\(special_bessel_j0\)\)"):
        export_network(genotype, tmp_path / "out", formats=["source", "onnx"])
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_what_ncnn_has_no_layer_for_is_named(tmp_path: Path) -> None:
    b = Builder((3, 8, 8))
    genotype = b.genotype(b(ReLU(), b(Aten("cumsum.default(x0, 1)"), b(Conv2d(4), b.input), name="deep/sums")))
    with pytest.raises(ExportError, match=r"format ncnn has no words for node 'deep/sums' \(aten\(cumsum\)\)"):
        export_network(genotype, tmp_path / "out", formats=["ncnn"])
    assert not any(tmp_path.iterdir())


def test_unknown_formats_and_missing_packages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match=r"no format 'onx'; did you mean onnx\?"):
        export_network(cell(), tmp_path / "out", formats=["onx"])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("archsearch.support.packages.find_spec", lambda name: None if name in ("onnxruntime", "onnxscript") else name)
    with pytest.raises(ExportError, match=r"format onnx needs onnxscript, onnxruntime: pip install 'archsearch\[onnx\]'"):
        export_network(cell(), tmp_path / "out", formats=["onnx"])
    with pytest.raises(PackageError, match=r"engine=onnxruntime needs"):
        require("onnx", "engine=onnxruntime")


def test_a_file_that_computes_something_else_is_not_handed_over(tmp_path: Path) -> None:
    material = gather(cell(), trained(cell()))
    other = gather(cell(), trained(cell(), seed=1))
    wrong = one_file("model.onnx", lambda _: to_exchange(other.program, ["x"], ["output"]), loading=FORMATS["onnx"].loading, whole=True)
    wrong.write(material, tmp_path)
    with pytest.raises(ExportError, match=r"output 0 of the exported model.onnx differs from the network's by up to"):
        verify(tmp_path, material, "onnx", wrong)


def test_weights_alone_are_read_back(tmp_path: Path) -> None:
    material = gather(cell(), trained(cell()))
    other = Material(cell(), material.network, trained(cell(), seed=1), material.preprocessing, True, "")
    FORMATS["safetensors"].write(other, tmp_path)
    with pytest.raises(ExportError, match=r"model.safetensors holds other weights than the network"):
        verify(tmp_path, material, "safetensors", FORMATS["safetensors"])


def test_openvino_is_used_without_its_telemetry() -> None:
    code = "import sys; from archsearch.engines.intermediate import openvino; openvino(); assert sys.modules['openvino_telemetry'] is None"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(np.random.default_rng(0).choice(sorted(EXAMPLES), 4, replace=False).tolist()))
def test_ops_drawn_from_all_compute_the_same_in_engines(kind: str, tmp_path: Path) -> None:
    op, shapes = EXAMPLES[kind][0]
    assert_export_is_checked(example(op, shapes), tmp_path / "out", ["onnx", "openvino"])


@pytest.mark.slow
def test_networks_drawn_from_the_zoo_compute_the_same_in_onnxruntime(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0).permutation(names()).tolist()
    small = (name for name in drawn if analyse(smallest(name)).params < 3e6)
    for name in itertools.islice(small, 2):
        assert_export_is_checked(smallest(name), tmp_path / name, ["onnx"])
