"""Networks of the zoo, and what the spaces hold: the source loads the weights by their names, in order, and computes the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from archsearch import Genotype
from archsearch.exporters import gather, source_text
from archsearch.spaces.space import load_space
from benchmarks.exported import module_of
from benchmarks.settled import settled
from tests.test_zoo import FIRST, small

SPACES = ("cell", "chain", "fabric", "small_cell")
SAMPLES = 50
QUICK = np.random.default_rng(0).permutation(sorted(FIRST)).tolist()[:6]
"""Families of the zoo that the quick tests take, by their first network; the long ones take all others."""
DEAR = {
    "vit_h_14", "vit_l_16", "vit_l_32", "coatnet_3", "coatnet_4", "mixer_l16", "mixer_l32", "convnext_large",
    "dilated_vgg16", "dilated_vgg16_context", "frrn_a", "frrn_b", "maskrcnn_resnet50_fpn", "ssd300_vgg16",
}  # fmt: skip
"""Over 150 million params, or 20 billion multiply-adds at the smallest input: `python -m benchmarks.exported` takes every network."""
LONG = sorted(set(FIRST).difference(DEAR, QUICK))


def assert_same(genotype: Genotype, weights: Mapping[str, Tensor] | None = None) -> None:
    material = gather(genotype, weights)
    network = module_of(source_text(material)).Network().eval()
    assert list(network.state_dict()) == list(material.state)
    network.load_state_dict(material.state)
    batch = [torch.randn(2, *spec.shape, generator=torch.Generator().manual_seed(0)) for spec in genotype.inputs]
    with torch.inference_mode():
        torch.testing.assert_close(network(*batch), material.network(*batch), rtol=0, atol=0, equal_nan=True)


def samples(name: str, count: int) -> Iterator[Genotype]:
    """So many networks of a space, drawn by seeds; of some seeds there is none."""
    space, found = load_space(name), 0
    for seed in range(10 * count):
        try:
            genotype = space.sample(np.random.default_rng(seed)).genotype
        except ValueError:
            continue
        yield genotype
        found += 1
        if found == count:
            return


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_networks_of_the_zoo_are_exported(name: str):
    genotype = small(name)
    assert_same(genotype, settled(genotype).state_dict())


@pytest.mark.parametrize("name", SPACES)
def test_samples_of_every_space_are_exported(name: str):
    drawn = list(samples(name, 5))
    assert len(drawn) == 5
    for genotype in drawn:
        assert_same(genotype)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_many_samples_of_every_space_are_exported(name: str):
    drawn = list(samples(name, SAMPLES))
    assert len(drawn) == SAMPLES
    for genotype in drawn:
        assert_same(genotype)
