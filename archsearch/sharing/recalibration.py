"""Statistics of batch norm for one network of a bank."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set batch norm's running statistics to their means over these batches of inputs, and leave the network in eval mode.

    In training, statistics of all networks that share a layer flow into one average, which is right for none of them (Guo et al.
    2020, arXiv:1904.00420, section 3.4). Nothing else changes, and no statistics from before are left.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
        norm.train()
    try:
        for x in batches if norms else ():
            network(x)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        network.eval()
