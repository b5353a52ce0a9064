"""Training steps beside a plain PyTorch loop: `python -m benchmarks.training [--seeds 3] [--parts | --compiled] [NAME ...]`.

The peer is what one writes by hand: a Dataset that crops, mirrors and normalises image by image, a DataLoader, float32, AdamW and a
cosine. Both train the same network from the same weights on the same images of CIFAR-10 (JPEG-coded), on one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import geometric_mean, mean, median, stdev

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from torch import nn

from archsearch import load_space, zoo
from archsearch.data.datasets import load_data
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.training.device import pick_device
from archsearch.training.loop import Training
from archsearch.training.mean_filter import MeanFilter
from archsearch.training.numerics import numerics_of
from benchmarks.places import CIFAR
from benchmarks.plain import Images, Plain, Recipe
from benchmarks.timing import show

DATA = f"{CIFAR}:small"
SHAPE, CLASSES, BATCH, LR, WEIGHT_DECAY, SHIFT = (3, 32, 32), 10, 64, 0.005, 0.05, 4
ROUNDS, STEPS, WARM = 7, 6, 2
MANY = 1000
"""Epochs of a training whose steps are timed: so long that it is compiled where that is asked for."""
WAYS = ("bfloat16", "mean filters", "channels_last")
"""What a step may be timed without."""


def networks() -> dict[str, Genotype]:
    """The five networks that are trained."""
    cell = load_space("cell", input=SHAPE, classes=CLASSES)
    chain = load_space("chain", input=SHAPE, classes=CLASSES)
    return {
        "cell, one cell a stage": load_space("cell", input=SHAPE, classes=CLASSES, cells=1).sample(np.random.default_rng(1)).genotype,
        "cell": cell.sample(np.random.default_rng(2)).genotype,
        "chain": chain.sample(np.random.default_rng(3)).genotype,
        "resnet20_cifar": zoo.build("resnet20_cifar", input=SHAPE, classes=CLASSES),
        "mobilenet_v2": zoo.build("mobilenet_v2", input=SHAPE, classes=CLASSES),
    }


def plain(genotype: Genotype, seed: int, epochs: int) -> Plain:
    """The loop by hand, on the same images and from the same weights."""
    data = load_data(DATA, 0)
    mean_, std = (torch.tensor(values)[:, None, None] for values in (data.mean, data.std))
    training, judged = (Images(part.images, part.labels, mean_, std, SHIFT, part is data.train) for part in (data.train, data.validation))
    return Plain(compile_network(genotype, seed), training, judged, Recipe(epochs, BATCH, LR, WEIGHT_DECAY, SHIFT), seed)


def ours(epochs: int) -> Train:
    """The options of archsearch that are those of the peer."""
    return Train(data=DATA, epochs=epochs, batch=BATCH, lr=LR, weight_decay=WEIGHT_DECAY, shift=SHIFT / SHAPE[1])


def our_steps(genotype: Genotype, without: str = "", compile: bool = False) -> Iterator[None]:
    """One training step of archsearch after another, for ever; `without` one of WAYS."""
    device, train = pick_device("cpu"), replace(ours(MANY), compile=compile)
    precision = "float32" if without == "bfloat16" else train.precision
    network, numerics = compile_network(genotype, 0), numerics_of(genotype, precision, device)
    training = Training(train, network, train.feed(), torch.Generator().manual_seed(0), numerics)
    if without == "mean filters":
        pool_again(network)
    if without == "channels_last":
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    network.train()
    while True:
        for batches in training.data.epoch(BATCH, training.generator):
            for images, truth in batches:
                training.take_step(images.contiguous() if without == "channels_last" else images, truth)
                yield
        training.step = 0


def pool_again(network: nn.Module) -> None:
    """Put average pooling back where mean filters stand for it."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, MeanFilter):
                setattr(module, name, nn.AvgPool2d(child.kernel, 1, child.padding, count_include_pad=child.count_padding))


def plain_steps(genotype: Genotype) -> Iterator[None]:
    """One step of the plain loop after another, for ever."""
    loop = plain(genotype, 0, MANY)
    while True:
        yield from loop.steps()


def seconds_of(steps: Iterator[None]) -> float:
    """Of one step, the mean of a few."""
    began = time.perf_counter()
    for _ in range(STEPS):
        next(steps)
    return (time.perf_counter() - began) / STEPS


