"""How the axes of a traced tensor lie over the axes of a genotype's value: views and permutations as bookkeeping, without ops.

An axis is a group of atoms, in order from outer to inner; an atom is a run of positions that no view has cut. A traced tensor of
shape (N, 64, 49) over an image (64, 7, 7) has axes ((batch,), (c,), (h, w)) and own axes ((c,), (h,), (w,)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod


class InexpressibleError(ValueError):
    """What no op, or none of the axes, can stand for; the message says why and what to do."""


class Atom:
    """A run of positions along an axis; two atoms are the same only if they are one object. `batch`: it counts samples."""

    __slots__ = ("batch", "size")

    def __init__(self, size: int, batch: bool = False) -> None:
        self.size = size
        self.batch = batch

    def __repr__(self) -> str:
        return f"{'N' if self.batch else ''}{self.size}"


Group = tuple[Atom, ...]
Groups = tuple[Group, ...]
Cuts = Mapping[Atom, Group]


def size_of(group: Iterable[Atom]) -> int:
    """Positions of an axis."""
    return prod(atom.size for atom in group)


def sizes_of(groups: Iterable[Group]) -> tuple[int, ...]:
    """Positions of every axis."""
    return tuple(map(size_of, groups))


def flat(groups: Iterable[Group]) -> Group:
    """All atoms in order."""
    return tuple(atom for group in groups for atom in group)


def atoms_for(size: int) -> Group:
    """A new axis; one of length 1 has no atoms."""
    return (Atom(size),) if size > 1 else ()


def replaced(groups: Groups, cuts: Cuts) -> Groups:
    """Axes with atoms put in the place of others."""
    return tuple(tuple(part for atom in group for part in cuts.get(atom, (atom,))) for group in groups)


def without(group: Iterable[Atom], others: Iterable[Atom]) -> Group:
    """Atoms that are not among the others."""
    left_out = set(others)
    return tuple(atom for atom in group if atom not in left_out)


@dataclass(frozen=True, slots=True)
class Layout:
    """Axes of a traced tensor, the batch among them, in terms of the atoms of the own axes of a value, which has no batch.

    Atoms of `axes` that are not in `own` repeat the value, as `expand` does.
    """

    own: Groups
    axes: Groups

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the traced tensor."""
        return sizes_of(self.axes)

    @property
    def batch(self) -> Atom:
        """The atom that counts samples."""
        return next(atom for atom in flat(self.axes) if atom.batch)

    def cut(self, cuts: Cuts) -> Layout:
        """The same layout in finer or other atoms."""
        return Layout(replaced(self.own, cuts), replaced(self.axes, cuts)) if cuts else self

    def with_axes(self, axes: Groups) -> Layout:
        """The same value seen along other axes."""
        return Layout(self.own, axes)

    def permuted(self, order: Sequence[int]) -> Layout:
        """Axes in another order."""
        return self.with_axes(tuple(self.axes[axis] for axis in order))

    def viewed(self, shape: Sequence[int]) -> Layout:
        """The elements in order in another shape. Raises InexpressibleError when an axis of that shape would cut across two."""
        groups, cuts = regrouped(flat(self.axes), shape)
        return Layout(replaced(self.own, cuts), groups)


def layout_of(shape: Sequence[int], batch: Atom) -> Layout:
    """Layout of a traced tensor that is a value of that shape, sample by sample."""
    own = tuple(map(atoms_for, shape))
    return Layout(own, ((batch,), *own))


def regrouped(atoms: Group, shape: Sequence[int]) -> tuple[Groups, Cuts]:
    """Atoms in order as axes of a shape, and how atoms had to be cut for that. Raises InexpressibleError."""
    left, groups = list(reversed(atoms)), []
    root: dict[Atom, Atom] = {}
    for size in shape:
        group: list[Atom] = []
        while size > 1:
            if not left:
                raise InexpressibleError("the view has more elements than what it reads")
            atom = left.pop()
            if size % atom.size:
                atom, inner = halved(atom, size, root)
                left.append(inner)
            group.append(atom)
            size //= atom.size
        groups.append(tuple(group))
    return tuple(groups), gathered(flat(groups), root)


def halved(atom: Atom, outer: int, root: dict[Atom, Atom]) -> tuple[Atom, Atom]:
    """The two pieces of an atom, entered in `root` with the atom that they come from. Raises InexpressibleError."""
    if atom.batch:
        raise InexpressibleError("it takes the batch apart, or has its size written in it; keep the batch as the first axis, of any size")
    if atom.size % outer:
        raise InexpressibleError(f"it cuts across axes: {atom.size} positions do not fall into {outer}")
    pieces = (Atom(outer), Atom(atom.size // outer))
    origin = root.pop(atom, atom)
    root.update(dict.fromkeys(pieces, origin))
    return pieces


def gathered(atoms: Iterable[Atom], root: Mapping[Atom, Atom]) -> Cuts:
    """The pieces, in order, of every atom that was cut."""
    cuts: dict[Atom, Group] = {}
    for atom in atoms:
        if atom in root:
            cuts[root[atom]] = (*cuts.get(root[atom], ()), atom)
    return cuts


def refined(first: Group, second: Group) -> tuple[Group, Cuts, Group, Cuts] | None:
    """Two axes of one length in atoms of the same sizes, and how theirs had to be cut for that; None where they overlap."""
    left = (list(reversed(first)), list(reversed(second)))
    done: tuple[list[Atom], list[Atom]] = ([], [])
    root: dict[Atom, Atom] = {}
    while left[0] and left[1]:
        pair = [left[0].pop(), left[1].pop()]
        large = 0 if pair[0].size >= pair[1].size else 1
        small = pair[1 - large].size
        if pair[0].batch != pair[1].batch or pair[large].size % small:
            return None
        if pair[large].size != small:
            pair[large], inner = halved(pair[large], small, root)
            left[large].append(inner)
        done[0].append(pair[0])
        done[1].append(pair[1])
    if left[0] or left[1]:
        return None
    return tuple(done[0]), gathered(done[0], root), tuple(done[1]), gathered(done[1], root)
