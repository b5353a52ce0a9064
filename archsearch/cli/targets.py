"""What a command is to work on: a run, a trial of a run, or a genotype in a file."""

from __future__ import annotations

from pathlib import Path

from archsearch.cli import WrongUseError
from archsearch.genotype import Genotype, GenotypeError
from archsearch.genotype_json import MAX_TEXT
from archsearch.space import load_file
from archsearch.store import Run, open_run


def load_ops(files: list[str]) -> None:
    """Run Python files that register ops. Raises SpaceError."""
    for file in files:
        load_file(str(Path(file).resolve()))


def find_trial(target: str) -> tuple[Run, int] | None:
    """Run and number of `RUN:TRIAL`, or None when the target has not that form. Raises StoreError when there is no such run."""
    folder, colon, number = target.rpartition(":")
    if not colon or not number.isdigit() or Path(target).exists():
        return None
    return open_run(folder), int(number)


def trial_network(run: Run, number: int) -> Genotype:
    """The genotype of a trial. Raises WrongUseError when the run has no such trial."""
    try:
        return run.genotype(number)
    except KeyError as error:
        raise WrongUseError(str(error.args[0])) from error
    except GenotypeError as error:
        raise GenotypeError(f"{run.folder}, trial {number}: {error}") from error


def read_genotype(path: Path) -> Genotype:
    """The genotype in a file. Raises WrongUseError when it cannot be read, GenotypeError when it is none."""
    try:
        with path.open("rb") as file:
            data = file.read(4 * MAX_TEXT + 1)
    except OSError as error:
        raise WrongUseError(f"{path}: {error.strerror}; give a run's folder, RUN:TRIAL, or a genotype.json") from error
    try:
        return Genotype.from_json(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise GenotypeError(f"{path}: not a text in UTF-8, so no genotype") from None
    except GenotypeError as error:
        raise GenotypeError(f"{path}: {error}") from error
