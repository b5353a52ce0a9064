"""What a run searches, and with what: all that another process needs to go on with it, or to export what it found."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any, ClassVar, NamedTuple, Self

from archsearch.analysis import Budget, Device
from archsearch.data.description import Description
from archsearch.fidelity import Fidelity
from archsearch.proxies import check_proxies
from archsearch.runs.extension import Extension, extensions
from archsearch.runs.placement import HERE, Placement
from archsearch.spaces.space import Scalar
from archsearch.support.option_json import from_plain, options_to_plain
from archsearch.support.parts import split_source
from archsearch.support.reading import (
    FLAG,
    NUMBER,
    OBJECT,
    SCALAR,
    TEXT,
    at_least,
    each,
    fields,
    formatted,
    holding,
    maybe,
    named,
    over,
    parse,
)
from archsearch.trial import Objective

USUAL_PROXIES = ("synflow", "naswot")
FORMAT, EARLIER = "archsearch.run/3", ("archsearch.run/2", "archsearch.run/1")
TEXTS = ("space", "space_sha256", "strategy", "strategy_sha256", "evaluator", "evaluator_sha256")
OPTIONS = {"settings": "space", "strategy_options": "strategy", "evaluator_options": "evaluator"}
LATER = {"strategy_sha256": "", "evaluator_sha256": "", "description": None}
"""What runs of the first format did not say."""
NEWER: dict[str, Any] = {
    "widened": [], "extended": [], "fidelity": None, "prefilter": None, "inherit": False, "latency_device": None, "placement": None,
    "warm": [], "foresight": None, "foretold": [],
}  # fmt: skip
"""What runs need not say: never widened or extended, no rungs, filter, inheritance, predicted latency, other place, trials of before or
foresight."""
WARM = {"choices": named(SCALAR), "metrics": named(NUMBER)}
PROXIED = {"count": at_least(2), "proxies": each(TEXT, least=1)}
FIELDS = {
    **dict.fromkeys(TEXTS, TEXT),
    **dict.fromkeys((*OPTIONS, "budget"), OBJECT),
    "objectives": each(TEXT, least=1),
    **dict.fromkeys(("trials", "lookahead"), at_least(1)),
    **dict.fromkeys(("seed", "workers"), at_least(0)),
    "timeout_s": maybe(over(0)),
    "description": maybe(OBJECT),
    "widened": each(each(at_least(1), least=2)),
    "extended": each(OBJECT),
    "versions": named(TEXT),
    "fidelity": maybe(OBJECT),
    **dict.fromkeys(("prefilter", "foresight"), maybe(holding(PROXIED))),
    "inherit": FLAG,
    "latency_device": maybe(OBJECT),
    "placement": maybe(OBJECT),
    **dict.fromkeys(("warm", "foretold"), each(holding(WARM))),
}
"""What run.json holds."""


@dataclass(frozen=True)
class Asked:
    """Zero-cost proxies that are asked about `count` networks. Raises ValueError for too few or too many, or unknown proxies."""

    count: int
    proxies: tuple[str, ...] = USUAL_PROXIES
    option: ClassVar[str]
    what: ClassVar[str]
    least: ClassVar[int]
    most: ClassVar[int]

    def __post_init__(self) -> None:
        if type(self.count) is not int or not self.least <= self.count <= self.most:
            raise ValueError(f"{self.option}={self.count!r} must be a number of {self.what} from {self.least} to {self.most}")
        check_proxies(self.proxies)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `COUNT` or `COUNT:PROXY,PROXY`. Raises ValueError."""
        count, _, names = text.partition(":")
        if not count.strip().isdecimal():
            raise ValueError(f"{cls.option} {text[:60]!r} must be a number of {cls.what}, such as 10, or 10:synflow,naswot")
        return cls(int(count), tuple(names.split(",")) if names else USUAL_PROXIES)


class Prefilter(Asked):
    """Of `count` proposals the one that proxies find best is evaluated."""

    option, what, least, most = "prefilter", "proposals", 2, 10_000

    def __str__(self) -> str:
        return f"best of {self.count} by {' x '.join(self.proxies)}"


class Foresight(Asked):
    """Models begin with what proxies say of `count` random networks."""

    option, what, least, most = "foresight", "networks", 10, 1000

    def __str__(self) -> str:
        return f"{' x '.join(self.proxies)} of {self.count} networks"


PROXIES: dict[str, type[Asked]] = {kind.option: kind for kind in (Prefilter, Foresight)}
KEPT = ("warm", "foretold")


class Warm(NamedTuple):
    """A trial of before, which the strategy hears of first: its choices, and what is known of it; kept, whatever becomes of its source."""

    choices: dict[str, Scalar]
    metrics: dict[str, float]


