"""`export`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_text, remark
from archsearch.cli.targets import best_trial, find_network, find_trial, load_ops, trial_network
from archsearch.pareto import knee
from archsearch.runs.store import Run
from archsearch.trial import Trial


@dataclass(frozen=True)
class Wish:
    """What is to be exported: formats by name (none: the usual ones), of the whole front or not, and what is done to the network before."""

    formats: Sequence[str] = ()
    all: bool = False
    inside: bool = False
    fold: bool = False
    quantize: str = ""

    def options(self) -> dict[str, Any]:
        """As `export_network` takes them."""
        named = [part.strip() for text in self.formats for part in text.split(",") if part.strip()]
        return {**({"formats": named} if named else {}), "inside": self.inside, "fold": self.fold}


Write = Callable[..., Path]


def export_command(target: str, out: Path | None, wish: Wish, ops: list[str], force: bool, json: bool) -> None:
    """Export trials of a run with their trained weights, or any other network with fresh ones. Raises WrongUseError for a database."""
    if out is not None and out.suffix in (".db", ".sqlite", ".sqlite3"):
        raise WrongUseError(f"export writes a folder; `archsearch study {target} --to {out}` writes a run as a study of Optuna")
    load_ops(ops)
    found = [written(write, wish) for write in writers(target, out, wish, force)]
    if json:
        print_json(found if wish.all else found[0])
    else:
        print_text("\n".join(each["export"] for each in found))


def written(write: Write, wish: Wish) -> dict[str, Any]:
    """Write one network, say what its checks came to, and return what was written as plain data."""
    checks: list[Any] = []

    def report(check: Any) -> None:
        checks.append(check.to_dict())
        remark(str(check))

    more = {"quantize": remark} if wish.quantize else {}
    folder = write(**wish.options(), **more, report=report)
    return {"export": str(folder), "files": sorted(path.name for path in folder.iterdir()), "checks": checks}


def writers(target: str, out: Path | None, wish: Wish, force: bool) -> list[Write]:
    """What writes each of the networks that are asked for. Raises WrongUseError where a run has no such trial, or there is no run."""
    trial = find_trial(target)
    if trial is None:
        if wish.quantize:
            raise WrongUseError(f"--quantize int8 needs training images: export a trial of a run; {target[-100:]} is none")
        if wish.all:
            raise WrongUseError(f"--all is for the front of a run, and {target[-100:]} is none")
        return [partial(export_fresh, target, out, force)]
    run, number = trial
    if wish.all:
        numbers = [each.number for each in kept(run)] or [best_trial(run)]
        return [partial(export_checked, run, each, out and out / f"trial-{each:04d}", force) for each in numbers]
    return [partial(export_checked, run, the_knee(run) if Path(target).is_dir() else number, out, force)]


def the_knee(run: Run) -> int:
    """The trial that stands for a front, and say why. Raises WrongUseError when there is no result yet."""
    front = kept(run)
    if not front:
        return best_trial(run)
    found = front[knee([each.values or () for each in front])]
    names = [str(objective) for objective in run.record.objectives]
    if len(names) == 1:
        remark(f"trial {found.number}: best in {names[0]}")
    else:
        remark(f"trial {found.number}: the knee of the front of {len(front)}, nearest to the best {', '.join(names[:-1])} and {names[-1]}")
    return found.number


def kept(run: Run) -> list[Trial]:
    """Trials of the front whose weights are there."""
    return [trial for trial in run.front() if run.weights(trial.number)]


def export_checked(run: Run, number: int, out: Path | None, force: bool, **options: Any) -> Path:
    """Write the model files of a trial and return their folder. Raises WrongUseError when the run has no such trial."""
    from archsearch.exporters import export_trial

    trial_network(run, number)
    return export_trial(run, number, out, overwrite=force, **options)


def export_fresh(target: str, out: Path | None, force: bool, **options: Any) -> Path:
    """Write the model files of a network with fresh weights and return their folder."""
    from archsearch.exporters import export_network

    genotype = find_network(target)
    if out is None:
        raise WrongUseError("give --out FOLDER for the exported files")
    export_network(genotype, out, overwrite=force, **options)
    remark(f"{target} holds no weights: the exported ones are fresh, as before training")
    return out
