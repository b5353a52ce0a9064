"""Weights of a network in a file of their own, written whole or not at all, and put into the network where they are its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from archsearch.support.reading import at, one_line, reason
from archsearch.support.writing import whole


class WeightsError(ValueError):
    """Weights that cannot be read, or are of another network; one line."""


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights as safetensors, whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, network.state_dict())


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, whole or not at all. Raises OSError."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        with whole(path) as draft:
            save_file(plain, draft, metadata)
    except SafetensorError as error:
        raise OSError(str(error)) from error


def load_weights(network: nn.Module, path: Path | None) -> nn.Module:
    """The network with the weights of a file. Raises WeightsError."""
    if path is None or not path.is_file():
        raise WeightsError(f"there are no weights in {path}; evaluate the candidate first")
    put_in(network, path)
    return network


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a .safetensors file, by name. Raises WeightsError."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            at(path, f"cannot be read: {reason(error)}; give a .safetensors file that archsearch wrote", "weights")
        ) from error


def put_in(network: nn.Module, weights: Path | Mapping[str, Tensor]) -> None:
    """Put weights into a network, from a file or by name; numbers of another width are taken.

    Raises:
        WeightsError: they cannot be read, or are of another network; it names the first that differs.
    """
    tensors = weights if isinstance(weights, Mapping) else read_weights(weights)
    wanted = network.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        own, given = wanted.get(name), tensors.get(name)
        if own is None or given is None or own.shape != given.shape or not torch.can_cast(given.dtype, own.dtype):
            words = f"of another network: {one_line(name, 60)!r} is {kind(given, 'missing')}, expected {kind(own, 'no such name')}"
            raise WeightsError(f"weights {words}" if isinstance(weights, Mapping) else at(weights, words, "weights"))
    network.load_state_dict(dict(tensors))


def kind(tensor: Tensor | None, none: str) -> str:
    """Shape of a tensor, with its type where that is not the usual one, or the word for none."""
    if tensor is None:
        return none
    usual = tensor.dtype in (torch.float32, torch.int64)
    return f"{tuple(tensor.shape)}{'' if usual else f' of {tensor.dtype}'}"[:60]
