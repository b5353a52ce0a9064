"""Weights of an exported network: taken up, and written as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor, fx

from archsearch.exporters.base import ExportError, Material
from archsearch.training.weights import WeightsError, put_in


def write_weights(material: Material) -> bytes:
    """`model.safetensors` as bytes; the keys are those of the network's state dict."""
    return save({name: tensor.contiguous() for name, tensor in material.state.items()}, metadata={"format": "pt"})


def load_weights(network: fx.GraphModule, weights: Path | Mapping[str, Tensor]) -> None:
    """Put weights into a network, from a .safetensors file or a state dict. Raises ExportError."""
    try:
        put_in(network, weights)
    except WeightsError as error:
        raise ExportError(str(error)) from error
