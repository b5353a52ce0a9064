"""Export what a run found: a trial's network with its trained weights and the preprocessing of its data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from archsearch.evaluators import load_evaluator
from archsearch.exporters.base import ExportError
from archsearch.exporters.network import export_network
from archsearch.exporters.quantized import small_of
from archsearch.exporters.run_card import card_of_trial
from archsearch.network.genotype import Genotype
from archsearch.runs.identity import check_data, is_source
from archsearch.runs.proposal import SearchError
from archsearch.runs.store import Run, open_run
from archsearch.support.reading import one_line
from archsearch.tasks import Feed
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


def export_trial(
    run: Run, number: int, folder: str | Path | None = None, *, overwrite: bool = False,
    quantize: Callable[[str], None] | None = None, **more: Any,
) -> Path:  # fmt: skip
    """Write the model files of a trial, into the run's own `export/` when no folder is named, and return their folder.

    With `overwrite`, and in the run's own folder, files that are there are replaced. With `quantize`, which is told what that came to, an
    int8 file is written, calibrated on the run's training images; for `more` see `export_network`.

    Raises:
        ExportError: as `export`, or the run's data are needed and are not there, or are others.
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
    if quantize is not None:
        more["quantize"] = partial(small_of, feed=feed_of_run(run), say=quantize)
    export_network(genotype, target, weights, given, title=title, card=card, overwrite=overwrite or folder is None, **more)
    return target


def feed_of_run(run: Run) -> Feed:
    """The data of a run, read again from where they lay. Raises ExportError where that cannot be, or they are others now."""
    record = run.record
    own = next((text for text in (record.evaluator, *record.evaluator_options.values()) if is_source(text)), None)
    if own is not None:
        raise ExportError(
            f"{run.folder}: its images come from {own[-80:]}, which export does not run; int8 needs them, leave --quantize out"
        )
    try:
        evaluator: Any = load_evaluator(record.evaluator)(**record.evaluator_options)
        check_data(run.folder, record.description, evaluator.describe())
        found: Feed = evaluator.feed()
    except (AttributeError, TypeError, ValueError, SearchError) as error:
        raise ExportError(f"{run.folder}: int8 needs the images of the run: {one_line(str(error), 200)}") from error
    return found


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
