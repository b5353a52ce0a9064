"""How worker processes end."""

from __future__ import annotations

import signal

from archsearch.trial import Failure, FailureKind

FROM_OUTSIDE = ("SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGTERM")
"""What ends a worker that may have done nothing wrong: what it was at is tried once more."""


def from_outside(exitcode: int | None) -> bool:
    """Whether a process was ended by something else, as far as one can tell."""
    return exitcode is not None and exitcode < 0 and signal_name(-exitcode) in FROM_OUTSIDE


def died(exitcode: int | None) -> Failure:
    """The failure of a worker that is gone."""
    kind: FailureKind = "crashed"
    if exitcode is None or exitcode >= 0:
        return Failure(kind, f"the worker process ended with exit code {exitcode}")
    name = signal_name(-exitcode)
    hint = "; the system kills so when memory runs out" if name == "SIGKILL" else ""
    return Failure(kind, f"the worker process was ended by {name}{hint}")


def signal_name(number: int) -> str:
    """Name of a signal; the real-time signals, and those of other systems, have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
