"""`train`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from archsearch.analysis import analyse
from archsearch.cli import INTERRUPTED, WrongUseError
from archsearch.cli.console import print_json, print_table, print_text, remark
from archsearch.cli.judging import data_name, evaluator_of
from archsearch.cli.opening import data_lines, joined, judged_by, on_device, shortened
from archsearch.cli.progress import foretold, progress_bar
from archsearch.cli.targets import find_network, find_trial, load_ops, looks_like_a_name
from archsearch.cli.timing import GAP
from archsearch.evaluators.base import Evaluator, remarks_of, setting_of
from archsearch.network.genotype import Genotype
from archsearch.support.threads import one_thread_each
from archsearch.trial import EvaluationError
from archsearch.units import prefixed, unit
from archsearch.zoo import ZooError, build, networks

if TYPE_CHECKING:
    from archsearch.solo.record import Outcome, TrainingRecord
    from archsearch.solo.training import Course, Epoch

MOST_ROWS = 12
"""Epochs of a curve that are printed."""
SHOWN = ("error", "loss", "miou")
"""Metrics of both parts that are printed, besides other errors and accuracies."""


@dataclass(frozen=True)
class Wish:
    """What is trained and how, by name and in words; `where` are options that have flags of their own."""

    target: str
    data: str
    where: Mapping[str, Any]
    options: Sequence[str]
    pretrained: Path | None
    freeze: Sequence[str]
    seeds: tuple[int, ...]
    threads: int

    def course(self) -> Course:
        """All of it, made. Raises WrongUseError or TrainingError."""
        from archsearch.evaluators.train import Train
        from archsearch.solo.training import Course

        given = [f"{name}={value}" for name, value in self.where.items() if value]
        train = evaluator_of("train", [*given, *self.options], self.data)
        assert isinstance(train, Train)
        genotype = network_for(self.target, train)
        try:
            return Course(genotype, train, self.seeds, self.pretrained, tuple(self.freeze), name_of(self.target))
        except EvaluationError as error:
            raise WrongUseError(f"{self.target}: {error}; choose another network or other data, or bring images to --size") from error


def network_for(target: str, evaluator: Evaluator) -> Genotype:
    """The network of a target; one of the zoo takes the images of the data and answers with their classes. Raises WrongUseError."""
    try:
        asked = setting_of(evaluator)
    except ValueError as error:
        raise WrongUseError(str(error)) from error
    if find_trial(target) is not None or Path(target).is_file() or not looks_like_a_name(target):
        return find_network(target)
    known = inspect.signature(networks()[target]).parameters
    try:
        return build(target, **{name: value for name, value in asked.items() if name in known})
    except ZooError as error:
        raise WrongUseError(f"{error}; --size PIXELS makes images larger, --channels 3 gives gray ones three channels") from error


def name_of(target: str) -> str:
    """A target in a few words: name, file or trial."""
    return Path(target).name if Path(target).is_file() else target.rstrip("/").replace(":", " trial ")


def folder_name(target: str) -> str:
    """A target as part of a folder's name."""
    return Path(target.rstrip("/").replace(":", "-")).stem


def train_command(wish: Wish, out: Path | None, ops: list[str], quiet: bool, json: bool) -> None:
    """Train, and say what came of it."""
    load_ops(ops)
    with one_thread_each():  # before torch is imported: on one thread equal seeds give equal weights
        course = wish.course()
        folder = out or Path("results") / f"trained-{folder_name(wish.target)}-{data_name(course.train)}-{wish.seeds[0]}"
        record = watched(course, folder, wish.threads, quiet)
    print_json(plain(record, folder)) if json else print_training(record, folder)


def watched(course: Course, folder: Path, threads: int, quiet: bool) -> TrainingRecord:
    """Train with a progress bar; on Ctrl-C say how to go on, and end with 130."""
    from archsearch.solo.training import carry_out, take_up

    record = take_up(course, folder)
    for line in () if quiet else opening(course, record, folder):
        remark(shortened(line))
    try:
        with progress_bar(quiet, standing) as tick:
            return carry_out(course, record, folder, threads, tick and foretold(tick))
    except KeyboardInterrupt:
        kept = (folder / "training.json").is_file()
        remark("stopped; the same command goes on" if kept else "stopped before the first epoch was done; nothing is left")
        raise typer.Exit(INTERRUPTED) from None


