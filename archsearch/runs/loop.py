"""One run on its way: what was asked or yielded is checked, evaluated, recorded and told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from archsearch.analysis import COSTS, LATENCY, PREDICTED
from archsearch.evaluators.base import INHERITED, Candidate, Evaluator, Parent, Rung
from archsearch.fidelity import Step
from archsearch.network.genotype import Genotype
from archsearch.pareto import dominates
from archsearch.runs.agreement import FLOOR, RATIO, agreement
from archsearch.runs.climb import Climb
from archsearch.runs.clock import Clock
from archsearch.runs.executor import ENDED, Executor, Outcome
from archsearch.runs.filtering import FORETOLD, most_similar, proposed
from archsearch.runs.final import LASTING, test_front
from archsearch.runs.foreseeing import foresee
from archsearch.runs.gathering import gather
from archsearch.runs.proposal import Proposal, Proposer, Refused
from archsearch.runs.record import Record
from archsearch.runs.standing import Standing
from archsearch.runs.store import Place, Run, Store
from archsearch.spaces.space import Choices
from archsearch.strategies import Climbing, Noted
from archsearch.supernets import SupernetSearch
from archsearch.support.seeds import seed_of
from archsearch.trial import Failure, Trial

KNOWN = (*COSTS, PREDICTED)
"""What is known of a network before it is evaluated."""
MEASURED = (LATENCY, "latency_spread_ms")
"""What is measured of a network once in a run, in each place."""
Curve = tuple[dict[str, float], ...]
GLANCE_S = 0.5
"""The curve of an evaluation under way is written no more often than that."""


@dataclass
class UnderWay:
    """An evaluation on its way: what is evaluated on which step, the curve `before` that it goes on from, and what it `told`.

    Of that so much is `written`, at that time `last`: what tells more often than people look would only keep the disk busy.
    """

    proposal: Proposal
    step: Step
    place: Place
    before: Curve
    told: Curve = ()
    written: int = 0
    last: float = field(default_factory=time.monotonic)


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
    done: set[int] = field(default_factory=set)
    trials: dict[int, Trial] = field(default_factory=dict)
    """Those that are still needed, of those that are done."""
    front: list[Trial] = field(default_factory=list)
    under_way: dict[int, UnderWay] = field(default_factory=dict)
    testing: bool = False
    climb: Climb = field(init=False)
    refused: int = 0
    failed: int = 0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        epochs = epochs_of(self.evaluator) if self.record.fidelity is None else None  # where all evaluations have as many
        self.clock = Clock(self.record.workers if self.supernet is None else 1, epochs, self.record.costs)
        self.executor.watch = self.watch
        self.climb = Climb(self.record, {})

    def run(self) -> None:
        """Evaluate what is missing, step by step, then test the front."""
        before = self.current(self.before.trials)
        again = [trial for trial in before if self.retry_failed and trial.failure]
        for trial in before:
            if not (self.retry_failed and trial.failure):
                self.take_in(trial)
        self.refused = sum(self.before.refusals.values())
        foresee(self)
        self.climb = Climb.of(self.record, self.before.steps, before)
        self.show()
        self.retry(again)
        if self.supernet is None:
            self.ask()
        elif len(self.done) < self.record.trials:
            gather(self, self.supernet)
        test_front(self)

    def current(self, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Trials with fingerprints as they are made now, which an earlier version made in another way."""
        catalogue, rng = self.proposer.problem.catalogue, np.random.default_rng(0)
        if not trials or catalogue.look_up(trials[0].choices, rng).fingerprint == trials[0].fingerprint:
            return trials
        return [replace(trial, fingerprint=catalogue.look_up(trial.choices, rng).fingerprint) for trial in trials]

    def retry(self, failed: Sequence[Trial]) -> None:
        """Evaluate again what failed, before the strategy is told; each failure stays recorded until its new outcome takes its place."""
        places = {placed.trial.number: placed for placed in self.climb.recorded.values()}  # the last step of each
        for trial in failed:
            placed = places[trial.number]
            self.submit(trial.number, self.known(trial), Step(trial.number, trial.rung), Place(placed.step, placed.known))
        for _ in failed:
            self.finish(self.executor.wait())

    def ask(self) -> None:
        """Evaluate what the strategy asks for, and of several rungs those that its schedule lets climb."""
        climb = self.climb
        while True:
            self.catch_up(climb.wanted)
            step = climb.next()
            if step is not None:
                self.begin(step)
            elif climb.told < len(climb.steps):
                self.catch_up(climb.told + 1)
            else:
                break
        self.clean()

    def clean(self) -> None:
        """Delete the weights that only a climb, or children, needed."""
        kept = {trial.number for trial in self.front}
        for number in self.done:
            for rung in range(self.record.top):
                self.store.drop_weights(number, rung)
            if self.record.inherit and number not in kept:
                self.store.drop_weights(number)

    def catch_up(self, count: int) -> None:
        """Wait until so many steps are done, and tell schedule and strategy of them in their order."""
        climb, strategy = self.climb, self.proposer.strategy
        while climb.told < count:
            while climb.due not in climb.results:
                self.finish(self.executor.wait())
            first = climb.is_first(climb.due)
            trial = climb.tell()
            latency = {} if self.record.latency_device is None else agreement(climb.known.values())
            self.proposer.problem.hear(latency.get(RATIO), latency.get(FLOOR))
            if first or isinstance(strategy, Climbing):
                strategy.tell(trial)
            notes = {**(strategy.notes if isinstance(strategy, Noted) else {}), **climb.correlations(), **latency}
            if notes:
                self.store.note(trial.number, notes)
            self.forget(trial)
            for lost in climb.lost(trial.rung) if not self.record.inherit else ():
                self.store.drop_weights(lost.trial, lost.rung)

    def forget(self, trial: Trial) -> None:
        """Let go of a trial that was told: where none climbs, inherits or tells of latency, only those of the front are needed again."""
        record = self.record
        if record.fidelity is None and not record.inherit and record.latency_device is None:
            del self.climb.known[trial.number]
            if not any(other is trial for other in self.front):
                del self.trials[trial.number]

    def begin(self, step: Step) -> None:
        """Take what is known of a step, or have it evaluated: a new network, or one that climbs."""
        number = len(self.climb.steps) - 1
        if number in self.climb.results:
            self.proposer.seen.add(self.climb.results[number].fingerprint)
            return
        proposal = self.launch(step.trial) if self.climb.is_first(number) else self.known(self.trials[step.trial])
        if proposal is None:
            self.climb.take_back()
        else:
            self.submit(step.trial, proposal, step, Place(number, self.climb.knew[number]))

    def launch(self, number: int) -> Proposal | None:
        """Propose trial `number`; None when the space has no further network to offer."""
        before = [self.trials.get(i) or self.under_way[i].proposal for i in self.climb.pending if i != number]
        proposal = proposed(self, number, [trial.choices for trial in before])
        refusals = proposal.reasons if isinstance(proposal, Refused) else proposal.refusals
        self.refused += refusals.total()
        if isinstance(proposal, Refused):
            self.store.refuse(number, refusals, proposal.nearest)
            return None
        return proposal

    def known(self, trial: Trial) -> Proposal:
        """The network of a trial as it was proposed, and how much it inherited when it began."""
        kept = (*KNOWN, INHERITED)
        costs = {name: value for name, value in trial.metrics.items() if name in kept or name.startswith(FORETOLD)}
        return Proposal(self.genotype(trial), trial.choices, costs, Counter())

    def genotype(self, trial: Trial) -> Genotype:
        """The network of a trial, by its choices."""
        catalogue = self.proposer.problem.catalogue
        return catalogue.genotype(catalogue.look_up(trial.choices))

    def submit(self, trial: int, proposal: Proposal, step: Step, place: Place) -> None:
        """Have a network evaluated; on a rung with the weights of the one below, where its curve then goes on."""
        candidate = self.candidate(trial, proposal.genotype, proposal.choices, step.rung, proposal.costs.get(INHERITED, 0.0))
        goes_on = candidate.rung is not None and candidate.rung.start is not None and trial in self.done
        self.store.share(proposal.genotype)
        self.under_way[trial] = UnderWay(proposal, step, place, self.trials[trial].curve if goes_on else ())
        self.executor.submit(candidate)

    def candidate(self, number: int, genotype: Genotype, choices: Choices, rung: int = 0, inherited: float = 0.0) -> Candidate:
        """What the evaluator gets; its seed belongs to the run's seed, the trial's number and its rung alone."""
        seed = seed_of(self.record.seed, number, *([rung] if rung else []))
        weights = self.store.weights(number, None if rung == self.record.top else rung).resolve()
        parent = self.parent(number, choices) if self.record.inherit else None
        limit = self.limit_ms()
        known = {} if limit is None else self.store.latencies(genotype.fingerprint)
        return Candidate(number, genotype, seed, weights, limit, choices, self.rung(number, rung, inherited), parent, latencies=known)

    def parent(self, number: int, choices: Choices) -> Parent | None:
        """The most similar network before, of those that were told; a trial that has been evaluated begins with weights of its own."""
        if number in self.done:
            return None
        found = most_similar(choices, [trial for trial in self.climb.known.values() if trial.values is not None])
        if found is None:
            return None
        weights = self.store.weights(found.number, None if found.rung == self.record.top else found.rung).resolve()
        return Parent(self.genotype(found), weights) if weights.is_file() else None

    def rung(self, number: int, rung: int, inherited: float) -> Rung | None:
        """Where a trial stands, and the weights that it goes on with, if they are there."""
        fidelity = self.record.fidelity
        if fidelity is None:
            return None
        start = self.store.weights(number, rung - 1).resolve() if rung else None
        if start is None or not start.is_file():
            return Rung(fidelity.option, fidelity.values[rung], top=rung == fidelity.top)
        return Rung(fidelity.option, fidelity.values[rung], fidelity.values[rung - 1], start, rung == fidelity.top, inherited)

    def limit_ms(self) -> float | None:
        """Limit of the latency, infinite where it is measured and not limited; None where it is not measured."""
        wanted = any(objective.metric == "latency_ms" for objective in self.record.objectives)
        return float("inf") if wanted and self.record.budget.latency_ms is None else self.record.budget.latency_ms

    def finish(self, outcome: Outcome) -> None:
        """Turn an outcome into a trial, record it, and keep only weights that the front, a climb or children need."""
        was = self.under_way.pop(outcome.trial)
        trial, rung = self.made(outcome, was.proposal, was.step.rung, was.before), was.step.rung
        place = None if self.record.fidelity is None else was.place
        again = trial.number in self.done or was.place.step in self.climb.recorded
        record = self.store.renew if again else self.store.add
        record(trial, was.proposal.genotype, was.proposal.refusals, outcome.seconds, place, over=was.proposal.over)
        self.keep_latency(trial, outcome.place)
        if rung and not self.record.inherit:
            self.store.drop_weights(trial.number, rung - 1)
        self.climb.take_in(was.place, trial)
        self.clock.end(trial.number, outcome.seconds, rung)
        self.take_in(trial)
        self.show()

    def keep_latency(self, trial: Trial, place: str) -> None:
        """Record a latency for later rungs and tries; one that was over the limit is measured anew where somebody asks for another try."""
        measured = {name: trial.metrics[name] for name in MEASURED if name in trial.metrics}
        if place and measured and (trial.failure is None or trial.failure.kind != "rejected"):
            self.store.keep_latency(trial.fingerprint, place, measured)

    def made(self, outcome: Outcome, proposal: Proposal, rung: int = 0, before: Curve = ()) -> Trial:
        """The trial that an outcome comes to, its curve behind that `before`; one that lacks an objective has failed."""
        metrics = {**proposal.costs, **outcome.metrics}
        lacking = [objective.metric for objective in self.record.objectives if objective.metric not in metrics]
        failure = outcome.failure or (Failure("rejected", f"this network has no {lacking[0]}") if lacking else None)
        values = None if failure else tuple(float(objective.value(metrics)) for objective in self.record.objectives)
        curve = (*before, *finite_curve(outcome.curve))
        return Trial(outcome.trial, proposal.choices, proposal.genotype.fingerprint, metrics, values, failure, curve, rung)

    def take_in(self, trial: Trial) -> None:
        """Count a trial and update the front; weights of what is off the front go."""
        self.done.add(trial.number)
        self.trials[trial.number] = trial
        if trial.values is None:
            self.failed += 1
            lasting = trial.failure is None or trial.failure.kind in LASTING
            self.store.drop_weights(trial.number, None if trial.rung == self.record.top else trial.rung, checkpoint=lasting)
            return
        if trial.rung < self.record.top or not self.record.fits(trial.metrics):
            return  # of limits that were narrowed: its weights stay
        if any(dominates(other.values, trial.values) for other in self.front if other.values is not None):
            self.lose(trial.number)
            return
        for other in [other for other in self.front if other.values is not None and dominates(trial.values, other.values)]:
            self.front.remove(other)
            self.lose(other.number)
        self.front.append(trial)

    def lose(self, number: int) -> None:
        """Delete the weights of a trial off the front, unless others may inherit them."""
        if not self.record.inherit:
            self.store.drop_weights(number)

    def watch(self, trial: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """An evaluation has begun, done so many epochs, or ended; of the end its outcome tells more."""
        if trial < 0:
            return  # a proposal that is being foretold
        if epochs == ENDED:
            self.clock.end(trial, None)
            return
        going = self.under_way.get(trial)
        if not epochs and going is not None:
            going.told, going.written, going.last = (), 0, time.monotonic()  # it begins, or begins again
        if metrics and going is not None:
            going.told += finite_curve([dict(metrics)])
            if time.monotonic() - going.last > GLANCE_S:
                for place in range(going.written, len(going.told)):
                    self.store.report(trial, len(going.before) + place, going.told[place])
                going.written, going.last = len(going.told), time.monotonic()
        self.clock.hear(trial, epochs, rung=0 if going is None else going.step.rung)
        self.show()

    def show(self, epoch: tuple[int, int] | None = None) -> None:
        """Say where the run stands."""
        if self.progress is None:
            return
        best = min((trial.values for trial in self.front if trial.values), default=None)
        running = self.clock.running()
        left = None if self.testing else self.clock.left(self.climb.waiting(len(self.done) + len(running)))
        self.progress(
            Standing(
                len(self.done), self.record.trials, best, len(self.front), self.refused, self.failed, epoch, running, self.clock.elapsed,
                left, self.testing, self.clock.busy,
            )
        )  # fmt: skip


def epochs_of(evaluator: Evaluator) -> int | None:
    """How many epochs an evaluation reports, where the evaluator says so: by `reports`, or by its option `epochs`."""
    said = getattr(evaluator, "reports", getattr(evaluator, "epochs", None))
    return said if type(said) is int and said > 0 else None


def finite_curve(curve: Sequence[dict[str, float]]) -> tuple[dict[str, float], ...]:
    """The curve without values that are no finite numbers, which JSON cannot hold."""
    return tuple({name: value for name, value in step.items() if np.isfinite(value)} for step in curve)
