"""Canonical form and fingerprint, ms of this checkout: `python -m benchmarks.canonical`.

The same file run in two checkouts, in turns, gives the ratio between them: it uses nothing that is new in either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from time import process_time

import numpy as np

from archsearch import Builder, Genotype, canonicalise, load_space, zoo
from archsearch import ops as o
from benchmarks.timing import show

ROUNDS, NODES, CELLS = 15, 1_000, 60


def random_network() -> Genotype:
    """About a thousand nodes: sums of convolutions with norms, pooling and skips, each of one of the last four sums."""
    b, rng = Builder((16, 32, 32)), np.random.default_rng(0)
    sums, nodes = [b(o.Conv2d(16), b.input)], 1
    while nodes < NODES:
        terms = []
        for _ in range(int(rng.integers(1, 4))):
            x, kind = sums[-1 - int(rng.integers(min(4, len(sums))))], int(rng.integers(4))
            if kind < 2:
                terms.append(b(o.BatchNorm2d(), b(o.Conv2d(16, (1, 3)[kind]), b(o.ReLU(), x))))
            else:
                terms.append(b(o.AvgPool2d(3, 1, 1), x) if kind == 2 else b(o.Identity(), x))
            nodes += 3 if kind < 2 else 1
        sums.append(b(o.Add(), *terms))
        nodes += 1
    return b.genotype(sums[-1])


def printed(genotypes: list[Genotype]) -> list[str]:
    """The fingerprint of every canonical form."""
    return [canonicalise(genotype).fingerprint for genotype in genotypes]


def milliseconds(call: Callable[[], object]) -> float:
    """Median of the processor's time, after one round to warm up."""
    times = []
    for _ in range(ROUNDS + 1):
        start = process_time()
        call()
        times.append(process_time() - start)
    return 1e3 * median(times[1:])


def main() -> None:
    """Print the table."""
    space, rng = load_space("cell"), np.random.default_rng(0)
    cases = {"1,000 nodes, random": [random_network()]} | {name: [zoo.build(name)] for name in ("resnet152", "densenet121")}
    cases["cell space, each"] = [space.sample(rng).genotype for _ in range(CELLS)]
    rows = []
    for name, genotypes in cases.items():
        nodes, taken = sum(len(genotype.nodes) for genotype in genotypes), milliseconds(partial(printed, genotypes))
        rows.append([name, f"{nodes / len(genotypes):.0f}", f"{taken / len(genotypes):.2f}", f"{1e3 * taken / nodes:.1f}"])
    show(f"canonical form and fingerprint, median of {ROUNDS}", ["network", "nodes", "ms", "us a node"], rows)


if __name__ == "__main__":
    main()
