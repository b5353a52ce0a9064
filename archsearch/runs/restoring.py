"""The parts of a run, made again from its record: wherever its files and data are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from archsearch.evaluators import EVALUATORS, load_evaluator
from archsearch.evaluators.base import Evaluator
from archsearch.runs.identity import METHODS, check_files, digests, is_source, load_method
from archsearch.runs.proposal import SearchError
from archsearch.runs.record import Record
from archsearch.spaces.space import Space, load_space
from archsearch.strategies import Strategy
from archsearch.supernets import SupernetSearch
from archsearch.support.nearest import nearest
from archsearch.support.parts import current, has_name, moved, split_source
from archsearch.support.reading import one_line, place, reason


class Parts(NamedTuple):
    """What a search is made of."""

    space: Space
    strategy: Strategy | SupernetSearch
    evaluator: Evaluator


@dataclass(frozen=True)
class Places:
    """Where files and data of a run are now, where that is not where they were; `options` are those of the evaluator that are paths."""

    space: str = ""
    strategy: str = ""
    evaluator: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def restored(folder: Path, record: Record, places: Places) -> Parts:
    """Space, strategy and evaluator of a run; no file of a user's own is run that has changed since the run began.

    Raises:
        SearchError: a part that only Python can give, a file that has changed or is not there, a place for what has none.
    """
    record = replace(record, strategy=current(record.strategy, METHODS))
    for part, table in ((record.strategy, METHODS), (record.evaluator, EVALUATORS)):
        if not has_name(part, table):
            raise SearchError(f"{folder}: {part[:80]} is of your own and in no file of its own; use archsearch.resume in Python")
    try:
        record = placed(record, places)
        check_files(folder, record, {**vars(record), **present(record)})
        strategy = load_method(record.strategy)(**record.strategy_options)
        evaluator = load_evaluator(record.evaluator)(**record.evaluator_options)
    except SearchError:
        raise
    except Exception as error:  # the classes of a user's file may raise anything
        known = isinstance(error, ImportError | TypeError | ValueError)
        words = str(error) if known else f"{type(error).__name__}: {reason(error)}"
        raise SearchError(f"{place(folder / 'run.json')}: {one_line(words, 240)}") from error
    return Parts(load_space(record.space, **record.settings), strategy, evaluator)


def present(record: Record) -> dict[str, str]:
    """Digests of all files as they are now. Raises ValueError for one that is not there, and says which option tells where it is."""
    judging = record.evaluator_options
    named = {"space": [record.space], "strategy": [record.strategy, *record.strategy_options.values()],
             "evaluator": [record.evaluator, *(value for name, value in judging.items() if name != "data")],
             "data": [judging.get("data")]}  # fmt: skip
    for of, texts in named.items():
        for file in (split_source(text)[0] for text in texts if is_source(text)):
            if not Path(file).is_file():
                raise ValueError(f"no file {file[-120:]}; say by --{of} where it is now")
    return digests(vars(record))


def placed(record: Record, places: Places) -> Record:
    """The record with files and data where they are now. Raises ValueError for a place of what is in no place."""
    judging = {**record.evaluator_options, **new_options(record, places.options)}
    space, methods = record.space, record.strategy_options
    if places.space:
        space = relocated({"space": space}, places.space, "space")["space"]
        judging = {name: moved(value, places.space) if same_file(value, record.space) else value for name, value in judging.items()}
    method, judge = record.strategy, record.evaluator
    if places.strategy:
        found = relocated({**methods, "": method}, places.strategy, "strategy")
        method, methods = found.pop(""), found
    if places.evaluator:
        judge = relocated({"": judge}, places.evaluator, "evaluator")[""]
    return replace(record, space=space, strategy=method, strategy_options=methods, evaluator=judge, evaluator_options=judging)


def new_options(record: Record, options: Mapping[str, str]) -> Mapping[str, str]:
    """The options; where data are a Python file's, the new file is absolute. Raises ValueError for what is no path of the evaluator's."""
    known = {*(record.description.places if record.description else ()), *({"data", "data_dir"} & record.evaluator_options.keys())}
    for name in options:
        if name not in known:
            near = nearest(name, sorted(known)) if known else "it has none"
            raise ValueError(f"{name[:60]} is no place of evaluator {record.evaluator[-60:]}; {near}")
    before = record.evaluator_options
    return {
        name: moved(before[name], value) if is_source(value) and is_source(before.get(name)) else value for name, value in options.items()
    }


def relocated(texts: Mapping[str, Any], file: str, of: str) -> dict[str, Any]:
    """The texts, those of Python files with the new file. Raises ValueError when there is none among them."""
    if not any(map(is_source, texts.values())):
        raise ValueError(f"its {of} comes with archsearch; leave --{of} out")
    return {name: moved(text, file) if is_source(text) else text for name, text in texts.items()}


def same_file(value: Any, source: str) -> bool:
    """Whether an option names the Python file of a source."""
    return is_source(value) and split_source(value)[0] == split_source(source)[0]
