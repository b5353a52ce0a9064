"""Exact ranks where ranks by operands and readers tie: individualise and refine, to the end (McKay & Piperno 2014, arXiv:1301.1493).

Colours are refined until equal ones have equal neighbourhoods. Where all or no edges lead from one colour to another, the edges tell
nothing more and are left out; what falls apart then is labelled part by part, so that many equal branches cost no more than one after
another. A part that holds together is labelled once for every value of its smallest colour, made single; the smallest form counts.
Values that a symmetry found on the way maps to each other are tried once.

The work is bounded by `MOST_STEPS`, about a second. Past it the caller keeps the network as it is written, which is still exact: it
counts as equal to nothing but itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

Edges = list[list[tuple[int, int]]]
"""For every vertex its neighbours, each with a mark; the two ends of an edge have different marks."""
Form = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
"""For every vertex in order its colour, and its marked neighbours by their places."""
Symmetry = Mapping[int, int]
"""Vertices that change places; the rest stay."""
MOST_STEPS = 200_000
DEEPEST = 150


class ExhaustedError(Exception):
    """The pattern takes more steps than are allowed."""


class Labelled(NamedTuple):
    """Vertices in the order that gives the smallest form, the form, and symmetries of it."""

    form: Form
    order: list[int]
    symmetries: list[Symmetry]


def labels(colours: Sequence[int], edges: Edges) -> list[int]:
    """Numbers from 0, all different, for the vertices of a coloured graph: under them isomorphic graphs are equal.

    Raises:
        ExhaustedError: that takes more than MOST_STEPS.
    """
    found = Labeller(edges).labelled(dict(enumerate(colours)), 0)
    number = [0] * len(colours)
    for place, vertex in enumerate(found.order):
        number[vertex] = place
    return number


class Partition:
    """Vertices by colour: a colour's number is how many vertices have smaller ones."""

    def __init__(self, colours: Mapping[int, int]) -> None:
        by_colour = defaultdict(list)
        for vertex, colour in colours.items():
            by_colour[colour].append(vertex)
        self.colour: dict[int, int] = {}
        self.cells: dict[int, list[int]] = {}
        for colour in sorted(by_colour):
            self.put(len(self.colour), by_colour[colour])

    def put(self, start: int, vertices: list[int]) -> None:
        """Give vertices a colour."""
        self.cells[start] = vertices
        for vertex in vertices:
            self.colour[vertex] = start

    def split(self, start: int, parts: list[list[int]]) -> list[int]:
        """Part a colour into several, in order; returns the vertices whose number changes: all but those of the first."""
        self.cells[start] = parts[0]
        changed: list[int] = []
        for before, part in pairwise(parts):
            start += len(before)
            self.put(start, part)
            changed += part
        return changed

    def single_out(self, vertex: int) -> Partition:
        """The same with a colour of its own for one vertex, after the others of its colour."""
        apart = Partition({})
        apart.colour, apart.cells = dict(self.colour), dict(self.cells)
        start = self.colour[vertex]
        others = [other for other in self.cells[start] if other != vertex]
        apart.cells[start] = others
        apart.put(start + len(others), [vertex])
        return apart

    def target(self) -> list[int]:
        """The smallest colour that is not single, none if all are."""
        return min((cell for cell in self.cells.values() if len(cell) > 1), key=lambda cell: (len(cell), self.colour[cell[0]]), default=[])


