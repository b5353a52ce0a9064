"""Modules of many families become our own ops alone, compute the same with any number of samples, and come back the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archsearch import Genotype, analyse, canonicalise
from archsearch.design.importer import difference, import_network, imported
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
