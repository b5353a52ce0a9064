"""Proxies that come from the gradient of the loss of one minibatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from archsearch.proxies.base import Probe, slopes_at, weighted, weights_of
from archsearch.trial import EvaluationError


def grad_norm(probe: Probe) -> float:
    """Sum over the tensors of weights of the gradient's Euclidean norm (Abdelfattah et al. 2021, arXiv:2101.08134); 0 without weights."""
    return summed([slope.norm() for slope in slopes_at(weights_of(probe.network), probe.loss())])


def snip(probe: Probe) -> float:
    """Sum over all weights of |w dL/dw|: what the loss loses with them (Lee et al. 2019, arXiv:1810.02340); 0 without weights."""
    weights = weights_of(probe.network)
    slopes = slopes_at(weights, probe.loss())
    return summed([(weight * slope).abs().sum() for weight, slope in zip(weights, slopes, strict=True)])


def grasp(probe: Probe) -> float:
    """-sum over all weights of w (H g), H the Hessian of the loss and g its gradient; 0 without weights.

    Wang et al. 2020 (arXiv:2002.07376), with the sign of Abdelfattah et al. 2021 (arXiv:2101.08134). It may have either sign.

    Raises:
        EvaluationError: rejected, for a network with an op that torch derives once alone, such as hardsigmoid.
    """
    weights = weights_of(probe.network)
    slopes = slopes_at(weights, probe.loss(), again=True)
    product = sum([(slope.detach() * slope).sum() for slope in slopes], torch.zeros(()))
    try:
        bends = slopes_at(weights, product)
    except RuntimeError as error:
        if "derivative" not in str(error):
            raise
        raise EvaluationError("rejected", "grasp derives twice, and torch cannot do that for an op of this network") from error
    return -summed([(weight * bend).sum() for weight, bend in zip(weights, bends, strict=True)])


def fisher(probe: Probe) -> float:
    """Sum over the channels of all layers with weights of the mean over the images of (sum over places of a dL/da)**2 / 2, a the output.

    Theis et al. 2018 (arXiv:1801.05787) and Turner et al. 2020 (arXiv:1906.04113). As in Abdelfattah et al. 2021 (arXiv:2101.08134, their
    code) each channel counts as often as it has weights. 0 without weights.
    """
    found: list[Tensor] = []
    for module, count in weighted(probe.network):
        module.register_forward_hook(listener(found, count))
    loss = probe.loss()
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    return summed(found)


def listener(found: list[Tensor], count: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """A forward hook of a layer with so many weights, which adds its share to what is found when the gradient comes by."""

    def hear(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not isinstance(output, Tensor):
            return  # a module of a user's own may give a tuple
        kept = output.detach()

        def add(slope: Tensor) -> None:
            found.append(saliency(kept, slope) * count / kept.shape[channel_axis(kept)])

        output.register_hook(add)  # type: ignore[no-untyped-call]

    return hear


def saliency(output: Tensor, slope: Tensor) -> Tensor:
    """Half the mean over samples of the square of (output * slope), summed over the places of a channel, then over the channels."""
    product = (output * slope).movedim(channel_axis(output), 1)
    return product.reshape(*product.shape[:2], -1).sum(2).square().mean(0).sum() / 2


def channel_axis(output: Tensor) -> int:
    """Axis of the channels: 1 of images (N, C, H, W), the last of tokens (N, T, D) and vectors (N, F)."""
    return 1 if output.ndim == 4 else output.ndim - 1


def summed(values: Sequence[Tensor]) -> float:
    """The sum of scalars, 0 of none."""
    return float(torch.stack([value.detach().double() for value in values]).sum()) if values else 0.0
