"""`export`."""

from __future__ import annotations

from pathlib import Path

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_text, remark
from archsearch.cli.targets import find_trial, load_ops, read_genotype, trial_network
from archsearch.store import Run, open_run


def export_command(target: str, out: Path | None, ops: list[str], json: bool) -> None:
    """Export a trial of a run with its trained weights, or a genotype file with fresh ones."""
    load_ops(ops)
    if Path(target).is_dir():
        run = open_run(target)
        folder = checked_trial(run, best(run), out)
    elif trial := find_trial(target):
        folder = checked_trial(*trial, out)
    else:
        folder = export_file(Path(target), out)
    if json:
        print_json({"export": str(folder), "files": sorted(path.name for path in folder.iterdir())})
    else:
        print_text(str(folder))


def best(run: Run) -> int:
    """Number of the front's trial that is best in the first objective, one with weights first. Raises WrongUseError when there is none."""
    front = run.front()
    if not front:
        raise WrongUseError(f"{run.folder} has no trial with a result yet")
    found = run.best()
    return front[0].number if found is None else found


def checked_trial(run: Run, number: int, out: Path | None) -> Path:
    """Write the model files of a trial and return their folder. Raises WrongUseError when the run has no such trial."""
    from archsearch.export import export_trial

    trial_network(run, number)
    return export_trial(run, number, out)


def export_file(path: Path, out: Path | None) -> Path:
    """Write the model files of a genotype with fresh weights and return their folder."""
    from archsearch.export import export_network

    genotype = read_genotype(path)
    if out is None:
        raise WrongUseError("give --out FOLDER for the exported files")
    remark("a genotype holds no weights: the exported ones are fresh, as before training")
    export_network(genotype, out)
    return out
