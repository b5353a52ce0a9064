"""Choices as parameters of Optuna, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archsearch.spaces.encoding import CLOSED, place
from archsearch.spaces.space import Choices, Scalar
from archsearch.trial import to_json

try:
    from optuna.distributions import CategoricalDistribution
except ModuleNotFoundError as error:
    raise ModuleNotFoundError('archsearch.optuna needs Optuna; install it with: pip install "archsearch[optuna]"') from error

Options = Mapping[str, tuple[Scalar, ...]]


def labels(offered: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """What options are called: as they are, or as JSON texts where Optuna could not tell two of them apart, such as 1 and true."""
    return tuple(offered) if len(set(offered)) == len(offered) else tuple(map(to_json, offered))


def distributions(options: Options) -> dict[str, CategoricalDistribution]:
    """A parameter for every choice that a space is known to offer."""
    return {name: CategoricalDistribution(labels(offered)) for name, offered in options.items()}


def params(choices: Mapping[str, Scalar], options: Options) -> dict[str, Scalar]:
    """The parameters of choices; a choice that is not known to be on offer is left out."""
    places = {name: place(options.get(name, ()), value) for name, value in choices.items()}
    return {name: labels(options[name])[at] for name, at in places.items() if at != CLOSED}


def choices_of(given: Mapping[str, Scalar], options: Options) -> Choices:
    """The choices of parameters; what is no parameter of the space, or no option of it, is left out."""
    places = {name: place(labels(options[name]), value) for name, value in given.items() if name in options}
    return {name: options[name][at] for name, at in places.items() if at != CLOSED}
