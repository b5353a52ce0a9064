"""Spaces: functions that pick and build. A strategy sees choices only, so every strategy works with every space."""

from __future__ import annotations

import inspect
import reprlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, prod
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple, get_origin, get_type_hints

import numpy as np

from archsearch.network.genotype import BrokenOpError, Genotype
from archsearch.support.nearest import nearest
from archsearch.support.own_code import OwnFileError, load_file
from archsearch.support.parts import sha256_of

Scalar = str | int | float | bool | None
Choices = dict[str, Scalar]
SCALARS = (str, int, float, bool, type(None))
SIZE_PROBES = 200


class SpaceError(ValueError):
    """A space that cannot be loaded or run; one line that says what, where and what to do."""


class Pick:
    """Makes the decisions of one network: each from the choices that are given, or drawn."""

    def __init__(self, choices: Mapping[str, Scalar], rng: np.random.Generator) -> None:
        self._given, self._rng = choices, rng
        self.options: dict[str, tuple[Scalar, ...]] = {}
        """What was asked, and what was on offer, in order."""
        self.made: Choices = {}

    def __call__(self, name: str, options: Sequence[Any]) -> Any:
        """One decision among scalars; the same name gives the same answer again.

        Raises:
            SpaceError: no options, options that differ from before, two that are equal but of other types, or a given choice that is
                not on offer.
        """
        offered = once(name, tuple(options))
        before = self.options.setdefault(name, offered)
        if before is not offered and repr(before) != repr(offered):  # 1 is not True
            raise SpaceError(
                f"pick {name!r} offers {list(offered)}, before it offered {list(before)}; give the second decision a name of its own"
            )
        if name not in self.made:
            self.made[intern(str(name))] = self._decide(name, offered)  # one text for the names of all networks of a run
        return self.made[name]

    def _decide(self, name: str, offered: tuple[Scalar, ...]) -> Scalar:
        if not offered:
            raise SpaceError(f"pick {name!r} offers nothing; give at least one option")
        if name not in self._given:
            return offered[int(self._rng.integers(len(offered)))]
        if self._given[name] not in offered:
            raise SpaceError(f"choice {name}={self._given[name]!r} is not on offer; options: {list(offered)}")
        return offered[offered.index(self._given[name])]


def plain(option: Any) -> Any:
    """A number or text of numpy as Python's own; anything else as it is."""
    return option.item() if isinstance(option, np.generic) else option


def once(name: str, offered: tuple[Any, ...]) -> tuple[Scalar, ...]:
    """The options, each once.

    Raises:
        SpaceError: options that are no scalars, or of which two are equal but of other types: a choice must say which it means.
    """
    if set(map(type, offered)) == {str}:  # the most frequent, and two that are equal are the same
        return tuple(dict.fromkeys(offered))
    offered = tuple(map(plain, offered))
    wrong = [option for option in offered if type(option) not in SCALARS or (isinstance(option, float) and not isfinite(option))]
    if wrong:
        raise SpaceError(f"pick {name!r} offers {shown(wrong[0])}; options are texts, finite numbers, true, false or None")
    firsts: dict[Any, Any] = {}
    for option in offered:
        first = firsts.setdefault(option, option)
        if repr(first) != repr(option):
            raise SpaceError(f"pick {name!r} offers {first!r} and {option!r}, which are equal; make them texts, or keep one of them")
    return tuple(firsts)


def shown(value: Any) -> str:
    """A value of any kind in few words, with its type."""
    return f"{reprlib.repr(value)} ({type(value).__name__})"


class Numbered(Pick):
    """Makes decisions by the number of the option."""

    def __init__(self, places: Mapping[str, int]) -> None:
        super().__init__({}, np.random.default_rng(0))
        self._places = places

    def _decide(self, name: str, offered: tuple[Scalar, ...]) -> Scalar:
        return offered[self._places.get(name, 0)]


class Resolved(NamedTuple):
    """A network and the full choices that lead to it."""

    genotype: Genotype
    choices: Choices


class Probe(NamedTuple):
    """What a random walk was offered, and what is wrong with its network, empty when nothing is."""

    options: dict[str, tuple[Scalar, ...]]
    error: str


