"""How strong each channel of an image is beside the others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ResponseGate"]


class ResponseGate(nn.Module):
    """(N, C, H, W) -> (N, C, 1, 1): the Euclidean length of each channel over the mean length of all channels, plus `eps`."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        lengths = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        gate: Tensor = lengths / (lengths.mean(1, keepdim=True) + self.eps)
        return gate

    def extra_repr(self) -> str:
        return f"{self.eps}"