@dataclass(frozen=True)
class Record:
    """What a run searches, as `run.json` keeps it; enough to go on with it in another process, or to export what it found.

    Paths of users' files and data are absolute; the digests are those of users' files (of spaces, archsearch's too). `description` is None
    in a run of an earlier version, until it is resumed. `widened` are pairs of a trial, or on rungs a step, and the lookahead from there
    on, where a run was resumed with more workers than the lookahead before kept busy. `extended`: what held until it went on with more
    trials, other limits or more objectives, which stand in the record. With a `fidelity` networks climb rungs, with a `prefilter` proxies
    choose among proposals, with `inherit` networks begin with weights of others. Latency is predicted for a `latency_device`. `placement`
    says where evaluations run, which decides no result; of trials that are `warm` the strategy heard first. With `foresight` its model
    begins with what proxies say of networks, `foretold` once they said it.
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
    widened: tuple[tuple[int, int], ...] = ()
    extended: tuple[Extension, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    fidelity: Fidelity | None = None
    prefilter: Prefilter | None = None
    inherit: bool = False
    latency_device: Device | None = None
    placement: Placement = HERE
    warm: tuple[Warm, ...] = ()
    foresight: Foresight | None = None
    foretold: tuple[Warm, ...] = ()

    @property
    def top(self) -> int:
        """The rung on which results count."""
        return 0 if self.fidelity is None else self.fidelity.top

    @property
    def costs(self) -> tuple[float, ...]:
        """About how long an evaluation on each rung takes, beside others."""
        return (1.0,) if self.fidelity is None else self.fidelity.costs

    @property
    def space_name(self) -> str:
        """The space in words for people: its name, or that of its file without the folder."""
        return short(self.space)

    @property
    def data_name(self) -> str:
        """The data likewise; empty where there are none."""
        return short(str(self.evaluator_options.get("data", "")))

    @property
    def trained(self) -> tuple[int, str] | None:
        """Batch and optimiser that training memory is for, where the evaluator has them among its options."""
        batch, optimizer = self.evaluator_options.get("batch"), self.evaluator_options.get("optimizer")
        return (batch, optimizer) if type(batch) is int and isinstance(optimizer, str) else None

    def fits(self, metrics: Mapping[str, float]) -> bool:
        """Whether a trial keeps the budget, by what was recorded of it."""
        return not self.budget.overruns(metrics)

    def ahead(self, number: int) -> int:
        """How many trials may be under way when trial `number` is proposed, itself included."""
        return next((count for first, count in reversed(self.widened) if first <= number), self.lookahead)

    def to_json(self) -> str:
        """JSON text, indented for people. Raises ValueError for options that could not be read back."""
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        data |= {name: options_to_plain(data[name], owner) for name, owner in OPTIONS.items()}
        data |= {"objectives": [str(objective) for objective in self.objectives], "budget": self.budget.limits()}
        data["extended"] = [each.to_dict() for each in self.extended]
        data["description"] = None if self.description is None else self.description.to_dict()
        data |= {name: None if data[name] is None else vars(data[name]) for name in PROXIES}
        data["fidelity"] = None if self.fidelity is None else self.fidelity.to_dict()
        data["latency_device"] = None if self.latency_device is None else self.latency_device.to_dict()
        data |= {"placement": self.placement.to_dict(), **{name: [one._asdict() for one in data[name]] for name in KEPT}}
        return json.dumps({"format": FORMAT, **data}, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read what `to_json` wrote, or the formats before. Raises ValueError, one line."""
        data = parse(text)
        if formatted(data, FORMAT, *EARLIER) == EARLIER[-1]:
            data = {**LATER, **data}
        read = fields({**NEWER, **data}, FIELDS, "the run")
        read |= {name: {key: from_plain(value) for key, value in read[name].items()} for name in OPTIONS}
        read["widened"] = pairs(read["widened"])
        read["extended"] = extensions(read["extended"])
        read["objectives"] = tuple(map(Objective.parse, read["objectives"]))
        read["budget"] = Budget.of(read["budget"])
        read["description"] = None if read["description"] is None else Description.from_dict(read["description"])
        read["fidelity"] = None if read["fidelity"] is None else Fidelity.from_dict(read["fidelity"])
        read["latency_device"] = None if read["latency_device"] is None else Device.from_dict(read["latency_device"])
        read["placement"] = Placement() if read["placement"] is None else Placement.from_dict(read["placement"])
        read |= {name: tuple(Warm(**one) for one in read[name]) for name in KEPT}
        for name, made in PROXIES.items():
            read[name] = None if read[name] is None else made(read[name]["count"], tuple(read[name]["proxies"]))
        return cls(**read)


def short(source: str) -> str:
    """The last part of a path, and the name inside a file; any other text as it is."""
    file, inside = split_source(source)
    return f"{PurePath(file).name}{inside}" if file else PurePath(source).name or source


def pairs(widened: list[list[int]]) -> tuple[tuple[int, int], ...]:
    """Pairs of a trial and a lookahead, by rising trial. Raises ValueError."""
    found = tuple((pair[0], pair[1]) for pair in widened)
    if any(len(pair) != 2 for pair in widened) or [first for first, _ in found] != sorted({first for first, _ in found}):
        raise ValueError('"widened" must be pairs of a trial and a number of trials, rising from trial to trial')
    return found


def options_of(part: object) -> dict[str, Any]:
    """Options of a strategy or evaluator: the fields that its constructor takes."""
    try:
        return {f.name: getattr(part, f.name) for f in dataclasses.fields(part) if f.init}  # type: ignore[arg-type]
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
