"""Activations that keep their result for the backward pass, not their input."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FrugalLeakyReLU"]


class FrugalLeakyReLU(nn.Module):
    """x where it is positive, slope * x elsewhere; autograd keeps the result alone."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu_(x.clone(), self.slope)

    def extra_repr(self) -> str:
        return f"{self.slope}"
