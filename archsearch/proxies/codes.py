"""NASWOT: how differently a network cuts its input space for different images."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from archsearch import layers
from archsearch.proxies.base import Probe
from archsearch.trial import EvaluationError

BENDS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, layers.FrugalLeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Hardswish,
)  # fmt: skip
"""Activations that treat what is over zero in another way than what is under it."""
FLOOR = 1e-3
"""Eigenvalues under it count as it, so that a network that cannot tell two images apart has a low value, not minus infinity."""


def naswot(probe: Probe) -> float:
    """The logarithm of det K over the minibatch, where K[i, j] is how many units are on the same side of zero for the images i and j.

    Mellor et al. 2021 (arXiv:2006.04647, equation 2). Units are all numbers that enter a ReLU, or another activation that bends at zero
    (`BENDS`). Labels do not count.

    Raises:
        EvaluationError: rejected, for a network without such an activation.
    """
    kernel = torch.zeros(len(probe.images), len(probe.images), dtype=torch.float64, device=probe.images.device)
    bends = [module for module in probe.network.modules() if isinstance(module, BENDS)]
    for module in bends:
        module.register_forward_pre_hook(partial(add_codes, kernel))
    if not bends:
        raise EvaluationError("rejected", "naswot reads ReLUs or their like, and this network has none; leave naswot out of the proxies")
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
