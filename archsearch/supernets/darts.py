"""Choose ops on edges by gradient descent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from archsearch.analysis.exits import exits
from archsearch.spaces.space import Choices, Scalar, Space
from archsearch.supernets.base import Point, Setting, SupernetError, failed
from archsearch.supernets.course import Course, Curve, Fitting
from archsearch.supernets.edge_choices import supergraph_of_edges
from archsearch.supernets.op_choices import supergraph_of_ops
from archsearch.supernets.relaxation import Bilevel, Relaxation
from archsearch.supernets.supergraph import Supergraph
from archsearch.supernets.switch_modules import extracted
from archsearch.trial import EvaluationError

ORDERS = ("first", "second")
SAMPLERS = ("softmax", "gdas")


@dataclass(frozen=True)
class Darts:
    """Mix the options of every choice by a softmax and let the supergraph learn: differentiable search (Liu et al. 2018, arXiv:1806.09055).

    For spaces whose choices select an op on an edge, none or a skip among the options, or keep and drop edges. One half of the training
    part trains the weights, the other the scores of the options. The training that the evaluator says is stopped at equal distances:
    the options of most weight, none left out, are a network, which takes over its weights, is fine-tuned, and is a point. Over a budget,
    choices go to cheaper options where that gives up least.

    Metrics of a point: `skip_share`, of choices for which a skip has most weight before the cap, and `collapsed`, 1 where it is over
    the cap: the collapse of this method to skips (Zela et al. 2020, arXiv:1909.09656), a sign to mistrust the run.

    Args:
        order: Of the gradient of the scores, `first` or `second`; the second looks a step of the weights ahead, and takes longer.
        sampler: `softmax`; or `gdas`, where one option is drawn each time (Dong & Yang 2019, arXiv:1910.04465).
        speed: How far scores move in an epoch, at most.
        points: Networks of one training.
        skips: Share of choices that may be skips, the surest of them.
        tune: Epochs of fine-tuning before a point.
        pace: Learning rate of the fine-tuning, as a share of the evaluator's.
        hold: Choices that do not mix, as NAME=VALUE; where a choice is no op on an edge it must be held.

    Raises:
        ValueError: an option out of range.
    """

    order: str = "first"
    sampler: str = "softmax"
    speed: float = 0.3
    points: int = 3
    skips: float = 0.5
    tune: int = 5
    pace: float = 0.5
    hold: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.order not in ORDERS or self.sampler not in SAMPLERS:
            known = f"{' or '.join(ORDERS)}, sampler={self.sampler!r} {' or '.join(SAMPLERS)}"
            raise ValueError(f"order={self.order!r} must be {known}")
        for name in ("points", "tune"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be a whole number of at least 1")
        for name in ("speed", "pace"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be over 0")
        if not 0 <= self.skips <= 1:
            raise ValueError(f"skips={self.skips!r} must be a share from 0 to 1")

    def run(self, setting: Setting) -> Iterator[Point]:
        course, space = Course(setting), setting.catalogue.space
        held = self.held(space)
        supergraph = supergraph_of(space, held)
        options = {name: offered for name, offered in space.options().items() if name not in held}
        relaxation = Relaxation(course, supergraph, options, setting.seed)
        bilevel = Bilevel(relaxation, course.train, self.speed, self.order == "second", self.sampler == "gdas", (0, 0))
        first = course.stage
        for number in range(self.points):
            if first > 2 * number + 1:
                continue
            bilevel.part = self.part(course, number)
            if course.kept:
                bilevel.restore(course.kept, bilevel.epochs)
            choices: Choices = {}
            try:
                learned = course.complete(2 * number, bilevel, {}) if first <= 2 * number else course.learned
                choices = Derivation(relaxation, setting, held, self.skips).choices()
                yield self.tuned(course, bilevel, number, choices, learned)
            except EvaluationError as error:
                base = setting.catalogue.look_up(choices or held).choices
                yield failed(number, base, error)
                return

    def held(self, space: Space) -> Choices:
        """The choices that are held. Raises SupernetError for one that the space does not have."""
        found: Choices = {}
        options = space.options()
        for text in self.hold:
            name, _, value = str(text).partition("=")
            fit = [option for option in options.get(name, ()) if str(option) == value]
            if not fit:
                offered = list(options.get(name, ()))
                raise SupernetError(f"hold={text}: space {space.source!r} offers {offered}; give NAME=VALUE of a choice")
            found[name] = fit[0]
        return found

    def part(self, course: Course, number: int) -> tuple[int, int]:
        """The epochs, from and to, that lead to a point."""
        return round(course.train.epochs * number / self.points), round(course.train.epochs * (number + 1) / self.points)

    def tuned(self, course: Course, bilevel: Bilevel, number: int, choices: Choices, learned: Curve) -> Point:
        """The network of the choices with the weights of the whole, fine-tuned. Raises EvaluationError (diverged)."""
        catalogue, relaxation = course.setting.catalogue, bilevel.relaxation
        entry = catalogue.look_up(choices)
        genotype = catalogue.genotype(entry)
        state = relaxation.network.state_dict()
        network = extracted(relaxation.supergraph, state, entry.choices, genotype, course.setting.seed).to(course.device)
        options = replace(course.train, epochs=self.tune, lr=course.train.lr * self.pace, warmup=0.0)
        fitting = Fitting(network, options, course.data, [output.macs for output in exits(genotype)])
        curve = course.complete(2 * number + 1, fitting, {"learned": learned}, bilevel.tensors())
        share = skip_share(relaxation)
        more = {"skip_share": share, "collapsed": float(share > self.skips)}
        return course.point(number, entry.choices, (*learned, *curve), network, genotype, **more)


def supergraph_of(space: Space, held: Mapping[str, Scalar]) -> Supergraph:
    """The network that holds the space. Raises SupernetError."""
    options = {name: offered for name, offered in space.options().items() if name not in held}
    if not options:
        raise SupernetError(f"space {space.source!r} has no choice that is not held")
    keeps = all(sorted(map(repr, offered)) == ["False", "True"] for offered in options.values())
    return supergraph_of_edges(space) if keeps and not held else supergraph_of_ops(space, held)


def skip_share(relaxation: Relaxation) -> float:
    """Share of the choices for which a skip has most weight."""
    likely = relaxation.likely()
    return sum((name, best(relaxation, name, weights)) in relaxation.supergraph.skips for name, weights in likely.items()) / len(likely)


def best(relaxation: Relaxation, name: str, weights: Mapping[Scalar, float]) -> Scalar:
    """The option of most weight among those that bring something; of keeping and dropping an edge just the likelier."""
    bring = [option for option in relaxation.options[name] if (name, option) in relaxation.supergraph.switches]
    known = [option for option in weights if option in bring or len(bring) == 1]
    return max(known, key=lambda option: weights[option])


@dataclass
class Derivation:
    """From weights of options to a network within the budget."""

    relaxation: Relaxation
    setting: Setting
    held: Choices
    skips: float

    def choices(self) -> Choices:
        """The options of most weight; not too many skips; cheaper ones where it is over the budget, the least loss of weight first."""
        likely = self.relaxation.likely()
        found: Choices = {**self.held, **{name: best(self.relaxation, name, weights) for name, weights in likely.items()}}
        found = self.capped(found, likely)
        while True:
            excess = self.excess(found)
            if excess <= 1:
                return found
            moves = [
                (likely[name][found[name]] - likely[name][option], name, option)
                for name in likely
                for option in likely[name]
                if option != found[name] and self.excess({**found, name: option}) < excess
            ]
            if not moves:
                return found  # over the budget all the same: it is refused
            _, name, option = min(moves, key=lambda move: (move[0], move[1], str(move[2])))
            found = {**found, name: option}

    def capped(self, choices: Choices, likely: Mapping[str, Mapping[Scalar, float]]) -> Choices:
        """Choices with no more skips than may be; those least sure of them take their next best."""
        skips = sorted((likely[name][choices[name]], name) for name in likely if (name, choices[name]) in self.relaxation.supergraph.skips)
        found = dict(choices)
        for _, name in skips[: max(0, len(skips) - int(self.skips * len(likely)))]:
            rest = {option: weight for option, weight in likely[name].items() if (name, option) not in self.relaxation.supergraph.skips}
            found[name] = best(self.relaxation, name, rest)
        return found

    def excess(self, choices: Choices) -> float:
        """Cost over its limit, of several limits the one that is met worst; infinite for what is no network."""
        try:
            costs = self.setting.catalogue.look_up(choices).costs
        except ValueError:
            return float("inf")
        return max([1.0 if not self.setting.budget.limits() else 0.0, *self.setting.budget.overruns(costs).values()])
