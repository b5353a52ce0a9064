"""Runs written as studies of Optuna, for optuna-dashboard and whoever reads them; studies read as trials, for a search to begin with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.storages import RDBStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from archsearch.design.drawing import draw
from archsearch.design.drawing.boxes import DrawingError
from archsearch.optuna.parameters import Options, choices_of, distributions, params
from archsearch.optuna.sampling import DONE, objectives_of, told
from archsearch.runs.store import Run
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.space import Space, load_space
from archsearch.support.reading import reason
from archsearch.trial import Objective, Trial

CONSTRAINTS = "constraints"
"""Where optuna-dashboard looks for them; what Optuna itself calls each is not enough for it."""
BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What Optuna raises for a file that is not as it wrote it."""


class StudyError(ValueError):
    """A study that cannot be written or read; one line that says what, where and what to do."""


def write_study(run: Run, path: str | Path, name: str = "") -> str:
    """Write a run as a study into a SQLite file of Optuna, new or one that has other studies, and return the study's name.

    Values are those of the objectives, known limits are constraints, the first objective's curve the intermediate values, all other
    metrics user attributes. Drawings of the front's networks are artifacts in the folder `PATH.artifacts`.

    Args:
        run: The run.
        path: The file.
        name: Of the study; that of the run's folder when not given.

    Raises:
        StudyError: the file cannot be written, or has a study of that name. SpaceError: the run's space is not there.
    """
    file, name, record = Path(path), name or run.folder.resolve().name, run.record
    options = load_space(record.space, **record.settings).options()
    with stored(file):
        storage = storage_of(file)
        directions = [StudyDirection.MAXIMIZE if objective.maximise else StudyDirection.MINIMIZE for objective in record.objectives]
        study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        try:
            study.set_metric_names([objective.metric for objective in record.objectives])
            for key, value in {"space": record.space_name, "strategy": record.strategy, "seed": record.seed, **record.versions}.items():
                study.set_user_attr(key, value)
            folder = file.with_name(f"{file.name}.artifacts")
            folder.mkdir(exist_ok=True)
            add_trials(run, study, options, FileSystemArtifactStore(folder), storage)
        except BaseException:
            optuna.delete_study(study_name=name, storage=storage)
            raise
    return name


def add_trials(run: Run, study: Study, options: Options, store: FileSystemArtifactStore, storage: RDBStorage) -> None:
    """Add all trials in their order; those of the front with drawings, which Optuna takes only while a trial is under way."""
    front = {trial.number for trial in run.front()}
    with TemporaryDirectory(prefix="archsearch-") as scratch:
        for place, trial in enumerate(run.trials):
            picture = Path(scratch) / f"trial-{trial.number:04d}.svg"
            if trial.number not in front or not drawn(run, trial.number, picture):
                study.add_trial(written(run, trial, options))
                continue
            study.add_trial(written(run, trial, options, under_way=True))
            under_way = study.get_trials(deepcopy=False)[place]
            upload_artifact(artifact_store=store, file_path=str(picture), study_or_trial=under_way, storage=storage)
            study.tell(place, values_of(run, trial))


def drawn(run: Run, number: int, picture: Path) -> bool:
    """Draw the network of a trial, unless it is too large for a picture."""
    try:
        picture.write_bytes(draw(run.genotype(number), title=f"Trial {number}"))
    except DrawingError:
        return False
    return True


def values_of(run: Run, trial: Trial) -> list[float]:
    """Values of the objectives, as they are meant."""
    signs = [-1 if objective.maximise else 1 for objective in run.record.objectives]
    return [sign * value for sign, value in zip(signs, trial.values or (), strict=False)]


