"""Modules become genotypes with weights: the zoo's own networks, modules as people write them, and those that cannot be."""

from __future__ import annotations

import copy
import inspect
import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan, prod
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archsearch import Genotype, TensorSpec, analyse, canonicalise, compile_network, layers, ops, zoo
from archsearch.cli import WrongUseError
from archsearch.cli.importing import import_command
from archsearch.design.importer import Imported, ImporterError, difference, import_file, import_network, imported, load_module
from archsearch.design.importer.checking import apart, differences
from archsearch.design.importer.leaves import LEAVES
from archsearch.network.text_form import from_text, to_text
from archsearch.training.weights import put_in
from tests.importer_modules import CASES, Case, ViT

QUICK = ("deit_ti_16", "lenet5_1998", "mobilenet_v1_x0_25", "resnet20_cifar", "segnet_basic", "shufflenet_v1_g8", "squeezenet1_0")
"""Networks for every run of the suite; the slow test has all families."""
NOT_CONVERTIBLE: dict[str, str] = {}
"""Networks of the zoo that do not come back, and what the importer says of them: none."""
MOST_NODES, MOST_WIRINGS = 250, 2
"""So many networks of a family come back, of no more nodes, and all with ops that the smaller ones have not."""
MANY_PARAMS = 10**8
"""Networks with more come back without weights, from the meta device."""
MANY_MACS = 10**9
"""Networks with more are run on one sample, others on two."""
FAMILIES = {name: getattr(make, "func", make).__module__.rpartition(".")[2] for name, make in zoo.networks().items()}
"""The file of every network."""
FEWER = {
    "amoebanet_a": {"repeats": 1}, "nasnet_a_large": {"repeats": 1}, "pnasnet5_large": {"repeats": 2},
    **{name: {"depth": 6} for name, family in FAMILIES.items() if family == "darts"},
}  # fmt: skip
"""Options with which networks of cells have few."""


def smallest(name: str) -> Genotype:
    """A network of the zoo at the smallest of a few inputs that it takes, of few cells where all are alike."""
    fewer = FEWER.get(name, {})
    genotype = zoo.build(name, **fewer)
    channels, *image = genotype.inputs[0].shape
    for side in (64, 32):
        if len(image) == 2 and side < min(image):
            try:
                genotype = zoo.build(name, **fewer, input=(channels, side, side))
            except ValueError:
                break
    return genotype