def opening(course: Course, record: TrainingRecord, folder: Path) -> list[str]:
    """What is about to be done, in a few lines; which heads are drawn anew stands among them."""
    analysis, seeds = analyse(course.genotype), course.seeds
    words = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    costs = f"{prefixed(analysis.params)} params, {prefixed(analysis.macs)} MACs"
    lines = [f"train      {course.title}, {costs}, {words}, into {folder}", *data_lines(course.train)]
    lines.append(f"training   {joined('', judged_by(course.train)).strip()}{on_device(course.train)}")
    if course.pretrained is not None:
        anew = f"; drawn anew, as their size is another: {', '.join(record.drawn_anew)}" if record.drawn_anew else ""
        frozen = f"; frozen: {', '.join(course.freeze)}" if course.freeze else ""
        lines.append(f"from       {course.pretrained}{anew}{frozen}")
    return [*lines, *remarks_of(course.train)]


def standing(at: Epoch) -> str:
    """Loss and error of an epoch, in this order of importance."""
    parts = [f"{unit(name).label.lower()} {unit(name).text(at.metrics[name])}" for name in ("error", "train_loss") if name in at.metrics]
    return GAP.join([f"epoch {at.number} of {at.of}", *parts, f"seed {at.seed}"])


def plain(record: TrainingRecord, folder: Path) -> dict[str, Any]:
    """What came of it, as plain data: figures of the best seed, and over all seeds."""
    best = record.outcome()
    figures = {name: {"mean": mean, "std": std} for name, (mean, std) in record.figures().items()}
    files = {"export": str(folder), "files": sorted(path.name for path in folder.iterdir())}
    anew = {"drawn_anew": list(record.drawn_anew), "freeze": list(record.freeze)}
    return {**files, "seed": best.seed, "metrics": best.metrics, "test": best.test, "seeds": list(record.seeds), "figures": figures, **anew}


def print_training(record: TrainingRecord, folder: Path) -> None:
    """The curve of the best seed, the figures of validation and test part, and where the model is."""
    best = record.outcome()
    print_curve(best)
    print_text("")
    print_seeds(record, figures_of(record, best))
    if record.drawn_anew:
        print_text(f"Drawn anew: {', '.join(record.drawn_anew)}")
    print_text(f"\nModel   {folder / 'model.py'}  (seed {best.seed}; needs torch alone)")


def figures_of(record: TrainingRecord, outcome: Outcome) -> list[str]:
    """Metrics that are printed: errors and accuracies, and the balanced error where classes were weighed."""
    told = [name for name in outcome.metrics if name in SHOWN or name.endswith(("error", "accuracy")) or "error_exit" in name]
    return [name for name in told if name in outcome.test and (name != "balanced_error" or record.options["balanced"])]


def print_curve(outcome: Outcome) -> None:
    """Some epochs of a curve, the first and the last among them."""
    count = len(outcome.curve)
    rows = sorted({round(step * (count - 1) / (MOST_ROWS - 1)) for step in range(MOST_ROWS)})
    names = [name for name in ("train_loss", "loss", "error", "lr") if name in outcome.curve[0]]
    print_table(
        ["Epoch", *(unit(name).label for name in names)],
        [[str(row + 1), *(unit(name).text(outcome.curve[row].get(name)) for name in names)] for row in rows],
        left=0,
    )


def print_seeds(record: TrainingRecord, names: Sequence[str]) -> None:
    """Figures of both parts, seed by seed, and for several seeds mean and standard deviation."""
    rows = [
        [str(one.seed), *(unit(name).text(part[name]) for name in names for part in (one.metrics, one.test))] for one in record.outcomes
    ]
    if len(rows) > 1:
        figures = record.figures()
        both = [figures[key] for name in names for key in (name, f"test_{name}")]
        units = [unit(name) for name in names for _ in range(2)]
        for place, what in enumerate(("mean", "std")):
            rows.append([what, *(of.text(figure[place]) for of, figure in zip(units, both, strict=True))])
    print_table(["Seed", *(label for name in names for label in (unit(name).label, f"Test {unit(name).label.lower()}"))], rows)
