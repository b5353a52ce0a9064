"""Estimated against measured latency of cell networks, and what else they may be ranked by: `python -m benchmarks.latency`."""

from __future__ import annotations

from statistics import median
from time import thread_time

import numpy as np
import torch
from numpy.typing import NDArray

from archsearch import Genotype, analyse, compile_network, load_space
from archsearch.analysis import latency_ms
from archsearch.analysis.latency import Device
from archsearch.training.latency import calibrate
from benchmarks.timing import show

NETWORKS, ROUNDS, BAR = 50, 20, 0.9
Floats = NDArray[np.float64]


def sampled() -> list[Genotype]:
    """Random networks of the cell space at its full size."""
    space = load_space("cell")
    return [space.sample(np.random.default_rng([9, number])).genotype for number in range(NETWORKS)]


def measured_ms(genotypes: list[Genotype]) -> Floats:
    """Shortest of the times of one image, networks taken in turns so that a slow spell of the machine meets all.

    Time is that of the one thread, so that what else runs does not count; on a machine at rest it is that of the clock.
    """
    x = torch.rand(1, *genotypes[0].inputs[0].shape)
    networks = [compile_network(genotype).eval() for genotype in genotypes]
    times = np.empty((ROUNDS, len(networks)))
    with torch.inference_mode():
        for taken in times:
            for number, network in enumerate(networks):
                start = thread_time()
                network(x)
                taken[number] = thread_time() - start
    shortest: Floats = 1000 * times.min(axis=0)
    return shortest


def ranks(values: Floats) -> Floats:
    """Place of every value, the mean place where values are equal."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranked: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranked


def spearman(a: Floats, b: Floats) -> float:
    """Correlation of the ranks."""
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def guesses(genotypes: list[Genotype], device: Device) -> dict[str, Floats]:
    """What may stand for latency, network by network."""
    analyses = [analyse(genotype) for genotype in genotypes]
    columns = {
        "archsearch's estimate": [latency_ms(genotype, device) for genotype in genotypes],
        "MACs": [analysis.macs for analysis in analyses],
        "params": [analysis.params for analysis in analyses],
        "bytes moved": [analysis.moved_bytes for analysis in analyses],
        "nodes": [len(genotype.nodes) for genotype in genotypes],
    }
    return {name: np.array(column, float) for name, column in columns.items()}


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    genotypes = sampled()
    found = guesses(genotypes, calibrate(threads=1).device)
    measured = measured_ms(genotypes)
    rows = [[name, f"{spearman(measured, column):.3f}"] for name, column in found.items()]
    shape = "x".join(map(str, genotypes[0].inputs[0].shape))
    title = (
        f"{NETWORKS} cell networks, {shape}, one image, one thread, shortest of {ROUNDS}: {measured.min():.1f} to {measured.max():.1f} ms"
    )
    show(title, ["ranked by", "Spearman with the measured latency"], rows)
    error = median(abs(found["archsearch's estimate"] / measured - 1))
    print(f"median error of the estimate: {100 * error:.0f} %; the bar is a rank correlation of {BAR}")


if __name__ == "__main__":
    main()
