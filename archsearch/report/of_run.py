"""The report of a run on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archsearch.report.dashboard import write_report
from archsearch.report.summary import Summary
from archsearch.runs.agreement import latency_words
from archsearch.runs.climb import rung_words
from archsearch.runs.opened import Run
from archsearch.runs.record import short


def report_run(run: Run, out: Path | None = None) -> Path:
    """Write the page of a run, `report.html` in its folder where no other file is named, and return its path.

    Raises:
        ReportError: the file cannot be written.
    """
    return write_report(summarise(run), out or run.folder / "report.html", run.genotype_texts)


def summarise(run: Run) -> Summary:
    """A run in plain data, as far as it has got."""
    record, done = run.record, len(run.trials)
    front = tuple(trial.number for trial in run.front())
    pages = {path.name for path in run.folder.glob("explanation-*.html")}  # one look, whatever the number of trials
    return Summary(
        title=run.folder.resolve().name,
        space=record.space_name,
        data=record.data_name,
        strategy=short(record.strategy),
        seed=record.seed,
        objectives=record.objectives,
        trials=run.trials,
        front=front,
        budget=record.budget.limits(),
        tests=run.tests,
        refusals=run.refusals,
        refused=run.refused,
        settings=settings_of(run),
        versions=record.versions,
        links={
            number: f"export/trial-{number:04d}/model.py"
            for number in front
            if (run.folder / f"export/trial-{number:04d}/model.py").is_file()
        },
        explained={trial.number: name for trial in run.trials if (name := run.explanation(trial.number).name) in pages},
        trained=record.trained,
        top=record.top,
        seconds=run.seconds,
        notes=run.notes,
        place=str(run.folder),
        remarks=record.description.notes if record.description else (),
        status="" if done >= record.trials else f"{done} of {record.trials} trials",
    )


def settings_of(run: Run) -> dict[str, Any]:
    """What the run was told to do, by name."""
    record = run.record
    return {
        **record.settings,
        **record.strategy_options,
        **record.evaluator_options,
        **({name: short(place) for name, place in record.description.places.items()} if record.description else {}),
        "trials": record.trials,
        "workers": record.workers,
        **({"rungs": rung_words(run)} if record.fidelity else {}),
        **({"latency": latency_words(run)} if record.latency_device else {}),
        **({"prefilter": str(record.prefilter)} if record.prefilter else {}),
        **({"foresight": str(record.foresight)} if record.foresight else {}),
        **({"inherit": True} if record.inherit else {}),
    }