def enlivened(network: nn.Module) -> nn.Module:
    """The network with statistics and scales as after training."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return network.eval()


def assert_same_outputs(network: nn.Module, found: Imported, shapes: list[tuple[int, ...]]) -> None:
    generator = torch.Generator().manual_seed(0)
    batch = 2 if analyse(found.genotype).macs < MANY_MACS else 1
    examples = [torch.randn(batch, *shape, generator=generator) for shape in shapes]
    assert difference(network, found, examples) < 1e-5


def assert_comes_back(name: str, genotype: Genotype) -> None:
    shapes = [spec.shape for spec in genotype.inputs]
    if name in NOT_CONVERTIBLE:
        with pytest.raises(ImporterError, match=NOT_CONVERTIBLE[name]):
            import_network(compile_network(genotype), [torch.zeros(1, *shape) for shape in shapes])
        return
    if analyse(genotype).params > MANY_PARAMS:
        with torch.device("meta"):
            network = compile_network(genotype)
        back = import_network(network, [torch.zeros(1, *shape, device="meta") for shape in shapes])
    else:
        network = enlivened(compile_network(genotype))
        found = imported(network, [torch.zeros(1, *shape) for shape in shapes], check=False)
        assert_same_outputs(network, found, shapes)
        back = found.genotype
    assert canonicalise(back).fingerprint == canonicalise(genotype).fingerprint, name


@pytest.mark.parametrize("name", QUICK)
def test_zoo_networks_come_back(name: str) -> None:
    assert_comes_back(name, smallest(name))


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(set(FAMILIES.values())))
def test_zoo_families_come_back(family: str) -> None:
    genotypes = {name: smallest(name) for name, file in FAMILIES.items() if file == family}
    seen: set[str] = set()
    wired: set[object] = set()  # of those that differ in widths alone one comes back, and so do the smallest few, and those with other ops
    for name, genotype in sorted(genotypes.items(), key=lambda item: len(item[1].nodes)):
        kinds = {node.op.kind for node in genotype.nodes}
        wiring = tuple((node.op.kind, node.inputs) for node in genotype.nodes)
        few = len(genotype.nodes) <= MOST_NODES and len(wired) < MOST_WIRINGS
        if kinds - seen or (few and wiring not in wired):
            assert_comes_back(name, genotype)
            wired.add(wiring)
        seen |= kinds


def test_names_and_weights_come_back() -> None:
    genotype = zoo.build("resnet18", input=(3, 32, 32))
    network = enlivened(compile_network(genotype))
    found = imported(network, torch.zeros(1, 3, 32, 32))
    assert [node.name for node in found.genotype.nodes] == [node.name for node in genotype.nodes]
    assert found.state.keys() == network.state_dict().keys()
    assert all(torch.equal(found.state[name], tensor) for name, tensor in network.state_dict().items())


def made(case: Case) -> nn.Module:
    torch.manual_seed(0)
    return enlivened(case.make())


@pytest.mark.parametrize("name", CASES)
def test_modules_as_people_write_them(name: str) -> None:
    case = CASES[name]
    module = made(case)
    found = imported(module, [torch.zeros(1, *shape) for shape in case.shapes])
    assert [spec.shape for spec in found.genotype.inputs] == list(case.shapes)
    assert_same_outputs(module, found, list(case.shapes))
    assert analyse(found.genotype).params == sum(p.numel() for p in module.parameters())
    assert {*case.kinds} <= {node.op.kind for node in found.genotype.nodes}
    again = import_network(found.network(), [torch.zeros(1, *shape) for shape in case.shapes])
    assert canonicalise(again).fingerprint == canonicalise(found.genotype).fingerprint
    assert Genotype.from_json(found.genotype.to_json()) == found.genotype


def test_nodes_are_called_as_modules_and_parameters() -> None:
    names = [node.name for node in import_network(ViT(), torch.zeros(1, 3, 16, 16)).nodes]
    assert names[:6] == ["patches", "tokens", "cls", "pos", "blocks/0/norm1", "blocks/0/attn/in_proj"]
    assert names[-2:] == ["take_token", "head"]


def test_outputs_have_the_names_that_the_module_gives_them() -> None:
    assert imported(CASES["looped"].make(), torch.zeros(1, 3, 16, 16)).outputs == ("label", "mask", "deep")
    assert imported(CASES["detector"].make(), torch.zeros(1, 3, 16, 12)).outputs == ("boxes", "scores")


def test_inputs_may_be_given_by_name() -> None:
    example = {"memory": torch.zeros(1, 5, 16), "queries": torch.zeros(1, 3, 16)}
    found = imported(CASES["reader"].make(), example)
    assert [spec.shape for spec in found.genotype.inputs] == [(3, 16), (5, 16)]


def test_the_module_stays_as_it_is() -> None:
    module = CASES["convnext"].make().train()
    module.norm1.eval()
    before = copy.deepcopy(module.state_dict())
    import_network(module, torch.zeros(1, 3, 16, 16))
    assert module.training
    assert not module.norm1.training
    assert "forward" not in vars(module.drop_path)
    assert all(torch.equal(tensor, module.state_dict()[name]) for name, tensor in before.items())


def test_what_inference_does_not_need_is_remarked() -> None:
    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop, self.conv = nn.Dropout2d(0.4), nn.Conv2d(3, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.drop(x))

    found = imported(Dropping(), torch.zeros(1, 3, 4, 4))
    assert [node.op.kind for node in found.genotype.nodes] == ["conv2d"]
    assert found.remarks[0].startswith("feature_dropout(0.4) has no op; it is left out, which changes training alone at module 'drop'")


def test_parameters_that_inference_does_not_read_are_remarked() -> None:
    class Auxiliary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.aux = nn.ModuleList([nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 3)]), nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4))

        def forward(self, x: Tensor) -> Tensor:
            return self.body[0](x)

    found = imported(Auxiliary(), torch.zeros(1, 3, 4, 4))
    assert found.remarks == ("92 parameters of body.1, aux are left out: inference does not read them",)


def test_norms_without_weights_get_ones_and_zeros() -> None:
    class Norms(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.images = nn.Sequential(nn.BatchNorm2d(4, affine=False), nn.GroupNorm(2, 4, affine=False))
            self.tokens = nn.LayerNorm(4, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.tokens(self.images(x).flatten(2).mT)

    module = enlivened(Norms())
    found = imported(module, torch.zeros(1, 4, 3, 5))
    assert_same_outputs(module, found, [(4, 3, 5)])
    assert [remark.partition(", ")[0] for remark in found.remarks] == [
        "batch_norm2d learns its weight and bias", "group_norm learns its weight and bias", "layer_norm learns its bias",
    ]  # fmt: skip


@pytest.mark.parametrize("momentum", [None, 0.0, 0.25, 1.0])
def test_statistics_go_on_as_the_modules_would(momentum: float | None) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=momentum), nn.Flatten(), nn.BatchNorm1d(64, 1e-3, momentum))
    enlivened(module)
    found = imported(module, torch.zeros(1, 3, 6, 6))
    assert Genotype.from_json(found.genotype.to_json()) == found.genotype == from_text(to_text(found.genotype))
    network, batches = found.network().train(), torch.randn(2, 8, 3, 6, 6) + 3
    module.train()
    for batch in batches:
        assert torch.equal(network(batch), module(batch))
    own = list(network.state_dict().values())
    assert all(torch.equal(a, b) for a, b in zip(own, module.state_dict().values(), strict=True))


def test_dropout_that_is_a_function_is_said_to_be_on_in_training() -> None:
    found = imported(Calls(lambda m, x: functional.dropout(m.conv(x), 0.3, training=m.training)), torch.zeros(1, 3, 6, 6))
    assert [node.op for node in found.genotype.nodes][1:] == [ops.Dropout(0.3)]
    assert found.remarks[0].startswith("dropout(0.3) is a function here; it is taken to be on in training at the outermost module")
    assert imported(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout(0.3)), torch.zeros(1, 3, 6, 6)).remarks == ()


def test_every_output_is_compared_by_its_own_measure() -> None:
    module = Calls(lambda m, x: (1e5 * m.conv(x), 1e-3 * x.relu(), x.tanh()))
    found = imported(module, torch.zeros(1, 3, 6, 6))
    assert max(differences(module, found, torch.zeros(2, 3, 6, 6))) < 1e-5
    [name] = [node.name for node in found.genotype.nodes if node.op == ops.Scale(1e-3)]
    nodes = tuple(node._replace(op=ops.Scale(1.1e-3)) if node.name == name else node for node in found.genotype.nodes)
    wrong = replace(found, genotype=replace(found.genotype, nodes=nodes))
    assert [share > 1e-2 for share in differences(module, wrong, torch.zeros(2, 3, 6, 6))] == [False, True, False]


def test_one_infinite_number_hides_no_difference() -> None:
    wanted, made = torch.tensor([1.0, inf, nan]), torch.tensor([1.5, inf, nan])
    assert apart(wanted, made) == 0.5
    assert apart(wanted, wanted) == 0
    assert apart(wanted, torch.tensor([1.0, -inf, nan])) == inf
    assert apart(wanted, torch.tensor([1.0, inf, 0.0])) == inf
    assert apart(wanted, torch.zeros(3, 3)) == inf
    assert apart(torch.zeros(2), torch.tensor([0.0, 0.25])) == 0.25


@pytest.mark.parametrize("scale", [None, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("form", ["fused", "product", "queries", "divided"])
def test_attention_keeps_its_scale(form: str, scale: float | None) -> None:
    """Half is what heads of four features have by themselves."""

    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])

        def forward(self, x: Tensor) -> Tensor:
            q, k, v = (linear(x).unflatten(-1, (2, 4)).transpose(1, 2) for linear in self.maps)
            factor = 0.5 if scale is None else scale
            if form == "fused":
                made = functional.scaled_dot_product_attention(q, k, v, scale=scale)
            elif form == "queries":
                made = (factor * q @ k.mT).softmax(-1) @ v
            else:
                scores = q @ k.mT
                made = (factor * scores if form == "product" else scores / (1 / factor)).softmax(-1) @ v
            return made.transpose(1, 2).flatten(2)

    module = Attending()
    found = imported(module, torch.zeros(1, 5, 8))
    assert_same_outputs(module, found, [(5, 8)])
    factors = [node.op.factor for node in found.genotype.nodes if isinstance(node.op, ops.Scale)]
    assert factors == pytest.approx([] if scale in (None, 0.5) else [2 * scale])


@pytest.mark.parametrize(
    "pad",
    [
        lambda x: functional.pad(x, (1, 0, 2, 1)),
        lambda x: functional.pad(x[:, :, :1, :1], (1, 0, 2, 1), value=3.0),
        lambda x: functional.pad(x[..., :1], (1, 0), value=3.0),
        lambda x: functional.pad(x[:, :, :1], (0, 0, 1, 0)),
        lambda x: functional.pad(x[:, :1], (0, 0, 0, 0, 2, 1)),
        lambda x: functional.pad(x[:, :, :1].permute(0, 2, 3, 1), (0, 0, 1, 0, 0, 2)).permute(0, 3, 1, 2),
        lambda x: functional.pad(x[:, :, :1, :1].permute(0, 2, 3, 1), (0, 0, 1, 0, 0, 2)),
        lambda x: functional.pad(x[:, :, 0, :1], (2, 1)),
        lambda x: functional.pad(x.flatten(2)[:, :, :4], (2, 1)),
    ],
    ids=["image", "pixel", "column", "row", "channel", "last", "last_pixel", "line", "cut_line"],
)
def test_borders_are_where_they_were(pad: Callable[[Tensor], Tensor]) -> None:
    module = Calls(lambda m, x: pad(m.conv(x)))
    assert_same_outputs(module, imported(module, torch.zeros(1, 3, 6, 6)), [(3, 6, 6)])


def test_calls_within_autocast_are_read() -> None:
    def forward(m: Calls, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            y = m.conv(x.float()).relu_()
        with torch.enable_grad():
            return torch.sigmoid(y)

    module = Calls(forward)
    found = imported(module, torch.zeros(1, 3, 6, 6))
    assert_same_outputs(module, found, [(3, 6, 6)])
    assert [node.op.kind for node in found.genotype.nodes] == ["conv2d", "relu", "sigmoid"]


def test_layer_norm_of_an_image_stays_two_nodes_where_its_tokens_are_read() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.linear, self.conv = nn.LayerNorm(4), nn.Linear(4, 4), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(x.permute(0, 2, 3, 1))
            return self.conv(y.permute(0, 3, 1, 2)) + self.linear(y).permute(0, 3, 1, 2)

    module = Both()
    found = imported(module, torch.zeros(1, 4, 3, 5))
    assert_same_outputs(module, found, [(4, 3, 5)])
    assert analyse(found.genotype).params == sum(p.numel() for p in module.parameters())


class Calls(nn.Module):
    """A forward pass from a function, with a linear map, an image map and a bare parameter at hand."""

    def __init__(self, forward: Callable[..., object]) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3, affine=False)
        self.weight = nn.Parameter(torch.randn(3, 3, 3, 3))
        self.scale = nn.Parameter(torch.randn(5))
        self.run = forward
        self.register_buffer("count", torch.zeros(3, 1, 1))

    def forward(self, x: Tensor) -> object:
        return self.run(self, x)


def in_place(m: Calls, x: Tensor) -> Tensor:
    y = m.conv(x)
    view = y.flatten(2)
    y += 1.0
    return view.mean(2)


IN_PLACE = {
    "read later": in_place,
    "put out": lambda m, x: (y := m.conv(x), v := y.flatten(2), y.add_(1.0), v)[3],
    "behind a norm": lambda m, x: (y := m.norm(m.conv(x)), v := y.flatten(2), y.relu_(), v)[3],
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_is_written_in_place_shows_in_other_views(name: str) -> None:
    module = Calls(IN_PLACE[name]).eval()
    found = imported(module, torch.zeros(1, 3, 6, 6), strict=True)
    assert difference(module, found, torch.zeros(3, 3, 6, 6)) < 1e-5


REFUSED = {
    "unknown": (lambda m, x: m.conv(x).cumsum(1), r"aten.cumsum has no op at the outermost module \(test_importer.py:\d+\)"),
    "twice": (
        lambda m, x: functional.conv2d(m.conv(x), m.conv.weight, stride=2),
        r"weights of conv.weight are used here and at module 'conv' .* only nodes of one op share weights",
    ),
    "shared_statistics": (
        lambda m, x: functional.batch_norm(m.norm(x), m.norm.running_mean, m.norm.running_var, eps=0.1),
        r"statistics of batch_norm2d are used at two nodes, at module 'norm'",
    ),
    "tied": (lambda m, x: functional.conv2d(functional.conv2d(x, m.weight), m.weight.flip(0)), r"weights of weight are used here and at"),
    "unbatched": (lambda m, x: functional.max_pool2d(x[:, 0], 2), r"aten.max_pool2d at .* it needs 4 axes, the batch first"),
    "computed": (lambda m, x: functional.conv2d(x, m.weight / m.weight.std()), r"its weights are computed from weight by aten\.(std|div)"),
    "batch_of_two": (lambda m, x: m.conv(x).view(2, -1), r"cannot be traced at test_importer.py:\d+: .* invalid for input|written in it"),
    "batch_merged": (lambda m, x: m.conv(x).view(1, -1), r"the batch is not the first axis"),
    "batch_mean": (lambda m, x: m.conv(x).mean(0, keepdim=True), r"aten.mean at .* it reduces axes \[0\]"),
    "batch_slice": (lambda m, x: m.conv(x)[:1], r"aten.slice at .* it takes samples out of the batch"),
    "batch_product": (lambda m, x: m.conv(x) * torch.arange(x.shape[0]).view(-1, 1, 1, 1), r"differs from sample to sample"),
    "random": (lambda m, x: x + torch.randn(3, 6, 6), r"draws random numbers"),
    "always_dropped": (lambda m, x: functional.dropout(m.conv(x)), r"dropout that is on in inference"),
    "learned_by_column": (lambda m, x: m.conv(x) * m.scale[:1].expand(6), r"elements of scale are repeated as weights"),
    "state": (lambda m, x: x + m.count.add_(1), r"writes into a tensor of the module|has no state"),
    "control": (lambda m, x: m.conv(x) if x.sum() > 0 else x, r"cannot be traced at test_importer.py:\d+: what it does depends on"),
    "raises": (lambda m, x: m.nothing(x), r"cannot be traced at test_importer.py:\d+ for samples of shape \(3, 6, 6\): Attrib"),
    "nothing": (lambda m, x: None, r"the module returns no tensor"),
    "constant": (lambda m, x: (m.conv(x), m.count), r"output '1' at the outermost module; it does not depend on an input"),
    "scalar": (lambda m, x: m.conv(x).mean((1, 2, 3)), r"no axis beside the batch|it reduces axes"),
    "dropped": (lambda m, x: functional.scaled_dot_product_attention(x, x, x, dropout_p=0.1), r"attention that drops out in inference"),
    "product_of_samples": (lambda m, x: m.conv(x).flatten(1) @ x.flatten(1).t(), r"output 'output' .* number of axes, the batch first"),
    "rolled_out": (lambda m, x: m.conv(x).roll(1, 2), r"output 'output' at the outermost module; an image is rolled"),
    "three_axes": (lambda m, x: functional.conv3d(x[:, None], m.weight[:, None]), r"aten.conv3d has no op"),
    "whole_numbers": (lambda m, x: m.conv(x).long(), r"aten.to at .* it makes torch.int64 of numbers"),
    "by_zero": (lambda m, x: m.conv(x) / 0, r"it divides by zero"),
    "bounds": (lambda m, x: m.conv(x).clamp(m.count, m.count), r"only two numbers as bounds have an op"),
    "power": (lambda m, x: m.conv(x) ** m.count, r"only the second power has an op"),
    "softplus": (lambda m, x: functional.softplus(m.conv(x), beta=2), r"only softplus with beta=1 and threshold=20"),
    "rounded": (lambda m, x: m.conv(x).bfloat16(), r"output .output. differs by .* of its greatest number; give module.float"),
    "more_samples": (lambda m, x: functional.pad(m.conv(x), (0,) * 6 + (1, 1)), r"it adds samples to the batch"),
    "unknown_sizes": (lambda m, x: m.conv(x).nonzero(), r"aten.nonzero has no op"),
    "places": (lambda m, x: functional.adaptive_max_pool2d(m.conv(x), 2, return_indices=True), r"where maxima of adaptive pooling lie"),
    "alpha": (lambda m, x: torch.sub(m.conv(x), m.count, alpha=2), r"alpha=2 has no op beside a constant"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(name: str) -> None:
    forward, message = REFUSED[name]
    with pytest.raises(ImporterError, match=message) as caught:
        imported(Calls(forward), torch.zeros(1, 3, 6, 6), strict=True)
    assert "\n" not in str(caught.value)


def test_what_no_output_depends_on_may_be_anything() -> None:
    found = imported(Calls(lambda m, x: (m.conv(x), m.conv(x).cumsum(1))[0]), torch.zeros(1, 3, 6, 6))
    assert [node.op.kind for node in found.genotype.nodes] == ["conv2d"]


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ((), "example inputs must be tensors"),
        (("x",), "example inputs must be tensors"),
        (torch.zeros(3), r"must all be \(batch, ...\)"),
        ((torch.zeros(1, 3, 6, 6), torch.zeros(2, 3)), "one batch size"),
        (torch.zeros(1, 0, 6, 6), "every axis must be a whole number"),
        (torch.zeros(1, 3, 6, 6, dtype=torch.int64), "must be floating-point tensors"),
        ((torch.zeros(1, 3, 6, 6), torch.zeros(1, 3)), "cannot be traced"),
        (torch.zeros(1, 2, 6, 6), "cannot be traced"),
    ],
)
def test_examples_that_do_not_fit(example: object, message: str) -> None:
    with pytest.raises(ImporterError, match=message):
        imported(Calls(lambda m, x: m.conv(x)), example)


def test_every_layer_of_our_own_is_known() -> None:
    own = {layer for layer in vars(layers).values() if inspect.isclass(layer) and layer.__module__.startswith("archsearch.")}
    assert {layer for layer in own if issubclass(layer, nn.Module)} <= LEAVES.keys()


def test_a_module_without_weights_gives_its_genotype_alone() -> None:
    with torch.device("meta"):
        module, example = ViT(), torch.zeros(1, 3, 16, 16)
    assert import_network(module, example).fingerprint == import_network(ViT(), torch.zeros(1, 3, 16, 16)).fingerprint
    with pytest.raises(ImporterError, match="meta device, which holds no weights"):
        imported(module, example)


def test_fixed_weights_are_remarked() -> None:
    class Blur(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("kernel", torch.full((3, 1, 3, 3), 1 / 9))

        def forward(self, x: Tensor) -> Tensor:
            return functional.conv2d(x, self.kernel, stride=2, groups=3)

    found = imported(Blur(), torch.zeros(1, 3, 8, 8))
    text = "depthwise_conv2d learns its weight, which the module has fixed in kernel (27 params more) at the outermost module"
    assert found.remarks[0].startswith(text)


FILE = """
import torch
from torch import nn
import neighbour
print("said by the file")
def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, neighbour.WIDTH, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * neighbour.WIDTH, 5))
def needs(width, *, depth): return make()
def fails(): return {}["key"]
def quits(): raise SystemExit(3)
def number(): return 3
class Made(nn.Linear):
    def __init__(self): super().__init__(3, 4)
    def forward(self, x): return super().forward(x).cumsum(1)
