"""torch's random state: drawn from for a while, and then as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

CPU = torch.device("cpu")


@contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Let all that draws from torch's own generators, of the CPU and of `device`, draw by `seed` alone; afterwards they are as they were.

    Generators of other devices are not touched, as `torch.manual_seed` would touch them.
    """
    generators = [torch.default_generator, *own_generators(device)]
    states = [generator.get_state() for generator in generators]
    try:
        for generator in generators:
            generator.manual_seed(seed)
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def own_generators(device: torch.device) -> list[torch.Generator]:
    """The generator that a device draws from by default, where it has one besides that of the CPU."""
    if device.type == "mps":
        return [torch.mps._get_default_mps_generator()]
    if device.type != "cuda":
        return []
    torch.cuda.init()  # type: ignore[no-untyped-call]
    return [torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]]
