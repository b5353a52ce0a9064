"""What an evaluation costs on each rung: an option of the evaluator, and its values from rung to rung."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import pairwise
from math import isfinite
from typing import Any, TypeVar

from archsearch.fidelity.asha import Asha, DelayedAsha
from archsearch.fidelity.base import Schedule
from archsearch.fidelity.halving import Halving
from archsearch.fidelity.hyperband import Hyperband
from archsearch.support.nearest import nearest
from archsearch.support.reading import NUMBER, TEXT, at_least, each
from archsearch.support.reading import fields as read_fields

SCHEDULES: Mapping[str, Callable[[int], Schedule]] = {"asha": Asha, "delayed_asha": DelayedAsha, "halving": Halving, "hyperband": Hyperband}
"""Name -> class; its argument is how many trials of a rung one is promoted of."""
MOST_RUNGS = 20
E = TypeVar("E")
FIELDS = {"option": TEXT, "values": each(NUMBER, least=2), "schedule": TEXT, "eta": at_least(2)}


class FidelityError(ValueError):
    """A fidelity that cannot be; one line."""


@dataclass(frozen=True)
class Fidelity:
    """Rungs: a numeric option of the evaluator, such as `epochs` or `fraction`, and its rising values.

    Raises:
        FidelityError: fewer than two values, values that do not rise, or an unknown schedule.
    """

    option: str
    values: tuple[float, ...]
    schedule: str = "asha"
    eta: int = 3

    def __post_init__(self) -> None:
        if not self.option.isidentifier():
            raise FidelityError(f"fidelity {self.option[:60]!r} must be NAME=VALUES, such as epochs=3,9,27")
        if not 2 <= len(self.values) <= MOST_RUNGS or not all(map(is_number, self.values)):
            raise FidelityError(f"fidelity {self.option} needs 2 to {MOST_RUNGS} numbers, such as epochs=3,9,27")
        if any(low >= high for low, high in pairwise(self.values)):
            raise FidelityError(f"fidelity {self}: values must rise from rung to rung")
        if self.schedule not in SCHEDULES:
            raise FidelityError(f"unknown schedule {self.schedule[:60]!r}; {nearest(self.schedule, sorted(SCHEDULES))}")
        if type(self.eta) is not int or self.eta < 2:
            raise FidelityError(f"eta={self.eta!r} must be a whole number of at least 2")

    @classmethod
    def parse(cls, text: str, schedule: str = "asha", eta: int = 3) -> Fidelity:
        """Read `NAME=VALUE,VALUE,...`. Raises FidelityError."""
        name, _, values = text.partition("=")
        try:
            return cls(name.strip(), tuple(number(part) for part in values.split(",")), schedule, eta)
        except FidelityError:
            raise
        except ValueError:
            raise FidelityError(f"fidelity {text[:60]!r} must be NAME=VALUES, such as epochs=3,9,27") from None

    @classmethod
    def from_dict(cls, data: Any) -> Fidelity:
        """Read what `to_dict` gave. Raises ValueError."""
        found = read_fields(data, FIELDS, "the fidelity")
        return cls(found["option"], tuple(found["values"]), found["schedule"], found["eta"])

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"option": self.option, "values": list(self.values), "schedule": self.schedule, "eta": self.eta}

    def __str__(self) -> str:
        return f"{self.option}={','.join(f'{value:g}' for value in self.values)}"

    @property
    def top(self) -> int:
        """The highest rung."""
        return len(self.values) - 1

    @property
    def costs(self) -> tuple[float, ...]:
        """About how long an evaluation on each rung takes, beside others; a longer training goes on where the shorter one ended."""
        below = (0.0, *self.values[:-1]) if self.option == "epochs" else (0.0,) * len(self.values)
        return tuple(value - before for value, before in zip(self.values, below, strict=True))

    def of(self, evaluator: E, rung: int) -> E:
        """The evaluator as it is on a rung. Raises FidelityError where it has no such option, or refuses the value."""
        return with_option(evaluator, self.option, self.values[rung])

    def check(self, evaluator: object) -> None:
        """Raise FidelityError unless the evaluator takes every value."""
        for rung in range(len(self.values)):
            self.of(evaluator, rung)


def with_option(evaluator: E, option: str, value: float) -> E:
    """A frozen evaluator with another value of a numeric option. Raises FidelityError."""
    known = [f.name for f in fields(evaluator) if f.init] if is_dataclass(evaluator) else []
    numeric = [name for name in known if type(getattr(evaluator, name)) in (int, float)]
    if option not in numeric:
        hint = nearest(option, sorted(numeric)) if numeric else "it has no numeric option"
        raise FidelityError(f"evaluator {type(evaluator).__name__} has no numeric option {option!r}; {hint}")
    try:
        return replace(evaluator, **{option: value})  # type: ignore[type-var]
    except (TypeError, ValueError) as error:
        raise FidelityError(f"fidelity {option}={value:g}: {error}") from error


def schedule_of(fidelity: Fidelity) -> Schedule:
    """The schedule that a fidelity names."""
    return SCHEDULES[fidelity.schedule](fidelity.eta)


def number(text: str) -> float:
    """A whole number where the text is one, else a float. Raises ValueError."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def is_number(value: object) -> bool:
    """Whether this is a finite number over 0."""
    return type(value) in (int, float) and isfinite(value) and value > 0  # type: ignore[arg-type, operator]
