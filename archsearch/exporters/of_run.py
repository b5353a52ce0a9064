"""Export what a run found: a trial's network with its trained weights and the preprocessing of its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archsearch.exporters.base import ExportError
from archsearch.exporters.network import export_network
from archsearch.exporters.run_card import card_of_trial
from archsearch.network.genotype import Genotype
from archsearch.runs.store import Run, open_run
from archsearch.trial import Trial


def export(target: Genotype | Trial, folder: str | Path) -> Path:
    """Write a genotype (with fresh weights) or a trial of a run (with its trained ones) into a new folder, and check it there.

    Raises:
        ExportError: the folder exists or cannot be written, or the trial's weights were not kept.
    """
    if isinstance(target, Genotype):
        return export_network(target, folder)
    if target.run is None:
        raise ExportError(f"trial {target.number} belongs to no run on disk; take it from open_run(folder).trials")
    return export_trial(open_run(target.run), target.number, folder)


def export_trial(run: Run, number: int, folder: str | Path | None = None, *, overwrite: bool = False) -> Path:
    """Write the model files of a trial, into the run's own `export/` when no folder is named, and return their folder.

    With `overwrite`, and in the run's own folder, files that are there are replaced.

    Raises:
        ExportError: as `export`.
        KeyError: the run has no such trial.
    """
    genotype, weights = run.genotype(number), run.weights(number)
    if weights is None:
        unsaved = (
            "its evaluator saved none in candidate.weights"
            if number in {trial.number for trial in run.front()}
            else "it is not on the front"
        )
        why = "its final training failed" if run.tests.get(number) == {} else unsaved
        raise ExportError(f"weights of trial {number} were not kept: {why}; `archsearch show {run.folder}` lists the front")
    target = run.folder / "export" / f"trial-{number:04d}" if folder is None else Path(folder)
    title = f"Trial {number} of a search in the space {run.record.space_name}, seed {run.record.seed}."
    given, card = preprocessing(run), card_of_trial(run, number)
    export_network(genotype, target, weights, given, title=title, card=card, overwrite=overwrite or folder is None)
    return target


def preprocessing(run: Run) -> dict[str, Any]:
    """What images went through before the network saw them, as the run recorded it when it began; its data are not read again.

    Raises:
        ExportError: a run of an earlier version, which does not say.
    """
    if run.record.description is None:
        raise ExportError(
            f"{run.folder} is a run of an earlier version, which does not say how images are normalised; "
            f"`archsearch resume {run.folder}` reads its data once and adds that"
        )
    return dict(run.record.description.preprocessing())
