"""Zero-cost proxies on NAS-Bench-201 beside their published values: `python -m benchmarks.proxies [--cells 200] [--only naswot,zen]`."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from time import process_time
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from archsearch import Genotype, load_space
from archsearch.proxies import PROXIES, rank_product
from archsearch.proxies.base import Probe
from archsearch.proxies.scoring import Minibatch, proxy_scores
from archsearch.tasks import Classification
from benchmarks.timing import show

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"
IMAGES = 64
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Of CIFAR-10's training images."""
THEIRS = {"macs": "flops", "naswot": "nwot"}
"""What the published tables call a proxy, where that is not its name here."""
TOGETHER = ("synflow", "naswot")

Values = dict[str, NDArray[np.float64]]


class Cells(NamedTuple):
    """Cells of NAS-Bench-201: networks, validation accuracy after 200 epochs on CIFAR-10 in percent, and published proxies by our names."""

    genotypes: list[Genotype]
    accuracy: NDArray[np.float64]
    published: Values


def cells(count: int, seed: int) -> Cells:
    """Random cells of those for which there are published values; each network as it is written, with what no path leads through."""
    with np.load(FOLDER / "tabular" / "nasbench201.npz", allow_pickle=False) as table:
        names, accuracy = table["op_names"][table["ops"]], table["val200_cifar10"]
    with np.load(FOLDER / "tabular" / "nasbench201_zerocost.npz", allow_pickle=False) as table:
        proxies, values = table["proxies"].tolist(), table["cifar10"]
    rows = np.random.default_rng(seed).choice(np.flatnonzero(np.isfinite(values).all(1)), count, replace=False)
    space, rng = load_space("cell"), np.random.default_rng(0)
    edges = ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")
    genotypes = [space.resolve(dict(zip(edges, map(str, names[row]), strict=True)), rng).genotype for row in rows]
    columns = {name: proxies.index(THEIRS.get(name, name)) for name in PROXIES}
    return Cells(genotypes, accuracy[rows].astype(np.float64), {name: values[rows, column] for name, column in columns.items()})


def minibatch() -> Minibatch:
    """The first training images of CIFAR-10, of all classes alike; as JPEG, at 30.5 dB."""
    with np.load(FOLDER / "cifar10" / "cifar10_jpeg.npz", allow_pickle=False) as data:
        bytes_, offsets, labels = data["train_jpeg"], data["train_offsets"][: IMAGES + 1], data["train_labels"][:IMAGES]
    pictures = [np.asarray(Image.open(BytesIO(bytes_[a:b].tobytes()))) for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
    pixels = torch.tensor(np.stack(pictures)).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return Minibatch((pixels - mean) / std, torch.tensor(labels.astype(np.int64)), Classification(10))


def measured(genotypes: Sequence[Genotype], names: Sequence[str], batch: Minibatch, seed: int) -> tuple[Values, dict[str, float]]:
    """Values of the proxies, and seconds of the processor's time that each takes for a network."""
    found: dict[str, list[float]] = {name: [] for name in names}
    spent = dict.fromkeys(names, 0.0)
    for place, genotype in enumerate(genotypes):
        for name in names:
            began = process_time()
            found[name].append(proxy_scores(genotype, [name], batch, seed + place)[name])
            spent[name] += process_time() - began
    return {name: np.array(values) for name, values in found.items()}, {name: time / len(genotypes) for name, time in spent.items()}


def agreement(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(first, second).statistic)
