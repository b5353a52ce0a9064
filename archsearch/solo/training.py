"""Train one network to its end, by one seed or several, then test and export it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from pathlib import Path

from torch import fx, nn

from archsearch.data.description import file_digest
from archsearch.evaluators.base import Candidate, checkpoint_of
from archsearch.evaluators.train import Train
from archsearch.exporters import export_network
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.runs.record import versions
from archsearch.runs.store import StoreError
from archsearch.solo.card import card_of_training
from archsearch.solo.pretrained import frozen_modules, put_pretrained
from archsearch.solo.record import RECORD, Outcome, TrainingError, TrainingRecord, begun, write_training
from archsearch.support.progress import Progress
from archsearch.support.reading import at, one_line, reason
from archsearch.support.threads import torch_threads
from archsearch.training.failures import foreseen
from archsearch.trial import EvaluationError


@dataclass(frozen=True)
class Epoch(Progress):
    """An epoch that is done: its `number` from 1 `of` so many, by which seed, its metrics; `elapsed` and `left` in seconds."""

    seed: int
    number: int
    of: int
    metrics: dict[str, float]
    elapsed: float
    left: float | None


@dataclass(frozen=True)
class Course:
    """What is trained and how: a network, data and options, seeds, weights to begin with, scopes or nodes that keep theirs.

    Raises:
        TrainingError: seeds that are none, frozen parts without weights, or the option `final`. EvaluationError: the network does not
            fit the data.
    """

    genotype: Genotype
    train: Train
    seeds: tuple[int, ...] = (0,)
    pretrained: Path | None = None
    freeze: tuple[str, ...] = ()
    title: str = ""

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or not all(type(s) is int and 0 <= s < 2**63 for s in self.seeds):
            raise TrainingError(f"seeds={str(self.seeds)[:60]} must be different whole numbers of at least 0, one or more")
        if self.freeze and self.pretrained is None:
            raise TrainingError("--freeze keeps weights as they come; give --from FILE, the weights to begin with")
        if self.train.final:
            raise TrainingError("final=true would look at the test part after every epoch; it is tested once, at the end: leave it out")
        self.train.check(self.genotype)

    def network(self, seed: int) -> tuple[fx.GraphModule, tuple[str, ...], list[nn.Module]]:
        """The network of a seed with the weights that it begins with, the nodes drawn anew, and the modules that are frozen."""
        network = compile_network(self.genotype, seed)
        anew = () if self.pretrained is None else put_pretrained(network, self.genotype, self.pretrained)
        return network, anew, frozen_modules(network, self.genotype, self.freeze, anew) if self.freeze else []

    def plan(self) -> TrainingRecord:
        """What will be recorded. Raises TrainingError for weights or frozen parts that do not fit."""
        _, anew, _ = self.network(self.seeds[0])
        return TrainingRecord(
            title=one_line(self.title or "a network", 100),
            network=hashlib.sha256(self.genotype.to_json().encode()).hexdigest(),
            options=asdict(self.train),
            seeds=self.seeds,
            data=self.train.describe(),
            pretrained="" if self.pretrained is None else file_digest(self.pretrained),
            freeze=self.freeze,
            drawn_anew=anew,
            versions=versions(),
        )


def train_network(
    genotype: Genotype,
    train: Train,
    out: str | PathLike[str],
    *,
    seeds: Sequence[int] = (0,),
    pretrained: str | PathLike[str] | None = None,
    freeze: Sequence[str] = (),
    title: str = "",
    threads: int = 1,
    progress: Callable[[Epoch], None] | None = None,
) -> TrainingRecord:
    """Train one network to its end, test it once and export it into the folder `out`; the same call after a stop goes on, to the bit.

    Args:
        genotype: The network; it takes one image of the data and answers to their task.
        train: Data and options.
        out: A folder that is not there yet, is empty, or holds this training as far as it came.
        seeds: Each is a training of its own; the network that is best on the validation part is exported.
        pretrained: A .safetensors file of weights to begin with, by our names or those of the reference definition. Heads of another
            size are drawn anew: `drawn_anew` of the record.
        freeze: Scopes or nodes that keep these weights; norms in them keep their statistics.
        title: Name of the network for people.
        threads: Of the CPU; with one, equal seeds give equal bits.
        progress: Called after every epoch, and once where a training goes on.

    Raises:
        As `Course`, `take_up` and `carry_out`.
    """
    file = None if pretrained is None else Path(pretrained)
    course = Course(genotype, train, tuple(seeds), file, tuple(freeze), title)
    return carry_out(course, take_up(course, Path(out)), Path(out), threads, progress)


def take_up(course: Course, folder: Path) -> TrainingRecord:
    """How far a training is in its folder; nothing is written yet.

    Raises:
        TrainingError: another training is in the folder, one that is finished, or weights or frozen parts do not fit the network.
    """
    record = begun(folder, course.plan(), asdict(Train()))
    gone = next((one.seed for one in record.outcomes if not weights_file(folder, one.seed).is_file()), None)
    if gone is not None:
        raise TrainingError(at(folder, f"the weights of seed {gone} are gone; choose another --out to train once more"))
    return record


def carry_out(
    course: Course, record: TrainingRecord, folder: Path, threads: int = 1, progress: Callable[[Epoch], None] | None = None
) -> TrainingRecord:
    """Do what is left of a training, test all seeds, and export the best.

    Raises:
        EvaluationError: it diverged, stalled, or ran out of memory. CheckpointError, StoreError, ExportError: the folder is damaged or
            cannot be written.
    """
    clock = Clock(course.train.rounds * len(course.seeds), course.train.rounds * len(record.outcomes))
    with torch_threads(threads), folder_for(folder):
        for seed in course.seeds[len(record.outcomes) :]:
            record = trained(course, record, folder, seed, progress or (lambda epoch: None), clock)
        with foreseen():
            record = tested(course, record, folder)
        best, options = record.outcome().seed, course.train
        title = f"{record.title}, trained on {one_line(options.data, 60)} for {options.epochs} epochs, seed {best}."
        weights, given = weights_file(folder, best), record.data.preprocessing()
        export_network(course.genotype, folder, weights, given, title=title, card=card_of_training(record), overwrite=True)
        write_training(folder, record)
        for seed in course.seeds:
            weights_file(folder, seed).unlink(missing_ok=True)
            checkpoint_of(weights_file(folder, seed)).unlink(missing_ok=True)
    return record


def weights_file(folder: Path, seed: int) -> Path:
    """The weights of a seed, while others are trained."""
    return folder / f"seed-{seed}.safetensors"


@contextmanager
def folder_for(folder: Path) -> Iterator[None]:
    """The folder is there within this block; one that is new goes again where nothing was kept in it. Raises StoreError."""
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StoreError(at(folder, f"{reason(error)}; free space or rights, and the same command goes on")) from error
    finally:
        if new and not (folder / RECORD).is_file():
            with suppress(OSError):
                folder.rmdir()


@dataclass
class Clock:
    """Epochs of all seeds: `done` of `total`, and how long those of this process took."""

    total: int
    done: int
    began: float = field(default_factory=time.monotonic)
    timed: int = 0
    seconds: float = 0.0
    mark: float = 0.0

    def start(self) -> None:
        """An epoch begins now."""
        self.mark = time.monotonic()

    def tick(self, seed: int, curve: Sequence[dict[str, float]], of: int, before: bool) -> Epoch:
        """The last epoch of a curve is done, in this process or `before`."""
        self.done += len(curve) if before else 1
        if not before:
            self.timed += 1
            self.seconds += time.monotonic() - self.mark
        self.start()
        left = (self.total - self.done) * self.seconds / self.timed if self.timed else None
        return Epoch(self.done, self.total, seed, len(curve), of, curve[-1], time.monotonic() - self.began, left)


def trained(
    course: Course, record: TrainingRecord, folder: Path, seed: int, tell: Callable[[Epoch], None], clock: Clock
) -> TrainingRecord:  # fmt: skip
    """The record with the outcome of one more seed; its weights are in their file, and nothing is lost by a stop at any moment."""
    network, _, frozen = course.network(seed)
    candidate = Candidate(0, course.genotype, seed, weights=weights_file(folder, seed))
    more = {"pretrained": record.pretrained, "freeze": list(course.freeze)}
    epochs = course.train.epochs_of(candidate, network, frozen=frozen, more=more, every=True)
    resumed = candidate.checkpoint is not None and candidate.checkpoint.is_file()

    def report(number: int, metrics: dict[str, float]) -> bool:
        nonlocal resumed
        if number + 1 == len(epochs.curve):
            write_training(folder, record)
            tell(clock.tick(seed, epochs.curve, course.train.rounds, resumed))
            resumed = False
        return False

    clock.start()
    with failing(seed):
        metrics = course.train.learn(epochs, candidate, report)
    record = replace(record, outcomes=(*record.outcomes, Outcome(seed, metrics, tuple(epochs.curve))))
    write_training(folder, record)
    epochs.finish()
    return record


@contextmanager
def failing(seed: int) -> Iterator[None]:
    """Whatever a training fails by, as an EvaluationError that names the seed and the kind of failure."""
    try:
        with foreseen():
            yield
    except EvaluationError as error:
        failure = error.failure
        words = f"the training by seed {seed} failed ({failure.kind}): {failure.message}"
        raise EvaluationError(failure.kind, words) from error


def tested(course: Course, record: TrainingRecord, folder: Path) -> TrainingRecord:
    """The record with what all seeds come to on the test part, and which one is the best on the validation part."""
    outcomes = []
    for one in record.outcomes:
        candidate = Candidate(0, course.genotype, one.seed, weights=weights_file(folder, one.seed))
        outcomes.append(replace(one, test=course.train.test(candidate)))
    best = min(outcomes, key=lambda one: (one.metrics["error"], one.metrics["loss"]))
    return replace(record, outcomes=tuple(outcomes), best=best.seed)
