"""Modules of many families become our own ops alone, compute the same with any number of samples, and come back the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

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
