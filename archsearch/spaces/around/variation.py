"""One network of the space around a given one."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from archsearch.network.genotype import Genotype
from archsearch.spaces.around.assembly import assembled
from archsearch.spaces.around.choices import Choice, Decisions
from archsearch.spaces.around.finding import find
from archsearch.spaces.around.fitting import fitted
from archsearch.spaces.around.template import Template
from archsearch.spaces.around.variety import Variety
from archsearch.spaces.space import Pick, SpaceError

MAX_PLANS = 32


class Plan(NamedTuple):
    """All that is worked out once for a network: what it can choose, and how it is written anew."""

    choices: tuple[Choice, ...]
    template: Template


Key = tuple[int, Variety, tuple[int, ...] | None, int | None]
_plans: dict[Key, tuple[Genotype, Plan]] = {}


def variation(
    genotype: Genotype,
    pick: Pick,
    *,
    widths: tuple[float, ...] = (0.5, 1.0, 1.5),
    kernels: tuple[int, ...] = (3, 5, 7),
    depths: bool = True,
    deeper: int = 1,
    shortcuts: bool = True,
    links: bool = True,
    alike: bool = True,
    keep: tuple[str, ...] = (),
    input: tuple[int, ...] | None = None,
    classes: int | None = None,
) -> Genotype:
    """A network around `genotype`, by choices of its widths, kernels, lengths of runs of blocks, and shortcuts.

    The settings are those of `Variety`; `input` and `classes` first fit the network to data. Shapes of outputs stay.

    Raises:
        SpaceError: a setting that cannot be, or a network that cannot be fitted.
    """
    variety = Variety(widths, kernels, depths, deeper, shortcuts, links, alike, keep)
    plan = plan_of(genotype, variety, None if input is None else tuple(input), classes)
    decisions = Decisions()
    for choice in plan.choices:
        if not decisions.gone.issuperset(choice.sites):
            choice.decide(pick(choice.name, choice.options) if len(choice.options) > 1 else choice.options[0], decisions)
    return assembled(plan.template, decisions)


def plan_of(genotype: Genotype, variety: Variety, input: tuple[int, ...] | None = None, classes: int | None = None) -> Plan:
    """The plan of a network, worked out when it is first asked for. Raises SpaceError."""
    key = (id(genotype), variety, input, classes)  # not by its value: hashing all nodes takes longer than a sample
    known = _plans.get(key)
    if known is not None and known[0] is genotype:
        return known[1]
    fit = fitted(genotype, input, classes)
    found = find(fit, variety)
    plan = Plan(left_open(found.choices, variety.keep), Template(fit, found.widths, found.runs, variety.deeper))
    _plans[key] = (genotype, plan)
    while len(_plans) > MAX_PLANS:
        del _plans[next(iter(_plans))]
    return plan


def left_open(choices: tuple[Choice, ...], keep: tuple[str, ...]) -> tuple[Choice, ...]:
    """The choices that nothing keeps as given. Raises SpaceError for a pattern that keeps none."""
    kept: set[str] = set()
    for pattern in keep:
        found = {choice.name for choice in choices if choice.name == pattern or fnmatchcase(choice.name, pattern)}
        if not found:
            such = f", such as {choices[0].name!r}" if choices else ""
            raise SpaceError(f"around: keep={pattern!r} is none of the choices; give a name{such}, or a pattern with *")
        kept |= found
    return tuple(choice for choice in choices if choice.name not in kept)
