"""Shared weights: time to put a network together, memory over many, trust: `python -m benchmarks.sharing [--epochs 100]`."""

from __future__ import annotations

import gc
import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time, thread_time
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from archsearch import Genotype, compile_network, load_space
from archsearch.evaluators.train import Train
from archsearch.evaluators.trust import check_supernet, verdict
from archsearch.network.passes import canonicalise
from archsearch.sharing import Bank, SharedNetwork, keys_of
from archsearch.sharing.single_path import train_supernet
from archsearch.spaces.space import Space
from benchmarks.timing import show

NODES, BAR_MS, NETWORKS = 100, 5.0, 30
STOPS = (1_000, 2_500, 5_000, 10_000)
CHECKED = 20


class Times(NamedTuple):
    """Milliseconds for one network: from the bank, with its weights made first, by `compile_network`, and that over the first."""

    nodes: float
    shared: float
    first: float
    compiled: float
    ratio: float


def sampled(space: Space, seed: int) -> Iterator[Genotype]:
    """Random networks in canonical form, as a search evaluates them."""
    rng = np.random.default_rng(seed)
    while True:
        yield canonicalise(space.sample(rng).genotype)


def compile_times(count: int) -> Times:
    """Medians over networks of about a hundred nodes of the cell space, in turns, in time of the one thread."""
    near = (genotype for genotype in sampled(load_space("cell", cells=2), 0) if abs(len(genotype.nodes) - NODES) <= NODES // 20)
    networks = list(islice(near, count))
    bank, rows = Bank(), []
    for genotype in networks:
        bank.network(genotype)
        calls = (partial(put_together, bank, genotype), partial(put_together, Bank(), genotype), partial(compile_network, genotype))
        rows.append([milliseconds(call) for call in calls])
    shared, first, compiled = (median(column) for column in zip(*rows, strict=True))
    nodes = median(len(genotype.nodes) for genotype in networks)
    return Times(nodes, shared, first, compiled, median(row[2] / row[0] for row in rows))


def put_together(bank: Bank, genotype: Genotype) -> SharedNetwork:
    """What `Bank.network` does for a network that it has not kept."""
    return SharedNetwork(genotype, [bank.module(key) for key in keys_of(genotype)])


def milliseconds(call: Callable[[], object]) -> float:
    """Time of one call in this thread."""
    start = thread_time()
    call()
    return 1000 * (thread_time() - start)


def memory(samples: int) -> list[list[str]]:
    """Resident memory, modules and weights of a bank on the way through so many samples; every tenth network is trained one step."""
    space, bank, rows = load_space("cell", cells=1, channels=4, input=(3, 8, 8)), Bank(), []
    x = torch.rand(8, 3, 8, 8)
    for number, genotype in enumerate(islice(sampled(space, 1), samples), start=1):
        network = bank.network(genotype)
        if number % 10 == 0:
            network.train()(x).square().mean().backward()
            network.zero_grad()
        if number in STOPS:
            gc.collect()
            weights = sum(weight.numel() for weight in bank.parameters())
            rows.append([f"{number:,}", f"{resident() / 2**20:.1f}", f"{len(bank.modules):,}", f"{weights:,}"])
    return rows


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def trust(epochs: int, alone: int, count: int) -> list[str]:
    """Train a supernet of small_cell on the digits, and compare it with networks that are trained alone."""
    with TemporaryDirectory() as scratch:
        folder, began = Path(scratch) / "supernet", process_time()
        train_supernet(load_space("small_cell"), Train(epochs=alone), folder, epochs=epochs)
        trained = process_time() - began
        found = check_supernet(folder, count).agreement
        checked = process_time() - began - trained
    interval = f"{found['low']:.2f} to {found['high']:.2f}" if "low" in found else "-"
    tau, macs = (f"{found[name]:.2f}" if name in found else "-" for name in ("tau", "macs_tau"))
    return [str(epochs), f"{trained:.0f}", f"{found['count']:.0f}", f"{checked:.0f}", tau, interval, macs, verdict(found)]


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser()
    parser.add_argument("--epochs", type=int, default=100, help="epochs of the supernet")
    parser.add_argument("--alone", type=int, default=25, help="epochs of a network that is trained alone")
    parser.add_argument("--networks", type=int, default=CHECKED, help="networks that are trained alone")
    parser.add_argument("--samples", type=int, default=STOPS[-1], help="networks whose memory is watched")
    given = parser.parse_args()
    torch.set_num_threads(1)
    times = compile_times(NETWORKS)
    show(
        f"A network of {times.nodes:.0f} nodes, ms of one thread, medians of {NETWORKS} (bar {BAR_MS:g} ms from the bank)",
        ["from the bank", "its weights made first", "compile_network", "compile_network / bank"],
        [[f"{times.shared:.2f}", f"{times.first:.1f}", f"{times.compiled:.1f}", f"{times.ratio:.0f}"]],
    )
    show("Memory over samples of the cell space", ["samples", "resident MiB", "modules", "weights"], memory(given.samples))
    *row, words = trust(given.epochs, given.alone, given.networks)
    show(
        "Trust: small_cell on the digits",
        ["epochs", "s", "networks", "s alone", "tau", "90 % interval", "tau of MACs"],
        [row],
    )
    print(words)


if __name__ == "__main__":
    main()
