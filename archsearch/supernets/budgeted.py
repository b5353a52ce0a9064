"""Learn which edges of a fabric to keep under a limit on the cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import torch

from archsearch.analysis import COSTS
from archsearch.analysis.exits import exits
from archsearch.spaces.space import Choices
from archsearch.supernets.base import Point, Setting, failed
from archsearch.supernets.course import Course, Curve, Fitting
from archsearch.supernets.edge_choices import supergraph_of_edges
from archsearch.supernets.gated_fabric import GatedFabric, GateTraining, give_back, kept
from archsearch.supernets.policy import Bernoulli, HardConcrete
from archsearch.supernets.supergraph import Supergraph
from archsearch.support.nearest import nearest
from archsearch.trial import EvaluationError

USED = 0.95
"""Share of a limit from which on it counts as used."""
GATES = {"bernoulli": Bernoulli, "concrete": HardConcrete}


@dataclass(frozen=True)
class Budgeted:
    """Draw a gate for every edge and sample, and learn gates with the weights: budgeted super networks.

    Gates follow the policy gradient on loss + price x excess of the cost over its limit, where only what is reached costs anything. The
    network of the likeliest edges within a limit is fine-tuned, and is a point. Limits are those of the budget; without one, shares
    of the multiply-adds of the whole network (Veniat & Denoyer 2018, arXiv:1706.00046).

    Args:
        walk: Factors of the limits, reached one after the other in one run.
        logit: Where gates begin: open with a probability of sigmoid(logit), 0.95 by default, so that weights learn first.
        speed: Learning rate of the gates, in logits an epoch.
        dual: How fast the price climbs while the mean cost is over the limit, and falls under it: an epoch for each whole limit.
        price: The price itself where `dual` is 0; an excess under 0 then counts 0.
        gates: `bernoulli`; or `concrete`, soft ones that the loss moves by its own gradient (Louizos et al. 2018, arXiv:1712.01312).
        warm: Epochs at the first limit in which gates do not learn.
        again: Epochs of the gates at each further limit; at the first they are the evaluator's.
        tune: Epochs of fine-tuning before a point.
        pace: Learning rate of the fine-tuning, as a share of the evaluator's.

    Raises:
        ValueError: an option out of range.
    """

    walk: tuple[float, ...] = (1.0, 0.7, 0.5)
    logit: float = 3.0
    speed: float = 1.0
    dual: float = 1.0
    price: float = 0.0
    gates: str = "bernoulli"
    warm: int = 2
    again: int = 6
    tune: int = 5
    pace: float = 0.3

    def __post_init__(self) -> None:
        for name, least in (("warm", 0), ("again", 1), ("tune", 1)):
            if type(getattr(self, name)) is not int or getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)!r} must be a whole number of at least {least}")
        if not self.walk or not all(0 < share <= 1 for share in self.walk) or list(self.walk) != sorted(self.walk, reverse=True):
            raise ValueError(f"walk={self.walk} must be shares of the limit, over 0 and at most 1, none larger than the one before")
        for name in ("speed", "pace"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be over 0")
        if not self.dual >= 0 or not self.price >= 0:
            raise ValueError(f"dual={self.dual!r} and price={self.price!r} must be at least 0")
        if self.gates not in GATES:
            raise ValueError(f"gates={self.gates!r} is unknown; {nearest(self.gates, sorted(GATES))}")

    def run(self, setting: Setting) -> Iterator[Point]:
        supergraph = supergraph_of_edges(setting.catalogue.space)
        course = Course(setting)
        first, whole = course.stage, limits_of(setting, supergraph)
        steps = course.steps
        gated = GatedFabric(course, supergraph, GATES[self.gates](len(supergraph.switches), self.logit, self.speed / steps), setting.seed)
        gated.price = self.price
        if course.kept:
            give_back(gated, course.kept)
        for number, share in enumerate(self.walk):
            if first > 2 * number + 1:
                continue
            limits = {name: share * limit for name, limit in whole.items()}
            choices: Choices = dict.fromkeys(gated.edges, True)
            try:
                learned = self.learn(course, gated, 2 * number, limits) if first <= 2 * number else course.learned
                choices = likeliest(gated, limits, fill=self.dual > 0)
                yield self.tuned(course, gated, number, choices, learned)
            except EvaluationError as error:
                yield failed(number, choices, error)
                return

    def learn(self, course: Course, gated: GatedFabric, stage: int, limits: Mapping[str, float]) -> Curve:
        """Let gates and weights learn under these limits."""
        options = replace(course.train, epochs=course.train.epochs if stage == 0 else self.again)
        return course.complete(stage, GateTraining(gated, options, limits, self.dual, self.warm if stage == 0 else 0), {})

    def tuned(self, course: Course, gated: GatedFabric, number: int, choices: Choices, learned: Curve) -> Point:
        """The network of the choices with the weights of the whole, fine-tuned. Raises EvaluationError (diverged)."""
        setting = course.setting
        entry = setting.catalogue.look_up(choices)
        genotype = setting.catalogue.genotype(entry)
        network = gated.extract(entry.choices, genotype)
        options = replace(course.train, epochs=self.tune, lr=course.train.lr * self.pace, warmup=0.0)
        fitting = Fitting(network.to(course.device), options, course.data, [output.macs for output in exits(genotype)])
        curve = course.complete(2 * number + 1, fitting, {"learned": learned}, kept(gated))
        return course.point(number, entry.choices, (*learned, *curve), network, genotype, price=gated.price)


def limits_of(setting: Setting, supergraph: Supergraph) -> dict[str, float]:
    """The limits on known costs; without any, the multiply-adds of the whole network."""
    limits = {name: limit for name, limit in setting.budget.limits().items() if name in COSTS}
    return limits or {"macs": float(sum(fact.cost.macs for fact in supergraph.genotype.facts))}


def likeliest(gated: GatedFabric, limits: Mapping[str, float], fill: bool) -> Choices:
    """The edges that are rather open than not, fewer where they are over a limit; to `fill` it, more as far as they fit."""
    chances = dict(zip(gated.edges, gated.policy.open().tolist(), strict=True))
    order = sorted(chances, key=lambda edge: (chances[edge], edge))
    choices: Choices = dict.fromkeys(gated.edges, True)
    for edge in order:
        if chances[edge] >= 0.5 and gated.ratio(choices, limits) <= 1:
            break
        fewer = {**choices, edge: False}
        choices = fewer if gated.is_network(fewer) else choices
    return filled(gated, limits, choices, chances) if fill else choices


def filled(gated: GatedFabric, limits: Mapping[str, float], choices: Choices, chances: Mapping[str, float]) -> Choices:
    """The network with as many more edges as fit within the limits, the likeliest first.

    Where no edge fits alone, a pair is tried; where none does and less than USED of the limit is used, an edge makes room for another
    that costs more, those whose chances are closest first.
    """
    while True:
        now = gated.ratio(choices, limits)
        for changed in changes(choices, chances, exchange=now < USED):
            ratios = gated.ratios(torch.stack([gated.row(more) for more in changed]), limits).tolist() if changed else []
            fits = (more for more, ratio in zip(changed, ratios, strict=True) if now < ratio <= 1)
            found = next((more for more in fits if gated.is_network(more)), None)
            if found is not None:
                choices = found
                break
        else:
            return choices


def changes(choices: Choices, chances: Mapping[str, float], exchange: bool) -> Iterator[list[Choices]]:
    """What may be tried to use more of a limit, one kind after the other, each in the order in which it is to be tried."""
    out = sorted((edge for edge in chances if not choices[edge]), key=lambda edge: (-chances[edge], edge))
    for count in (1, 2):
        yield [{**choices, **dict.fromkeys(edges, True)} for edges in combinations(out, count)]
    if exchange:
        pairs = sorted((chances[old] - chances[new], old, new) for old in chances if choices[old] for new in out)
        yield [{**choices, old: False, new: True} for _, old, new in pairs]
