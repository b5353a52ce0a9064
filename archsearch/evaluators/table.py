"""Results that are looked up in a table instead of trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from archsearch.data.description import Description, file_digest
from archsearch.evaluators.base import Candidate, Report
from archsearch.spaces.catalogue import key_of
from archsearch.spaces.space import Choices
from archsearch.tables import Results, averaged, find_table, load_table, table_names
from archsearch.trial import FAILURE_KINDS, EvaluationError


@dataclass(frozen=True)
class Table:
    """Look results up in a table instead of training.

    `seconds`, where the table has them, are what training took.

    Args:
        data: A table that comes with archsearch, a file of `archsearch tabulate`, or NAS-Bench-201's arrays.
        columns: Metrics, each `auto` (all that the table names so) or a formula such as `error=1-val200_cifar10/100`.
        tests: Likewise those of the test part.
        beside: A file that lists the same networks, whose columns can be named too.
        mean: Of several seeds that a network was trained from, average all that succeeded; otherwise the trial's seed picks one.
        batch: Samples in a batch, for the analysis of training memory.
        optimizer: The optimiser, likewise.

    Raises:
        TableError: a file that is no table, or a column that it does not have (when it is first needed).
    """

    keeps_weights: ClassVar[bool] = False
    """Tests are looked up too, and need none."""
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
        metrics = self.metrics_of(candidate.choices, candidate.seed)
        limit = candidate.max_latency_ms
        if limit is not None and metrics.get("latency_ms", 0) > limit:
            words = f"one forward pass takes {metrics['latency_ms']:.3g} ms, the limit is {limit:g} ms"
            raise EvaluationError("rejected", words, {"latency_ms": metrics["latency_ms"]})
        row = self.row_of(candidate.choices)
        curves = {name: self._at(curve, row, candidate.seed) for name, curve in self.results().curves.items()}
        return {**metrics, **followed(curves, metrics, report)}

    def test(self, candidate: Candidate) -> dict[str, float]:
        """Metrics on the test part. Raises EvaluationError (rejected)."""
        return self.tests_of(candidate.choices, candidate.seed)

    def metrics_of(self, choices: Choices, seed: int) -> dict[str, float]:
        """Metrics of the network of these choices. Raises EvaluationError as `evaluate`."""
        found, row = self.results(), self.row_of(choices)
        if found.failures is not None:
            self._check_trained(found.failures[row], seed)
        return self._values(found.metrics, row, seed)

    def tests_of(self, choices: Choices, seed: int) -> dict[str, float]:
        """Metrics on the test part of the network of these choices. Raises EvaluationError (rejected)."""
        return self._values(self.results().tests, self.row_of(choices), seed)

    def setting(self) -> dict[str, object]:
        """Settings of the space that the table is of."""
        return dict(self.results().setting)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What `evaluate` finds."""
        return tuple(self.results().metrics)

    def describe(self) -> Description:
        """Which tables; of a file of your own, where it lies. Raises TableError."""
        paths = {option: find_table(name) for option, name in (("data", self.data), ("beside", self.beside)) if name}
        own = {option: str(path.resolve()) for option, path in paths.items() if getattr(self, option) not in table_names()}
        return Description(fingerprint={f"table ({option})": file_digest(path) for option, path in paths.items()}, places=own)

    def results(self) -> Results:
        """All that the table holds. Raises TableError."""
        return load_table(self.data, self.beside, self.columns, self.tests)

    def row_of(self, choices: Choices) -> int:
        """Row of these choices. Raises EvaluationError (rejected)."""
        row = self.results().rows.get(key_of(choices))
        if row is None:
            words = " ".join(f"{name}={value}" for name, value in choices.items())
            raise EvaluationError("rejected", f"table {self.data} does not hold the network of {words or 'no choices'}")
        return row

    def _check_trained(self, kinds: NDArray[Any], seed: int) -> None:
        kind = kinds[seed % len(kinds)]
        if kind and not (self.mean and "" in kinds):
            raise EvaluationError(kind if kind in FAILURE_KINDS else "crashed", f"so it ended when table {self.data} was made")

    def _at(self, array: NDArray[Any], row: int, seed: int) -> NDArray[Any]:
        """Of (rows, seeds, ..) what the seed picks, or the mean of all that were trained."""
        return averaged(array[row]) if self.mean else np.asarray(array[row, seed % array.shape[1]])

    def _values(self, metrics: Mapping[str, NDArray[Any]], row: int, seed: int) -> dict[str, float]:
        values = {name: float(self._at(array, row, seed)) for name, array in metrics.items()}
        for name, value in values.items():
            if not isfinite(value):
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
