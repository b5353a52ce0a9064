"""Threads: small work shared out over busy cores takes many times longer, and one thread gives equal bits for equal seeds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


@contextmanager
def torch_threads(count: int = 1) -> Iterator[None]:
    """So many threads for torch within this block, as many as before behind it; works as a decorator too."""
    import torch  # slow to import: only where it is used

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """One thread for every process that is started within this block, and for libraries that are loaded for the first time in it."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def cores() -> int:
    """Processor cores that this process may use; all of the machine where the system cannot say, as on macOS."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