@dataclass(frozen=True)
class Space:
    """A space function with its settings; `source` is what `load_space` was given."""

    source: str
    function: Callable[..., Genotype]
    settings: dict[str, Any]

    def resolve(self, choices: Mapping[str, Scalar], rng: np.random.Generator) -> Resolved:
        """Run the function with these choices; what is missing is drawn, what is not asked for is left out.

        Raises:
            SpaceError: a choice that is not on offer, or a function that fails. ValueError: the network is invalid.
        """
        pick = Pick(choices, rng)
        return Resolved(self.build(pick), pick.made)

    def build(self, pick: Pick) -> Genotype:
        """The network of the decisions that `pick` makes. Raises as `resolve`."""
        try:
            genotype = self.function(pick, **self.settings)
        except BrokenOpError as error:
            raise SpaceError(f"space {self.source!r}: {error}") from error
        except ValueError:
            raise
        except Exception as error:
            raise SpaceError(f"space {self.source!r} fails{place(error)}: {type(error).__name__}: {error}") from error
        if not isinstance(genotype, Genotype):
            raise SpaceError(f"space {self.source!r} returned {type(genotype).__name__}; it must return a Genotype, such as b.genotype(x)")
        return genotype

    def offered(self, places: Mapping[str, int]) -> dict[str, tuple[Scalar, ...]]:
        """Decisions on the way of these, with their options: each takes the option of that number, or the first.

        Of a network that turns out invalid, those met until then.
        """
        pick = Numbered(places)
        self._try(pick)
        return pick.options

    def _try(self, pick: Pick) -> str:
        """Run the function for the decisions that it makes: what is wrong with the network, if anything; a broken function fails."""
        try:
            self.build(pick)
        except SpaceError:
            raise
        except ValueError as error:
            return str(error) or type(error).__name__
        return ""

    def sample(self, rng: np.random.Generator) -> Resolved:
        """A random network: every decision drawn uniformly."""
        return self.resolve({}, rng)

    def options(self) -> dict[str, tuple[Scalar, ...]]:
        """All decisions met in a fixed set of random walks, with all that they offer, whatever it depends on."""
        found: dict[str, dict[tuple[type, Scalar], Scalar]] = {}
        for walk in self._walks:
            for name, offered in walk.items():
                found.setdefault(name, {}).update({(type(option), option): option for option in offered})
        return {name: tuple(options.values()) for name, options in found.items()}

    def size(self) -> int:
        """Number of choices: exact where no decision depends on another, else an estimate.

        By random walks (Knuth 1975, doi:10.1090/S0025-5718-1975-0373371-6).
        """
        return sum(prod(map(len, walk.values())) for walk in self._walks) // SIZE_PROBES

    def is_conditional(self) -> bool:
        """Whether some decisions depend on others: which come up, in what order, or what they offer; `size` is an estimate then."""
        return len({repr(walk) for walk in self._walks}) > 1  # as texts, in which 1 and True differ

    def check_drawable(self, draws: int) -> None:
        """Raise SpaceError when the function fails, or none of so many random networks is valid."""
        error = ""
        for probe in range(draws):
            _, error = self._probes[probe] if probe < SIZE_PROBES else self._probe(probe)
            if not error:
                return
        raise SpaceError(f"space {self.source!r} gives no valid network in {draws} tries; the last error: {error}")

    @property
    def _walks(self) -> list[dict[str, tuple[Scalar, ...]]]:
        return [options for options, _ in self._probes]

    @cached_property
    def _probes(self) -> list[Probe]:
        return [self._probe(probe) for probe in range(SIZE_PROBES)]

    def _probe(self, number: int) -> Probe:
        pick = Pick({}, np.random.default_rng([0, number]))
        return Probe(pick.options, self._try(pick))


def place(error: Exception) -> str:
    """File and line where an exception arose, as words."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def space_folder() -> Path:
    """Where the spaces that come with archsearch live: in the package when installed, beside it in a checkout."""
    here = Path(__file__).resolve().parents[1]
    inside = here / "search_spaces"
    return inside if inside.is_dir() else here.parent / "search_spaces"


def space_names() -> list[str]:
    """Names of the spaces that come with archsearch."""
    return sorted(path.stem for path in space_folder().glob("[a-z]*.py"))


def load_space(name_or_path: str, **settings: Any) -> Space:
    """The space of a name, or of the function `space` in a Python file (`file.py`, or `file.py:function`).

    A file is run: load only files that you trust.

    Raises:
        SpaceError: no such space, a file that fails, or an unknown or mistyped setting.
    """
    path, function_name = find_space(name_or_path)
    try:
        function = getattr(load_file(str(path.resolve())), function_name, None)
    except OwnFileError as error:
        raise SpaceError(str(error)) from error
    if not callable(function):
        raise SpaceError(f"{path} has no function {function_name!r}; a space is a function `space(pick, *, ...) -> Genotype`")
    known = known_settings(function)
    for setting, value in settings.items():
        if setting not in known:
            near = nearest(setting, sorted(known)) if known else "it takes none"
            raise SpaceError(f"space {name_or_path!r} has no setting {setting!r}; {near}")
        check_setting(name_or_path, setting, value, get_type_hints(function).get(setting))
    return Space(name_or_path, function, {**known, **settings})


def known_settings(function: Callable[..., Genotype]) -> dict[str, Any]:
    """Settings of a space function with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def check_setting(space: str, name: str, value: Any, hint: Any) -> None:
    """Raise SpaceError when the value of a setting has not the type of its annotation."""
    plain: dict[Any, Any] = {int: int, str: str, bool: bool, float: (int, float), tuple: tuple}
    wanted = plain.get(get_origin(hint) or hint)
    if wanted is not None and (not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool)):
        raise SpaceError(f"space {space!r}: setting {name}={value!r} must be of type {getattr(hint, '__name__', hint)}")


def find_space(name_or_path: str) -> tuple[Path, str]:
    """File and function of a space. Raises SpaceError."""
    if name_or_path in space_names():
        return space_folder() / f"{name_or_path}.py", "space"
    file, _, function = name_or_path.partition(".py:")
    path = Path(f"{file}.py" if function else name_or_path)
    if path.suffix != ".py":
        raise SpaceError(f"unknown space {name_or_path!r}; {nearest(name_or_path, space_names())}; or give a file.py")
    if not path.is_file():
        raise SpaceError(f"no file {path}; give the path of a Python file with a function `space`")
    return path, function or "space"


def space_digest(source: str) -> str:
    """sha256 of a space's file, of archsearch or of the user's own; empty for a space that is in none."""
    try:
        return sha256_of(find_space(source)[0])
    except SpaceError:
        return ""
