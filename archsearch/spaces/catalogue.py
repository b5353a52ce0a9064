"""What is known of the networks of a space before any is trained: worked out once for each, and kept within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple, TypeVar

import numpy as np

from archsearch.analysis import Device, known_costs
from archsearch.network.genotype import Genotype
from archsearch.network.isomorphism import hashed
from archsearch.network.passes import canonicalise
from archsearch.network.passes.constant import is_constant
from archsearch.spaces.space import Choices, Scalar, Space

MAX_ENTRIES = 50_000
MAX_GENOTYPES = 64
Key = tuple[tuple[str, str], ...]
"""Choices as something that can be looked up, and read."""
Mark = bytes
"""16 bytes that stand for a key: of many networks the keys themselves would be most of what is kept."""
K = TypeVar("K")
V = TypeVar("V")


class UnlistedError(ValueError):
    """A network that is none of those listed."""


class Entry(NamedTuple):
    """A network by its full choices, and what it costs (analysis.COSTS, and analysis.PREDICTED where the catalogue knows a device).

    `isomorph` is the fingerprint of the canonical genotype, `fingerprint` that of what counts as one network: the same, unless networks
    count as `written`. `constant`: it gives the same answer to every input.
    """

    choices: Choices
    fingerprint: str
    costs: dict[str, float]
    isomorph: str
    constant: bool = False


Names = tuple[str, ...]


class _Kept(NamedTuple):
    """An entry without dicts, which of many networks would be most of what is kept."""

    choices: tuple[Scalar, ...]
    costs: tuple[float, ...]
    chosen: Names
    costly: Names
    fingerprint: str
    isomorph: str
    constant: bool

    def entry(self) -> Entry:
        choices, costs = dict(zip(self.chosen, self.choices, strict=True)), dict(zip(self.costly, self.costs, strict=True))
        return Entry(choices, self.fingerprint, costs, self.isomorph, self.constant)


@dataclass
class Catalogue:
    """Networks of a space, looked up by choices; `batch` and `optimizer` are for the training memory, latency is predicted for `device`.

    Isomorphic networks are one and have one fingerprint. With `written` each set of choices is a network of its own: for tables whose
    measurements tell apart what is written differently, such as latencies of cells with dead edges.

    Drawing from it gives what `space.resolve` would give with the same generator, unless only `listed` networks are there, full choices by
    fingerprint: then it draws one of these, and any other is refused. `kept` results of `derived` stay: some when several
    runs share the catalogue, none when only one run asks, and asks once.
    """

    space: Space
    batch: int = 1
    optimizer: str = "sgd"
    written: bool = False
    kept: int = 0
    listed: dict[str, Choices] | None = None
    device: Device | None = None
    _entries: dict[Mark, _Kept] = field(default_factory=dict, repr=False)
    _names: dict[Names, Names] = field(default_factory=dict, repr=False)
    _genotypes: dict[Mark, Genotype] = field(default_factory=dict, repr=False)
    _derived: dict[tuple[str, Callable[..., Any]], Any] = field(default_factory=dict, repr=False)

    @cached_property
    def options(self) -> dict[str, tuple[Scalar, ...]]:
        """Every choice that the space is known to offer, with its options."""
        return self.space.options()

    @cached_property
    def _conditional(self) -> bool:
        return self.space.is_conditional()

    def look_up(self, choices: Mapping[str, Scalar], rng: np.random.Generator | None = None) -> Entry:
        """The network of these choices; what is missing is drawn (without `rng` always alike), what the space does not ask for is left out.

        Raises:
            ValueError: the choices lead to no valid network, to none that is listed (UnlistedError), or one is not on offer (SpaceError).
        """
        rng = np.random.default_rng(0) if rng is None else rng
        if self.listed is None:
            return self._entry(choices, rng)
        entry = self._entry(choices or self._any(self.listed, rng), rng)
        if entry.fingerprint not in self.listed:
            raise UnlistedError("none of the networks that there are results of")
        return entry

    def find(self, choices: Mapping[str, Scalar], rng: np.random.Generator | None = None) -> Entry | None:
        """As `look_up`, but None where the choices lead to no network."""
        try:
            return self.look_up(choices, rng)
        except ValueError:
            return None

    def _any(self, listed: dict[str, Choices], rng: np.random.Generator) -> Choices:
        return listed[list(listed)[int(rng.integers(len(listed)))]]

    def _entry(self, choices: Mapping[str, Scalar], rng: np.random.Generator) -> Entry:
        given = choices if self._conditional else self._completed(choices, rng)
        found = self._entries.get(mark_of(given))
        if found is not None:
            return found.entry()
        genotype, full = self.space.resolve(given, rng)
        genotype = canonicalise(genotype)
        isomorph = genotype.fingerprint
        fingerprint = written_fingerprint(full) if self.written else isomorph
        costs = known_costs(genotype, self.batch, self.optimizer, self.device)
        entry = Entry(full, fingerprint, costs, isomorph, is_constant(genotype))
        keep(self._entries, mark_of(full), self._without_dicts(entry), MAX_ENTRIES)
        keep(self._genotypes, mark_of(full), genotype, MAX_GENOTYPES)
        return entry

    def _without_dicts(self, entry: Entry) -> _Kept:
        chosen, costly = (self._names.setdefault(names, names) for names in (tuple(entry.choices), tuple(entry.costs)))
        values, costs = tuple(entry.choices.values()), tuple(entry.costs.values())
        return _Kept(values, costs, chosen, costly, entry.fingerprint, entry.isomorph, entry.constant)

    def draw(self, rng: np.random.Generator) -> Entry:
        """A random network, every choice drawn uniformly. Raises ValueError when it is invalid."""
        return self.look_up({}, rng)

    def genotype(self, entry: Entry) -> Genotype:
        """The canonical genotype of an entry, its nodes called as these very choices call them."""
        key = mark_of(entry.choices)
        found = self._genotypes.get(key)
        if found is None:
            found = canonicalise(self.space.resolve(entry.choices, np.random.default_rng(0)).genotype)
            keep(self._genotypes, key, found, MAX_GENOTYPES)
        return found

    def derived(self, entry: Entry, of: Callable[[Genotype], V]) -> V:
        """What a function makes of an entry's canonical genotype; for functions whose results nobody changes."""
        key = (entry.isomorph, of)
        if key in self._derived:
            found: V = self._derived[key]
            return found
        made = of(self.genotype(entry))
        keep(self._derived, key, made, self.kept)
        return made

    def neighbours(self, choices: Mapping[str, Scalar]) -> list[Choices]:
        """Choices that differ from these in one, in the order of the options; what opens up by it is left to be drawn."""
        return [
            {**choices, name: option}
            for name, value in choices.items()
            for option in self.options.get(name, ())
            if option != value or type(option) is not type(value)
        ]

    def walk(self) -> Iterator[Entry]:
        """Every valid network that the space holds, in the order of its choices; isomorphic ones come as often as choices lead to them."""
        known: set[Mark] = set()
        for choices in self._paths() if self._conditional else self._grid():
            entry = self.find(choices)
            if entry is None:
                continue  # a combination that makes no network is no part of the space
            key = mark_of(entry.choices)
            if key not in known:  # a condition too rare to be met by chance makes several of one
                known.add(key)
                yield entry

    def _grid(self) -> Iterator[Choices]:
        for values in product(*self.options.values()):
            yield dict(zip(self.options, values, strict=True))

    def _paths(self) -> Iterator[Choices]:
        places: dict[str, int] = {}
        while True:
            offered = self.space.offered(places)
            yield {name: options[places.get(name, 0)] for name, options in offered.items()}
            open_ends = [name for name, options in offered.items() if places.get(name, 0) + 1 < len(options)]
            if not open_ends:
                return
            last = open_ends[-1]
            names = list(offered)
            places = {name: places.get(name, 0) for name in names[: names.index(last)]} | {last: places.get(last, 0) + 1}

    def _completed(self, choices: Mapping[str, Scalar], rng: np.random.Generator) -> Choices:
        full: Choices = {}
        for name, options in self.options.items():
            full[name] = choices[name] if name in choices else options[int(rng.integers(len(options)))]
        return full


def key_of(choices: Mapping[str, Scalar]) -> Key:
    """Choices as something that can be looked up; 1, 1.0 and true differ."""
    return tuple(sorted((name, repr(value)) for name, value in choices.items()))


def mark_of(choices: Mapping[str, Scalar]) -> Mark:
    """What stands for the key of choices."""
    return hashed(repr(key_of(choices)).encode())


def written_fingerprint(choices: Mapping[str, Scalar]) -> str:
    """32 hex digits for the choices themselves."""
    return mark_of(choices).hex()


def keep(store: dict[K, V], key: K, value: V, most: int) -> None:
    """Put a value in; the oldest go when there are more than `most`."""
    store[key] = value
    while len(store) > most:
        del store[next(iter(store))]
