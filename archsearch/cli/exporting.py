"""`export`."""

from __future__ import annotations

from pathlib import Path

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_text, remark
from archsearch.cli.targets import find_network, find_trial, load_ops, trial_network
from archsearch.runs.store import Run


def export_command(target: str, out: Path | None, ops: list[str], force: bool, json: bool) -> None:
    """Export a trial of a run with its trained weights, or any other network with fresh ones."""
    load_ops(ops)
    trial = find_trial(target)
    folder = export_checked(*trial, out, force) if trial else export_fresh(target, out, force)
    if json:
        print_json({"export": str(folder), "files": sorted(path.name for path in folder.iterdir())})
    else:
        print_text(str(folder))


def export_checked(run: Run, number: int, out: Path | None, force: bool) -> Path:
    """Write the model files of a trial and return their folder. Raises WrongUseError when the run has no such trial."""
    from archsearch.exporters import export_trial

    trial_network(run, number)
    return export_trial(run, number, out, overwrite=force)


def export_fresh(target: str, out: Path | None, force: bool) -> Path:
    """Write the model files of a network with fresh weights and return their folder."""
    from archsearch.exporters import export_network

    genotype = find_network(target)
    if out is None:
        raise WrongUseError("give --out FOLDER for the exported files")
    export_network(genotype, out, overwrite=force)
    remark(f"{target} holds no weights: the exported ones are fresh, as before training")
    return out
