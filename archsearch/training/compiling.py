"""Networks compiled by torch.compile, for long trainings."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import RLock
from typing import Any

import torch
from torch import nn

PAYS_FROM = 3000
"""Steps of a training that take about as long as compiling them saves (benchmarks.training --compiled)."""


def compiled(network: nn.Module) -> Callable[..., Any]:
    """The network's forward and backward pass, compiled when it is first called; weights and modes are those of the network."""
    with suppress(ImportError):  # its progress bars lock by a semaphore of the system, which a worker that is killed leaves behind
        import_module("tqdm").tqdm.set_lock(RLock())
    return torch.compile(network)


def check_compiler(device: str) -> None:
    """Raise ValueError where torch.compile has nothing to compile with on this machine: on a CPU it calls a C++ compiler."""
    wanted = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if device == "cpu" and shutil.which(wanted) is None:
        raise ValueError(f"compile=true needs a C++ compiler, and there is no {wanted} here: install one, or name it by CXX")
