"""Weights as safetensors: read, checked against a network, written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, fx

from archsearch.export.base import ExportError, Material


def write_weights(material: Material) -> bytes:
    """`model.safetensors` as bytes; the keys are those of the network's state dict."""
    return save({name: tensor.contiguous() for name, tensor in material.state.items()}, metadata={"format": "pt"})


def read_weights(source: Path | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict from a .safetensors file, or the one given. Raises ExportError."""
    if not isinstance(source, str | Path):
        return dict(source)
    try:
        return load_file(source)
    except (OSError, SafetensorError) as error:
        raise ExportError(f"weights {source} cannot be read: {error}; give a .safetensors file that archsearch wrote") from error


def load_weights(network: fx.GraphModule, state: Mapping[str, Tensor]) -> None:
    """Put weights into a network. Raises ExportError when names or shapes differ."""
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if wanted != given:
        name = min(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
        raise ExportError(
            f"these weights are of another network: {name!r} is {given.get(name, 'missing')}, expected {wanted.get(name, 'no such name')}"
        )
    network.load_state_dict(dict(state))
