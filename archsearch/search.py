"""The loop: replay, ask, check, evaluate, record, tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from archsearch.analysis import COSTS, Budget
from archsearch.evaluators import EVALUATORS
from archsearch.evaluators.base import Candidate, Evaluator
from archsearch.executor import Executor, Inline, Outcome, Processes
from archsearch.genotype import Genotype
from archsearch.ops.base import nearest
from archsearch.pareto import dominates
from archsearch.proposal import Proposal, Proposer, Refused, SearchError
from archsearch.record import Record, name_of, options_of, space_digest, versions
from archsearch.space import Choices, Space, find_space, space_names
from archsearch.store import Run, Store, open_run
from archsearch.strategies import STRATEGIES, Strategy
from archsearch.trial import Objective, Trial


@dataclass(frozen=True)
class Progress:
    """Where a run stands: at its beginning, and after every trial that is recorded."""

    done: int
    trials: int
    best: tuple[float, ...] | None
    front: int
    refused: int
    failed: int


def search(
    space: Space,
    strategy: Strategy,
    evaluator: Evaluator,
    *,
    objectives: Sequence[str | Objective] = ("error", "macs"),
    budget: Budget | None = None,
    trials: int = 100,
    seed: int = 0,
    out: str | PathLike[str],
    workers: int = 1,
    timeout_s: float | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Search a space and record every trial in the folder `out`; at the end the front is tested on data that the search never saw.

    Args:
        space: What `load_space` gives.
        strategy: One of archsearch.strategies, or any object with ask and tell.
        evaluator: Genotype -> metrics; `error` among them, as a fraction.
        objectives: Metrics to minimise (`max:NAME` to maximise): what the evaluator measures, params, macs, memory, training_memory.
        budget: Hard limits; what is over never reaches the evaluator.
        trials: Networks to evaluate; equal ones (isomorphic genotypes) are evaluated once.
        seed: Trial k draws from `default_rng([seed, k])`; with the same seed and number of workers a run repeats exactly.
        out: A folder that does not exist yet, or is empty.
        workers: Processes that evaluate side by side; 0 evaluates in this process.
        timeout_s: Limit for one evaluation in seconds.
        progress: Called at the beginning and after every trial.

    Raises:
        SearchError: no network of the space fits the budget, or an objective is never measured.
        StoreError: `out` exists or cannot be written.
    """
    if trials < 1 or workers < 0 or seed < 0:
        raise SearchError(f"trials={trials} must be at least 1, workers={workers} and seed={seed} at least 0")
    wanted = tuple(o if isinstance(o, Objective) else Objective.parse(o) for o in objectives)
    check_objectives(wanted, evaluator)
    parts = identity(space, strategy, evaluator)
    record = Record(
        **parts, objectives=wanted, budget=budget or Budget(), trials=trials, seed=seed, workers=workers,
        lookahead=lookahead(workers), timeout_s=timeout_s, versions=versions(),
    )  # fmt: skip
    return go(Store.create(Path(out), record), record, space, strategy, evaluator, progress)


def check_objectives(objectives: Sequence[Objective], evaluator: Evaluator) -> None:
    """Raise SearchError when there is no objective, or one that nobody computes or measures."""
    if not objectives:
        raise SearchError("a search needs at least one objective, such as error")
    known = [*COSTS, *evaluator.metrics]
    for objective in objectives:
        if objective.metric not in known:
            raise SearchError(f"objective {objective.metric!r} is not measured; {nearest(objective.metric, known)}")


def identity(space: Space, strategy: Strategy, evaluator: Evaluator) -> dict[str, Any]:
    """What must stay the same from the beginning of a run to its end: fields of its record."""
    return {
        "space": space.source,
        "settings": space.settings,
        "space_sha256": space_digest(space.source),
        "strategy": name_of(strategy, STRATEGIES),
        "strategy_options": options_of(strategy),
        "evaluator": name_of(evaluator, EVALUATORS),
        "evaluator_options": options_of(evaluator),
    }


def lookahead(workers: int) -> int:
    """How many trials may be under way at once: one with one worker, so that each proposal knows all trials before it.

    With more workers enough are ahead that none waits for long. Which trials a proposal knows depends on its number
    alone, never on timing: that is why a run repeats with any number of workers.
    """
    return 1 if workers <= 1 else 2 * workers


