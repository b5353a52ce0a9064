"""What it brings to move training images: `python -m benchmarks.shifting [--epochs 12] [--fraction 1] [--networks 1]`.

Cell networks with one cell a stage are trained on images that stay where they are, and on images that move by up to two pixels: of
Fashion-MNIST and of CIFAR-10 (JPEG-coded). Told is the mean validation error. On one core 12 epochs of a network take ten minutes or more.
"""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from statistics import mean

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np

from archsearch import load_space
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import EVEN_STEPS, Train
from benchmarks.places import CIFAR, FASHION_MNIST
from benchmarks.timing import show

DATA = {"Fashion-MNIST": ("fashion-mnist", str(FASHION_MNIST)), "CIFAR-10": (f"{CIFAR}:whole", "")}
SHIFTS = (0.0, Train.shift)


def error(train: Train, networks: int) -> float:
    """Mean validation error of so many random networks, each with its own seed."""
    space = load_space("cell", cells=1, channels=8, **train.setting())
    genotypes = [space.sample(np.random.default_rng(seed)).genotype for seed in range(networks)]
    return mean(train.evaluate(Candidate(0, genotype, seed), lambda *_: False)["error"] for seed, genotype in enumerate(genotypes))


def main() -> None:
    """Train and print the mean errors."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--fraction", type=float, default=1.0, help="share of the training images")
    parser.add_argument("--networks", type=int, default=1)
    asked = parser.parse_args()
    rows = []
    for name, (data, folder) in DATA.items():
        began = time.thread_time()
        train = [
            Train(data=data, data_dir=folder, fraction=asked.fraction, epochs=asked.epochs, steady=EVEN_STEPS, shift=shift)
            for shift in SHIFTS
        ]
        rows.append([name, *(f"{error(each, asked.networks):.4f}" for each in train), f"{time.thread_time() - began:.0f}"])
        print(*rows[-1], sep="  ", flush=True)
    columns = ["data", *(f"shift {shift:g}" for shift in SHIFTS), "seconds"]
    show(f"Mean validation error after {asked.epochs} epochs, {asked.networks} cell networks", columns, rows)


if __name__ == "__main__":
    main()
