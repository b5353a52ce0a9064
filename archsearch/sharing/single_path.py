"""Train shared weights by single paths: every step a network of the space, drawn at random (Guo et al. 2020, arXiv:1904.00420)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from archsearch.analysis import Budget
from archsearch.analysis.budget import known_costs
from archsearch.network.genotype import Genotype
from archsearch.network.passes import canonicalise
from archsearch.sharing import Bank, SharedWeights, SharingError, read_bank, read_supernet
from archsearch.sharing.file import load_tensors, parameters_of
from archsearch.sharing.folder import RECORD, optimizer_file, weights_file, write_checkpoint, write_supernet
from archsearch.spaces.space import Choices, Space, space_digest
from archsearch.support.changed import first_change
from archsearch.support.parts import absolute, split_source
from archsearch.support.progress import Progress
from archsearch.support.randomness import seeded
from archsearch.support.reading import one_line, place
from archsearch.support.seeds import seed_of
from archsearch.tasks import answers
from archsearch.training.checkpoint import laid_out
from archsearch.training.device import pick_device
from archsearch.training.failures import foreseen
from archsearch.training.loop import Training
from archsearch.training.optimizer import group_of, remembers
from archsearch.training.options import Options

ATTEMPTS = 1000
"""Draws for one network before the budget counts as too tight."""
EXTREMES = 8
"""Draws of one step of the sandwich rule, of which the dearest and the cheapest are trained."""
TRAINING, CHECK = 0, 1
"""Streams of random numbers."""


@dataclass(frozen=True)
class Trained(Progress):
    """Epochs done, of all, and the mean loss of the last one."""

    loss: float


class Drawn(NamedTuple):
    """A network of a space, its canonical form, and its multiply-adds for one sample."""

    choices: Choices
    genotype: Genotype
    macs: float


@dataclass(frozen=True)
class Sampler:
    """Draws valid networks of a space within a budget, every choice uniformly."""

    space: Space
    budget: Budget
    batch: int
    optimizer: str

    def draw(self, rng: np.random.Generator) -> Drawn:
        """A random network. Raises SharingError when a thousand draws give none."""
        reason = ""
        for _ in range(ATTEMPTS):
            try:
                genotype, choices = self.space.resolve({}, rng)
            except ValueError as error:
                reason = str(error)
                continue
            genotype = canonicalise(genotype)
            costs = known_costs(genotype, self.batch, self.optimizer)
            over = self.budget.overruns(costs)
            if not over:
                return Drawn(choices, genotype, costs["macs"])
            reason = ", ".join(f"{name} {costs[name]:,.0f}" for name in over)
        raise SharingError(f"{ATTEMPTS} draws gave no network of space {self.space.source!r} within the budget; the last one: {reason}")


class Paths(nn.Module):
    """In each step other networks of the bank; their outputs, one after the other, so that their losses are averaged.

    With `sandwich` the dearest and the cheapest in multiply-adds of some drawn ones are among them (after Yu & Huang 2019,
    arXiv:1903.05134). There a smaller network is a slice of the largest; here networks share what has equal keys, so the rule only sees to
    it that both ends are trained as often as the middle.
    """

    def __init__(self, bank: Bank, sampler: Sampler, seed: int, paths: int, sandwich: bool) -> None:
        super().__init__()
        self.bank, self.sampler, self.seed, self.paths, self.sandwich = bank, sampler, seed, paths, sandwich
        self.step = 0

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """All outputs of this step's networks."""
        outputs = [answer for drawn in self.drawn() for answer in answers(self.bank.network(drawn.genotype).train()(x))]
        self.step += 1
        return tuple(outputs)

    def drawn(self) -> list[Drawn]:
        """The networks of the step: they follow from seed and step alone."""
        rng = np.random.default_rng([self.seed, TRAINING, self.step])
        if not self.sandwich:
            return [self.sampler.draw(rng) for _ in range(self.paths)]
        found = sorted((self.sampler.draw(rng) for _ in range(max(EXTREMES, self.paths))), key=lambda drawn: drawn.macs)
        between = rng.choice(len(found) - 2, self.paths - 2, replace=False) + 1
        return [found[-1], found[0], *(found[place] for place in between)]