def resume(
    out: str | PathLike[str],
    space: Space,
    strategy: Strategy,
    evaluator: Evaluator,
    *,
    trials: int | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Go on with the run in `out` as if it had never stopped, with the same space, strategy (fresh) and evaluator.

    `trials` may be raised; `workers` changes how many evaluate at once, not what is proposed.

    Raises:
        SearchError: space, strategy or evaluator are not those that the run began with.
        StoreError: no run there, or another process is writing it.
    """
    record = open_run(out).record
    for what, now in identity(space, strategy, evaluator).items():
        before = getattr(record, what)
        if now == before:
            continue
        if what == "space_sha256":
            raise SearchError(f"{out}: the file of space {record.space} has changed since the run began; put it back, or begin a new run")
        raise SearchError(f"{out}: the run began with {what} {before}, now given {now}; resume with the same")
    record = replace(record, trials=max(record.trials, trials or 0), workers=record.workers if workers is None else workers)
    store = Store(Path(out))
    store.write_record(record)
    return go(store, record, space, strategy, evaluator, progress)


def go(
    store: Store, record: Record, space: Space, strategy: Strategy, evaluator: Evaluator, progress: Callable[[Progress], None] | None
) -> Run:
    """Run the loop to its end, whatever was recorded before, and let go of workers and folder."""
    try:
        run = open_run(store.folder)
        executor = start_executor(record, evaluator)
        try:
            _Loop(store, record, Proposer(record, space, strategy, evaluator), executor, run, progress).run()
        finally:
            executor.close()
    except SearchError:
        store.forget_empty()  # a search that never began stands in nobody's way
        raise
    finally:
        store.close()
    return open_run(store.folder)


def start_executor(record: Record, evaluator: Evaluator) -> Executor:
    """The executor that a run asks for."""
    if record.workers == 0:
        return Inline(evaluator)
    return Processes(evaluator, record.workers, record.timeout_s, files=space_files(record.space))


def space_files(source: str) -> tuple[str, ...]:
    """The file of a user's space, for workers to know the ops that it registers."""
    if source in space_names() or not space_digest(source):
        return ()
    return (str(find_space(source)[0].resolve()),)


@dataclass
class _Loop:
    """One run on its way: what was asked, what came back, what the strategy was told."""

    store: Store
    record: Record
    proposer: Proposer
    executor: Executor
    before: Run
    progress: Callable[[Progress], None] | None
    told: int = 0
    trials: dict[int, Trial] = field(default_factory=dict)
    front: list[Trial] = field(default_factory=list)
    asked: dict[int, Proposal] = field(default_factory=dict)
    refused: int = 0
    failed: int = 0

    def run(self) -> None:
        """Evaluate what is missing, in order of trial numbers, then test the front."""
        for trial in self.before.trials:
            self.take_in(trial)
        self.refused = sum(self.before.refusals.values())
        self.show()
        for number in range(self.record.trials):
            self.catch_up(number - self.record.lookahead + 1)
            if number in self.trials:
                self.proposer.seen.add(self.trials[number].fingerprint)
            elif not self.launch(number):
                break
        self.catch_up(len(self.trials) + len(self.asked))
        self.test_front()

    def catch_up(self, count: int) -> None:
        """Wait until the first `count` trials are there, and tell the strategy of them in order."""
        while self.told < count:
            while self.told not in self.trials:
                self.finish(self.executor.wait())
            self.proposer.strategy.tell(self.trials[self.told])
            self.told += 1

    def launch(self, number: int) -> bool:
        """Propose trial `number` and queue it; false when the space has no further network to offer."""
        before = [self.trials.get(i) or self.asked[i] for i in range(self.told, number)]
        proposal = self.proposer.propose(number, [trial.choices for trial in before])
        if isinstance(proposal, Refused):
            self.store.refuse(number, proposal.reasons)
            self.refused += proposal.reasons.total()
            return False
        self.asked[number] = proposal
        self.refused += proposal.refusals.total()
        self.executor.submit(self.candidate(number, proposal.genotype, proposal.choices))
        return True

    def candidate(self, number: int, genotype: Genotype, choices: Choices) -> Candidate:
        """What the evaluator gets; its seed belongs to the run's seed and the trial's number alone."""
        seed = int(np.random.SeedSequence([self.record.seed, number]).generate_state(1)[0])
        limit = self.record.budget.latency_ms
        if limit is None and any(objective.metric == "latency_ms" for objective in self.record.objectives):
            limit = float("inf")  # measured, not limited
        return Candidate(number, genotype, seed, self.store.weights(number).resolve(), limit, choices)

    def finish(self, outcome: Outcome) -> None:
        """Turn an outcome into a trial, record it, and keep only weights that the front needs."""
        proposal = self.asked.pop(outcome.trial)
        failure = outcome.failure
        metrics = {**proposal.costs, **outcome.metrics}
        values = None if failure else tuple(float(objective.value(metrics)) for objective in self.record.objectives)
        genotype = proposal.genotype
        trial = Trial(outcome.trial, proposal.choices, genotype.fingerprint, metrics, values, failure, finite_curve(outcome.curve))
        self.store.add(trial, genotype, proposal.refusals, outcome.seconds)
        self.take_in(trial)
        self.show()

    def take_in(self, trial: Trial) -> None:
        """Count a trial and update the front; weights of what is off the front go."""
        self.trials[trial.number] = trial
        if trial.values is None:
            self.failed += 1
            self.store.drop_weights(trial.number)
            return
        if any(dominates(other.values, trial.values) for other in self.front if other.values is not None):
            self.store.drop_weights(trial.number)
            return
        for other in [other for other in self.front if other.values is not None and dominates(trial.values, other.values)]:
            self.front.remove(other)
            self.store.drop_weights(other.number)
        self.front.append(trial)

    def show(self) -> None:
        """Say where the run stands."""
        if self.progress is None:
            return
        best = min((trial.values for trial in self.front if trial.values), default=None)
        self.progress(Progress(len(self.trials), self.record.trials, best, len(self.front), self.refused, self.failed))

    def test_front(self) -> None:
        """Measure the final front on the test part, each network once."""
        tested = self.before.tests
        waiting = [trial.number for trial in self.front if trial.number not in tested and self.store.weights(trial.number).is_file()]
        run = open_run(self.store.folder)
        for number in waiting:
            self.executor.submit(self.candidate(number, run.genotype(number), self.trials[number].choices), "test")
        for _ in waiting:
            outcome = self.executor.wait()
            if outcome.failure:
                raise SearchError(f"testing trial {outcome.trial} failed: {outcome.failure.message}; `archsearch resume` tries it again")
            self.store.add_test(outcome.trial, outcome.metrics)


def finite_curve(curve: Sequence[dict[str, float]]) -> tuple[dict[str, float], ...]:
    """The curve without values that are no finite numbers, which JSON cannot hold."""
    return tuple({name: value for name, value in step.items() if np.isfinite(value)} for step in curve)
