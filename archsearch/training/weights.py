"""Weights of a network in a file of their own."""

from __future__ import annotations

import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights as safetensors, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}, draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load_weights(network: nn.Module, path: Path | None) -> nn.Module:
    """The network with the weights of a file. Raises ValueError."""
    if path is None or not path.is_file():
        raise ValueError(f"there are no weights in {path}; evaluate the candidate first")
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"weights {path} do not fit the network: {' '.join(str(error).split())[:300]}") from error
    return network
