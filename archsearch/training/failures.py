"""What may go wrong in a training, as failures of a trial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from archsearch.trial import EvaluationError, Failure

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
ONE_VALUE = "Expected more than 1 value per channel when training"


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or is of another training; one line that says what to do."""


def failure_of(error: BaseException) -> Failure:
    """The failure that an unforeseen exception of an evaluation stands for: out of memory, a norm with one value, or a crash."""
    text = " ".join(words_of(error).split())[:300]
    if ONE_VALUE in text:
        return Failure("rejected", "batch norm at 1x1 has one value for each channel, as a batch holds one image; give more images")
    if is_out_of_memory(error):
        return Failure("out_of_memory", text or "out of memory")
    return Failure("crashed", f"{type(error).__name__}: {text}")


def words_of(error: BaseException) -> str:
    """What an exception says; one of the user's own may fail even at that."""
    try:
        return str(error)
    except Exception as another:  # whatever that is
        return f"it cannot say what is wrong ({type(another).__name__})"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that there is not enough memory."""
    return isinstance(error, MemoryError) or any(words in words_of(error).lower() for words in OUT_OF_MEMORY)


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
