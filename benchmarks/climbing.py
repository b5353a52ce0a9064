"""What it costs to climb: `python -m benchmarks.climbing [--networks 8]`.

Networks are trained in one go, and from rung to rung as in a search, each rung with the weights of the one below: the last rung should
leave them as good as as many epochs in one go. Random cell networks on Fashion-MNIST, as in `benchmarks.search_time`.
"""

from __future__ import annotations

import os
import tempfile
import time
from argparse import ArgumentParser
from itertools import count, islice
from pathlib import Path
from statistics import mean

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from archsearch import Genotype
from archsearch.evaluators.base import Candidate, Rung
from archsearch.support.seeds import seed_of
from benchmarks.search_time import RUNGS, TRAIN, drawn
from benchmarks.timing import show


def in_one_go(genotype: Genotype, seed: int) -> list[float]:
    """The validation error after all epochs."""
    return [TRAIN.evaluate(Candidate(0, genotype, seed), lambda *_: False)["error"]]


def from_rung_to_rung(genotype: Genotype, seed: int) -> list[float]:
    """The validation error on every rung."""
    errors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{rung}.safetensors" for rung in range(len(RUNGS.values))]
        for place, (value, weights) in enumerate(zip(RUNGS.values, files, strict=True)):
            before, start = (RUNGS.values[place - 1], files[place - 1]) if place else (0.0, None)
            rung = Rung(RUNGS.option, value, before, start, place == RUNGS.top)
            candidate = Candidate(0, genotype, seed_of(seed, place), weights, rung=rung)
            errors.append(RUNGS.of(TRAIN, place).evaluate(candidate, lambda *_: False)["error"])
    return errors


def main() -> None:
    """Train and print the mean errors."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=8)
    networks, rows = list(islice(drawn(count()), parser.parse_args().networks)), []
    for name, way in (("in one go", in_one_go), (f"rungs of {RUNGS}", from_rung_to_rung)):
        began = time.thread_time()
        errors = [way(genotype, seed) for seed, genotype in enumerate(networks)]
        each = (time.thread_time() - began) / len(networks)
        rows.append([name, " / ".join(f"{mean(on):.4f}" for on in zip(*errors, strict=True)), f"{each:.1f}"])
    show(f"Mean validation error of {len(networks)} networks", ["training", "error, rung by rung", "seconds each"], rows)


if __name__ == "__main__":
    main()
