"""Weights as after training, so that what a network computes depends on its input whatever its depth."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from archsearch import Genotype, compile_network
from archsearch.sharing import recalibrate

SAMPLES = 8


class Together(nn.Module):
    """A network that takes its inputs as one."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: list[Tensor]) -> None:
        """Run it."""
        self.network(*inputs)


@torch.no_grad()
def settled(genotype: Genotype) -> nn.Module:
    """A network with random weights whose layers give values about 1, and statistics of norms that go with them.

    Layers are scaled by what they give (Mishkin & Matas 2016, arXiv:1511.06422). As networks are made, the signal dies away behind some
    dozen layers, or behind scales of nearly nothing, and any two networks with the same last shifts seem to compute the same.
    """
    torch.manual_seed(0)
    network = compile_network(genotype)
    for parameter in network.parameters():
        first = float(parameter.flatten()[0])
        if parameter.eq(first).all():  # norms, biases, scales of branches: the same for all channels
            parameter.uniform_(*((0.5, 1.5) if first else (-0.3, 0.3)))
    hooks = [module.register_forward_hook(scaled) for module in network.modules() if len(weight_of(module).shape) > 1]
    inputs = [torch.randn(SAMPLES, *spec.shape) for spec in genotype.inputs]
    network.train()(*inputs)
    for hook in hooks:
        hook.remove()
    recalibrate(Together(network), [inputs])  # type: ignore[list-item]
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.clamp_(min=float(tensor.mean()))  # of a few values some channels have next to none, and would blow up any other
    return network


def weight_of(module: nn.Module) -> Tensor:
    """A layer's own weights; nothing where they come from elsewhere, or it has none."""
    found = module._parameters.get("weight")  # not what a parametrization computes
    return torch.empty(0) if found is None else found


def scaled(module: nn.Module, _: Any, output: Tensor) -> Tensor:
    """Scale a layer's weights and shifts so that its values spread by 1; where they spread."""
    spread = float(output.std())
    if not spread:
        return output
    for parameter in module.parameters(recurse=False):
        parameter.div_(spread)
    return output / spread
