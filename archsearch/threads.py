"""Small work of torch on one thread: shared out over busy cores it takes many times longer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch within this block; works as a decorator too."""
    import torch  # slow to import: only where it is used

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
