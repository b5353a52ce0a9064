"""Widths that hold together: those that are tied keep their ratios, so whatever must be equal stays equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from math import gcd, lcm

Form = tuple[tuple[int, int], ...]
"""A width as parts side by side, each by its atom and its size as given: channels 64 + 32 after a concat of two convolutions."""


class Ties:
    """Atoms are widths that are set in one place. Those that are tied are scaled by one factor; fixed ones are not scaled.

    A factor is `n / unit`: `unit` divides the sizes of all parts that refer to atoms tied with each other, so each has a whole size.
    """

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._unit: list[int] = []
        self._fixed: list[bool] = []
        self._grains: list[tuple[Form, int]] = []

    def new(self, size: int, fixed: bool = False) -> Form:
        """A width of its own."""
        self._parent.append(len(self._parent))
        self._unit.append(size)
        self._fixed.append(fixed)
        return ((len(self._parent) - 1, size),)

    def root(self, atom: int) -> int:
        """The atom that stands for all that are tied with this one."""
        parent = self._parent
        while parent[atom] != atom:
            parent[atom] = parent[parent[atom]]
            atom = parent[atom]
        return atom

    def roots(self, form: Form) -> list[int]:
        """The roots of a width's parts, each once."""
        return list(dict.fromkeys(self.root(atom) for atom, _ in form))

    def unit(self, root: int) -> int:
        """What divides all sizes that are scaled with this one."""
        return self._unit[root]

    def is_fixed(self, form: Form) -> bool:
        """Whether no part of a width may change."""
        return all(self._fixed[self.root(atom)] for atom, _ in form)

    def fix(self, *forms: Form) -> None:
        """Let widths be as given."""
        for form in forms:
            for atom, _ in form:
                self._fixed[self.root(atom)] = True

    def tie(self, atoms: Iterable[int]) -> None:
        """Scale these by one factor from now on."""
        first, *others = map(self.root, atoms)
        for other in others:
            other = self.root(other)
            if other != first:
                self._parent[other] = first
                self._unit[first] = gcd(self._unit[first], self._unit[other])
                self._fixed[first] |= self._fixed[other]

    def tie_whole(self, *forms: Form) -> None:
        """Scale all parts of these widths by one factor."""
        self.tie(atom for form in forms for atom, _ in form)

    def equal(self, one: Form, other: Form) -> None:
        """Keep two widths equal: parts that lie over each other are tied."""
        for a, b in overlaps(one, other):
            self.tie((a, b))

    def part(self, form: Form) -> Form:
        """The same width, of which every part's size counts for the unit."""
        for atom, size in form:
            root = self.root(atom)
            self._unit[root] = gcd(self._unit[root], size)
        return form

    def scaled(self, form: Form, size: int) -> Form:
        """A width that is always the same multiple or fraction of this one, of that size as given; its parts are tied."""
        self.tie_whole(form)
        return self.part(((form[0][0], size),))

    def cut(self, form: Form, start: int, stop: int) -> Form:
        """The piece of a width between two places as given; places within a part move with its factor."""
        ends = list(accumulate(size for _, size in form))
        pieces = [
            (atom, min(end, stop) - max(end - size, start))
            for (atom, size), end in zip(form, ends, strict=True)
            if end - size < stop and end > start
        ]
        return self.part(tuple(pieces))

    def keep_multiple(self, form: Form, divisor: int) -> None:
        """Let a width be a multiple of `divisor` always, as it is as given."""
        if divisor > 1:
            self._grains.append((form, divisor))

    def steps(self) -> dict[int, int]:
        """By root, what `n` must be a multiple of. Ties are complete from then on."""
        for form, divisor in self._grains:
            if any(size % divisor for _, size in form):
                self.tie_whole(form)
        found: dict[int, int] = {}
        for form, divisor in self._grains:
            roots = self.roots(form)
            sizes = [sum(size for _, size in form)] if len(roots) == 1 else [size for _, size in form]
            for atom, size in zip((atom for atom, _ in form), sizes, strict=False):
                root = self.root(atom)
                step = divisor // gcd(divisor, size // self._unit[root])
                found[root] = lcm(found.get(root, 1), step)
        return found


def overlaps(one: Form, other: Form) -> Iterator[tuple[int, int]]:
    """Atoms of two widths of one size that lie over each other."""
    left, right = list(reversed(one)), list(reversed(other))
    while left and right:
        (a, wide), (b, across) = left.pop(), right.pop()
        yield a, b
        if wide > across:
            left.append((a, wide - across))
        if across > wide:
            right.append((b, across - wide))
