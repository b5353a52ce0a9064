"""How many images go through a network at once, so that a step fits into memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from archsearch.analysis import analyse
from archsearch.network.genotype import Genotype


def images_at_once(genotype: Genotype, batch: int, optimizer: str, device: torch.device) -> int:
    """The batch, halved until the predicted training peak fits into the memory that is left, or one image goes at a time."""
    left = room(device)
    if left is None:
        return batch
    while batch > 1 and analyse(genotype, batch=batch, optimizer=optimizer).training_peak_bytes > left:
        batch = halved(batch)
    return batch


def halved(count: int) -> int:
    """Half of it, rounded up, so that no last part is a single image where it need not be."""
    return (count + 1) // 2


def room(device: torch.device) -> int | None:
    """Bytes that this process may still use on a device; None where nobody limits it."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if sys.platform != "linux":
        return None
    import resource  # not on every system

    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if limit == resource.RLIM_INFINITY else max(0, limit - data_bytes())


def data_bytes() -> int:
    """Bytes of this process that count to its limit (Linux: data and stack)."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[5]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
