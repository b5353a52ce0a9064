"""`training.json`: which network was trained on what and how, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from archsearch.data.description import Description, difference
from archsearch.support.changed import first_change
from archsearch.support.option_json import from_plain, options_to_plain
from archsearch.support.reading import (
    NUMBER,
    OBJECT,
    TEXT,
    Kind,
    at,
    at_least,
    each,
    fields,
    formatted,
    holding,
    maybe,
    named,
    one_line,
    parse,
    place,
    read_text,
    reason,
)
from archsearch.support.writing import write_text
from archsearch.training import PLACES

FORMAT, RECORD = "archsearch.training/1", "training.json"
OUTCOME = holding({"seed": at_least(0), "metrics": named(NUMBER), "curve": each(named(NUMBER), least=1), "test": named(NUMBER)})
SEEDS = Kind("a list of different whole numbers of at least 0", lambda v: each(at_least(0), least=1).fits(v) and len(set(v)) == len(v))
FIELDS = {
    **dict.fromkeys(("title", "network", "pretrained"), TEXT),
    **dict.fromkeys(("options", "data"), OBJECT),
    **dict.fromkeys(("freeze", "drawn_anew"), each(TEXT)),
    "seeds": SEEDS,
    "versions": named(TEXT),
    "outcomes": each(OUTCOME),
    "best": maybe(at_least(0)),
}


class TrainingError(ValueError):
    """A training that cannot be as it was asked for, or a folder that is of no use for it; one line that says what to do."""


@dataclass(frozen=True)
class Outcome:
    """What one seed came to: metrics of the validation part after the last epoch, the curve, and metrics of the test part at the end."""

    seed: int
    metrics: dict[str, float]
    curve: tuple[dict[str, float], ...]
    test: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingRecord:
    """A training: what was asked for, and what came of it.

    `title` names the network, `network` is the sha256 of its JSON, `options` are those of the evaluator `train`; `pretrained` is the sha256
    of the weights that it began with (empty where there were none), `freeze` the names whose weights stayed, `drawn_anew` the heads
    that those weights had in another size. `best` is the seed that was exported, None while seeds are left to train or to test.
    """

    title: str
    network: str
    options: dict[str, Any]
    seeds: tuple[int, ...]
    data: Description
    pretrained: str = ""
    freeze: tuple[str, ...] = ()
    drawn_anew: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    best: int | None = None

    def outcome(self) -> Outcome:
        """That of the exported network. Raises TrainingError while there is none."""
        found = next((one for one in self.outcomes if one.seed == self.best), None)
        if found is None:
            raise TrainingError(f"the training of {self.title} is not finished; the same command goes on")
        return found

    def figures(self) -> dict[str, tuple[float, float]]:
        """Mean and sample standard deviation (0 for one seed) over the seeds: of the validation part, and `test_...` of the test part."""
        rows = [{**one.metrics, **{f"test_{name}": value for name, value in one.test.items()}} for one in self.outcomes]
        columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else {}) if all(name in row for row in rows)}
        return {name: (fmean(values), stdev(values) if len(values) > 1 else 0.0) for name, values in columns.items()}

    def to_json(self) -> str:
        """JSON text, indented for people. Raises ValueError for options that could not be read back."""
        options = options_to_plain(self.options, "training")
        data = {"format": FORMAT, **asdict(self), "options": options, "data": self.data.to_dict()}
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TrainingRecord:
        """Read what `to_json` wrote. Raises ValueError, one line."""
        data = parse(text)
        formatted(data, FORMAT)
        read = fields(data, FIELDS, "the training")
        read |= {name: tuple(read[name]) for name in ("seeds", "freeze", "drawn_anew")}
        outcomes = tuple(Outcome(**{**one, "curve": tuple(one["curve"])}) for one in read["outcomes"])
        if tuple(one.seed for one in outcomes) != read["seeds"][: len(outcomes)]:
            raise ValueError('"outcomes" must be those of the first "seeds", in their order')
        if read["best"] is not None and (read["best"] not in read["seeds"] or len(outcomes) < len(read["seeds"])):
            raise ValueError('"best" must be one of the "seeds", and all of them must have an outcome')
        options = {name: from_plain(value) for name, value in read["options"].items()}
        return cls(**{**read, "options": options, "data": Description.from_dict(read["data"]), "outcomes": outcomes})


def read_training(folder: Path) -> TrainingRecord:
    """What a folder says of its training. Raises TrainingError."""
    path = folder / RECORD
    try:
        return TrainingRecord.from_json(read_text(path))
    except OSError as error:
        raise TrainingError(at(folder, f"it holds no training: {RECORD}: {reason(error)}")) from error
    except ValueError as error:
        raise TrainingError(at(path, str(error))) from error


def write_training(folder: Path, record: TrainingRecord) -> None:
    """Write `training.json`, whole or not at all. Raises OSError."""
    write_text(folder / RECORD, record.to_json())


def begun(folder: Path, plan: TrainingRecord, usual: Mapping[str, Any]) -> TrainingRecord:
    """The training of a folder as far as it is, or the plan where there is none; `usual`: options that an earlier version did not have.

    Raises:
        TrainingError: the folder holds something else, a training that is finished, or one that was begun otherwise.
    """
    if not (folder / RECORD).is_file():
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise TrainingError(at(folder, "it exists, and holds no training that could go on; choose another --out"))
        return plan
    found = read_training(folder)
    words = changed(replace(found, options={**usual, **found.options}), plan)
    if words:
        raise TrainingError(one_line(f"{place(folder)} was begun with {words}; give the same, or choose another --out"))
    if found.best is not None:
        raise TrainingError(at(folder, "the training in it is finished; choose another --out to train once more"))
    return found


def changed(before: TrainingRecord, now: TrainingRecord) -> str:
    """In words the first thing in which two trainings differ that must not; empty where there is none."""
    if before.network != now.network:
        return "another network"
    if option := first_change(before.options, now.options, but=PLACES):
        return option
    if other := difference(before.data.fingerprint, now.data.fingerprint):
        return f"other data ({other})"
    for name, words in ASKED.items():
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            return f"{words[0]} {words[1](old)}, now given {words[1](new)}"
    return ""


def joined(values: tuple[object, ...]) -> str:
    """Values in words."""
    return ",".join(map(str, values))[:60] or "none"


ASKED: dict[str, tuple[str, Callable[[Any], str]]] = {
    "seeds": ("seeds", joined),
    "freeze": ("--freeze", joined),
    "pretrained": ("--from weights of sha256", lambda value: value[:12] or "none"),
}
"""What is asked for besides options and data: a name for people, and how a value is written."""
