"""The steps of a run in their order: which trial is evaluated on which rung, as recorded or as the schedule says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from archsearch.fidelity import Asha, Rungs, Schedule, Step, schedule_of
from archsearch.runs.record import Record
from archsearch.runs.rows import Placed
from archsearch.runs.store import Place, Run
from archsearch.trial import Trial

RUNGS = "rung_correlation_"
"""What notes on how far ranks agree begin with."""


@dataclass
class Climb:
    """The steps so far, what came out of them, and how many of them were told.

    Without a fidelity every trial is one step on one rung, and they are told in their order. On rungs they are told as they would end if
    each took as long as its rung costs: a long step holds up nobody, and what is known still does not depend on how long anything took.
    What was recorded is taken as it was decided then; what was under way when a run ended is decided again from what was known, so that it
    comes out the same.
    """

    record: Record
    recorded: dict[int, Placed]
    rungs: Rungs = field(init=False)
    schedule: Schedule = field(init=False)
    steps: list[Step] = field(default_factory=list)
    knew: list[int] = field(default_factory=list)
    first: dict[int, int] = field(default_factory=dict)
    results: dict[int, Trial] = field(default_factory=dict)
    known: dict[int, Trial] = field(default_factory=dict)
    """Every trial as it was told last."""
    told: int = 0
    _lost: set[Step] = field(default_factory=set)
    _ends: list[tuple[float, int]] = field(default_factory=list)
    """Of the steps that were not told: when they would end, and their numbers; a heap."""
    _now: float = 0.0

    def __post_init__(self) -> None:
        fidelity = self.record.fidelity
        self.rungs = Rungs(self.record.top + 1, self.record.trials)
        self.schedule = Asha() if fidelity is None else schedule_of(fidelity)

    @classmethod
    def of(cls, record: Record, placed: Iterable[Placed], trials: Iterable[Trial]) -> Climb:
        """The climb of a run from what it recorded: its steps, or without a fidelity its trials."""
        if record.fidelity is None:
            placed = [Placed(trial.number, 0, trial) for trial in trials]
        return cls(record, {each.step: each for each in placed})

    @property
    def wanted(self) -> int:
        """How many steps are to be told before the next is decided."""
        number = len(self.steps)
        known = self.recorded[number].known if number in self.recorded and self.record.fidelity is not None else 0
        return max(known, number - self.record.ahead(number) + 1)

    @property
    def pending(self) -> list[int]:
        """Trials that began and of which nothing was told."""
        waiting = [(number, self.steps[number].trial) for _, number in self._ends]
        return [trial for number, trial in sorted(waiting) if self.first[trial] == number]

    @property
    def due(self) -> int:
        """The step that is to be told next."""
        return self._ends[0][1]

    def next(self) -> Step | None:
        """The next step, which is then under way; None while it depends on what is, or when nothing is left."""
        number = len(self.steps)
        known = self.recorded.pop(number, None)
        step = Step(known.trial.number, known.trial.rung) if known else self.schedule.next(self.rungs)
        if step is None:
            return None
        self.steps.append(step)
        heappush(self._ends, (self._now + self.record.costs[step.rung], number))
        self.knew.append(self.told)
        self.first.setdefault(step.trial, number)
        self.rungs.begin(step)
        if known:
            self.results[number] = known.trial
        return step

    def take_back(self) -> None:
        """The last step is none: the space has no further network to begin with."""
        step = self.steps.pop()
        self._ends = [(end, number) for end, number in self._ends if number < len(self.steps)]
        heapify(self._ends)
        self.knew.pop()
        del self.first[step.trial]
        self.rungs.take_back(step)

    def tell(self) -> Trial:
        """Tell the schedule what came out of the step that is due, and return it."""
        self._now, number = heappop(self._ends)
        step, trial = self.steps[number], self.results.pop(number)
        self.rungs.tell(step, trial.values if self.record.fits(trial.metrics) else None)  # what is over the budget climbs no further
        self.known[trial.number] = trial
        self.told += 1
        return trial

    def take_in(self, place: Place, trial: Trial) -> None:
        """Note what came out of a step, in the place of what was recorded of one that is still to come."""
        if place.step in self.recorded:
            self.recorded[place.step] = Placed(place.step, place.known, trial)
        else:
            self.results[place.step] = trial

    def waiting(self, begun: int) -> list[int]:
        """About how many evaluations are still to begin on each rung; `begun` are the trials that are done or under way."""
        if self.record.fidelity is None:
            return [max(0, self.record.trials - begun)]
        expected = self.schedule.expected(self.rungs)
        return [max(0, count - len(on_it)) for count, on_it in zip(expected, self.rungs.begun, strict=True)]

    def is_first(self, number: int) -> bool:
        """Whether a step is the first of its trial."""
        return self.first[self.steps[number].trial] == number

    def correlations(self) -> dict[str, float]:
        """Rank correlation of each rung with the next, as notes; nothing where too few trials have been on both."""
        found = {f"{RUNGS}{rung}": self.rungs.correlation(rung) for rung in range(self.rungs.top)}
        return {name: value for name, value in found.items() if value is not None}

    def lost(self, rung: int) -> list[Step]:
        """Trials of a rung that cannot climb from it any more, whatever comes; each is told once."""
        if rung >= self.rungs.top:
            return []
        most, better = self.schedule.most(self.rungs, rung), self.rungs.fronts(rung)
        waiting = self.rungs.results[rung].keys() - self.rungs.begun[rung + 1] - {step.trial for step in self._lost if step.rung == rung}
        found = [Step(trial, rung) for trial in sorted(waiting) if trial not in better or better[trial] >= most]
        self._lost.update(found)
        return found


def rung_words(run: Run) -> str:
    """The rungs of a run, how many trials were on each, and how far the ranks on one agree with the next; empty where there is one rung."""
    fidelity = run.record.fidelity
    if fidelity is None:
        return ""
    rungs = Rungs(len(fidelity.values), run.record.trials)
    for placed in run.steps:
        rungs.tell(Step(placed.trial.number, placed.trial.rung), placed.trial.values)
    counts = ", ".join(f"{len(results):,}" for results in rungs.results)
    found = [rungs.correlation(rung) for rung in range(rungs.top)]
    agreement = ", ".join("unknown" if value is None else f"{value:.2f}" for value in found)
    return f"{fidelity}, {fidelity.schedule}: {counts} trials; rank correlation with the next rung {agreement}"
