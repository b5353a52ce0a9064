"""Search by a controller that learns from rewards which choices to make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from archsearch.spaces.encoding import CLOSED, Encoding, place, write
from archsearch.spaces.space import Choices, Scalar, Space
from archsearch.strategies.base import Problem
from archsearch.strategies.reinforce.controller import Draft, Independent, Recurrent, Shape
from archsearch.strategies.reinforce.learner import Learner, Rates
from archsearch.strategies.reinforce.reward import REWARDS, Rewards
from archsearch.strategies.reinforce.sequence import Script, Steps
from archsearch.support.threads import torch_threads
from archsearch.trial import Trial

CONTROLLERS = {"lstm": Recurrent, "independent": Independent}
RATES = {
    ("lstm", "reinforce"): Rates(learning_rate=6e-4, entropy=0.01, batch=10, epochs=10, queue=20),
    ("lstm", "ppo"): Rates(learning_rate=3.5e-4, entropy=1e-5, batch=10, epochs=20, queue=20),
    ("independent", "reinforce"): Rates(learning_rate=0.1, entropy=0.0, batch=1, epochs=1, queue=0),
    ("independent", "ppo"): Rates(learning_rate=0.1, entropy=1e-5, batch=10, epochs=5, queue=0),
}
"""What stands for an option that is None."""
CHOSEN = {"controller": ("lstm", "independent"), "method": ("reinforce", "ppo"), "baseline": ("rank", "average"), "reward": REWARDS}
LEAST = {"batch": 1, "epochs": 1, "units": 1, "layers": 1, "queue": 0, "entropy": 0, "tanh": 0}
POSITIVE = ("learning_rate", "temperature", "clip")
ROUNDS, SIDE_BY_SIDE, WARMER = 12, 16, 1.25
"""Rounds of drawing for one network that is new and fits; networks in a round; how much flatter the policy is in the next."""


@dataclass
class Reinforce:
    """A controller writes networks choice by choice and learns which choices pay, by policy gradient (Zoph & Le 2017, arXiv:1611.01578).

    Defaults are for some hundred trials, where the paper has thousands. A failure counts as the worst so far. For None, learning_rate,
    entropy, batch, epochs and queue follow from controller and method: 6e-4, 0.01, 10, 10, 20 for lstm with reinforce; 3.5e-4, 1e-5,
    10, 20, 20 for lstm with ppo; 0.1, 0, 1, 1, 0 for independent with reinforce; 0.1, 1e-5, 10, 5, 0 for independent with ppo.

    Args:
        controller: `lstm`, the paper's; or `independent`, logits for every choice on its own.
        method: `reinforce`; or `ppo`, which clips the ratios of probabilities (Zoph et al. 2018, arXiv:1707.07012).
        learning_rate: Of Adam.
        entropy: Weight of the entropy that keeps the policy from deciding too soon.
        batch: Trials from one update to the next.
        epochs: Steps of one update.
        queue: The best trials, which every step makes likelier too (Abolafia et al. 2018, arXiv:1801.03526); 0 for none.
        clip: How far ppo lets a ratio go from 1; its paper's 0.2.
        baseline: `rank` places a reward among all so far, from -1 to 1; `average` is the paper's, the reward minus its moving average.
        decay: Of that moving average.
        units: Of each layer of the lstm; the paper's 35.
        layers: Of the lstm; the paper's 2.
        tanh: Bound of the logits, 0 for none (Pham et al. 2018, arXiv:1802.03268).
        temperature: What divides the logits: over 1 flattens them (the same paper).
        reward: Of several objectives: `hypervolume` that a trial added, or `product`, accuracy x (cost / target) ^ exponent.
        exponent: Of that product; -0.07 is that of Tan et al. 2019 (arXiv:1807.11626).
    """

    controller: str = "lstm"
    method: str = "reinforce"
    learning_rate: float | None = None
    entropy: float | None = None
    batch: int | None = None
    epochs: int | None = None
    queue: int | None = None
    clip: float = 0.2
    baseline: str = "rank"
    decay: float = 0.9
    units: int = 35
    layers: int = 2
    tanh: float = 0.0
    temperature: float = 1.0
    reward: str = "hypervolume"
    exponent: float = -0.07
    _problem: Problem | None = field(default=None, init=False, repr=False)
    _waiting: list[tuple[Steps, float]] = field(default_factory=list, init=False, repr=False)
    _trials: list[Steps] = field(default_factory=list, init=False, repr=False)
    _average: float | None = field(default=None, init=False, repr=False)
    _in_vain: np.random.Generator | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, known in CHOSEN.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r} must be one of {', '.join(known)}")
        for name, least in LEAST.items():
            if getattr(self, name) is not None and getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)} must be at least {least}")
        for name in POSITIVE:
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)} must be over 0")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay={self.decay} must be at least 0 and under 1")

    @property
    def rates(self) -> Rates:
        """How the controller learns, all told."""
        usual = RATES[self.controller, self.method]
        given = {name: value for name in vars(usual) if name != "clip" and (value := getattr(self, name)) is not None}
        return Rates(**{**vars(usual), **given, "clip": self.clip if self.method == "ppo" else None})

    def begin(self, problem: Problem) -> None:
        self._problem, self._script = problem, Script(Encoding(problem.catalogue.options))
        self._conditional = problem.catalogue.space.is_conditional()
        self._rewards = Rewards(problem, self.reward, self.exponent)
        shape = Shape(self.units, self.layers, self.tanh, self.temperature)
        self._learner = Learner(CONTROLLERS[self.controller](self._script, shape), self.rates)

    def ask(self, rng: np.random.Generator) -> Choices:
        problem = self._problem
        if problem is None or rng is self._in_vain:
            return {}  # also when it is asked again for a trial for which it found nothing
        with torch_threads():
            found = next((choices for choices in self._drafts(problem.catalogue.space, rng) if problem.find_open(choices)), None)
        self._in_vain = rng if found is None else None
        return found or {}

    def tell(self, trial: Trial) -> None:
        steps = None if self._problem is None else self._script.steps(trial.choices)
        if steps is None or not len(steps.columns):
            return
        advantage = self._advantage(trial)
        if advantage is None:
            return
        self._waiting.append((steps, advantage))
        if trial.values is not None:
            self._trials.append(steps)
        rates = self._learner.rates
        if len(self._waiting) >= rates.batch:
            best = [self._trials[i] for i in self._rewards.best(rates.queue)] if self._trials else []
            with torch_threads():
                self._learner.learn([steps for steps, _ in self._waiting], [gain for _, gain in self._waiting], best)
            self._waiting.clear()

    def _advantage(self, trial: Trial) -> float | None:
        """How much better than usual a trial is; None where nothing is known to compare a failure with."""
        if trial.values is not None:
            self._rewards.add(trial.values)
        rewards = self._rewards.all()
        if not len(rewards):
            return None
        reward = float(rewards[-1] if trial.values is not None else rewards.min())
        if self.baseline == "rank":
            return float((rewards < reward).mean() - (rewards > reward).mean())
        average = reward if self._average is None else self._average
        self._average = self.decay * average + (1 - self.decay) * reward
        return reward - average

    def _drafts(self, space: Space, rng: np.random.Generator) -> Iterator[Choices]:
        """Networks that the controller writes, with ever more freedom."""
        for warmth in range(ROUNDS):
            heat = WARMER**warmth
            yield from [self._one(space, rng, heat)] if self._conditional else self._many(rng, heat)

    def _many(self, rng: np.random.Generator, heat: float) -> list[Choices]:
        draft, encoding = Draft(SIDE_BY_SIDE), self._script.encoding
        columns = [self._learner.controller.write(draft, column, rng, heat) for column in range(len(encoding.names))]
        return [encoding.choices(row) for row in np.stack(columns, 1)] if columns else []

    def _one(self, space: Space, rng: np.random.Generator, heat: float) -> Choices:
        draft, columns, known = Draft(1), self._script.columns, self._script.encoding.options

        def decide(name: str, offered: tuple[Scalar, ...]) -> int:
            at = CLOSED
            if name in columns:
                at = place(offered, known[name][int(self._learner.controller.write(draft, columns[name], rng, heat)[0])])
            return int(rng.integers(len(offered))) if at == CLOSED else at

        return write(space, decide)