net = make()
value = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n")
    (tmp_path / "broken.py").write_text("def make(:\n")
    (tmp_path / "raising.py").write_text("x = 1\nraise RuntimeError('two\\nlines')\n")
    (tmp_path / "net.py").write_text(FILE)
    return tmp_path / "net.py"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.py:needs", r"net.py:needs takes arguments \(width, depth\); give a function that takes none"),
        ("net.py:fails", r"net.py:fails fails at line 10: KeyError: 'key'"),
        ("net.py:quits", r"net.py:quits fails at line 11: SystemExit: 3"),
        ("net.py:number", r"net.py:number returns int, not an nn.Module"),
        ("net.py:value", r"net.py:value is int, not an nn.Module or a function"),
        ("net.py:missing", r"net.py has no 'missing'"),
        ("net.py:Made", r"aten.cumsum has no op at the outermost module \(net.py:15\)"),
        ("net.py", r"must be FILE.py:NAME"),
        ("nothing.py:make", r"no file .*nothing.py"),
        ("broken.py:make", r"broken.py fails when it is run at line 1: SyntaxError"),
        ("raising.py:make", r"raising.py fails when it is run at line 2: RuntimeError: two lines"),
    ],
)
def test_files_that_make_no_module(file: Path, name: str, message: str) -> None:
    with pytest.raises(ImporterError, match=message) as caught:
        import_file(str(file.parent / name), [(3,) if "Made" in name else (3, 6, 6)], strict=True)
    assert "\n" not in str(caught.value)


