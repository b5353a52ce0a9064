"""One run on its way: what was asked or yielded is checked, evaluated, recorded and told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from archsearch.analysis import COSTS
from archsearch.evaluators.base import Candidate, Evaluator, has, said
from archsearch.network.genotype import Genotype
from archsearch.pareto import dominates
from archsearch.runs.clock import Clock, Running
from archsearch.runs.executor import ENDED, Executor, Outcome
from archsearch.runs.proposal import Proposal, Proposer, Refused, SearchError
from archsearch.runs.record import Record
from archsearch.runs.store import Run, Store, checkpoint_file, disk_errors, open_run
from archsearch.spaces.catalogue import Entry
from archsearch.spaces.space import Choices
from archsearch.strategies import Noted
from archsearch.supernets import Point, Setting, SupernetError, SupernetSearch
from archsearch.support.progress import Progress
from archsearch.support.seeds import seed_of
from archsearch.training.failures import CheckpointError
from archsearch.trial import Failure, Trial

STEP = "step"
"""The metric that says which of a supernet's points a trial is, counted from 0."""

LASTING = ("diverged", "rejected", "stalled")
"""Failures that trying again would only repeat."""


@dataclass(frozen=True)
class Standing(Progress):
    """Where a run stands: at its beginning, when an evaluation begins, after every epoch, and after every trial that is recorded.

    `epoch` of a supernet (done, of all before its next point); the trials `running`; seconds `elapsed` since the run began or went on;
    about how many are `left` to the last trial, None while nobody can know; whether the front is `testing`.
    """

    best: tuple[float, ...] | None
    front: int
    refused: int
    failed: int
    epoch: tuple[int, int] | None = None
    running: tuple[Running, ...] = ()
    elapsed: float = 0.0
    left: float | None = None
    testing: bool = False