def written(run: Run, trial: Trial, options: Options, under_way: bool = False) -> FrozenTrial:
    """A trial as Optuna keeps it, finished now after so long as it took."""
    record, given = run.record, params(trial.choices, options)
    state = TrialState.RUNNING if under_way else TrialState.COMPLETE if trial.ok else TrialState.FAIL
    limits = {name: trial.metrics[name] / limit - 1 for name, limit in record.budget.limits().items() if name in trial.metrics}
    failed = {} if trial.failure is None else {"failure": trial.failure.kind, "message": trial.failure.message}
    tests = {f"test_{metric}": value for metric, value in run.tests.get(trial.number, {}).items()}
    first = record.objectives[0].metric
    found = create_trial(
        state=state,
        values=values_of(run, trial) if state == TrialState.COMPLETE else None,
        params=given,
        distributions={name: known for name, known in distributions(options).items() if name in given},
        user_attrs={**trial.metrics, **tests, **failed, "trial": trial.number, "fingerprint": trial.fingerprint},
        system_attrs={CONSTRAINTS: list(limits.values())} if limits else {},
        intermediate_values={epoch: step[first] for epoch, step in enumerate(trial.curve) if first in step},
    )
    found.datetime_start = datetime.now() - timedelta(seconds=min(run.seconds.get(trial.number, 0.0), 1e8))  # local time, as Optuna's own
    return found


def read_study(
    source: str | Path | Study, space: Space, name: str = "", *, objectives: Sequence[str | Objective] = (), batch: int = 1,
    optimizer: str = "sgd",
) -> list[Trial]:  # fmt: skip
    """The finished trials of a study as ours: those whose parameters are all choices of the space.

    Args:
        source: A study, or a SQLite file of Optuna.
        space: The space whose choices the parameters are, by name.
        name: Which study of the file; may be left out where it has one.
        objectives: Names of the study's objectives where it has none of its own; known costs are worked out anew.
        batch: Samples in a training batch, for the memory of training among the metrics.
        optimizer: The optimiser likewise, as `analyse` names it.

    Raises:
        StudyError: no such file or study, or other objectives.
    """
    file, given = Path(str(source)), tuple(one if isinstance(one, Objective) else Objective.parse(one) for one in objectives)
    study = source if isinstance(source, Study) else opened(file, name)
    with stored(file):  # Optuna reads all that it is asked for anew
        goals, trials = objectives_of(study), study.get_trials(deepcopy=False, states=DONE)
        same = [one.maximise for one in given] == [one.maximise for one in goals] and (not study.metric_names or given == goals)
        if given and not same:
            words = [", ".join(map(str, each)) for each in (goals, given)]
            raise StudyError(f"study {study.study_name!r} has the objectives {words[0]}, not {words[1]}; give the same")
    goals = given or goals
    catalogue, options = Catalogue(space, batch, optimizer), space.options()
    found = []
    for trial in trials:
        choices = choices_of(trial.params, options)
        entry = catalogue.find(choices) if choices and len(choices) == len(trial.params) else None
        if entry is not None and entry.choices.keys() == choices.keys():
            found.append(told(trial, entry, goals))
    return found


def opened(file: Path, name: str) -> Study:
    """A study of a file. Raises StudyError."""
    if not file.is_file():
        raise StudyError(f"no file {file}; give a SQLite file of Optuna")
    with stored(file):
        storage = storage_of(file, there=True)
        names = [summary.study_name for summary in storage.get_all_studies()]
        if not name and len(names) == 1:
            name = names[0]
        if name not in names:
            raise StudyError(f"{file} has no study {name[:60]!r}; it has {', '.join(names[:20]) or 'none'}")
        return optuna.load_study(study_name=name, storage=storage)


def storage_of(file: Path, there: bool = False) -> RDBStorage:
    """The storage in a file; where it should be there already nothing is made in it."""
    return RDBStorage(f"sqlite:///{file.resolve()}", skip_table_creation=there)


@contextmanager
def stored(file: Path) -> Iterator[None]:
    """Turn errors of the file into one StudyError, and keep Optuna quiet."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # names of objectives, since 2023
            yield
    except optuna.exceptions.DuplicatedStudyError as error:
        raise StudyError(f"{file} has a study of that name already; choose another, by --name") from error
    except StudyError:
        raise
    except (SQLAlchemyError, optuna.exceptions.OptunaError, *BROKEN) as error:
        found = getattr(error.__cause__, "orig", None) or error  # what SQLite says, where Optuna says that it was something else
        raise StudyError(f"{file}: {reason(found)[:200]}; give a SQLite file of Optuna 5, or a new one") from error
    finally:
        optuna.logging.set_verbosity(before)