def timed(ways: Sequence[Iterator[None]]) -> list[tuple[float, float]]:
    """Of ways to step, in turn: median seconds of a step, and the median of the ratios to the first way."""
    for steps in ways:
        for _ in range(WARM):
            next(steps)
    rounds = [[seconds_of(steps) for steps in ways] for _ in range(ROUNDS)]
    return [(median(one[place] for one in rounds), median(one[place] / one[0] for one in rounds)) for place in range(len(ways))]


def accuracies(genotype: Genotype, seeds: int, epochs: int) -> tuple[list[float], list[float]]:
    """Validation accuracy behind so many epochs, of archsearch and of the plain loop, seed by seed."""
    mine, theirs = [], []
    for seed in range(seeds):
        found = ours(epochs).evaluate(Candidate(0, genotype, seed), lambda *_: False)
        mine.append(1 - found["error"])
        loop = plain(genotype, seed, epochs)
        loop.train()
        theirs.append(1 - loop.error())
    return mine, theirs


def spread(values: list[float]) -> str:
    """Mean and standard deviation in percent."""
    return f"{100 * mean(values):.1f}" + (f"±{100 * stdev(values):.1f}" if len(values) > 1 else "")


def show_parts(known: Mapping[str, Genotype], names: Sequence[str]) -> None:
    """How many times as long a step takes without each thing that makes it fast; 1 where that is not for the network."""
    rows = []
    for name in names:
        (mine, _), *others = timed([our_steps(known[name]), *(our_steps(known[name], way) for way in WAYS)])
        rows.append([name, f"{1000 * mine:.1f}", *(f"{ratio:.2f}" for _, ratio in others)])
        print(*rows[-1], sep="  ", flush=True)
    show("A training step, and how many times as long it takes without", ["network", "step ms", *WAYS], rows)


def show_compiled(known: Mapping[str, Genotype], names: Sequence[str]) -> None:
    """How long it takes to compile a step, and how much of its time that saves."""
    rows = []
    for name in names:
        steps = our_steps(known[name], compile=True)
        began = time.perf_counter()
        next(steps)
        took = time.perf_counter() - began
        (mine, _), (_, ratio) = timed([our_steps(known[name]), steps])
        rows.append([name, f"{took:.0f}", f"{1000 * mine:.1f}", f"{ratio:.2f}"])
        print(*rows[-1], sep="  ", flush=True)
    show("A training step, and what share of its time is left when compiled", ["network", "compiling s", "step ms", "compiled"], rows)


def main() -> None:
    """Time the steps, train for the accuracy, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="networks; all when left out")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each for the accuracy; 0 for none")
    parser.add_argument("--epochs", type=int, default=5)
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--parts", action="store_true", help="time a step without each thing that makes it fast, and nothing else")
    instead.add_argument("--compiled", action="store_true", help="time a step with and without torch.compile, and nothing else")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    known, rows, ratios = networks(), list[list[str]](), list[float]()
    if asked.parts or asked.compiled:
        (show_parts if asked.parts else show_compiled)(known, asked.names or list(known))
        return
    began = time.perf_counter()
    for name in asked.names or known:
        genotype = known[name]
        (mine, _), (theirs, ratio) = timed([our_steps(genotype), plain_steps(genotype)])
        ratios.append(ratio)
        numerics = "bfloat16" if numerics_of(genotype, "auto", pick_device("cpu")).bfloat16 else "float32"
        row = [name, numerics, f"{1000 * mine:.1f}", f"{1000 * theirs:.1f}", f"{ratio:.2f}"]
        if asked.seeds:
            row += map(spread, accuracies(genotype, asked.seeds, asked.epochs))
        rows.append(row)
        print(*row, sep="  ", flush=True)
    columns = ["network", "numbers", "step ms", "plain ms", "times", *(["accuracy %", "plain %"] if asked.seeds else [])]
    behind = f"; accuracy after {asked.epochs} epochs" if asked.seeds else ""
    show(f"A training step, batch {BATCH} of CIFAR-10 (JPEG), one thread{behind}", columns, rows)
    print(f"geometric mean {geometric_mean(ratios):.2f} times as fast; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
