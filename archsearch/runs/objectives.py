"""What can be an objective of a search."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.analysis import COSTS, PREDICTED, Device
from archsearch.evaluators.base import Evaluator, said
from archsearch.runs.proposal import SearchError
from archsearch.support.nearest import nearest
from archsearch.trial import Objective


def check_objectives(objectives: Sequence[Objective], evaluator: Evaluator, device: Device | None = None) -> None:
    """Raise SearchError when there is no objective, one that nobody computes or measures, or one measured on the test part."""
    if device is not None and not isinstance(device, Device):
        raise SearchError(f"latency_device={str(device)[:60]!r} is no Device; read a file with archsearch.analysis.read_device(path)")
    if said(evaluator, "sees_test"):
        raise SearchError("this evaluator measures on the test part, which a search must not see; leave its option final out")
    if not objectives:
        raise SearchError("a search needs at least one objective, such as error")
    known = [*COSTS, *([] if device is None else [PREDICTED]), *said(evaluator, "metrics")]
    for place, objective in enumerate(objectives):
        if objective.metric not in known:
            raise SearchError(f"objective {objective.metric!r} is not measured; {instead(objective.metric, known)}")
        if objective.metric in [other.metric for other in objectives[:place]]:
            raise SearchError(f"objective {objective.metric!r} is given twice; give each metric once")


OTHER_WORDS = {"accuracy": "error", "acc": "error", "top1": "error", "flops": "macs", "size": "params", "parameters": "params"}
"""What people say -> the metric that is smallest where that is best."""


def instead(metric: str, known: Sequence[str]) -> str:
    """What to write for an objective that is not measured."""
    meant = OTHER_WORDS.get(metric.lower())
    if meant not in known:
        return nearest(metric, known)
    why = " (error = 1 - accuracy)" if meant == "error" else " (flops = 2 x macs)" if meant == "macs" else ""
    return f"give {meant}, which is minimised{why}"