class SinglePath:
    """A bank in training: the loop of the evaluator `train`, with other networks in every step.

    The optimiser knows only weights that a network has needed, and changes only those that the step's networks have.
    """

    def __init__(self, supernet: SharedWeights, space: Space, bank: Bank) -> None:
        options = replace(options_of(supernet), epochs=supernet.epochs, ema=0.0, compile=False)  # which are about one network
        sampler = Sampler(space, supernet.budget, options.batch, options.optimizer)
        self.supernet, self.bank, self.device = supernet, bank, bank.device
        self.paths = Paths(bank, sampler, supernet.seed, supernet.paths, supernet.sandwich)
        first = self.paths.drawn()[0].genotype
        options.check(first)
        self.training = Training(options, bank.network(first), options.feed(), torch.Generator(bank.device))
        self.training.network = self.paths
        for group in self.optimizer.param_groups:
            group["params"] = []
        self.known = 0
        self.optimizer.register_step_pre_hook(lambda *_: self.take_in())
        self.take_in()

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser."""
        return self.training.optimizer

    def take_in(self) -> None:
        """Let the optimiser know of weights that were made since it was last asked."""
        fresh = list(self.bank.parameters(after=self.known))
        self.known = len(self.bank.modules)
        for weight in fresh:
            group_of(self.optimizer, weight)["params"].append(weight)
        if self.optimizer.param_groups[0].get("momentum"):  # torch's fused SGD takes steps in which all weights have a buffer, or none
            for weight in fresh:
                self.optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)

    def epoch(self, number: int) -> dict[str, float]:
        """Train for epoch `number`, whatever came before it in this process. Raises EvaluationError (diverged, or what torch refuses)."""
        self.paths.step = self.training.step = number * self.training.per_epoch
        seed = seed_of(self.supernet.seed, number)
        self.training.generator.manual_seed(seed)
        with seeded(seed, self.device), foreseen():  # for dropout
            loss, lr = self.training.epoch()
        self.optimizer.zero_grad()
        return {"train_loss": loss, "lr": lr}

    def state(self) -> dict[str, Tensor]:
        """What the optimiser remembers of every weight."""
        return {
            f"{slot} {text}": value
            for text, weight in parameters_of(self.bank).items()
            for slot, value in self.optimizer.state.get(weight, {}).items()
            if isinstance(value, Tensor)
        }

    def load_state(self, path: Path) -> None:
        """Read what `state` gave. Raises SharingError."""
        weights = parameters_of(self.bank)
        memory: dict[str, dict[str, Tensor]] = {}
        for name, value in load_tensors(path).items():
            slot, _, text = name.partition(" ")
            if text not in weights:
                raise foreign(path, name)
            memory.setdefault(text, {})[slot] = value.to(self.device)
        for text, kept in memory.items():
            if not remembers(self.optimizer, weights[text], kept):
                raise foreign(path, text)
            weight = weights[text]
            self.optimizer.state[weight].update({slot: laid_out(value, weight) for slot, value in kept.items()})


def foreign(path: Path, name: str) -> SharingError:
    """The error for what an optimiser cannot remember of the weights beside it."""
    words = f"is damaged at {one_line(name, 60)!r}: it does not belong to the weights beside it; train the supernet anew"
    return SharingError(one_line(f"{place(path)} {words}"))


def train_supernet(
    space: Space,
    train: Options,
    out: Path,
    *,
    epochs: int = 100,
    budget: Budget | None = None,
    paths: int = 1,
    sandwich: bool = False,
    seed: int = 0,
    progress: Callable[[Trained], None] | None = None,
) -> SharedWeights:
    """Train shared weights for all networks of a space within a budget, or go on where the same call was stopped.

    Args:
        space: What `load_space` gives.
        train: Data and options of the training; its own `epochs` are those of a single network.
        out: Folder for the checkpoint of every epoch; one that is there must have been begun by the same call.
        epochs: Of the supernet.
        budget: Networks over it are never drawn.
        paths: Networks of each step.
        sandwich: Whether the dearest and the cheapest of some drawn networks are among them.
        seed: The same seed on one CPU thread gives the same bits, stopped and gone on or not.
        progress: Called at the beginning and after every epoch.

    Raises:
        SharingError: a folder begun by another call, or one that cannot be read or written; a budget that no network meets.
        EvaluationError: networks that do not fit the data, or a loss that diverged.
    """
    new = not out.exists()
    supernet = begun(out, planned(space, train, epochs, budget or Budget(), paths, sandwich, seed))
    try:
        for now in chain([supernet], trained(supernet, space, out)):
            supernet = now
            if progress is not None:
                progress(Trained(now.done, epochs, now.curve[-1]["train_loss"] if now.curve else float("nan")))
    finally:
        if not supernet.done:
            take_back(out, new)
    return supernet


def take_back(folder: Path, new: bool) -> None:
    """Remove what stands in the way of other calls, and the folder where it is new, unless an epoch was recorded before it was told of."""
    with suppress(SharingError, OSError):
        if (folder / RECORD).is_file() and read_supernet(folder).done:
            return
        (folder / RECORD).unlink(missing_ok=True)
        if new:
            for file in (weights_file, optimizer_file):
                file(folder, 1).unlink(missing_ok=True)
            folder.rmdir()


def planned(space: Space, train: Options, epochs: int, budget: Budget, paths: int, sandwich: bool, seed: int) -> SharedWeights:
    """What is to be trained. Raises SharingError."""
    if train.final:
        raise SharingError("final=True would train on the images that networks are judged by; it is for networks whose search is over")
    if epochs < 1 or seed < 0 or paths < (2 if sandwich else 1):
        least = "2 with the sandwich rule" if sandwich else "1"
        raise SharingError(f"epochs={epochs} must be at least 1, seed={seed} at least 0, paths={paths} at least {least}")
    found = train.describe()
    options: dict[str, Any] = {**asdict(train), **found.places}
    return SharedWeights(
        absolute(space.source), space.settings, space_digest(space.source), options, epochs, paths, sandwich, budget, seed,
        fingerprint=dict(found.fingerprint),
    )  # fmt: skip


def begun(folder: Path, plan: SharedWeights) -> SharedWeights:
    """The supernet of the folder as far as it is trained, or a new one. Raises SharingError when it is another."""
    if not (folder / RECORD).is_file():
        write_supernet(folder, plan)
        return plan
    found = read_supernet(folder)
    usual = {f"training.{name}": value for name, value in asdict(Options()).items()}  # what an earlier version had no option for
    before, now = usual | flat(found), flat(plan if found.fingerprint else replace(plan, fingerprint={}))
    if words := first_change(before, now):
        raise SharingError(one_line(f"{place(folder)} was begun with {words}; give the same, or choose another folder"))
    return found


def flat(supernet: SharedWeights) -> dict[str, Any]:
    """All that must stay the same, by name: settings, options and limits under names of their own."""
    found: dict[str, Any] = {}
    own, name_in_it = split_source(supernet.space)
    same = replace(supernet.planned(), space=name_in_it if own else supernet.space)  # a file may move, its content is compared
    for name, value in asdict(same).items():
        found |= {f"{name}.{part}": inner for part, inner in value.items()} if isinstance(value, dict) else {name: value}
    return found


def options_of(supernet: SharedWeights) -> Options:
    """The supernet's data and options of training. Raises SharingError."""
    try:
        return Options(**supernet.training)
    except (TypeError, ValueError) as error:
        raise SharingError(f'"training" of the supernet cannot be used: {error}; train another') from error


def trained(supernet: SharedWeights, space: Space, folder: Path) -> Iterator[SharedWeights]:
    """Train what is missing; after every epoch comes what the folder then says."""
    if supernet.done == supernet.epochs:
        return
    bank = read_bank(folder, supernet, pick_device(options_of(supernet).device))
    single_path = SinglePath(supernet, space, bank)
    if supernet.done:
        single_path.load_state(optimizer_file(folder, supernet.done))
    for number in range(supernet.done, supernet.epochs):
        curve = (*supernet.curve, single_path.epoch(number))
        supernet = replace(supernet, done=number + 1, curve=curve)
        write_checkpoint(folder, supernet, bank, single_path.state())
        yield supernet
