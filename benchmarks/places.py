"""Where the data of benchmarks lie."""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FASHION_MNIST, TABLES = DATA / "fashion-mnist", DATA / "tabular"
CIFAR = Path(__file__).resolve().parent / "cifar.py"
"""Functions that give images, for `data=`: f"{CIFAR}:small", f"{CIFAR}:whole"."""
