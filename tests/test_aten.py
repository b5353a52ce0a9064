"""Calls of torch's own operators: what may be called, and networks that have some on their way through everything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from archsearch import Builder, Genotype, GenotypeError, analyse, compile_network
from archsearch import ops as o
from archsearch.design.diff import diff
from archsearch.design.drawing import draw
from archsearch.design.importer import ImporterError, difference, imported
from archsearch.exporters import export_network
from archsearch.network.text_form import from_text, to_text
from archsearch.ops.aten import operators
from archsearch.support.calls import parse_calls, parse_weight, program_of, weight_text
from tests import aten_operators
from tests.meta_tracker import inference, training_step
from tests.networks_of_examples import weighted
from tests.test_backward import beside


def test_the_operators_are_those_that_torch_says_are_pure() -> None:
    assert sorted(operators()) == aten_operators.allowed()


def test_a_program_comes_back_from_its_plain_form() -> None:
    program = "f.g(x0, [N*4, -1, 0.0025, [true]], none, v3.1, 'tanh', dtype=float32); h.default(v0, N)"
    assert program_of(parse_calls(program)) == program


@given(st.text("xwv01N*.,;()[]='- ae", max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        o.Aten(f"sin.default({text})")
    except ValueError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 300


@pytest.mark.parametrize("text", ["64x3x3", "fixed 64x1x1", "fixed int64 49x49", "fixed scalar", "fixed bool 4", "scalar"])
def test_weights_are_written_as_they_are_read(text: str) -> None:
    assert weight_text(parse_weight(text)) == text


def test_arguments_of_all_kinds_are_read() -> None:
    [call] = parse_calls("f.g(x0, [N*4, -1, 2.5e-3], true, none, v3.1, 'tanh', dtype=float32)")
    assert call.arguments[:2] == ("x0", ("list", ("samples", 4), -1, 0.0025))
    assert call.arguments[2:] == (True, None, "v3.1", ("text", "tanh"))
    assert call.named == (("dtype", ("dtype", "float32")),)
    assert list(call.reads()) == ["x0", "v3"]


def network() -> Genotype:
    """A convolution, a quotient by its own norm, and a head."""
    b = Builder((3, 8, 8))
    x = b(o.Conv2d(6, 3), b.input, name="stem")
    unit = b(o.Aten("linalg_vector_norm.default(x0, 2, [1], true); div.Tensor(x0, v0); mul.Tensor(v1, w0)", ("6x1x1",)), x, name="unit")
    return b.genotype(b(o.Linear(4), b(o.Flatten(), b(o.GlobalAvgPool2d(), unit)), name="head"))


def test_what_was_measured_is_kept_in_json_so_that_no_torch_is_needed(tmp_path: Path) -> None:
    genotype, file = network(), tmp_path / "net.json"
    file.write_text(genotype.to_json())
    figures = "import sys\nfrom pathlib import Path\nfrom archsearch import Genotype, analyse\n" + (
        f"found = analyse(Genotype.from_json(Path({str(file)!r}).read_text()), 4)\n"
        "print(found.params, found.macs, found.inference_peak_bytes, found.training_peak_bytes, 'torch' in sys.modules)"
    )
    plain = analyse(genotype, 4)
    said = subprocess.run([sys.executable, "-c", figures], capture_output=True, text=True, check=True).stdout.split()
    assert said == [*map(str, (plain.params, plain.macs, plain.inference_peak_bytes, plain.training_peak_bytes)), "False"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("shape", [6, 0, 8], "shape"),
        ("shape", "6x8x8", "the shape"),
        ("params", -1, "is no whole number from 0"),
        ("params", True, "is no whole number from 0"),
        ("macs", 10**30, "is no whole number from 0"),
        ("inputs", [3], "is no whole number from 0 to 0"),
        ("output", 1, "are true or false"),
        ("gradient", "none", "gradient is new or view"),
        ("handed", ["view"], "handed is whole or view"),
        ("training", [[1, 2, 3]], "pairs of numbers"),
        ("backward", [[0, 0]] * 1001, "at most 1000"),
        ("colour", 1, "unknown field 'colour'"),
    ],
)
def test_what_was_measured_is_read_strictly(key: str, value: object, message: str) -> None:
    data = json.loads(network().to_json())
    data["nodes"][1]["measured"][key] = value
    with pytest.raises(GenotypeError, match=message) as error:
        Genotype.from_json(json.dumps(data))
    assert "'unit'" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("key", "value"), [("shape", [6, 4, 4]), ("params", 5), ("macs", 1000)])
def test_what_a_file_says_is_held_against_the_op_before_it_is_built(key: str, value: object) -> None:
    data = json.loads(network().to_json())
    data["nodes"][1]["measured"][key] = value
    with pytest.raises(GenotypeError, match=f"node 'unit': its file says {key}"):
        compile_network(Genotype.from_json(json.dumps(data)))
    del data["nodes"][1]["measured"]
    assert compile_network(Genotype.from_json(json.dumps(data)))


IMAGE = (4, 6, 5)
PROGRAMS: list[tuple[o.Aten, tuple[tuple[int, ...], ...]]] = [
    (o.Aten("exp.default(x0); sin.default(v0); sum.dim_IntList(v1, [2], true); mul.Tensor(x0, v2)"), (IMAGE,)),
    (o.Aten("transpose.int(x0, 1, 2); bmm.default(x0, v0); softmax.int(v1, -1); bmm.default(v2, x0)"), ((6, 5),)),
    (o.Aten("sub.Tensor(w0, w1); tanh.default(v0); linear.default(x0, v1)", ("7x5", "fixed 7x5")), ((6, 5),)),
    (o.Aten("mean.dim(x0, [2, 3], true); sub.Tensor(x0, v0); mul.Tensor(v1, w0); add.Tensor(v2, x1)", ("4x1x1",)), (IMAGE, IMAGE)),
]


@pytest.mark.parametrize(("op", "shapes"), PROGRAMS)
@pytest.mark.parametrize("behind", [False, True])
def test_what_calls_make_on_their_way_counts_in_the_peaks(op: o.Aten, shapes: tuple[tuple[int, ...], ...], behind: bool) -> None:
    b = Builder(*shapes)
    values = [weighted(b, x) if behind else x for x in b.inputs]
    genotype = b.genotype(b(op, *values))
    made = compile_network(genotype)
    for batch in (1, 2, 7):
        found, step = analyse(genotype, batch), training_step(made, shapes, batch, "sgd")
        assert found.inference_peak_bytes == inference(made, shapes, batch).peak
        assert step.peak <= found.training_peak_bytes <= 1.15 * step.peak


@pytest.mark.parametrize(("op", "shapes"), PROGRAMS)
@pytest.mark.parametrize("first", [False, True])
def test_a_gradient_that_meets_another_is_counted_as_the_view_that_it_may_be(
    op: o.Aten, shapes: tuple[tuple[int, ...], ...], first: bool
) -> None:
    genotype = beside(op, shapes, o.Sigmoid(), first)
    made = compile_network(genotype)
    for batch in (1, 3, 7):
        peak = training_step(made, shapes, batch, "sgd").peak
        assert peak <= analyse(genotype, batch).training_peak_bytes <= 1.25 * peak


def test_a_network_with_calls_goes_all_ways(tmp_path: Path) -> None:
    genotype = network()
    made = compile_network(genotype, 3).eval()
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert from_text(to_text(genotype)) == genotype
    assert analyse(genotype).params == sum(p.numel() for p in made.parameters())
    assert b"<svg" in draw(genotype)
    assert not diff(genotype, genotype).rows()
    folder = export_network(genotype, tmp_path / "out", dict(made.state_dict()))  # checked in a process of its own
    assert "linalg_vector_norm" in (folder / "model.py").read_text()
    back = imported(made, torch.zeros(1, 3, 8, 8), strict=True)
    assert back.genotype.fingerprint == genotype.fingerprint


class Calls(nn.Module):
    """A forward pass that a test writes down, with parameters of several shapes."""

    def __init__(self, run: object) -> None:
        super().__init__()
        self.conv, self.run = nn.Conv2d(3, 4, 3, padding=1), run
        self.number, self.line, self.kernel = nn.Parameter(torch.rand(1)), nn.Parameter(torch.rand(4)), nn.Parameter(torch.rand(2, 4, 3, 3))
        self.register_buffer("map", torch.rand(1, 4, 6, 6))
        self.register_buffer("at", torch.tensor([2, 0]))

    def forward(self, x: Tensor) -> object:
        return self.run(self, self.conv(x))  # type: ignore[operator]


def in_windows(x: Tensor) -> Tensor:
    """Windows of 3x3 as (N*4, 9, 4)."""
    return x.view(-1, 4, 2, 3, 2, 3).permute(0, 2, 4, 3, 5, 1).reshape(-1, 9, 4)


def written_between(m: Calls, x: Tensor) -> Tensor:
    """Filters of which one half is made before the numbers change in place."""
    numbers = m.kernel - 0.5
    before = numbers * 3
    numbers.relu_()
    made: Tensor = functional.conv2d(x, before + numbers)
    return made


def written_beside(x: Tensor) -> Tensor:
    """A half that is written in place, read through the whole, and through the other half after the whole was written in part."""
    first, second = x.chunk(2, 1)
    first.relu_()
    x[:, 3] = 2
    x[:, :, 0] += 1
    return torch.cat([second, x], 1)


BORROWED = {
    "abs": lambda m, x: x.abs(),
    "where": lambda m, x: torch.where(x > 0.1, x, x * m.number),
    "largest": lambda m, x: x.max(1)[0],
    "quotient": lambda m, x: x / (x.abs().sum(1, keepdim=True) + 1),
    "weights of weights": lambda m, x: functional.conv2d(x, m.kernel / m.kernel.std((1, 2, 3), keepdim=True)),
    "weights of weights in place": lambda m, x: functional.conv2d(x, (m.kernel - 0.5).relu_().mul_(2)),
    "shares": lambda m, x: x * m.line.softmax(0)[:, None, None],
    "list of places": lambda m, x: x[:, m.at],
    "rows joined": lambda m, x: torch.cat([x, x.flip(2)], 2),
    "second axis first": lambda m, x: x.transpose(0, 1).cumsum(0).transpose(0, 1),
    "windows beside the samples": lambda m, x: in_windows(x).cumsum(1).sum(1).view(-1, 2, 2, 4),
    "several results": lambda m, x: x.topk(2, 1)[0],
    "fixed numbers twice": lambda m, x: torch.sin(x + m.map) * (x + m.map),
    "einsum": lambda m, x: torch.einsum("nchw,ndhw->ncd", x, x),
    "weights read before and after they are written": written_between,
    "empty cut beside": lambda m, x: torch.cat([x[:, :, :0], x.cumsum(2)], 2),
    "fixed numbers for every sample": lambda m, x: x.flatten(2).bmm(torch.eye(36).expand(len(x), -1, -1).clone()).cumsum(1),
    "another device and type": lambda m, x: (x.cumsum(1).to(device="cpu", dtype=torch.float64) * 2).to(x.dtype),
    "written in place beside": lambda m, x: written_beside(x),
    "masked attention": lambda m, x: functional.scaled_dot_product_attention(x, x, x, attn_mask=m.map[0, 0] > 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", BORROWED)
def test_what_has_no_op_comes_in_as_calls(name: str) -> None:
    torch.manual_seed(0)
    module = Calls(BORROWED[name]).eval()
    found = imported(module, torch.zeros(1, 3, 6, 6))
    for batch in (1, 5):
        assert difference(module, found, torch.zeros(batch, 3, 6, 6)) < 1e-5
    assert found.borrowed
    assert any("of torch's own, for which there is no op" in line for line in found.remarks)
    read = [name for name, p in module.named_parameters() if not any(name in line for line in found.remarks)]
    assert analyse(found.genotype).params == sum(p.numel() for name, p in module.named_parameters() if name in read)
    with pytest.raises(ImporterError, match=r"at (the outermost module|module '\w+')"):
        imported(module, torch.zeros(1, 3, 6, 6), strict=True)


def far_from(numbers: Tensor) -> Tensor:
    """Numbers, 100 calls later."""
    for _ in range(100):
        numbers = numbers.tanh()
    return numbers


REFUSED = {
    "mean of the batch": (lambda m, x: x - x.mean(0, keepdim=True), "samples beside it"),
    "number of the batch": (lambda m, x: x / x.shape[0], "a number that is made from the batch size"),
    "draws": (lambda m, x: x + torch.rand_like(x), "draws random numbers|rand_like"),
    "weights twice": (lambda m, x: (x * m.number, x + m.number), "only nodes of one op share weights"),
    "weights by a long way": (lambda m, x: functional.conv2d(x, far_from(m.kernel)), "computed from kernel"),
    "weights twice, far off": (
        lambda m, x: functional.conv2d(m.conv(x[:, :3])[:, :3], m.conv.weight).abs().cumsum(1),
        r"aten.conv2d at .* weights of conv.weight are used here and at",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_call_may_do_is_refused(name: str) -> None:
    forward, message = REFUSED[name]
    with pytest.raises(ImporterError, match=message) as caught:
        imported(Calls(forward).eval(), torch.zeros(4, 3, 6, 6))
    assert "\n" not in str(caught.value)


class Named(nn.Module):
    """Parts called in other letters."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("größe", nn.Conv2d(3, 4, 1))
        self.add_module("层", nn.Conv2d(4, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.get_submodule("层")(self.get_submodule("größe")(x)).abs()


class Recurrent(nn.Module):
    """Rows as an LSTM reads them in both directions, in two layers with dropout between, then columns by a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.LSTM(3, 4, num_layers=2, dropout=0.1, bidirectional=True, batch_first=True)
        self.columns = nn.GRU(8, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        rows, _ = self.rows(x.permute(0, 2, 3, 1).reshape(batch * height, width, channels))
        columns, _ = self.columns(rows.view(batch, height, width, 8).transpose(1, 2).reshape(batch * width, height, 8))
        made: Tensor = columns.view(batch, width, height, 5).permute(0, 3, 2, 1)
        return made


def test_recurrent_nets_over_rows_and_columns_come_in_as_calls() -> None:
    module = Recurrent().eval()
    found = imported(module, torch.zeros(1, 3, 6, 7))
    assert difference(module, found, torch.zeros(4, 3, 6, 7)) < 1e-5
    analysis = analyse(found.genotype)
    assert analysis.params == sum(p.numel() for p in module.parameters())
    first, second, gru = 2 * 4 * 4 * (3 + 4), 2 * 4 * 4 * (8 + 4), 3 * 5 * (8 + 5)  # products of every step with both matrices
    assert analysis.macs == 42 * (first + second + gru)
    assert any("dropout(0.1) between the layers of a recurrent net is left out" in line for line in found.remarks)
    again = Genotype.from_json(found.genotype.to_json())
    assert again == found.genotype
    compile_network(again).train()(torch.zeros(2, 3, 6, 7)).sum().backward()


def test_names_are_kept_readable_and_made_safe() -> None:
    names = [node.name for node in imported(Named().eval(), torch.zeros(1, 3, 4, 4)).genotype.nodes]
    assert names == ["grosse", "u5c42", "abs"]


def test_a_branch_that_nobody_reads_is_said() -> None:
    module = Calls(lambda m, x: (functional.conv2d(x, m.kernel), x)[1])
    remarks = imported(module, torch.zeros(1, 3, 6, 6)).remarks
    assert "72 parameters of kernel are left out: no output depends on what is made with them" in remarks


class Shifted(nn.Module):
    """A view whose sizes are those of primes with which modules are traced."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Sequential(nn.Conv2d(3, 211, 1), nn.Flatten(2), nn.Linear(4, 2 * 223))

    def forward(self, x: Tensor) -> Tensor:
        return self.wide(x).view(-1, 211, 2, 223).cumsum(3).transpose(2, 3).reshape(-1, 211, 446)


def test_a_size_like_the_number_of_traced_samples_is_none_of_the_batch() -> None:
    module = Shifted().eval()
    assert difference(module, imported(module, torch.zeros(1, 3, 2, 2)), torch.zeros(3, 3, 2, 2)) < 1e-5


class DropPath(nn.Module):
    """Scales in inference, as its paper has it, unlike others of that name."""

    def __init__(self) -> None:
        super().__init__()
        self.drop_prob = 0.5

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 - self.drop_prob)


def test_a_name_alone_makes_no_stochastic_depth() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), DropPath()).eval()
    found = imported(module, torch.zeros(1, 3, 4, 4))
    assert [node.op.kind for node in found.genotype.nodes] == ["conv2d", "scale"]


@pytest.mark.parametrize(("dim", "kinds"), [(1, ["conv2d", "softmin"]), (-1, ["conv2d", "scale", "row_softmax"])])
def test_softmin_is_over_the_axis_that_it_says(dim: int, kinds: list[str]) -> None:
    found = imported(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Softmin(dim)).eval(), torch.zeros(1, 3, 4, 4))
    assert [node.op.kind for node in found.genotype.nodes] == kinds


class Shuffled(nn.Module):
    """A residual unit that ends in a channel shuffle, as often as one likes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a, self.b = (nn.Conv2d(channels // 2, channels // 2, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        p, q = x.chunk(2, 1)
        y = (torch.cat([self.a(p), self.b(q)], 1) + x).relu()
        return y.view(len(y), 2, -1, *y.shape[2:]).transpose(1, 2).reshape(y.shape)


def test_the_search_for_an_order_of_axes_ends() -> None:
    module = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), *[Shuffled(64) for _ in range(6)]).eval()
    found = imported(module, torch.zeros(1, 3, 8, 8))
    assert difference(module, found, torch.zeros(3, 3, 8, 8)) < 1e-5
