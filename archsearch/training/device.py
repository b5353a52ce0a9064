"""Devices by name."""

from __future__ import annotations

import torch

DEVICES = ("auto", "cpu", "cuda")


def pick_device(name: str) -> torch.device:
    """The device of a name. Raises ValueError when there is no such device."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' is asked for, but torch sees none; use device='cpu' or 'auto'")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device("cuda", torch.cuda.current_device()) if name == "cuda" else torch.device(name)
