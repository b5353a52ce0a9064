"""`study`, and studies to begin a search with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_text, remark
from archsearch.runs.store import open_run
from archsearch.spaces.space import Space
from archsearch.trial import Objective, Trial


def study_command(folder: Path, to: Path, name: str, json: bool) -> None:
    """Write a run as a study of Optuna."""
    from archsearch.optuna import write_study  # slow to import: only now

    run = open_run(folder)
    made = write_study(run, to, name)
    if json:
        print_json({"study": made, "file": str(to), "trials": len(run.trials), "artifacts": f"{to}.artifacts"})
        return
    print_text(f"{to}: study {made}, {len(run.trials):,} trials")
    remark(f"optuna-dashboard sqlite:///{to} --artifact-dir {to}.artifacts shows it")


def read_warm(text: str, space: Space, objectives: Sequence[Objective]) -> list[Trial]:
    """Trials of a study, of `FILE` or `FILE:NAME`; none where nothing is named. Raises WrongUseError for one that has none of the space."""
    if not text:
        return []
    from archsearch.optuna import StudyError, read_study  # slow to import: only now

    file, name = (text, "") if Path(text).is_file() else text.rpartition(":")[::2]
    try:
        found = read_study(file or text, space, name if file else "", objectives=objectives)
    except StudyError as error:
        raise WrongUseError(str(error)) from error
    if not found:
        raise WrongUseError(f"no trial of {text} has the choices of space {space.source!r}; names and options must be the same")
    remark(f"warm start: {len(found):,} trials of {text}")
    return found
