"""Zen-score: how far a network's last map moves when its input moves a little."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.network.passes import drop_dead
from archsearch.proxies.base import Probe, readied
from archsearch.tasks import answers

STEP = 0.01
"""Of the input, in its standard deviations."""
SAMPLES = 16
FLOOR = 1e-12
"""Distances and sigmas under it count as it, so that a network that does not react has a low value, not minus infinity."""


def zen(probe: Probe) -> float:
    """The logarithm of the mean over samples of |f(x) - f(x + 0.01 e)| summed over f, plus that of every batch norm's sigma.

    Lin et al. 2021 (arXiv:2102.01063, algorithm 1). f is the last map before the network loses its places (the input of global pooling),
    x and e are normal, so are the weights; sigma is the root of the mean over channels of the variance that a batch norm divides by,
    which thereby does not shrink what it norms. Of several exits all maps count. The weights, images and labels of the probe do not.
    """
    network = readied(compile_network(maps_of(probe.genotype), probe.seed)).to(probe.images.device)
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0  # what it keeps are then the statistics of the last batch
    kind = torch.float32 if norms else torch.float64  # nothing else holds numbers back
    network.to(kind)
    with torch.no_grad():
        make_normal(network)
        inputs = [torch.randn(SAMPLES, *spec.shape, dtype=kind, device=probe.images.device) for spec in probe.genotype.inputs]
        moved = [x + STEP * torch.randn_like(x) for x in inputs]
        after, before = answers(network(*moved)), answers(network(*inputs))
        distance = sum([(a - b).abs().sum() for a, b in zip(after, before, strict=True)], torch.zeros(())) / SAMPLES
        scales = [norm.running_var.mean().sqrt() for norm in norms if isinstance(norm.running_var, Tensor)]
    return float(torch.stack([distance.cpu(), *(scale.cpu() for scale in scales)]).clamp(min=FLOOR).log().sum())


def maps_of(genotype: Genotype) -> Genotype:
    """The part of a network up to its last maps."""
    outputs = tuple(dict.fromkeys(last_map(genotype, output) for output in genotype.outputs))
    return drop_dead(replace(genotype, outputs=outputs))


def last_map(genotype: Genotype, output: int) -> int:
    """The value with more than one place that an output comes from, along first inputs; the output itself where there is none."""
    offset, value = len(genotype.inputs), output
    while value >= offset and places(genotype.specs[value].shape) == 1:
        inputs = genotype.nodes[value - offset].inputs
        value = inputs[0] if inputs else -1
    return value if value >= offset else output


def places(shape: tuple[int, ...]) -> int:
    """How many places a value has beside its channels: H * W of (C, H, W), T of (T, D), 1 of (F,)."""
    return prod(shape[1:]) if len(shape) == 3 else prod(shape[:-1])


def make_normal(network: nn.Module) -> None:
    """Draw every weight from the normal distribution, and make every bias zero."""
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_()
        elif name.rpartition(".")[2] == "bias":
            parameter.zero_()
