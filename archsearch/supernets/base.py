"""What every supernet search is: it trains one network that holds the space, and yields networks of the space with their metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from archsearch.analysis import Budget
from archsearch.evaluators.base import Evaluator
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.space import Choices
from archsearch.trial import EvaluationError, Failure


class SupernetError(ValueError):
    """A space, an evaluator or an option that a supernet search cannot go with; one line that says why and what to do."""


class Point(NamedTuple):
    """A network that a supernet search came to: full choices, what was measured, how it went there.

    `save` writes its weights (safetensors, as they belong to the canonical genotype of the choices); after a failure there are none.
    """

    number: int
    choices: Choices
    metrics: dict[str, float]
    curve: tuple[dict[str, float], ...]
    save: Callable[[Path], None] | None
    failure: Failure | None = None


def failed(number: int, choices: Choices, error: EvaluationError) -> Point:
    """The last point of a search that cannot go on, because it diverged or ran out of memory."""
    return Point(number, choices, {}, (), None, error.failure)


@dataclass(frozen=True)
class Setting:
    """What a supernet search is about.

    `catalogue`: the space and the known costs of its networks; `evaluator` holds data and options of training; `checkpoint`: the file from
    which the search goes on when it was stopped; `max_latency_ms` as in `evaluators.base.Candidate`, `latencies` as there, by the
    fingerprint of a canonical network; `watch` is called after every epoch
    with how many are done of those before the next point, and how many these are.
    """

    catalogue: Catalogue
    evaluator: Evaluator
    budget: Budget
    seed: int
    checkpoint: Path
    max_latency_ms: float | None = None
    watch: Callable[[int, int], None] | None = None
    latencies: Callable[[str], Mapping[str, Mapping[str, float]]] = field(default=lambda fingerprint: {})


@runtime_checkable
class SupernetSearch(Protocol):
    """A search that trains: a dataclass whose fields are its options. It never records or prints."""

    def run(self, setting: Setting) -> Iterator[Point]:
        """Train, and yield networks as they come out; those over the budget may be among them.

        With equal settings the points are equal, bit for bit on one CPU thread. A run that was stopped goes on from its checkpoint: it may
        begin with points that it has yielded before, but leaves out none that it has not.

        Raises:
            SupernetError: a space or evaluator that it cannot go with.
        """
