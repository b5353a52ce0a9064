"""NASWOT: how differently a network cuts its input space for different images."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from archsearch import layers
from archsearch.proxies.base import Probe

BENDS = (
    nn.ReLU, nn.LeakyReLU, layers.FrugalLeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish,
    nn.Softplus, nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softsign, nn.Hardsigmoid, nn.Hardtanh,
)  # fmt: skip
"""Activations that bend at zero, or are centred there; ReLU6 is a Hardtanh."""
FLOOR = 1e-3
"""Eigenvalues under it count as it, so that a network that cannot tell two images apart has a low value, not minus infinity."""


def naswot(probe: Probe) -> float:
    """The logarithm of det K over the minibatch, where K[i, j] is how many units are on the same side of zero for the images i and j.

    Mellor et al. 2021 (arXiv:2006.04647, equation 2). Units are all numbers that enter a ReLU, or another activation (`BENDS`).
    A network without any, which tells no image apart, has the lowest value that there is: N log 0.001 for N images. Labels do not count.
    """
    kernel = torch.zeros(len(probe.images), len(probe.images), dtype=torch.float64, device=probe.images.device)
    for module in probe.network.modules():
        if isinstance(module, BENDS):
            module.register_forward_pre_hook(partial(add_codes, kernel))
    with torch.no_grad():
        probe.network(probe.images)
    return log_det(kernel)


def add_codes(kernel: Tensor, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Add how many units two images have in common, (N, N), for all units that enter this module."""
    kernel += agreement((inputs[0] > 0).flatten(1))


def agreement(codes: Tensor) -> Tensor:
    """Number of places at which two rows agree, (N, N), from codes of true and false, (N, units)."""
    on = codes.float()
    both = (on @ on.T).double()  # whole numbers: exact in single precision up to 2**24
    ons = both.diagonal()
    return codes.shape[1] - ons[:, None] - ons[None, :] + 2 * both


def log_det(kernel: Tensor) -> float:
    """Logarithm of the determinant of a kernel, (N, N), with small eigenvalues counted as `FLOOR`."""
    return float(torch.linalg.eigvalsh(kernel).clamp(min=FLOOR).log().sum())
