"""What must stay the same from the beginning of a run to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archsearch.data.description import Description, description_of, difference
from archsearch.evaluators import EVALUATORS
from archsearch.evaluators.base import Evaluator
from archsearch.runs.proposal import SearchError
from archsearch.runs.record import Record, options_of
from archsearch.spaces.space import Space, space_digest, space_names
from archsearch.strategies import STRATEGIES, Strategy, load_strategy
from archsearch.supernets import SUPERNETS, SupernetSearch, load_supernet_search
from archsearch.support.nearest import nearest
from archsearch.support.option_json import alike
from archsearch.support.parts import absolute, code_digest, current, name_of, split_source

METHODS = {**STRATEGIES, **SUPERNETS}
"""What a search can go by, by name: strategies, and supernets, which train by themselves."""


def load_method(name: str) -> Callable[..., Strategy | SupernetSearch]:
    """The class of a strategy or a supernet search. Raises as `parts.load_part`."""
    if name in SUPERNETS:
        return load_supernet_search(name)
    if name not in METHODS and ".py:" not in name:
        raise ValueError(f"unknown strategy {name!r}; {nearest(name, sorted(METHODS))}; or give one of your own as file.py:Class")
    return load_strategy(name)


def identity(space: Space, strategy: Strategy | SupernetSearch, evaluator: Evaluator) -> dict[str, Any]:
    """What must stay the same, as fields of a record; data and files are read once for that. Raises ValueError when they cannot be."""
    found, own, given = description_of(evaluator), options_of(strategy), options_of(evaluator)
    given |= {name: place for name, place in found.places.items() if name in given}
    named = {
        "space": space.source if space.source in space_names() else absolute(space.source),
        "settings": space.settings,
        "strategy": name_of(strategy, METHODS),
        "strategy_options": {name: found_again(value) for name, value in own.items()},
        "evaluator": name_of(evaluator, EVALUATORS),
        "evaluator_options": {name: found_again(value) for name, value in given.items()},
        "description": found,
    }
    return {**named, **digests(named)}


def digests(named: Mapping[str, Any]) -> dict[str, str]:
    """sha256 of the files of space, strategy and evaluator, as fields of a record. Raises ValueError for one that is not there."""
    return {
        "space_sha256": space_digest(named["space"]),
        **{f"{of}_sha256": code_digest(named[of], *sources(named[f"{of}_options"])) for of in ("strategy", "evaluator")},
    }


def found_again(value: Any) -> Any:
    """An option that is found from any folder: where it names a Python file that is there, or is a path, that is absolute."""
    if isinstance(value, Path):
        return value.resolve()
    return absolute(value) if is_source(value) and Path(split_source(value)[0]).is_file() else value


def is_source(value: Any) -> bool:
    """Whether an option names a Python file."""
    return isinstance(value, str) and bool(split_source(value)[0])


def sources(options: Mapping[str, Any]) -> list[str]:
    """Options that name Python files by absolute paths, as a record has them."""
    return [value for value in options.values() if is_source(value) and Path(split_source(value)[0]).is_absolute()]


def check_same(out: Path, record: Record, now: Mapping[str, Any]) -> None:
    """Raise SearchError, one line that says what changed, unless these are space, strategy, evaluator and data that the run began with."""
    check_files(out, record, now)
    for what in ("space", "strategy", "evaluator"):
        before, given = current(getattr(record, what), METHODS), now[what]
        if kept(before) != kept(given):
            raise SearchError(f"{out}: the run began with {what} {before[-80:]}, now given {given[-80:]}; resume with the same")
    for what in ("settings", "strategy_options", "evaluator_options"):
        check_options(out, what, getattr(record, what), now[what], now["description"].places)
    check_data(out, record.description, now["description"])


def check_files(out: Path, record: Record, now: Mapping[str, Any]) -> None:
    """Raise SearchError when a file of the user's own, or that of the space, has changed."""
    for of in ("space", "strategy", "evaluator"):
        before, after = getattr(record, f"{of}_sha256"), now[f"{of}_sha256"]
        if before and after and before != after:
            beside = sources(now.get(f"{of}_options", {}))
            file = next((file for file in (split_source(text)[0] for text in (now[of], *beside)) if file), now[of])
            raise SearchError(f"{out}: the file of {of} {file[-120:]} has changed since the run began; put it back, or begin a new run")


def check_options(out: Path, what: str, before: Mapping[str, Any], now: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """Raise SearchError for an option that is another; what `places` names, and files, may have moved, and one may be new in archsearch."""
    for name in before.keys() & now.keys() - places.keys():
        if name == "device" and before[name] == "auto":
            continue  # of an earlier version: now it is decided when the run begins
        if not alike(kept(before[name]), kept(now[name])):
            told = f"{name}={str(before[name])[:60]}, now given {str(now[name])[:60]}"
            raise SearchError(f"{out}: the run began with {what} {told}; resume with the same")


def kept(value: Any) -> Any:
    """What of a value must stay: of a Python file the name inside it, since its content is compared."""
    return f"*.py{split_source(value)[1]}" if is_source(value) else value


def check_data(out: Path, before: Description | None, now: Description) -> None:
    """Raise SearchError when the data are others than those that the run began with; a run of an earlier version does not say."""
    changed = "" if before is None else difference(before.fingerprint, now.fingerprint)
    if changed:
        hint = "put them back, say by --data where they are now, or begin a new run"
        raise SearchError(f"{out}: the data are not those that the run began with: {changed}; {hint}")
