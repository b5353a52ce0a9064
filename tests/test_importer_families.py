"""Modules of many families become our own ops alone, compute the same with any number of samples, and come back the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archsearch import Genotype, analyse, canonicalise
from archsearch.design.importer import ImporterError, difference, import_network, imported
from archsearch.ops import BatchNorm2d
from tests.importer_attention import KINDS_OF_ATTENTION
from tests.importer_families import FAMILIES

ALL = FAMILIES | KINDS_OF_ATTENTION


@pytest.mark.parametrize("name", ALL)
def test_families_come_in_as_our_own_ops(name: str) -> None:
    case = ALL[name]
    torch.manual_seed(0)
    module = case.make().eval()
    found = imported(module, [torch.zeros(1, *shape) for shape in case.shapes], strict=True)
    assert difference(module, found, [torch.zeros(3, *shape) for shape in case.shapes]) < 1e-5
    assert analyse(found.genotype).params == sum(p.numel() for p in module.parameters())
    assert {*case.kinds} <= {node.op.kind for node in found.genotype.nodes}
    again = import_network(found.network(), [torch.zeros(1, *shape) for shape in case.shapes], strict=True)
    assert canonicalise(again).fingerprint == canonicalise(found.genotype).fingerprint
    assert Genotype.from_json(found.genotype.to_json()) == found.genotype


def test_what_is_written_in_place_on_the_way_is_not_taken_for_a_norm() -> None:
    class Written(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x * 2
            length = x.norm(dim=1, keepdim=True).clamp(min=1e-6)
            x += 1
            return x / length

    module = Written()
    found = imported(module, torch.zeros(1, 4, 3, 5))
    assert difference(module, found, torch.zeros(3, 4, 3, 5)) < 1e-6
    assert "l2_norm2d" not in {node.op.kind for node in found.genotype.nodes}


class Gated(nn.Module):
    """Weights of a sum, as in BiFPN, and a gate between two values, as in ConViT: numbers made of parameters, read at several places."""

    def __init__(self) -> None:
        super().__init__()
        self.share, self.gate = nn.Parameter(torch.rand(3)), nn.Parameter(torch.randn(4))
        self.convs = nn.ModuleList([nn.Conv2d(3, 4, 3) for _ in range(3)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second, third = (conv(x) for conv in self.convs)
        share = torch.relu(self.share)
        share = share / (share.sum() + 1e-4)
        gate = self.gate.sigmoid().view(1, -1, 1, 1)
        return torch.relu(share[0] * first + share[1] * second + share[2] * third), (1 - gate) * first + gate * second


def test_numbers_made_of_parameters_may_be_read_at_several_places() -> None:
    module = Gated()
    found = imported(module, torch.zeros(1, 3, 6, 7))
    assert difference(module, found, torch.zeros(3, 3, 6, 7)) < 1e-6
    assert analyse(found.genotype).params == sum(p.numel() for p in module.parameters())
    assert len(found.borrowed) == 2
    with pytest.raises(ImporterError, match="weights are computed from share"):
        imported(module, torch.zeros(1, 3, 6, 7), strict=True)


def test_numbers_for_every_sample_may_be_made_of_parameters() -> None:
    class Computed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.numbers, self.first, self.second = nn.Parameter(torch.randn(1, 4, 1, 1)), nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            numbers = self.numbers.tanh()
            return self.first(x) * numbers, self.second(x) + numbers

    module = Computed()
    found = imported(module, torch.zeros(1, 3, 6, 7))
    assert difference(module, found, torch.zeros(3, 3, 6, 7)) < 1e-6
    assert len(found.borrowed) == 1


def test_a_cut_of_a_sequential_is_where_its_modules_are() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            norm = nn.BatchNorm2d(4, momentum=None)
            self.blocks = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(norm, nn.Dropout(0.5)), nn.ReLU(), nn.Conv2d(4, 2, 1))

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.blocks[2:](self.blocks[:2](x))
            return result

    found = imported(Cut(), torch.zeros(1, 3, 6, 7))
    assert [node.name for node in found.genotype.nodes] == ["blocks/0", "blocks/1/0", "blocks/1/1", "blocks/2", "blocks/3"]
    assert found.genotype.nodes[1].op == BatchNorm2d(momentum=None)
    assert not any("is a function here" in remark for remark in found.remarks)


class Written(nn.Module):
    """A forward pass that a test writes down, with parts at hand."""

    def __init__(self, run: Callable[..., Tensor], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def test_a_module_that_writes_into_its_input_is_held_against_what_it_was_given() -> None:
    given = torch.randn(2, 8)
    before = given.clone()
    module = Written(lambda m, x: x.add_(1).sigmoid_() * 2)
    found = imported(module, given)
    assert torch.equal(given, before)
    assert torch.allclose(found.network()(before), module(before.clone()))


@pytest.mark.parametrize(
    "run",
    [
        lambda m, x: x + functional.relu_(m.drop(x)),  # in inference dropout hands on its input
        lambda m, x: x + m.drop(x)[:, :2].relu_().sum(),
        lambda m, x: (x.diagonal(dim1=1, dim2=2).zero_(), x * 2)[1],
        lambda m, x: (x.unfold(1, 2, 2).mul_(2), x + 1)[1],
        lambda m, x: (torch.broadcast_to(x, (1, *x.shape))[0].relu_(), x + 1)[1],
    ],
)
def test_what_is_written_through_another_name_of_an_input_is_never_lost(run: Callable[..., Tensor]) -> None:
    module = Written(run, drop=nn.Dropout(0.1)).eval()
    for check in (True, False):
        with pytest.raises(ImporterError, match="read after another view of it was written in place"):
            imported(module, torch.randn(2, 4, 4), check=check)


@pytest.mark.parametrize(
    "run", [lambda m, x: x.cumsum(0), lambda m, x: x - x[:1], lambda m, x: x / x.abs().max(), lambda m, x: m.net(x)[0]]
)
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_no_sample_may_depend_on_those_beside_it(run: Callable[..., Tensor], batch: int) -> None:
    with pytest.raises(ImporterError, match="of a sample depends on the samples beside it"):
        imported(Written(run, net=nn.LSTM(8, 5)).eval(), torch.zeros(batch, 6, 8))


@pytest.mark.parametrize(
    "run",
    [
        lambda m, x: m.net(x)[1][-1],
        lambda m, x: (lambda last: torch.cat([last[0], last[1]], 1))(m.net(x)[1]),
        lambda m, x: (lambda rows, last: rows[:, -1, :5] + last[-1])(*m.net(x)),
    ],
)
def test_the_last_state_of_a_recurrent_net_comes_in(run: Callable[..., Tensor]) -> None:
    module = Written(run, net=nn.GRU(8, 5, batch_first=True, bidirectional=True)).eval()
    found = imported(module, torch.zeros(2, 6, 8))
    assert difference(module, found, torch.zeros(3, 6, 8)) < 1e-5
    assert analyse(found.genotype).params == sum(p.numel() for p in module.parameters())


class Counting(nn.Module):
    """Counts its calls in a buffer, and makes another one when it is first called."""

    def __init__(self, counts: bool) -> None:
        super().__init__()
        self.counts, self.conv = counts, nn.Conv2d(3, 4, 1)
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("places", None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.places is None:
            self.places = torch.arange(5.0)
        if self.counts:
            self.calls = self.calls + 1
        made: Tensor = self.conv(x) * (self.calls + 1) + self.places
        return made


def test_the_state_of_a_module_stays_as_it_was() -> None:
    module = Counting(counts=False)
    found = imported(module, torch.zeros(2, 3, 5, 5))
    assert module.places is None
    assert difference(module, found, torch.zeros(3, 3, 5, 5)) < 1e-6
    with pytest.raises(ImporterError, match="the module changes its buffer 'calls' when it runs"):
        imported(Counting(counts=True), torch.zeros(2, 3, 5, 5))


def test_elements_of_parameters_that_nothing_reads_are_said() -> None:
    module = Written(lambda m, x: functional.linear(x, m.q.weight[:8]), q=nn.Linear(8, 24))
    found = imported(module, torch.zeros(2, 8))
    assert analyse(found.genotype).params == 64
    assert "128 parameters of q.weight are left out: inference does not read them" in found.remarks
    assert "24 parameters of q.bias are left out: inference does not read them" in found.remarks


def test_a_cast_to_half_the_bytes_is_said() -> None:
    found = imported(Written(lambda m, x: m.linear(x).half().float(), linear=nn.Linear(8, 4)), torch.zeros(2, 8))
    assert any(line.startswith("a cast to float16 is left out") for line in found.remarks)
    found = imported(Written(lambda m, x: m.linear(x).to(x.dtype), linear=nn.Linear(8, 4)), torch.zeros(2, 8))
    assert not found.remarks