class Labeller:
    """Labels graphs with these edges within MOST_STEPS."""

    def __init__(self, edges: Edges) -> None:
        self.edges = edges
        self.steps = 0

    def spend(self, steps: int) -> None:
        """Count work. Raises ExhaustedError."""
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise ExhaustedError

    def labelled(self, colours: Mapping[int, int], depth: int) -> Labelled:
        """Label the vertices that have a colour. Raises ExhaustedError."""
        partition = Partition(colours)
        if len(partition.cells) < len(colours):
            self.refine(partition, list(colours))
        return self.labelled_within(partition, colours, depth)

    def labelled_within(self, partition: Partition, colours: Mapping[int, int], depth: int) -> Labelled:
        """Label by a refined partition; `colours` stand in the form."""
        if depth > DEEPEST:
            raise ExhaustedError
        if len(partition.cells) == len(partition.colour):
            return self.leaf(partition, colours)
        parts = self.parts(partition)
        if len(parts) == 1 and len(parts[0]) == len(partition.colour) > 1:
            order, symmetries = self.tried_each(partition, depth)
        else:
            order, symmetries = self.joined(parts, partition, depth)
        return Labelled(self.form(order, colours), order, symmetries)

    def refine(self, partition: Partition, changed: list[int]) -> None:
        """Part colours until vertices of one colour have neighbours of equal colours; `changed`: where it may not hold so far."""
        while changed:
            touched: dict[int, dict[int, tuple[tuple[int, int], ...]]] = defaultdict(dict)
            for vertex in self.beside(changed, partition):
                start = partition.colour[vertex]
                if len(partition.cells[start]) > 1:
                    touched[start][vertex] = self.view(vertex, partition.colour)
            changed = []
            for start in sorted(touched):
                changed += partition.split(start, by_view(partition.cells[start], touched[start]))

    def beside(self, vertices: list[int], partition: Partition) -> list[int]:
        """The vertices and their neighbours in the partition."""
        found = dict.fromkeys(vertices)
        for vertex in vertices:
            found.update(dict.fromkeys([other for _, other in self.edges[vertex] if other in partition.colour]))
            self.spend(len(self.edges[vertex]) + 1)
        return list(found)

    def view(self, vertex: int, colour: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
        """The marks and colours that a vertex sees."""
        self.spend(len(self.edges[vertex]))
        return tuple(sorted([(mark, colour[other]) for mark, other in self.edges[vertex] if other in colour]))

    def parts(self, partition: Partition) -> list[list[int]]:
        """Vertices that edges hold together, without the edges between colours of which all or none are there."""
        parts: list[list[int]] = []
        seen: set[int] = set()
        full = {cell[0]: self.uniform(cell[0], partition) for cell in partition.cells.values()}
        first = {vertex: cell[0] for cell in partition.cells.values() for vertex in cell}
        for vertex in partition.colour:
            if vertex in seen:
                continue
            part = [vertex]
            seen.add(vertex)
            for inside in part:
                skip = full[first[inside]]
                for mark, other in self.edges[inside]:
                    if other in partition.colour and other not in seen and (mark, partition.colour[other]) not in skip:
                        seen.add(other)
                        part.append(other)
            parts.append(part)
        return parts

    def uniform(self, vertex: int, partition: Partition) -> set[tuple[int, int]]:
        """Marks and colours of which a vertex has all vertices beside it: so has every vertex of its colour."""
        counts: dict[tuple[int, int], int] = defaultdict(int)
        for mark, colour in self.view(vertex, partition.colour):
            counts[mark, colour] += 1
        return {key for key, count in counts.items() if count == len(partition.cells[key[1]])}

    def joined(self, parts: list[list[int]], partition: Partition, depth: int) -> tuple[list[int], list[Symmetry]]:
        """Label every part by itself, and order them by their forms; equal ones may change places."""
        found = [self.labelled({vertex: partition.colour[vertex] for vertex in part}, depth + 1) for part in parts]
        found.sort(key=lambda part: part.form)
        symmetries = [symmetry for part in found for symmetry in part.symmetries]
        for one, other in pairwise(found):
            if one.form == other.form:
                symmetries.append(dict(zip([*one.order, *other.order], [*other.order, *one.order], strict=True)))
        return [vertex for part in found for vertex in part.order], symmetries

    def tried_each(self, partition: Partition, depth: int) -> tuple[list[int], list[Symmetry]]:
        """Single out each vertex of one colour in turn, and keep what gives the smallest form."""
        orbits, symmetries = Orbits(partition.target()), list[Symmetry]()
        leaves: dict[tuple[tuple[int, ...], Form], list[int]] = {}
        best: tuple[tuple[int, ...], Labelled] | None = None
        for vertex in orbits.members:
            if orbits.is_known(vertex):
                continue
            apart, shape = self.singled_out(partition, vertex)
            if best is not None and shape > best[0]:
                continue
            leaf = self.leaf(apart)
            twin = leaves.setdefault((shape, leaf.form), leaf.order)
            if twin is not leaf.order:
                new = [moves(twin, leaf.order)]
            else:
                found = leaf if len(shape) == len(leaf.order) else self.labelled_within(apart, apart.colour, depth + 1)
                new = found.symmetries
                if best is not None and (shape, found.form) == (best[0], best[1].form):
                    new = [*new, moves(best[1].order, found.order)]
                if best is None or (shape, found.form) < (best[0], best[1].form):
                    best = shape, found
            orbits.join(new)
            symmetries += new
            orbits.tried.append(vertex)
        return ([], symmetries) if best is None else (best[1].order, symmetries)

    def singled_out(self, partition: Partition, vertex: int) -> tuple[Partition, tuple[int, ...]]:
        """The refined partition with a colour of its own for one vertex, and which colours there are."""
        self.spend(len(partition.colour))
        apart = partition.single_out(vertex)
        self.refine(apart, [vertex])
        return apart, tuple(sorted(apart.cells))

    def leaf(self, partition: Partition, colours: Mapping[int, int] | None = None) -> Labelled:
        """A labelling found by singling out any vertex where several are alike: if two agree, they show a symmetry."""
        colours = partition.colour if colours is None else colours
        while target := partition.target():
            partition, _ = self.singled_out(partition, target[0])
        order = sorted(colours, key=partition.colour.__getitem__)
        return Labelled(self.form(order, colours), order, [])

    def form(self, order: list[int], colours: Mapping[int, int]) -> Form:
        """The graph as numbers, its vertices in this order."""
        place = {vertex: number for number, vertex in enumerate(order)}
        return tuple([(colours[vertex], self.view(vertex, place)) for vertex in order])


class Orbits:
    """Which vertices symmetries map to each other, and which of them have been tried."""

    def __init__(self, members: list[int]) -> None:
        self.members = members
        self.tried: list[int] = []
        self._leader = {vertex: vertex for vertex in members}

    def leader(self, vertex: int) -> int:
        """The vertex that stands for all of an orbit."""
        while self._leader[vertex] != vertex:
            vertex = self._leader[vertex]
        return vertex

    def is_known(self, vertex: int) -> bool:
        """Whether one of the vertex's orbit has been tried."""
        own = self.leader(vertex)
        return any(self.leader(other) == own for other in self.tried)

    def join(self, symmetries: list[Symmetry]) -> None:
        """Put together what symmetries map to each other."""
        for symmetry in symmetries:
            for vertex in self.members:
                self._leader[self.leader(vertex)] = self.leader(symmetry.get(vertex, vertex))


def moves(before: Sequence[int], after: Sequence[int]) -> Symmetry:
    """What changes places when one order becomes the other."""
    return {one: other for one, other in zip(before, after, strict=True) if one != other}


def by_view(cell: list[int], views: Mapping[int, tuple[tuple[int, int], ...]]) -> list[list[int]]:
    """The vertices of a colour by what they see, in order; those of which nothing near has changed come first."""
    groups: dict[tuple[tuple[int, int], ...], list[int]] = defaultdict(list)
    for vertex, view in views.items():
        groups[view].append(vertex)
    if len(groups) == 1 and len(views) == len(cell):
        return [cell]
    still = [[vertex for vertex in cell if vertex not in views]] if len(views) < len(cell) else []
    return still + [groups[view] for view in sorted(groups)]
