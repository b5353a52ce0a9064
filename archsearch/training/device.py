"""Devices by name."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

DEVICES = ("auto", "cpu", "cuda")


def pick_device(name: str) -> torch.device:
    """The device of a name. Raises ValueError when there is no such device."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' is asked for, but torch sees none; use device='cpu' or 'auto'")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device("cuda", torch.cuda.current_device()) if name == "cuda" else torch.device(name)


def machine_name(on: str, threads: int) -> str:
    """What was measured, in words."""
    if torch.device(on).type == "cuda":
        return torch.cuda.get_device_name(on)
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(errors="replace").splitlines() if facts.is_file() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()}, {threads} thread{'s' if threads > 1 else ''}"
