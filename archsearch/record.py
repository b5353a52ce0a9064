"""What a run searches, and with what: all that another process needs to go on with it, or to export what it found."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any

from archsearch.analysis import Budget
from archsearch.description import Description
from archsearch.genotype_json import parse
from archsearch.option_json import from_plain, options_to_plain
from archsearch.parts import split_source
from archsearch.trial import Objective

FORMAT, EARLIER = "archsearch.run/2", "archsearch.run/1"
TEXTS = ("space", "space_sha256", "strategy", "strategy_sha256", "evaluator", "evaluator_sha256")
OPTIONS = {"settings": "space", "strategy_options": "strategy", "evaluator_options": "evaluator"}
LATER = {"strategy_sha256": "", "evaluator_sha256": "", "description": None}
"""What runs of the format before did not say."""
MOST_LETTERS = 4096


@dataclass(frozen=True)
class Record:
    """What a run searches, as `run.json` keeps it; enough to go on with it in another process, or to export what it found.

    Paths of users' files and data are absolute; the digests are those of users' files (of spaces, archsearch's too). `description` is None
    in a run of an earlier version, until it is resumed.
    """

    space: str
    settings: dict[str, Any]
    strategy: str
    strategy_options: dict[str, Any]
    evaluator: str
    evaluator_options: dict[str, Any]
    objectives: tuple[Objective, ...]
    budget: Budget
    trials: int
    seed: int
    workers: int
    lookahead: int
    timeout_s: float | None = None
    space_sha256: str = ""
    strategy_sha256: str = ""
    evaluator_sha256: str = ""
    description: Description | None = None
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def space_name(self) -> str:
        """The space in words for people: its name, or that of its file without the folder."""
        return short(self.space)

    @property
    def data_name(self) -> str:
        """The data likewise; empty where there are none."""
        return short(str(self.evaluator_options.get("data", "")))

    def to_json(self) -> str:
        """JSON text, indented for people. Raises ValueError for options that could not be read back."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data |= {name: options_to_plain(data[name], owner) for name, owner in OPTIONS.items()}
        data |= {"objectives": [str(objective) for objective in self.objectives], "budget": self.budget.limits()}
        data["description"] = None if self.description is None else self.description.to_dict()
        return json.dumps({"format": FORMAT, **data}, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read what `to_json` wrote, or the format before. Raises ValueError, one line."""
        data = parse(text)
        form = data.pop("format", None) if isinstance(data, dict) else None
        if form not in (FORMAT, EARLIER):
            raise ValueError(f'this is no run of format "{FORMAT}"')
        if form == EARLIER:
            data = {**LATER, **data}
        names = {f.name for f in fields(cls)}
        if data.keys() != names:
            raise ValueError(f"fields missing or unknown: {', '.join(sorted(data.keys() ^ names))[:200]}")
        check_types(data)
        data |= {name: {key: from_plain(value) for key, value in data[name].items()} for name in OPTIONS}
        try:
            data["objectives"] = tuple(Objective.parse(text) for text in data["objectives"])
            data["budget"] = Budget(**data["budget"])
        except (TypeError, AttributeError) as error:
            raise ValueError(f"a field has the wrong type: {error}") from error
        data["description"] = None if data["description"] is None else Description.from_dict(data["description"])
        return cls(**data)


def short(source: str) -> str:
    """The last part of a path, and the name inside a file; any other text as it is."""
    file, inside = split_source(source)
    return f"{PurePath(file).name}{inside}" if file else PurePath(source).name or source


def check_types(data: Mapping[str, Any]) -> None:
    """Raise ValueError for a field of `run.json` that has not the type it was written with."""
    for name in TEXTS:
        if not is_text(data[name]):
            raise ValueError(f'"{name}" must be a text of at most {MOST_LETTERS} printable letters')
    for name in (*OPTIONS, "budget", "versions"):
        if not isinstance(data[name], dict) or not all(map(is_text, data[name])):
            raise ValueError(f'"{name}" must be an object')
    if not all(map(is_text, data["versions"].values())):
        raise ValueError('"versions" must hold texts')
    if not isinstance(data["objectives"], list) or not data["objectives"]:
        raise ValueError('"objectives" must be a list of one or more')
    for name, least in (("trials", 1), ("seed", 0), ("workers", 0), ("lookahead", 1)):
        if type(data[name]) is not int or data[name] < least:
            raise ValueError(f'"{name}" must be a whole number of at least {least}')
    timeout = data["timeout_s"]
    if timeout is not None and not (type(timeout) in (int, float) and timeout > 0):
        raise ValueError('"timeout_s" must be null or a number over 0')


def is_text(value: object) -> bool:
    """Whether this is a text that can be shown: nothing in it moves a terminal's cursor."""
    return isinstance(value, str) and len(value) <= MOST_LETTERS and value.isprintable()


def options_of(part: object) -> dict[str, Any]:
    """Options of a strategy or evaluator: the fields that its constructor takes."""
    try:
        return {f.name: getattr(part, f.name) for f in fields(part) if f.init}  # type: ignore[arg-type]
    except TypeError:
        return {}


def versions() -> dict[str, str]:
    """Versions that a result may depend on."""
    found = {"python": platform.python_version()}
    for package in ("archsearch", "torch", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
