"""How a training step computes: memory layout and number format."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from archsearch.analysis import analyse
from archsearch.layers.thinned import thinned
from archsearch.network.genotype import Genotype
from archsearch.ops import Op
from archsearch.training.mean_filter import with_mean_filters

PRECISIONS = ("auto", "bfloat16", "float32")
WORTH_CASTING = 1e5
"""Multiply-adds a node and image: below it casting takes longer than bfloat16 saves (measured on one core with AVX-512 BF16)."""


@dataclass(frozen=True)
class Numerics:
    """What a step computes with; weights, their gradients and the loss are float32 always."""

    device: torch.device
    bfloat16: bool = False

    def prepared(self, network: nn.Module) -> nn.Module:
        """The network on the device, in channels_last where it has convolutions: without it a step takes 1.1 to 1.4 times as long."""
        network.to(self.device)
        if self.device.type == "cpu":
            with_mean_filters(thinned(network))
        if any(weight.ndim == 4 for weight in network.parameters()):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def autocast(self) -> AbstractContextManager[object]:
        """In this context forward passes compute."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()


def numerics_of(genotype: Genotype, precision: str, device: torch.device) -> Numerics:
    """What a network is trained with; with `auto` bfloat16 where that is faster, as far as one can say without trying."""
    return Numerics(device, precision == "bfloat16" or (precision == "auto" and gains(genotype, device)))


def gains(genotype: Genotype, device: torch.device) -> bool:
    """Whether bfloat16 makes a network faster here: on a CPU not with grouped convolutions, and not with many small ops."""
    if not fast_bfloat16(device):
        return False
    rows = [row.macs for row in analyse(genotype).rows]
    if device.type == "cpu" and any(macs and is_grouped(node.op) for node, macs in zip(genotype.nodes, rows, strict=True)):
        return False
    return sum(rows) >= WORTH_CASTING * len(rows)


def is_grouped(op: Op) -> bool:
    """Whether an op multiplies with channels kept apart."""
    return op.channels_are() == "kept" or getattr(op, "groups", 1) > 1


def fast_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
