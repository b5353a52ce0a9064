"""What an evaluator says of its task and its data: kept with a run, so that the run is read, exported and gone on with safely."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from archsearch.support.reading import NUMBER, TEXT, Kind, at_least, each, fields, named

Mark = int | str
"""A number, such as one of images; or a digest."""
SHOWN = 3
"""Differences that one line names."""


MARK = Kind("a text or a whole number", lambda value: TEXT.fits(value) or type(value) is int)
FIELDS = {
    "task": TEXT,
    "input": each(at_least(1, 2**31)),
    "classes": each(TEXT),
    **dict.fromkeys(("mean", "std"), each(NUMBER)),
    "fingerprint": named(MARK),
    "places": named(TEXT),
    "notes": each(TEXT),
}
"""What a description holds, read from JSON."""


@dataclass(frozen=True)
class Description:
    """What belongs to a trained network and is not in its weights, and what tells these data from others.

    `task` and the names of `classes`; the `input` (C, H, W) of a network; `mean` and `std` of every channel of pixels in [0, 1], by which
    images are normalised. `fingerprint`: counts and digests by name, equal for equal data alone. `places`: options of the
    evaluator that are paths, with these made absolute. `notes`: in words how the data were read, what was done to them and left out.

    Raises:
        ValueError: means and stds that do not fit each other, or are no finite numbers.
    """

    task: str = ""
    input: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    fingerprint: Mapping[str, Mark] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std):
            raise ValueError(f"{len(self.mean)} means and {len(self.std)} stds; give one of each for every channel")
        if not all(math.isfinite(value) for value in (*self.mean, *self.std)) or min(self.std, default=1) <= 0:
            raise ValueError("means and stds must be finite numbers, every std over 0")

    def preprocessing(self) -> dict[str, list[float] | list[str]]:
        """What goes before the network and after it, as `export_network` takes it."""
        return {"mean": list(self.mean), "std": list(self.std), "classes": list(self.classes)}

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, data: object) -> Description:
        """Read what `to_dict` gave, here or in an earlier version, which had no notes. Raises ValueError, one line."""
        data = fields(data, FIELDS, "the description", may_lack=("notes",))
        read: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
        return cls(**read)


def plain(value: Any) -> Any:
    """A value of a description as JSON has it."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


@runtime_checkable
class Describing(Protocol):
    """An evaluator that knows its data."""

    def describe(self) -> Description:
        """Task and data, read once. Raises ValueError when the data cannot be loaded."""


def description_of(evaluator: object) -> Description:
    """What an evaluator says of itself; of one that says nothing, what its option `data` names.

    Raises:
        ValueError: the data cannot be loaded, or `describe` gives something else.
    """
    if not isinstance(evaluator, Describing):
        return marked(getattr(evaluator, "data", None))
    try:
        found = evaluator.describe()
    except ValueError:
        raise
    except Exception as error:  # a user's evaluator may raise anything
        text = " ".join(str(error).split())[:160]
        raise ValueError(f"{type(evaluator).__name__}.describe raised {type(error).__name__}: {text}") from error
    if not isinstance(found, Description):
        raise ValueError(f"{type(evaluator).__name__}.describe() gave {type(found).__name__}; it must give a Description")  # noqa: TRY004
    return found


def marked(data: object) -> Description:
    """The description of data of which nothing is known but where they lie."""
    if not isinstance(data, str | Path) or not Path(data).exists() or not str(data):
        return Description()
    path = Path(data)
    return Description(fingerprint=marks_of(path), places={"data": str(path.resolve())})


def marks_of(path: Path) -> dict[str, Mark]:
    """The digest of a file; of a folder how many files it holds, and a digest of their names and sizes."""
    if path.is_file():
        return {"content": file_digest(path)}
    inside = sorted((str(one.relative_to(path)), one.stat().st_size) for one in path.rglob("*") if one.is_file())
    return {"files": len(inside), "names and sizes": hashlib.sha256(repr(inside).encode()).hexdigest()}


def file_digest(path: Path) -> str:
    """sha256 of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def difference(before: Mapping[str, Mark], now: Mapping[str, Mark]) -> str:
    """In what two fingerprints differ, in words; empty when they are equal."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    words = [contrast(name, before.get(name), now.get(name)) for name in names[:SHOWN]]
    return ", ".join(words)


def contrast(name: str, before: Mark | None, now: Mark | None) -> str:
    """How a mark differs: numbers are named, digests are not."""
    if isinstance(before, int) and isinstance(now, int):
        return f"{name[:40]} {now}, before {before}"
    return f"other {name[:40]}" if before is not None and now is not None else f"{name[:40]} {'new' if before is None else 'missing'}"
