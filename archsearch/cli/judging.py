"""The evaluator of a command: one that comes with archsearch, or one of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archsearch.cli import WrongUseError
from archsearch.cli.options import defaults_of, make, required
from archsearch.evaluators import load_evaluator
from archsearch.evaluators.base import Evaluator, check_evaluator

USUAL_DATA = "digits"


def evaluator_of(name: str, options: Sequence[str], data: str | None, **given: Any) -> Evaluator:
    """The evaluator with its options; of `data` and what else is `given` it gets what it has a field for.

    Raises:
        WrongUseError: no such evaluator, options or data that it does not take, or a class that is no evaluator.
    """
    try:
        maker = load_evaluator(name)
        known = defaults_of(maker)
    except (TypeError, ValueError, ImportError) as error:
        raise WrongUseError(str(error)) from error
    if data is not None and "data" not in known:
        raise WrongUseError(f"evaluator {name[-100:]!r} has no field data; leave --data out, or give the class a field `data: str`")
    if data is None and "data" in required(maker):
        data = USUAL_DATA
    own = {key: value for key, value in {"data": data, **given}.items() if key in known and value is not None}
    check_given(name, maker, known, {*own, *(pair.partition("=")[0] for pair in options)})
    return checked(name, made(name, maker, options, own), maker)


def check_given(name: str, maker: Any, known: dict[str, Any], given: set[str]) -> None:
    """Raise WrongUseError when a field without a default is not given."""
    lacking = [key for key in required(maker) if key in known and key not in given]
    if lacking:
        raise WrongUseError(f"evaluator {name[-100:]!r} needs {', '.join(lacking)[:80]}: give --evaluator-set {lacking[0]}=VALUE")


def made(name: str, maker: Any, options: Sequence[str], own: dict[str, Any]) -> Any:
    """The object of a class. Raises WrongUseError, whatever the class raises."""
    try:
        return make("evaluator", name, {name: maker}, options, **own)
    except WrongUseError:
        raise
    except Exception as error:  # the class of a user's own may raise anything
        raise WrongUseError(f"evaluator {name[-100:]!r}: {type(error).__name__}: {' '.join(str(error).split())[:150]}") from error


def checked(name: str, evaluator: Any, maker: Any) -> Evaluator:
    """An object that is an evaluator of this class. Raises WrongUseError."""
    try:
        if not isinstance(maker, type):
            raise WrongUseError(f"{name[-100:]!r} is no class; give an evaluator of your own as file.py:Class")
        check_evaluator(evaluator)
    except ValueError as error:
        raise WrongUseError(str(error)) from error
    found: Evaluator = evaluator
    return found


def data_name(evaluator: Evaluator) -> str:
    """What an evaluator judges by, for the name of a folder: its data, or else its class."""
    data = getattr(evaluator, "data", None)
    return Path(data).stem if isinstance(data, str | Path) and str(data) else type(evaluator).__name__
