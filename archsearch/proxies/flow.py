"""SynFlow: how much flows through all paths of a network from input to output."""

from __future__ import annotations

from math import log1p

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm as InstanceNorm

from archsearch import layers
from archsearch.proxies.base import Probe, slopes_at, weights_of

NORMS = (
    BatchNorm, InstanceNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.LocalResponseNorm, layers.FrozenBatchNorm2d,
    layers.CrossChannelNorm, layers.RootMeanSquareNorm, layers.RootMeanSquareNorm2d,
)  # fmt: skip
"""What brings all flow to one scale, and so would hide it."""


def synflow(probe: Probe) -> float:
    """The logarithm of 1 + sum over all weights of |w dR/dw|, R the sum of the outputs for an input of ones.

    Tanaka et al. 2020 (arXiv:2006.05467): all parameters are made absolute values first; norms are taken out, as Abdelfattah et al. 2021
    (arXiv:2101.08134) take out batch norm. It is computed in double precision for one sample, and its logarithm ranks as it does; 0 where
    nothing flows, or there are no weights. Images and labels do not count.
    """
    network = without_norms(probe.network).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    ones = [torch.ones(1, *spec.shape, dtype=torch.float64, device=probe.images.device) for spec in probe.genotype.inputs]
    weights = weights_of(network)
    slopes = slopes_at(weights, probe.total(*ones))
    return log1p(sum(float((weight * slope).abs().sum().detach()) for weight, slope in zip(weights, slopes, strict=True)))


def without_norms(network: nn.Module) -> nn.Module:
    """The network with an identity in place of every norm."""
    for name, module in list(network.named_modules()):
        if isinstance(module, NORMS):
            parent, _, last = name.rpartition(".")
            setattr(network.get_submodule(parent), last, nn.Identity())
    return network
