"""Zero-cost proxies on NAS-Bench-201 beside their published values: `python -m benchmarks.proxies [--cells 200] [--only naswot,zen]`.

The published ones are those of NAS-Bench-Suite-Zero (arXiv:2210.03230): minibatches of 64 images, one draw of the weights. Where two cells
are isomorphic but for what no path leads through, they were computed twice, from other weights and images: how far these two agree (twice)
is as far as anything can agree with them. What is known to differ here: images are the JPEG-coded ones, not shifted; `macs` leaves pooling
and norms out, which `flops` there counts; `zen` takes the variance of the minibatch, as its paper, and no norms that no path leads
through, where the published one takes running averages after two steps of 0.1 from 1, and all norms (with these the agreement is 0.997,
of 60 cells). All else are the same formulas; `synflow` is a logarithm on both sides.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Sequence
from time import process_time
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from archsearch import Genotype, compile_network, load_space
from archsearch.proxies import PROXIES, rank_product
from archsearch.proxies.base import Probe
from archsearch.proxies.scoring import Minibatch, score
from archsearch.tasks import Classification
from benchmarks.cifar import FILE, decoded
from benchmarks.places import TABLES
from benchmarks.timing import show

IMAGES = 64
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Of CIFAR-10's training images."""
THEIRS = {"macs": "flops", "naswot": "nwot"}
"""What the published tables call a proxy, where that is not its name here."""
TOGETHER = ("synflow", "naswot")
DEAR = {"grasp": 4}
"""What derives twice is computed for every fourth cell alone."""

EDGES = ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")

Values = dict[str, NDArray[np.float64]]


class Cells(NamedTuple):
    """Cells of NAS-Bench-201: networks, validation accuracy after 200 epochs on CIFAR-10 in percent, and published proxies by our names.

    `repeated`: how far published values of isomorphic cells agree, over all such pairs (first and second of a class). `best`: how
    published values agree with accuracy among the tenth of all cells whose accuracy is best.
    """

    genotypes: list[Genotype]
    accuracy: NDArray[np.float64]
    published: Values
    repeated: dict[str, float]
    best: dict[str, float]


def cells(count: int, seed: int) -> Cells:
    """Random cells of those for which there are published values; each network as it is written, with what no path leads through."""
    with np.load(TABLES / "nasbench201.npz", allow_pickle=False) as table:
        names, accuracy, classes = table["op_names"][table["ops"]], table["val200_cifar10"].astype(np.float64), table["iso_class"]
    with np.load(TABLES / "nasbench201_zerocost.npz", allow_pickle=False) as table:
        proxies, values = table["proxies"].tolist(), table["cifar10"]
    known = np.flatnonzero(np.isfinite(values).all(1))
    rows = np.random.default_rng(seed).choice(known, count, replace=False)
    space, rng = load_space("cell"), np.random.default_rng(0)
    genotypes = [space.resolve(dict(zip(EDGES, map(str, names[row]), strict=True)), rng).genotype for row in rows]
    columns = {name: values[:, proxies.index(THEIRS.get(name, name))] for name in PROXIES}
    first, second = pairs_of(classes, known)
    repeated = {name: agreement(column[first], column[second]) for name, column in columns.items()}
    tenth = known[accuracy[known] >= np.quantile(accuracy[known], 0.9)]
    best = {name: agreement(column[tenth], accuracy[tenth]) for name, column in columns.items()}
    return Cells(genotypes, accuracy[rows], {name: column[rows] for name, column in columns.items()}, repeated, best)


def pairs_of(classes: NDArray[np.int32], known: NDArray[np.intp]) -> tuple[list[int], list[int]]:
    """The first two known cells of every class that has two."""
    members = defaultdict[int, list[int]](list)
    for row in known.tolist():
        members[int(classes[row])].append(row)
    twice = [rows for rows in members.values() if len(rows) > 1]
    return [rows[0] for rows in twice], [rows[1] for rows in twice]


def minibatch() -> Minibatch:
    """The first training images of CIFAR-10, of all classes alike; as JPEG, at 30.5 dB."""
    with np.load(FILE, allow_pickle=False) as data:
        pictures, labels = decoded(data["train_jpeg"], data["train_offsets"][: IMAGES + 1]), data["train_labels"][:IMAGES]
    pixels = torch.tensor(pictures).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return Minibatch((pixels - mean) / std, torch.tensor(labels.astype(np.int64)), Classification(10))


def measured(names: Sequence[str], genotypes: Sequence[Genotype], batch: Minibatch) -> tuple[Values, dict[str, float]]:
    """Values of the proxies, NaN where one was left out, and seconds of the processor's time that each takes for a compiled network."""
    found, spent = {name: np.full(len(genotypes), np.nan) for name in names}, dict.fromkeys(names, 0.0)
    for place, genotype in enumerate(genotypes):
        probe = Probe(genotype, compile_network(genotype, seed=place), *batch, seed=place)
        for name in [name for name in names if place % DEAR.get(name, 1) == 0]:
            began = process_time()
            found[name][place] = score(name, probe)
            spent[name] += process_time() - began
    return found, {name: spent[name] / np.isfinite(found[name]).sum() for name in names}


def row_of(name: str, given: Cells, found: NDArray[np.float64], seconds: float) -> list[str]:
    """A row of the table."""
    there = np.isfinite(found)
    ours, theirs, accuracy = found[there], given.published[name][there], given.accuracy[there]
    numbers = (agreement(ours, theirs), given.repeated[name], agreement(ours, accuracy), agreement(theirs, accuracy), given.best[name])
    return [name, str(there.sum()), *(f"{number:.3f}" for number in numbers), f"{seconds:.2f}"]


def together(given: Cells, found: Values) -> list[str]:
    """The row of the rank product of two proxies."""
    ours, theirs = (np.array(rank_product({name: values[name].tolist() for name in TOGETHER})) for values in (found, given.published))
    numbers = (agreement(ours, theirs), agreement(ours, given.accuracy), agreement(theirs, given.accuracy))
    first, second, third = (f"{number:.3f}" for number in numbers)
    return [" x ".join(TOGETHER), str(len(ours)), first, "", second, third, "", ""]


def agreement(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(first, second).statistic)


def main() -> None:
    """Print the table."""
    parser = ArgumentParser()
    parser.add_argument("--cells", type=int, default=200, help="cells, at random")
    parser.add_argument("--seed", type=int, default=0, help="which cells")
    parser.add_argument("--only", default=",".join(PROXIES), help="names of proxies, parted by commas")
    options = parser.parse_args()
    torch.set_num_threads(1)
    given = cells(options.cells, options.seed)
    found, seconds = measured(options.only.split(","), given.genotypes, minibatch())
    rows = [row_of(name, given, values, seconds[name]) for name, values in found.items()]
    if found.keys() >= set(TOGETHER):
        rows.append(together(given, found))
    columns = ["proxy", "cells", "published", "twice", "accuracy", "published: accuracy", "best tenth", "s a cell"]
    show("NAS-Bench-201 on CIFAR-10, Spearman's rank correlations with ..", columns, rows)
    print(f"{process_time():.0f} s of one core")


if __name__ == "__main__":
    main()
