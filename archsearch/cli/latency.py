"""What latency is predicted for in a search."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from archsearch.analysis import LATENCY, Budget, Device
from archsearch.analysis.latency import DeviceError, read_device
from archsearch.cli.console import remark
from archsearch.cli.progress import progress_bar
from archsearch.evaluators.base import Evaluator, said
from archsearch.trial import Objective


def device_of(text: str, evaluator: Evaluator, objectives: Sequence[Objective], budget: Budget, workers: int, quiet: bool) -> Device | None:
    """The device of the option `--latency-device`: that of a file, or `auto`, this machine where latency counts and torch measures it here.

    Raises:
        DeviceError: a file that cannot be read.
    """
    if text == "none":
        return None
    if text != "auto":
        return read_device(Path(text))
    counts = budget.latency_ms is not None or any(objective.metric == LATENCY for objective in objectives)
    where = getattr(evaluator, "device", None)
    if getattr(evaluator, "engine", "torch") != "torch":
        return None
    if not counts or LATENCY not in said(evaluator, "metrics") or where not in ("cpu", "cuda"):
        return None
    return here(where, workers, quiet)


def here(on: str, workers: int, quiet: bool) -> Device | None:
    """This machine as it was measured before, or is now; None where that comes to nothing, which is said."""
    from archsearch.training.this_machine import this_machine  # imports torch: only where a machine is looked at

    try:
        with progress_bar(quiet or not sys.stderr.isatty(), lambda _: "single ops") as update:
            return this_machine(1 if workers or on == "cuda" else None, on, update, remark)
    except DeviceError as error:
        remark(f"latency    not predicted: {error}")
        return None