def test_the_command_writes_a_genotype_and_model_files(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, folder = file.parent / "net.json", file.parent / "model"
    import_command(f"{file}:make", ["3,6,6"], False, out, folder, force=False, json=True)
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert (facts["params"], facts["nodes"], facts["inputs"]) == (437, 4, [[3, 6, 6]])
    assert "said by the file" in said.err
    assert Genotype.from_json(out.read_text()) == Genotype.from_json((folder / "genotype.json").read_text())
    network = compile_network(Genotype.from_json(out.read_text())).eval()
    put_in(network, folder / "model.safetensors")
    module, x = load_module(f"{file}:make").eval(), torch.randn(2, 3, 6, 6)
    expected = module(x)
    torch.testing.assert_close(network(x), expected, atol=1e-5, rtol=0)
    exported = runpy.run_path(str(folder / "model.py"))["load"]()
    torch.testing.assert_close(exported(x), expected, atol=1e-5, rtol=0)


def test_the_command_prints_the_text_form(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_command(f"{file}:net", ["3,6,6"], False, None, None, force=False, json=False)
    said = capsys.readouterr()
    assert from_text(said.out) == import_file(f"{file}:net", [(3, 6, 6)]).genotype
    assert "4 nodes, 437 params" in said.err
    with pytest.raises(WrongUseError, match="give --input with the shape of one sample"):
        import_command(f"{file}:net", [], False, None, None, force=False, json=False)


def test_only_modules_are_imported() -> None:
    with pytest.raises(ImporterError, match="can become a genotype, got function"):
        imported(lambda x: x, torch.zeros(1, 3))


def test_shapes_of_random_views_are_followed() -> None:
    """Layouts against torch: what views and permutations do to positions is what they do to a tensor that counts them."""
    from archsearch.design.importer.layout import Atom, flat, layout_of

    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        layout, tensor = layout_of((4, 6, 8), Atom(3, batch=True)), torch.arange(3 * 4 * 6 * 8).view(3, 4, 6, 8)
        for _ in range(4):
            order = torch.randperm(tensor.dim(), generator=generator).tolist()
            layout, tensor = layout.permuted(order), tensor.permute(order)
            axis = int(torch.randint(tensor.dim(), (1,), generator=generator))
            size = tensor.shape[axis]
            if size % 2 == 0 and not any(atom.batch for atom in layout.axes[axis]):
                shape = (*tensor.shape[:axis], 2, size // 2, *tensor.shape[axis + 1 :])
                try:
                    layout, tensor = layout.viewed(shape), tensor.reshape(shape)
                except ValueError:
                    continue
        assert layout.shape == tuple(tensor.shape)
        atoms = (next(atom for atom in flat(layout.axes) if atom.batch), *flat(layout.own))
        order = [atoms.index(atom) for atom in flat(layout.axes)]
        counted = torch.arange(prod(tensor.shape)).view([atom.size for atom in atoms]).permute(order).reshape(tensor.shape)
        assert torch.equal(counted, tensor)


def test_windows_are_found_by_the_sizes_of_the_image() -> None:
    kinds = {node.op for node in import_network(CASES["swin"].make(), torch.zeros(1, 3, 20, 28)).nodes}
    assert ops.Windows(10, 14, 4, 2) in kinds
    assert ops.WindowAttention(2, 10, 14, 4, 2) in kinds
    assert ops.FromWindows(10, 14, 4, 2) in kinds
    assert TensorSpec((3, 20, 28)).elements == 1680
