"""What a run searches, and with what: all that another process needs to go on with it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from archsearch.analysis import Budget
from archsearch.genotype_json import parse
from archsearch.space import SpaceError, find_space
from archsearch.trial import Objective

FORMAT = "archsearch.run/1"
FIELDS: dict[type, tuple[str, ...]] = {
    str: ("space", "strategy", "evaluator", "space_sha256"),
    dict: ("settings", "strategy_options", "evaluator_options", "budget", "versions"),
    list: ("objectives",),
}
WORDS: dict[type, str] = {str: "a text", dict: "an object", list: "a list"}


@dataclass(frozen=True)
class Record:
    """What a run searches, as `run.json` keeps it; enough to go on with it in another process."""

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
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """JSON text, indented for people."""
        data = {"format": FORMAT, **asdict(self), "objectives": [str(o) for o in self.objectives], "budget": self.budget.limits()}
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read what `to_json` wrote. Raises ValueError, one line."""
        data = parse(text)
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise ValueError(f'this is no run of format "{FORMAT}"')
        names = {f.name for f in fields(cls)}
        if data.keys() != names:
            raise ValueError(f"fields missing or unknown: {', '.join(sorted(data.keys() ^ names))}")
        check_types(data)
        for name in ("settings", "strategy_options", "evaluator_options"):
            data[name] = {key: tuple(value) if isinstance(value, list) else value for key, value in data[name].items()}
        try:
            data["objectives"] = tuple(Objective.parse(text) for text in data["objectives"])
            data["budget"] = Budget(**data["budget"])
        except (TypeError, AttributeError) as error:
            raise ValueError(f"a field has the wrong type: {error}") from error
        return cls(**data)


def check_types(data: Mapping[str, Any]) -> None:
    """Raise ValueError for a field of `run.json` that has not the type it was written with."""
    for kind, names in FIELDS.items():
        for name in names:
            if not isinstance(data[name], kind):
                raise ValueError(f'"{name}" must be {WORDS[kind]}')  # noqa: TRY004 one kind of error for all damage
    for name, least in (("trials", 1), ("seed", 0), ("workers", 0), ("lookahead", 1)):
        if type(data[name]) is not int or data[name] < least:
            raise ValueError(f'"{name}" must be a whole number of at least {least}')
    timeout = data["timeout_s"]
    if timeout is not None and not (type(timeout) in (int, float) and timeout > 0):
        raise ValueError('"timeout_s" must be null or a number over 0')


def options_of(part: object) -> dict[str, Any]:
    """Options of a strategy or evaluator: the fields that its constructor takes."""
    try:
        return {f.name: getattr(part, f.name) for f in fields(part) if f.init}  # type: ignore[arg-type]
    except TypeError:
        return {}


def space_digest(source: str) -> str:
    """Digest of a space's file, so that a run does not go on with another space of the same name; empty without a file."""
    try:
        return hashlib.sha256(find_space(source)[0].read_bytes()).hexdigest()
    except SpaceError:
        return ""


def versions() -> dict[str, str]:
    """Versions that a result may depend on."""
    found = {"python": platform.python_version()}
    for package in ("archsearch", "torch", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
