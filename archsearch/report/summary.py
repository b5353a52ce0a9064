"""What a report is made from: plain data, so that it does not care where a run is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archsearch.trial import Objective, Trial


@dataclass(frozen=True)
class Summary:
    """A run in plain data.

    `budget`: limits by metric; `front`: numbers of the trials on the front; `tests`: metrics on the test part by trial;
    `refusals`: how many candidates were refused before evaluation, by reason; `links` and `explained`: where a trial's model file lies,
    and the page about what it does with images, relative to this page; `status`: a word or two, such as `running`; `trained`: batch and
    optimiser that training memory is for; `top`: the rung whose results count; `seconds`: wall-clock seconds by trial; `notes`: what the
    strategy said of itself, by trial; `place`: the folder as a command takes it; `remarks`: how the data were read, and what was left
    out; `under_way`: trials that are being trained, by number, each with its `first` epoch, counted from 0, and `curves` by metric;
    `refused`: by trial the costs of the network closest to the budget among those over it that were refused before that trial.
    """

    title: str
    space: str
    data: str
    strategy: str
    seed: int
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...] = ()
    front: tuple[int, ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    tests: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[int, str] = field(default_factory=dict)
    status: str = ""
    trained: tuple[int, str] | None = None
    top: int = 0
    seconds: Mapping[int, float] = field(default_factory=dict)
    notes: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    place: str = ""
    remarks: Sequence[str] = ()
    under_way: Mapping[str, Any] = field(default_factory=dict)
    explained: Mapping[int, str] = field(default_factory=dict)
    refused: Mapping[int, Mapping[str, float]] = field(default_factory=dict)

    @property
    def front_trials(self) -> tuple[Trial, ...]:
        """Trials on the front, the best of the first objective first."""
        chosen = set(self.front)
        return tuple(
            sorted((trial for trial in self.trials if trial.number in chosen and trial.values), key=lambda trial: trial.values or ())
        )
