"""Analysis in microseconds a node, and against torchinfo, fvcore and ptflops: `python -m benchmarks.analysis`."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from ptflops import get_model_complexity_info
from torch import nn
from torchinfo import summary

from archsearch import Genotype, analyse
from benchmarks.handwritten import CELL, INPUT, CellNet, cell_genotype, chain_genotype, residual_genotype
from benchmarks.timing import interleaved, show

ROUNDS, REPEATS, BAR_MICROSECONDS, BAR_TIMES = 7, 5, 5, 20
NETWORKS = {"NAS-Bench-201 cell net": cell_genotype, "residual net": residual_genotype, "chain CNN": chain_genotype}


def full(genotype: Genotype) -> tuple[Any, ...]:
    """Params, MACs, bytes of inference and training, receptive field; the builder has inferred the shapes."""
    found = analyse(genotype, batch=64, optimizer="adam")
    return found.params, found.macs, found.inference_peak_bytes, found.training_peak_bytes, found.receptive_field


def with_rows(genotype: Genotype) -> tuple[Any, ...]:
    """The same, and a row for each node."""
    return analyse(genotype, batch=64, optimizer="adam").rows


def ours() -> int:
    """MACs of the cell net by archsearch, building the genotype included; params and bytes come with them."""
    return analyse(cell_genotype(), batch=64, optimizer="adam").macs


def built(device: str) -> nn.Module:
    """The cell net as a torch module."""
    with torch.device(device):
        return CellNet(CELL).eval()


def by_torchinfo(device: str) -> int:
    """MACs by torchinfo."""
    return int(summary(built(device), input_size=(1, *INPUT), verbose=0, device=device).total_mult_adds)


def by_fvcore(device: str) -> int:
    """MACs by fvcore."""
    return int(FlopCountAnalysis(built(device), torch.zeros(1, *INPUT, device=device)).unsupported_ops_warnings(False).total())


def by_ptflops(device: str) -> int:
    """MACs by ptflops, its quicker backend."""
    found = get_model_complexity_info(
        built(device), INPUT, as_strings=False, print_per_layer_stat=False, verbose=False, backend="pytorch",
        input_constructor=lambda shape: torch.zeros(1, *shape, device=device),
    )  # fmt: skip
    return int(found[0])


def peers() -> dict[str, Callable[[], int]]:
    """Every peer on every device where it works."""
    calls = {
        f"{name}, {device}": partial(call, device)
        for name, call in (("torchinfo", by_torchinfo), ("fvcore", by_fvcore), ("ptflops", by_ptflops))
        for device in ("cpu", "meta")
    }
    return {name: call for name, call in calls.items() if works(name, call)}


def works(name: str, call: Callable[[], int]) -> bool:
    """Whether the peer supports the device: no exception, and some MACs found."""
    try:
        return call() > 0
    except Exception as error:
        print(f"left out: {name}, {type(error).__name__}")
        return False


def per_node(genotype: Genotype) -> list[str]:
    """Nodes, milliseconds of the full analysis, microseconds a node of it, and with rows."""
    times = interleaved({"full": partial(full, genotype), "rows": partial(with_rows, genotype)}, 10 * ROUNDS, REPEATS)
    plain, rows = (median(taken) for taken in times.values())
    nodes = len(genotype.nodes)
    return [str(nodes), f"{1e3 * plain:.3f}", f"{1e6 * plain / nodes:.2f}", f"{1e6 * rows / nodes:.2f}"]


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    rows = [[name, *per_node(make())] for name, make in NETWORKS.items()]
    title = f"full analysis, median of {10 * ROUNDS} x {REPEATS}; the bar is {BAR_MICROSECONDS} us a node"
    show(title, ["network", "nodes", "ms", "us a node", "us a node with rows"], rows)
    calls = {"archsearch": ours, **peers()}
    found = {name: median(taken) for name, taken in interleaved(calls, ROUNDS, REPEATS).items()}
    fastest = min(taken for name, taken in found.items() if name != "archsearch")
    rows = [
        [name, f"{1e3 * taken:.2f}", f"{taken / found['archsearch']:.1f}", f"{calls[name]() / 1e6:.1f}"] for name, taken in found.items()
    ]
    show(f"NAS-Bench-201 cell net, built and analysed; median of {ROUNDS} x {REPEATS}", ["tool", "ms", "times ours", "M MACs"], rows)
    print(f"archsearch is {fastest / found['archsearch']:.1f} times faster than the fastest peer; the bar is {BAR_TIMES}")


if __name__ == "__main__":
    main()
