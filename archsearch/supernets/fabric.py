"""Prune a trained fabric edge by edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from torch import Tensor

from archsearch.blocks.fabric import held
from archsearch.network.genotype import Genotype
from archsearch.spaces.space import Choices
from archsearch.supernets.base import Point, Setting, failed
from archsearch.supernets.course import Course
from archsearch.supernets.edge_choices import edges_of
from archsearch.supernets.prunable_fabric import FactorFabric, PrunableFabric
from archsearch.trial import EvaluationError, Failure

STRENGTHS = ("weight", "gate")


@dataclass(frozen=True)
class Fabric:
    """Train the network that keeps every edge, then remove the weakest edges in steps (Saxena & Verbeek 2016, arXiv:1606.02492).

    An edge is a choice between true and false. The whole network trains as the evaluator says; then at every step some edges go, with
    them what is cut off, and the rest is fine-tuned. Every step is a point.

    Args:
        tune: Epochs of fine-tuning after each step.
        share: Share of the edges that goes in a step, fewer where the budget is met before.
        floor: Share of all edges that the last step leaves, or the fewest that the space allows.
        pace: Learning rate of the fine-tuning, as a share of the evaluator's.
        strength: Of an edge: `weight`, the mean square of its convolutions' weights as in the paper, norms behind them folded in; or
            `gate`, a learned factor on what it brings.
        pull: L1 penalty that draws gates to 0.
        edges: Most edges of a result, beside the budget; 0 for any number.

    Raises:
        ValueError: an option out of range.
    """

    tune: int = 3
    share: float = 0.15
    floor: float = 0.1
    pace: float = 0.3
    strength: str = "weight"
    pull: float = 0.003
    edges: int = 0

    def __post_init__(self) -> None:
        if type(self.tune) is not int or self.tune < 1:
            raise ValueError(f"tune={self.tune!r} must be a whole number of at least 1")
        if type(self.edges) is not int or self.edges < 0:
            raise ValueError(f"edges={self.edges!r} must be a whole number, 0 for no limit")
        for name in ("share", "floor", "pace"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be over 0 and at most 1")
        if self.strength not in STRENGTHS or not self.pull >= 0:
            raise ValueError(f"strength={self.strength!r} must be {' or '.join(STRENGTHS)}, and pull={self.pull!r} at least 0")

    def run(self, setting: Setting) -> Iterator[Point]:
        edges = edges_of(setting.catalogue.space)
        course = Course(setting)
        choices: Choices = course.state.get("choices") or dict.fromkeys(edges, True)
        weights: Mapping[str, Tensor] = {}
        for stage in count(course.stage):
            genotype = setting.catalogue.genotype(setting.catalogue.look_up(choices))
            prunable = self.prunable(genotype, edges, setting.seed, weights)
            prunable.network.to(course.device)
            options = course.train if stage == 0 else replace(course.train, epochs=self.tune, lr=course.train.lr * self.pace, warmup=0.0)
            try:
                curve = course.complete(stage, prunable.fitting(options, course), {"choices": choices})
            except EvaluationError as error:
                yield failed(stage, choices, error)
                return
            weakest = prunable.weakest()
            if 0 < self.edges < len(weakest):
                excess = Failure("rejected", f"{len(weakest)} edges are left, the limit is {self.edges}")
                yield Point(stage, choices, {}, curve, None, excess)
            else:
                yield course.point(stage, choices, curve, prunable.plain(), genotype)
            weights = prunable.network.state_dict()
            fewer = self.fewer(setting, choices, weakest, len(edges))
            if fewer is None:
                return
            choices = fewer

    def prunable(self, genotype: Genotype, edges: list[str], seed: int, weights: Mapping[str, Tensor]) -> PrunableFabric:
        """The network of one step and its edges."""
        if self.strength == "gate":
            return FactorFabric(genotype, edges, seed, weights, self.pull)
        return PrunableFabric(genotype, edges, seed, weights)

    def fewer(self, setting: Setting, choices: Choices, weakest: list[str], whole: int) -> Choices | None:
        """Choices without the weakest edges, or None where the fewest are left."""
        left, found = len(weakest), None
        least = max(min(int(left * (1 - self.share)), left - 1), int(min(self.floor * whole, self.edges or whole)))
        over = self.is_over(setting, choices, left)
        for name in weakest:
            if left <= least:
                break
            tried = {**choices, name: False}
            try:
                entry = setting.catalogue.look_up(tried)
            except ValueError:
                continue  # nothing would lead from the input to the output
            left = len(held(setting.catalogue.genotype(entry), weakest))
            choices = found = entry.choices
            if over and not self.is_over(setting, choices, left):
                break
        return found

    def is_over(self, setting: Setting, choices: Choices, left: int) -> bool:
        """Whether a network is over the limits, as far as that is known without running it."""
        return 0 < self.edges < left or bool(setting.budget.overruns(setting.catalogue.look_up(choices).costs))
