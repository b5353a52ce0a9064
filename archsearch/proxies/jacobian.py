"""Jacobian covariance: how differently a network reacts around different images."""

from __future__ import annotations

import torch
from torch import Tensor

from archsearch.proxies.base import Probe, slopes_at

NEAR_ZERO = 1e-5
"""k of the paper's formula."""


def jacov(probe: Probe) -> float:
    """-sum over the eigenvalues v of log(v + k) + 1 / (v + k), of the correlations of the images' Jacobians, k = 1e-5.

    The first version of Mellor et al. (arXiv:2006.04647v1). A Jacobian is that of the sum of all outputs, (N, C*H*W). At most, where none
    are correlated, it is about -N for N images; images to which the network does not react at all count as alike. Labels do not count, nor
    do more images than half the numbers in one, for more Jacobians than numbers cannot but be correlated.
    """
    images = probe.images.clone().requires_grad_()
    (slopes,) = slopes_at([images], probe.total(images))
    rows = slopes.flatten(1).double()
    values = torch.linalg.eigvalsh(correlations(rows[: max(2, rows.shape[1] // 2)])).clamp(min=0) + NEAR_ZERO
    return float(-(values.log() + 1 / values).sum())


def correlations(rows: Tensor) -> Tensor:
    """Correlation of every two rows, (N, N); 1 for rows that do not vary."""
    varying = rows - rows.mean(1, keepdim=True)
    norms = varying.norm(dim=1, keepdim=True)
    unit = varying / torch.where(norms > 0, norms, torch.ones_like(norms))
    still = (norms == 0).to(rows.dtype)
    found: Tensor = unit @ unit.T + still @ still.T
    return found
