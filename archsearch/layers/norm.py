"""Norms that torch does not have in this form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CrossChannelNorm", "RootMeanSquareNorm", "RootMeanSquareNorm2d"]


class CrossChannelNorm(nn.Module):
    """x / (k + alpha * mean of the squares of `size` neighbouring channels)**beta, as nn.LocalResponseNorm for odd sizes.

    The power is taken by logarithm and exponential, in place, which needs half of the memory.
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        scale = functional.avg_pool2d((x * x).flatten(2), (self.size, 1), 1, (self.size // 2, 0))
        scale = scale.mul_(self.alpha).add_(self.k).log().mul_(-self.beta).exp_()
        return x * scale.view(x.shape)

    def extra_repr(self) -> str:
        return f"{self.size}, {self.alpha}, {self.beta}, {self.k}"


class RootMeanSquareNorm(nn.Module):
    """nn.RMSNorm over the last axis that keeps nothing but its input for the backward pass."""

    def __init__(self, features: int, eps: float, affine: bool = True) -> None:
        super().__init__()
        self.features = features
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = RootMeanSquareScaling.apply(x, self.weight, self.eps, -1)  # type: ignore[no-untyped-call]
        return result

    def extra_repr(self) -> str:
        return f"{self.features}, eps={self.eps}, affine={self.weight is not None}"


class RootMeanSquareNorm2d(nn.Module):
    """Division of every position of images (N, C, H, W) by the root mean square of its channels, then a scale for each channel."""

    def __init__(self, channels: int, eps: float, affine: bool = True) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels, 1, 1)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = RootMeanSquareScaling.apply(x, self.weight, self.eps, 1)  # type: ignore[no-untyped-call]
        return result

    def extra_repr(self) -> str:
        return f"{self.channels}, eps={self.eps}, affine={self.weight is not None}"


class RootMeanSquareScaling(torch.autograd.Function):
    """The function of both norms, over one axis; the backward pass computes the norm again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, eps: float, axis: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.eps = eps
        ctx.axis = axis
        if weight is not None and axis == -1:
            return functional.rms_norm(x, weight.shape, weight, eps)
        normed = x * (x.square().mean(axis, keepdim=True) + eps).rsqrt()
        return normed if weight is None else normed.mul_(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        scale = (x.square().mean(ctx.axis, keepdim=True) + ctx.eps).rsqrt()
        normed = x * scale
        of_weight = None if weight is None else (gradient * normed).sum_to_size(weight.shape)
        if not ctx.needs_input_grad[0]:
            return None, of_weight, None, None
        of_normed = gradient if weight is None else gradient * weight
        of_input = torch.addcmul(of_normed, normed, (of_normed * normed).mean(ctx.axis, keepdim=True), value=-1)
        del normed, of_normed
        return of_input * scale, of_weight, None, None
