"""Strided 1x1 convolutions of few channels, made safe to train."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

__all__: list[str] = []

FEW = 16
"""Channels. With less than 8, those of a pixel side by side, the gradient of such weights writes beside its memory on CPUs with AVX2
(oneDNN of torch 2.13); kernels for wider registers take 16 at a time."""


def thinned(network: nn.Module) -> nn.Module:
    """The network, in place, with strided 1x1 convolutions of few channels as what they are: every other pixel, then no stride."""
    for module in network.modules():
        if is_thin(module):
            every: Any = module.stride
            taken = partial(pixels, *((every, every) if isinstance(every, int) else every))
            module.stride = (1, 1)  # type: ignore[assignment]
            if isinstance(module, nn.Conv2d):  # which may do something with its input before it convolves
                module._conv_forward = partial(convolved, module._conv_forward, taken)  # type: ignore[method-assign]
            else:
                module.register_forward_pre_hook(partial(given, taken))
    return network


def is_thin(module: nn.Module) -> bool:
    """Whether a module is a convolution that has to be thinned, of torch or of our own."""
    if isinstance(module, nn.ConvTranspose2d) or getattr(module, "padding", None) not in (0, (0, 0)):
        return False
    if getattr(module, "stride", 1) in (1, (1, 1)) or getattr(module, "groups", 1) > 1:
        return False
    kernels = [weight.shape for weight in module.parameters(recurse=False) if weight.ndim == 4]
    return any(tuple(shape[2:]) == (1, 1) and shape[1] < FEW for shape in kernels)


def pixels(high: int, wide: int, images: Tensor) -> Tensor:
    """Every so many rows and columns of (N, C, H, W)."""
    return images[..., ::high, ::wide]


def convolved(convolution: Callable[..., Tensor], taken: Callable[[Tensor], Tensor], images: Tensor, *weights: Tensor | None) -> Tensor:
    """What a convolution makes of the pixels that are taken."""
    return convolution(taken(images), *weights)


def given(taken: Callable[[Tensor], Tensor], _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Inputs of a module, the first of them by the pixels that are taken."""
    return (taken(inputs[0]), *inputs[1:])
