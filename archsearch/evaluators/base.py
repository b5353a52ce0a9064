"""What every evaluator is: candidate in, metrics out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from archsearch.analysis import OPTIMIZERS
from archsearch.network.genotype import Genotype
from archsearch.spaces.space import Choices

Report = Callable[[int, dict[str, float]], bool]
"""Called with an epoch (from 0) and its metrics; true asks the evaluator to stop early."""

INHERITED = "inherited"
"""The metric that says which share of its weights a network took over from a similar one when it began."""


@dataclass(frozen=True)
class Rung:
    """Where a candidate stands in a search of several fidelities: the evaluator that judges it has `value` for its `option`.

    `start` are the weights that it was left with on the rung below, where the option was `before`; None where it begins with fresh ones.
    On the `top` rung results count; on others they say who climbs. `inherited` is the share of its weights that a similar network left it
    when it began.
    """

    option: str
    value: float
    before: float = 0.0
    start: Path | None = None
    top: bool = True
    inherited: float = 0.0

    @property
    def done(self) -> int:
        """Epochs that its weights have behind them, where the rungs are epochs."""
        return int(self.before) if self.option == "epochs" and self.start is not None else 0


@dataclass(frozen=True)
class Parent:
    """A network that was trained before, and the file of its weights, from which a similar one may begin."""

    genotype: Genotype
    weights: Path


@dataclass(frozen=True)
class Candidate:
    """A network to be evaluated.

    `seed` decides weights and data order; trained weights go to the file `weights` (safetensors) when it is given; a network
    slower than `max_latency_ms` for one forward pass is to be rejected before it is trained. `choices` are those that led to it. On a
    `rung` an evaluator may go on from the weights of the one below; one that does not trains anew. It
    may begin with weights of a `parent`. `proxies` are those that are asked for where it is only to be foretold. `latencies`: what was
    measured of its latency before in this run, by place (`times_on`), so that it need not be measured again there.
    """

    trial: int
    genotype: Genotype
    seed: int
    weights: Path | None = None
    max_latency_ms: float | None = None
    choices: Choices = field(default_factory=dict)
    rung: Rung | None = None
    parent: Parent | None = None
    proxies: tuple[str, ...] = ()
    latencies: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def checkpoint(self) -> Path | None:
        """Where a long training may keep its place between two epochs, beside the weights; None where they are not kept."""
        return None if self.weights is None else checkpoint_of(self.weights)


def retrained_of(weights: Path) -> Path:
    """Where a network that began with the weights of another is kept when it was trained from scratch, until its test is recorded."""
    return weights.with_suffix(".retrained.safetensors")


def checkpoint_of(weights: Path) -> Path:
    """Where the training that makes a file of weights keeps its place."""
    return weights.with_suffix(".checkpoint.safetensors")


class Evaluator(Protocol):
    """Genotype -> metrics: a frozen dataclass whose fields are its options; it is sent to worker processes.

    A failure that the evaluator foresees is raised as `EvaluationError`; any other exception counts as a crash. All but `evaluate` may be
    left out: `said` gives what holds then.

    - `test(candidate)`: the same metrics of the trained weights in `candidate.weights` on data that the search never saw, for the final
      front only; without it the front is not tested. With `keeps_weights = False` it is, although there are no trained weights.
    - `metrics`: names of what `evaluate` measures; `latency_ms` may be among them where a limit asks for it.
    - `needs_input`: whether networks that give the same answer to every input are not worth its while; they are then never proposed.
    - `batch`, `optimizer`: samples in a training batch and optimiser as `analyse` names it, for the analysis of training memory.
    - `foretell(candidate)`: values of the zero-cost proxies `candidate.proxies`, without training; `inherits`: whether it begins with the
      weights of `candidate.parent` where there is one.
    - `usual(trials)`: the evaluator as a search of so many trials uses it when nobody says how long it trains, and its values of `epochs`
      rung by rung, none where there is one rung.
    - `free_bytes()`: what is free of the memory of a device that workers share, None where each has its own; `needs_bytes(genotype)`: how
      much of it an evaluation takes at most.
    - `times_on()`: where latency is measured, in words: engine, images at once, machine, threads; then it is measured there once in a run.
    - `setting()`: what the data ask of a network, such as `input` shape and number of `classes`; `task`: what is learnt from them.
    - `check(genotype)` raises `EvaluationError` for a network that does not fit the data; `describe()` gives their `Description`;
      `remarks()` lines that are said when a search starts.
    """

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        """Metrics of a candidate, `error` among them where there is one."""


class EvaluatorError(ValueError):
    """An evaluator that is not what the protocol asks for; one line that names class and attribute."""


class Said(NamedTuple):
    """An attribute that an evaluator may have: what holds without it, what it may be, and that in words."""

    default: Any
    fits: Callable[[Any], bool]
    words: str


def is_names(value: object) -> bool:
    """Whether this is a tuple of one text or more."""
    return isinstance(value, tuple) and bool(value) and all(isinstance(name, str) and name for name in value)


SAID = {
    "metrics": Said(("error",), is_names, 'a tuple of names, such as ("error",)'),
    "batch": Said(1, lambda value: type(value) is int and value >= 1, "a whole number of at least 1"),
    "optimizer": Said("sgd", lambda value: isinstance(value, str) and value in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
    "task": Said("", lambda value: isinstance(value, str), "a text"),
    "keeps_weights": Said(True, lambda value: type(value) is bool, "true or false"),
    "inherits": Said(False, lambda value: type(value) is bool, "true or false"),
    "needs_input": Said(False, lambda value: type(value) is bool, "true or false"),
    "sees_test": Said(False, lambda value: type(value) is bool, "true or false"),
}
"""What an evaluator says of itself in attributes or properties."""

PLACE = 200
"""Letters of the words for where latency is measured."""
TAKEN = {
    "evaluate": "candidate, report", "test": "candidate", "foretell": "candidate", "check": "genotype", "setting": "", "describe": "",
    "remarks": "", "usual": "trials", "free_bytes": "", "needs_bytes": "genotype", "times_on": "",
}  # fmt: skip
"""Methods of an evaluator, and what each is called with."""


def said(evaluator: object, name: str) -> Any:
    """What an evaluator says by one of `SAID`, or the default. Raises EvaluatorError for what it may not be."""
    default, fits, words = SAID[name]
    if not has(evaluator, name):
        return default
    with told(evaluator, name):
        value = getattr(evaluator, name)
    if not fits(value):
        raise EvaluatorError(f"{class_of(evaluator)}.{name} is {shortened(value)}; it must be {words}")
    return value


def setting_of(evaluator: object) -> dict[str, Any]:
    """What its data ask of a network, by name; nothing where it does not say. Raises EvaluatorError, or what loading the data raises."""
    if not has(evaluator, "setting"):
        return {}
    judge: Any = evaluator
    with told(evaluator, "setting"):
        found = judge.setting()
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise EvaluatorError(
            f"{class_of(evaluator)}.setting() gave {shortened(found)}; it must give values by name, such as {{'classes': 10}}"
        )
    return dict(found)


def remarks_of(evaluator: object) -> list[str]:
    """Lines that are said when a search starts; none where it has none. Raises EvaluatorError."""
    if not has(evaluator, "remarks"):
        return []
    judge: Any = evaluator
    with told(evaluator, "remarks"):
        found = judge.remarks()
    if not isinstance(found, Iterable) or isinstance(found, str):
        raise EvaluatorError(f"{class_of(evaluator)}.remarks() gave {shortened(found)}; it must give lines")
    return [str(line) for line in found]


def free_of(evaluator: object) -> int | None:
    """Bytes that are free on a device that workers share; None where they share none. Raises EvaluatorError."""
    if not has(evaluator, "free_bytes"):
        return None
    judge: Any = evaluator
    with told(evaluator, "free_bytes"):
        found = judge.free_bytes()
    return None if found is None else counted(found, evaluator, "free_bytes")


def needs_of(evaluator: object, genotype: Genotype) -> int:
    """Bytes that an evaluation of a network takes on a device that workers share, 0 where nobody says. Raises EvaluatorError."""
    if not has(evaluator, "needs_bytes"):
        return 0
    judge: Any = evaluator
    with told(evaluator, "needs_bytes"):
        found = judge.needs_bytes(genotype)
    return counted(found, evaluator, "needs_bytes")


def place_of(evaluator: object) -> str:
    """Where latency is measured, in words; empty where nobody says. Raises EvaluatorError."""
    if not has(evaluator, "times_on"):
        return ""
    judge: Any = evaluator
    with told(evaluator, "times_on"):
        found = judge.times_on()
    if not isinstance(found, str) or len(found) > PLACE or not found.isprintable():
        raise EvaluatorError(f"{class_of(evaluator)}.times_on gave {shortened(found)}; it must be one line of at most {PLACE} letters")
    return found


def counted(found: object, evaluator: object, name: str) -> int:
    """What a method gave, which must be bytes. Raises EvaluatorError."""
    if not isinstance(found, int) or found < 0:
        raise EvaluatorError(f"{class_of(evaluator)}.{name} gave {shortened(found)}; it must be a number of bytes")
    return found


def has(evaluator: object, name: str) -> bool:
    """Whether an evaluator has this attribute, and not as None; a property counts, whatever it raises."""
    found = inspect.getattr_static(evaluator, name, MISSING)
    return found is not None and (found is not MISSING or hasattr(evaluator, name))


def check_evaluator(evaluator: object) -> None:
    """Raise EvaluatorError, one line that names class and attribute, for an object that is no evaluator."""
    if isinstance(evaluator, type):
        raise EvaluatorError(f"the evaluator is the class {evaluator.__qualname__}; give an object, {evaluator.__qualname__}()")
    if not has(evaluator, "evaluate"):
        raise EvaluatorError(f"{class_of(evaluator)} has no method evaluate(self, candidate, report), so it is no evaluator")
    check_options(evaluator)
    for name, taken in TAKEN.items():
        if has(evaluator, name):
            check_method(evaluator, name, taken)
    for name in SAID:
        said(evaluator, name)


def check_options(evaluator: object) -> None:
    """Raise EvaluatorError when options are no fields, so that a run could not record them."""
    maker = type(evaluator)
    if not is_dataclass(maker) and inspect.signature(maker).parameters:
        raise EvaluatorError(f"{class_of(evaluator)} takes options that no run can record; make it a dataclass: @dataclass(frozen=True)")


def check_method(evaluator: object, name: str, taken: str) -> None:
    """Raise EvaluatorError unless this is a method that takes so many arguments."""
    method = getattr(evaluator, name)
    if not callable(method):
        raise EvaluatorError(f"{class_of(evaluator)}.{name} is {shortened(method)}; it must be a method")
    given = [part for part in taken.split(", ") if part]
    try:
        inspect.signature(method).bind(*given)
    except ValueError:
        return  # made by a compiler, which does not say what it takes
    except TypeError:
        right = ", ".join(["self", *given])
        raise EvaluatorError(f"{class_of(evaluator)}.{name} takes other arguments; it must be {name}({right})") from None


@contextmanager
def told(evaluator: object, name: str) -> Iterator[None]:
    """Say class and attribute of whatever a user's evaluator raises; errors of archsearch's own pass."""
    try:
        yield
    except Exception as error:
        if any(part.__module__.startswith("archsearch.") for part in (type(evaluator), type(error))):
            raise
        text = " ".join(str(error).split())[:160]
        raise EvaluatorError(f"{class_of(evaluator)}.{name} raised {type(error).__name__}: {text}") from error


def class_of(evaluator: object) -> str:
    """Name of an evaluator's class, as messages give it."""
    return type(evaluator).__qualname__[-60:]


def shortened(value: object) -> str:
    """A value as messages give it."""
    return " ".join(repr(value).split())[:60]
