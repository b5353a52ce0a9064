"""Weights of an exported network: taken up, and written as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor, equal, fx

from archsearch.exporters.base import ExportError, Material, one_file
from archsearch.training.weights import WeightsError, put_in, read_weights


def write_weights(material: Material) -> bytes:
    """`model.safetensors` as bytes; the keys are those of the network's state dict."""
    return save({name: tensor.contiguous() for name, tensor in material.state.items()}, metadata={"format": "pt"})


def reread(material: Material, folder: Path) -> None:
    """Raise ExportError unless the file holds the network's weights, to the bit."""
    found = read_weights(folder / "model.safetensors")
    wrong = [name for name, tensor in material.state.items() if name not in found or not same(tensor, found[name])]
    if wrong or len(found) != len(material.state):
        raise ExportError(f"the exported model.safetensors holds other weights than the network: {(wrong or ['more'])[0][:60]}")


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal; NaN is equal to itself."""
    return one.dtype == other.dtype and equal(one.nan_to_num(), other.nan_to_num())


WEIGHTS = one_file("model.safetensors", write_weights, reread=reread, engine="safetensors")


def load_weights(network: fx.GraphModule, weights: Path | Mapping[str, Tensor]) -> None:
    """Put weights into a network, from a .safetensors file or a state dict. Raises ExportError."""
    try:
        put_in(network, weights)
    except WeightsError as error:
        raise ExportError(str(error)) from error
