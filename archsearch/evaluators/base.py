"""What every evaluator is: candidate in, metrics out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from archsearch.genotype import Genotype
from archsearch.space import Choices
from archsearch.trial import EvaluationError, Failure

Report = Callable[[int, dict[str, float]], bool]
"""Called with an epoch (from 0) and its metrics; true asks the evaluator to stop early."""


@dataclass(frozen=True)
class Candidate:
    """A network to be evaluated.

    `seed` decides weights and data order; trained weights go to the file `weights` (safetensors) when it is given; a network
    slower than `max_latency_ms` for one forward pass is to be rejected before it is trained. `choices` are those that led to it.
    """

    trial: int
    genotype: Genotype
    seed: int
    weights: Path | None = None
    max_latency_ms: float | None = None
    choices: Choices = field(default_factory=dict)


class Evaluator(Protocol):
    """Genotype -> metrics: a frozen dataclass whose fields are its options; it is sent to worker processes.

    A failure that the evaluator foresees is raised as `EvaluationError`; any other exception counts as a crash. It may say what is
    learnt from its data, `task`, and with `check(genotype)` raise `EvaluationError` for a network that does not fit them. With
    `keeps_weights = False` the front is tested although there are no trained weights.
    """

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        """Metrics of a candidate, `error` among them where there is one."""

    def test(self, candidate: Candidate) -> dict[str, float]:
        """The same metrics of the trained weights in `candidate.weights` on data that the search never saw; for the final front only."""

    def setting(self) -> dict[str, object]:
        """What the data ask of a network: `input` shape and number of `classes`."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what `evaluate` measures; `latency_ms` may be among them where a limit asks for it."""

    @property
    def batch(self) -> int:
        """Samples in a training batch, for the analysis of training memory."""

    @property
    def optimizer(self) -> str:
        """Optimiser as `analyse` names it, likewise."""


OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


ONE_VALUE = "Expected more than 1 value per channel when training"


def failure_of(error: BaseException) -> Failure:
    """The failure that an unforeseen exception of an evaluation stands for: out of memory, a norm with one value, or a crash."""
    text = " ".join(str(error).split())[:300]
    if ONE_VALUE in text:
        return Failure("rejected", "batch norm at 1x1 has one value for each channel, as a batch holds one image; give more images")
    if isinstance(error, MemoryError) or any(words in text.lower() for words in OUT_OF_MEMORY):
        return Failure("out_of_memory", text or "out of memory")
    return Failure("crashed", f"{type(error).__name__}: {text}")


@contextmanager
def foreseen() -> Iterator[None]:
    """Turn what torch says of a network, or of memory, into an EvaluationError; errors of archsearch's own pass."""
    try:
        yield
    except (MemoryError, RuntimeError, ValueError) as error:
        if type(error).__module__.startswith("archsearch."):
            raise
        failure = failure_of(error)
        raise EvaluationError(failure.kind, failure.message) from error
