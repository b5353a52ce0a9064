"""Trials of before, such as those of another tool, that a strategy hears of when a search begins."""

from __future__ import annotations

from collections.abc import Sequence

from archsearch.analysis import COSTS, PREDICTED
from archsearch.runs.proposal import Proposer, SearchError
from archsearch.runs.record import Warm
from archsearch.trial import Objective, Trial

MOST_WARM = 20_000
FIRST_WARM = 10**9
"""Numbers of such trials begin here, above those of any run."""
KNOWN = (*COSTS, PREDICTED)
"""What is worked out anew."""


def warm_of(trials: Sequence[Trial], objectives: Sequence[Objective]) -> tuple[Warm, ...]:
    """What a run keeps of trials of before; failures are no help. Raises SearchError for too many, or none with all objectives."""
    if not trials:
        return ()
    if len(trials) > MOST_WARM:
        raise SearchError(f"{len(trials):,} trials to begin with are more than the {MOST_WARM:,} that a run keeps; give the best of them")
    goals = [objective.metric for objective in objectives if objective.metric not in KNOWN]
    found = tuple(Warm(trial.choices, trial.metrics) for trial in trials if trial.ok and all(goal in trial.metrics for goal in goals))
    if not found:
        raise SearchError(f"none of the {len(trials):,} trials to begin with has a result with {', '.join(goals)}")
    return found


def warm_up(proposer: Proposer, warm: Sequence[Warm], rung: int) -> None:
    """Tell the strategy of trials of before, as of the top rung; what the space or an objective does not know is passed over."""
    problem = proposer.problem
    for place, (choices, known) in enumerate(warm):
        entry = problem.catalogue.find(choices)
        if entry is None or entry.choices != choices:
            continue
        metrics = {**known, **entry.costs}
        if any(objective.metric not in metrics for objective in problem.objectives):
            continue  # one that the run was extended by
        values = tuple(float(objective.value(metrics)) for objective in problem.objectives)
        proposer.strategy.tell(Trial(FIRST_WARM + place, entry.choices, entry.fingerprint, metrics, values, rung=rung))
