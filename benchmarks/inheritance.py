"""Weights that a child takes over from its parent against fresh ones: `python -m benchmarks.inheritance [--pairs 20]`."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from torch import Tensor, nn

from archsearch import Genotype, compile_network, load_space
from archsearch.evaluators.train import Train
from archsearch.network.inheritance import inherit
from archsearch.spaces.catalogue import Catalogue
from archsearch.support.randomness import seeded
from archsearch.tasks import measure
from archsearch.training.loop import Training
from benchmarks.timing import show

EPOCHS = (1, 2, 3)
GENTLE = 4
"""By what the learning rate is divided for weights that have learned already."""
SETTINGS = {"cells": 1, "channels": 8}


class Pair(NamedTuple):
    """A network and one that differs from it in one choice, which is told in words."""

    parent: Genotype
    child: Genotype
    change: str


class Outcome(NamedTuple):
    """Validation errors of one pair, after each of `EPOCHS`.

    `start`: of the inherited weights as they are; `gentle`: of them, at a lower learning rate; `long`: of fresh ones, trained as the
    parent.
    """

    share: float
    taken_ms: float
    parent: float
    start: float
    inherited: tuple[float, ...]
    gentle: tuple[float, ...]
    fresh: tuple[float, ...]
    long: float


def drawn(train: Train, count: int) -> Iterator[Pair]:
    """Random networks of space `cell`, each with a random neighbour that has other weights."""
    catalogue, rng = Catalogue(load_space("cell", **SETTINGS, **train.setting())), np.random.default_rng(0)
    while count:
        entry = catalogue.draw(rng)
        near = catalogue.neighbours(entry.choices)
        other = catalogue.look_up(near[int(rng.integers(len(near)))])
        if entry.costs["macs"] and other.costs["params"] != entry.costs["params"]:
            edge = next(name for name, value in other.choices.items() if value != entry.choices[name])
            yield Pair(catalogue.genotype(entry), catalogue.genotype(other), f"{entry.choices[edge]} -> {other.choices[edge]}")
            count -= 1


def trained(train: Train, genotype: Genotype, epochs: int, weights: Mapping[str, Tensor] | None = None) -> tuple[nn.Module, float]:
    """The network after so many epochs with a schedule of their own, and its validation error; none leave it as it is."""
    data, options = train.feed(), replace(train, epochs=max(1, epochs))
    network: nn.Module = compile_network(genotype, 1)
    if weights is not None:
        network.load_state_dict(weights)
    with seeded(1):
        training = Training(options, network, data, torch.Generator().manual_seed(1))
        for _ in range(epochs):
            training.epoch()
    return network, measure(network, data, data.validation, 4 * train.batch)[0]["error"]


def compared(train: Train, pair: Pair, weights: Mapping[str, Tensor], error: float) -> Outcome:
    """The child from what it inherits and from fresh weights."""
    fresh = compile_network(pair.child, 1).state_dict()
    began = time.thread_time()
    found = inherit(pair.child, pair.parent, weights, fresh)
    taken = 1000 * (time.thread_time() - began)
    start = trained(train, pair.child, 0, found.weights)[1]
    inherited = tuple(trained(train, pair.child, epochs, found.weights)[1] for epochs in EPOCHS)
    calm = replace(train, lr=train.lr / GENTLE)
    gentle = tuple(trained(calm, pair.child, epochs, found.weights)[1] for epochs in EPOCHS)
    alone = tuple(trained(train, pair.child, epochs)[1] for epochs in EPOCHS)
    return Outcome(found.share, taken, error, start, inherited, gentle, alone, trained(train, pair.child, train.epochs)[1])


def percent(errors: Sequence[float]) -> str:
    """The median of errors."""
    return f"{100 * median(errors):.1f}"


def table(outcomes: Sequence[Outcome], epochs: int) -> list[list[str]]:
    """Medians over the pairs, and in how many of them the inherited weights were better at the same learning rate."""
    rows = [["as taken over", percent([one.start for one in outcomes]), "", "", ""]]
    for place, count in enumerate(EPOCHS):
        mine, calm, theirs = ([errors[place] for errors in column] for column in zip(*(one[4:7] for one in outcomes), strict=True))
        wins = sum(a < b for a, b in zip(mine, theirs, strict=True))
        rows.append([f"after {count} epochs", percent(mine), percent(calm), percent(theirs), f"{wins} of {len(outcomes)}"])
    return [*rows, [f"after {epochs} epochs", "", "", percent([one.long for one in outcomes]), ""]]


def main() -> None:
    """Train the pairs and print the tables."""
    parser = ArgumentParser(prog="python -m benchmarks.inheritance", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20, help="how many")
    parser.add_argument("--data", default="digits", help="what they are trained on")
    parser.add_argument("--data-dir", default="", help="where it lies")
    parser.add_argument("--epochs", type=int, default=12, help="of the parents")
    given = parser.parse_args()
    torch.set_num_threads(1)
    train, outcomes, rows = Train(data=given.data, data_dir=given.data_dir, epochs=given.epochs), list[Outcome](), list[list[str]]()
    for pair in drawn(train, given.pairs):
        network, error = trained(train, pair.parent, given.epochs)
        outcomes.append(one := compared(train, pair, network.state_dict(), error))
        rows.append(
            [
                pair.change,
                f"{100 * one.share:.0f}",
                *(f"{100 * e:.1f}" for e in (error, one.start, *one.inherited, *one.gentle, *one.fresh, one.long)),
            ]
        )
    after = (*(f"+{epochs}" for epochs in (0, *EPOCHS)), *(f"~{epochs}" for epochs in EPOCHS), *map(str, (*EPOCHS, given.epochs)))
    show(f"error % after epochs: inherited +, inherited at lr/{GENTLE} ~, fresh", ["change", "share", "parent", *after], rows)
    parents = percent([one.parent for one in outcomes])
    title = f"median error % of {len(outcomes)} children, one choice from parents of {parents} % after {given.epochs} epochs"
    show(title, ["", "inherited", f"at lr/{GENTLE}", "fresh", "inherited is better"], table(outcomes, given.epochs))
    shares, times = [100 * one.share for one in outcomes], [one.taken_ms for one in outcomes]
    show("taken over", ["share of the weights %", "ms"], [[f"{median(shares):.0f}", f"{median(times):.1f}"]])


if __name__ == "__main__":
    main()
