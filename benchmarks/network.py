"""Compiled networks against the same networks written by hand, with the same weights: `python -m benchmarks.network`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from torch import nn

from archsearch import Genotype, compile_network
from benchmarks.handwritten import (
    CELL,
    INPUT,
    CellNet,
    ChainNet,
    ResidualNet,
    cell_genotype,
    chain_genotype,
    copy_weights,
    largest_difference,
    residual_genotype,
)
from benchmarks.timing import interleaved, ratio, show

BATCH, ROUNDS, BAR = 64, 11, 1.03
NETWORKS: dict[str, tuple[Callable[[], Genotype], Callable[[], nn.Module]]] = {
    "NAS-Bench-201 cell net": (cell_genotype, partial(CellNet, CELL)),
    "chain CNN": (chain_genotype, ChainNet),
    "residual net": (residual_genotype, ResidualNet),
}


def forward(network: nn.Module, x: torch.Tensor) -> None:
    """Inference of one batch."""
    network.eval()
    with torch.no_grad():
        network(x)


def step(network: nn.Module, x: torch.Tensor) -> None:
    """Forward and backward pass of one batch."""
    network.train()
    network.zero_grad(set_to_none=True)
    network(x).sum().backward()


def measure(genotype: Genotype, handwritten: nn.Module) -> list[str]:
    """Cells of one row: times by hand and compiled, and their ratio, of inference and of a training step."""
    compiled = compile_network(genotype)
    copy_weights(handwritten, compiled, genotype)
    difference = largest_difference(handwritten, compiled)
    if difference > 1e-4:
        raise ValueError(f"the two networks differ by {difference:.2g}, so their times mean nothing")
    x = torch.randn(BATCH, *INPUT, generator=torch.Generator().manual_seed(0))
    cells = []
    for run in (forward, step):
        times = interleaved({"compiled": partial(run, compiled, x), "by hand": partial(run, handwritten, x)}, ROUNDS)
        cells += [f"{1e3 * median(times[name]):.1f}" for name in ("by hand", "compiled")]
        cells.append(f"{ratio(times['compiled'], times['by hand']):.3f}")
    return cells


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    rows = [[name, *measure(genotype(), handwritten())] for name, (genotype, handwritten) in NETWORKS.items()]
    columns = ["network", "forward ms: by hand", "compiled", "ratio", "step ms: by hand", "compiled", "ratio"]
    show(f"batch {BATCH}, {'x'.join(map(str, INPUT))}, one thread, median of {ROUNDS}; the bar is {BAR}", columns, rows)


if __name__ == "__main__":
    main()