@dataclass
class Loop:
    """One run: what was asked, what came back, what the strategy was told; or what its supernet yielded."""

    store: Store
    record: Record
    proposer: Proposer
    evaluator: Evaluator
    executor: Executor
    before: Run
    progress: Callable[[Standing], None] | None
    supernet: SupernetSearch | None = None
    retry_failed: bool = False
    told: int = 0
    trials: dict[int, Trial] = field(default_factory=dict)
    front: list[Trial] = field(default_factory=list)
    asked: dict[int, Proposal] = field(default_factory=dict)
    refused: int = 0
    failed: int = 0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(self.record.workers if self.supernet is None else 1, epochs_of(self.evaluator))
        self.executor.watch = None if self.progress is None else self.watch

    def run(self) -> None:
        """Evaluate what is missing, in order of trial numbers, then test the front."""
        before = self.current(self.before.trials)
        again = [trial for trial in before if self.retry_failed and trial.failure]
        for trial in before:
            if not (self.retry_failed and trial.failure):
                self.take_in(trial)
        self.refused = sum(self.before.refusals.values())
        self.show()
        self.retry(again)
        if self.supernet is None:
            self.ask()
        elif len(self.trials) < self.record.trials:
            self.gather(self.supernet)
        self.test_front()

    def current(self, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Trials with fingerprints as they are made now, which an earlier version made in another way."""
        catalogue, rng = self.proposer.problem.catalogue, np.random.default_rng(0)
        if not trials or catalogue.look_up(trials[0].choices, rng).fingerprint == trials[0].fingerprint:
            return trials
        return [replace(trial, fingerprint=catalogue.look_up(trial.choices, rng).fingerprint) for trial in trials]

    def retry(self, failed: Sequence[Trial]) -> None:
        """Evaluate again what failed, before the strategy is told; each failure stays recorded until its new outcome takes its place."""
        for trial in failed:
            genotype, costs = self.before.genotype(trial.number), {name: trial.metrics[name] for name in COSTS if name in trial.metrics}
            self.asked[trial.number] = Proposal(genotype, trial.choices, costs, Counter())
            self.executor.submit(self.candidate(trial.number, genotype, trial.choices))
        for _ in failed:
            outcome = self.executor.wait()
            proposal = self.asked.pop(outcome.trial)
            trial = self.made(outcome, proposal)
            self.store.renew(trial, proposal.genotype, proposal.refusals, trial.number, outcome.seconds)
            self.clock.end(trial.number, outcome.seconds)
            self.take_in(trial)
            self.show()

    def ask(self) -> None:
        """Evaluate what the strategy asks for."""
        for number in range(self.record.trials):
            self.catch_up(number - self.record.ahead(number) + 1)
            if number in self.trials:
                self.proposer.seen.add(self.trials[number].fingerprint)
            elif not self.launch(number):
                break
        self.catch_up(len(self.trials) + len(self.asked))

    def gather(self, supernet: SupernetSearch) -> None:
        """Record what a supernet yields; what is over the budget or known is refused, and what was taken in before it stopped passes."""
        passed = len(self.trials) + self.refused  # a point is a trial or one refusal
        self.proposer.seen.update(trial.fingerprint for trial in self.trials.values())
        refused, began = Refused(self.before.refusals_before(len(self.trials))), time.perf_counter()
        try:
            with disk_errors(self.store.folder):
                for point in supernet.run(self.setting()):
                    if point.number < passed:
                        continue
                    if self.take_point(point, refused, time.perf_counter() - began):
                        refused, began = Refused(), time.perf_counter()
                    if len(self.trials) == self.record.trials:
                        break
        except (CheckpointError, SupernetError) as error:
            raise SearchError(str(error)) from error
        if not self.trials:
            closest = refused.costs(self.record.budget.limits())
            raise SearchError(f"no network that the supernet came to met the budget; the closest had {closest}")

    def take_point(self, point: Point, refused: Refused, seconds: float) -> bool:
        """Record a network of a supernet; false when it is refused, or a trial already, which it then renews where it is no worse."""
        number = len(self.trials)
        entry = self.proposer.check(point.choices, np.random.default_rng([self.record.seed, number]), refused)
        if entry is None:
            if point.failure and not self.trials:
                raise SearchError(f"the supernet failed ({point.failure.kind}): {point.failure.message}")
            if not self.renew(point, refused, seconds):
                self.store.refuse(number, refused.reasons)
            self.refused += 1
            return False
        self.proposer.seen.add(entry.fingerprint)
        if point.save is not None:
            point.save(self.store.weights(number))
        self.asked[number] = self.proposal(entry, refused)
        self.finish(outcome_of(point, number, seconds))
        return True

    def renew(self, point: Point, refused: Refused, seconds: float) -> bool:
        """Put a network that its supernet has trained further in the place of its trial, unless it has become worse."""
        try:
            entry = self.proposer.problem.catalogue.look_up(point.choices)
        except ValueError:
            return False  # no network
        old = next((trial for trial in self.trials.values() if trial.fingerprint == entry.fingerprint), None)
        if old is None or point.failure:
            return False
        proposal = self.proposal(entry, refused)
        trial = self.made(outcome_of(point, old.number, seconds), proposal)
        if trial.values is None or (old.values is not None and dominates(old.values, trial.values)):
            return False
        if point.save is not None:
            point.save(self.store.weights(old.number))
        refused.reasons = refused.reasons - Counter({"duplicate": 1}) + Counter({"duplicate, trained further": 1})
        self.store.renew(trial, proposal.genotype, refused.reasons, len(self.trials), seconds)
        self.front = [other for other in self.front if other.number != old.number]
        self.failed -= old.values is None
        self.take_in(trial)
        return True

    def proposal(self, entry: Entry, refused: Refused) -> Proposal:
        """A network of a supernet as one that was proposed."""
        return Proposal(self.proposer.problem.catalogue.genotype(entry), entry.choices, entry.costs, refused.reasons)

    def setting(self) -> Setting:
        """What the supernet is to know."""
        record, proposer = self.record, self.proposer
        checkpoint = checkpoint_file(self.store.folder)
        return Setting(
            proposer.problem.catalogue, self.evaluator, record.budget, record.seed, checkpoint, self.limit_ms(),
            watch=self.watch_supernet,
        )  # fmt: skip

    def catch_up(self, count: int) -> None:
        """Wait until the first `count` trials are there, and tell the strategy of them in order."""
        while self.told < count:
            while self.told not in self.trials:
                self.finish(self.executor.wait())
            strategy = self.proposer.strategy
            strategy.tell(self.trials[self.told])
            if isinstance(strategy, Noted) and strategy.notes:
                self.store.note(self.told, strategy.notes)
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
        seed = seed_of(self.record.seed, number)
        return Candidate(number, genotype, seed, self.store.weights(number).resolve(), self.limit_ms(), choices)

    def limit_ms(self) -> float | None:
        """Limit of the latency, infinite where it is measured and not limited; None where it is not measured."""
        wanted = any(objective.metric == "latency_ms" for objective in self.record.objectives)
        return float("inf") if wanted and self.record.budget.latency_ms is None else self.record.budget.latency_ms

    def finish(self, outcome: Outcome) -> None:
        """Turn an outcome into a trial, record it, and keep only weights that the front needs."""
        proposal = self.asked.pop(outcome.trial)
        trial = self.made(outcome, proposal)
        self.store.add(trial, proposal.genotype, proposal.refusals, outcome.seconds)
        self.clock.end(trial.number, outcome.seconds)
        self.take_in(trial)
        self.show()

    def made(self, outcome: Outcome, proposal: Proposal) -> Trial:
        """The trial that an outcome comes to; one that lacks an objective has failed."""
        metrics = {**proposal.costs, **outcome.metrics}
        lacking = [objective.metric for objective in self.record.objectives if objective.metric not in metrics]
        failure = outcome.failure or (Failure("rejected", f"this network has no {lacking[0]}") if lacking else None)
        values = None if failure else tuple(float(objective.value(metrics)) for objective in self.record.objectives)
        fingerprint = proposal.genotype.fingerprint
        return Trial(outcome.trial, proposal.choices, fingerprint, metrics, values, failure, finite_curve(outcome.curve))

    def take_in(self, trial: Trial) -> None:
        """Count a trial and update the front; weights of what is off the front go."""
        self.trials[trial.number] = trial
        if trial.values is None:
            self.failed += 1
            self.store.drop_weights(trial.number, checkpoint=trial.failure is None or trial.failure.kind in LASTING)
            return
        if any(dominates(other.values, trial.values) for other in self.front if other.values is not None):
            self.store.drop_weights(trial.number)
            return
        for other in [other for other in self.front if other.values is not None and dominates(trial.values, other.values)]:
            self.front.remove(other)
            self.store.drop_weights(other.number)
        self.front.append(trial)

    def watch(self, trial: int, epochs: int) -> None:
        """An evaluation has begun, done so many epochs, or ended; of the end its outcome tells more."""
        if epochs == ENDED:
            self.clock.end(trial, None)
            return
        self.clock.hear(trial, epochs)
        self.show()

    def watch_supernet(self, done: int, of: int) -> None:
        """A supernet has done so many epochs of those before its next point."""
        self.clock.hear(len(self.trials), done, of)
        self.show((done, of))

    def show(self, epoch: tuple[int, int] | None = None) -> None:
        """Say where the run stands."""
        if self.progress is None:
            return
        best = min((trial.values for trial in self.front if trial.values), default=None)
        running = self.clock.running()
        testing = any(one.trial in self.trials for one in running)
        left = None if testing else self.clock.left(self.record.trials - len(self.trials))
        self.progress(
            Standing(
                len(self.trials), self.record.trials, best, len(self.front), self.refused, self.failed, epoch, running, self.clock.elapsed,
                left, testing,
            )
        )  # fmt: skip

    def test_front(self) -> None:
        """Measure the final front on the test part, one network after the other where latency is measured: none disturbs another."""
        evaluator = self.evaluator
        if not has(evaluator, "test"):
            return
        trains = said(evaluator, "keeps_weights")
        ready = [trial.number for trial in self.front if not trains or self.store.weights(trial.number).is_file()]
        waiting = [number for number in ready if number not in self.before.tests]
        run = open_run(self.store.folder)
        for together in [waiting] if self.limit_ms() is None else [[number] for number in waiting]:
            for number in together:
                self.executor.submit(self.candidate(number, run.genotype(number), self.trials[number].choices), "test")
            for _ in together:
                self.take_test(self.executor.wait())

    def take_test(self, outcome: Outcome) -> None:
        """Record a test; a network whose final training fails for good gets no metrics. Raises SearchError for any other failure."""
        self.clock.end(outcome.trial, None)
        if outcome.failure is None:
            if outcome.metrics:  # none recorded stand for a training that failed
                self.store.add_test(outcome.trial, outcome.metrics)
        elif outcome.failure.kind in LASTING:
            self.store.drop_weights(outcome.trial)
            self.store.add_test(outcome.trial, {})
        else:
            raise SearchError(f"testing trial {outcome.trial} failed: {outcome.failure.message}; `archsearch resume` tries it again")


def outcome_of(point: Point, number: int, seconds: float) -> Outcome:
    """What a supernet measured of a network, as the outcome of a trial."""
    return Outcome(number, {**point.metrics, STEP: point.number}, point.failure, point.curve, seconds)


def epochs_of(evaluator: Evaluator) -> int | None:
    """How many epochs an evaluation reports, where the evaluator says so: by `reports`, or by its option `epochs`."""
    said = getattr(evaluator, "reports", getattr(evaluator, "epochs", None))
    return said if type(said) is int and said > 0 else None


def finite_curve(curve: Sequence[dict[str, float]]) -> tuple[dict[str, float], ...]:
    """The curve without values that are no finite numbers, which JSON cannot hold."""
    return tuple({name: value for name, value in step.items() if np.isfinite(value)} for step in curve)
