"""The executors by name."""

from __future__ import annotations

from archsearch.evaluators.base import Evaluator
from archsearch.runs.executor import Executor, ExecutorError, Inline
from archsearch.runs.processes import Processes
from archsearch.runs.record import Record
from archsearch.support.parts import own_files


def start_executor(record: Record, evaluator: Evaluator) -> Executor:
    """The executor that a run asks for. Raises ExecutorError where Ray is not installed."""
    if record.workers == 0:
        return Inline(evaluator)
    marks = None if record.description is None else record.description.fingerprint
    files = own_files(record.space, record.evaluator)
    if record.placement.executor == "processes":
        return Processes(evaluator, record.workers, record.timeout_s, files, marks)
    try:
        from archsearch.runs.cluster import Cluster  # imports Ray: only where it is asked for
    except ModuleNotFoundError as error:
        raise ExecutorError('executor ray needs Ray; install it with: pip install "archsearch[ray]"') from error
    places = {} if record.description is None else record.description.places
    return Cluster(evaluator, record.workers, record.timeout_s, files, marks, placement=record.placement, places=places)
