"""Results that are looked up in a table instead of trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.catalogue import key_of
from archsearch.evaluators.base import Candidate, Report
from archsearch.tables import Results, load_table
from archsearch.trial import FAILURE_KINDS, EvaluationError


@dataclass(frozen=True)
class Table:
    """Look results up in `data`: a table that comes with archsearch, a file of `archsearch tabulate`, or NAS-Bench-201's arrays.

    `columns` are the metrics, each `auto` (all that the table names so) or a formula such as `error=1-val200_cifar10/100`; `tests`
    likewise those of the test part; columns of the file `beside`, which lists the same networks, can be named too. Of several seeds
    that a network was trained from, the trial's seed picks one, or all are averaged with `mean`. `seconds`, where the table has them,
    are what training took. `batch` and `optimizer` are for the analysis of training memory.

    Raises:
        TableError: a file that is no table, or a column that it does not have (when it is first needed).
    """

    data: str = "small_cell-digits"
    columns: tuple[str, ...] = ("auto",)
    tests: tuple[str, ...] = ("auto",)
    beside: str = ""
    mean: bool = False
    batch: int = 1
    optimizer: str = "sgd"

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        """Metrics of the candidate's choices; before that its learning curve is reported, where the table has one.

        Raises:
            EvaluationError: rejected, when the network is not in the table or slower than the limit; else as its training failed.
        """
        found, row = self.results(), self.row_of(candidate)
        self._check_trained(found, row, candidate)
        metrics = self._values(found.metrics, row, candidate)
        limit = candidate.max_latency_ms
        if limit is not None and metrics.get("latency_ms", 0) > limit:
            raise EvaluationError("rejected", f"one forward pass takes {metrics['latency_ms']:.3g} ms, the limit is {limit:g} ms")
        curves = {name: self._at(curve, row, candidate) for name, curve in found.curves.items()}
        return {**metrics, **followed(curves, metrics, report)}

    def test(self, candidate: Candidate) -> dict[str, float]:
        """Metrics on the test part. Raises EvaluationError (rejected)."""
        return self._values(self.results().tests, self.row_of(candidate), candidate)

    def setting(self) -> dict[str, object]:
        """Settings of the space that the table is of."""
        return dict(self.results().setting)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What `evaluate` finds."""
        return tuple(self.results().metrics)

    def results(self) -> Results:
        """All that the table holds. Raises TableError."""
        return load_table(self.data, self.beside, self.columns, self.tests)

    def row_of(self, candidate: Candidate) -> int:
        """Row of the candidate's choices. Raises EvaluationError (rejected)."""
        row = self.results().rows.get(key_of(candidate.choices))
        if row is None:
            words = " ".join(f"{name}={value}" for name, value in candidate.choices.items())
            raise EvaluationError("rejected", f"table {self.data} does not hold the network of {words or 'no choices'}")
        return row

    def _check_trained(self, found: Results, row: int, candidate: Candidate) -> None:
        if found.failures is None:
            return
        kinds = found.failures[row]
        for kind in kinds if self.mean else [kinds[candidate.seed % len(kinds)]]:
            if kind:
                raise EvaluationError(kind if kind in FAILURE_KINDS else "crashed", f"so it ended when table {self.data} was made")

    def _at(self, array: NDArray[Any], row: int, candidate: Candidate) -> NDArray[Any]:
        """Of (rows, seeds, ..) what the candidate's seed picks, or the mean of all seeds."""
        return np.asarray(array[row].mean(axis=0) if self.mean else array[row, candidate.seed % array.shape[1]])

    def _values(self, metrics: Mapping[str, NDArray[Any]], row: int, candidate: Candidate) -> dict[str, float]:
        values = {name: float(self._at(array, row, candidate)) for name, array in metrics.items()}
        for name, value in values.items():
            if not np.isfinite(value):
                raise EvaluationError("rejected", f"table {self.data} has no {name} of this network")
        return values


def followed(curves: Mapping[str, NDArray[Any]], metrics: Mapping[str, float], report: Report) -> dict[str, float]:
    """Report the curves epoch by epoch; what the metrics are instead when the report asks to stop early."""
    steps = np.stack(list(curves.values()), axis=1) if curves else np.empty((0, 0))
    steps = steps[np.isfinite(steps).all(axis=1)]
    for epoch, values in enumerate(steps.tolist()):
        step = dict(zip(curves, values, strict=True))
        if report(epoch, step):
            spent = {"seconds": metrics["seconds"] * (epoch + 1) / len(steps)} if "seconds" in metrics else {}
            return {**{name: value for name, value in step.items() if name in metrics}, **spent}
    return {}
