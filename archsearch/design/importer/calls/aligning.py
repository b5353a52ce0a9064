"""Two tensors in one call: their axes brought together, so that one op can read both."""

from __future__ import annotations

from torch import Tensor

from archsearch.design.importer.calls.axes import fresh_copy
from archsearch.design.importer.content import Constant, Seen
from archsearch.design.importer.layout import Atom, Cuts, Group, Groups, InexpressibleError, Layout, flat, refined, size_of, sizes_of
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.network.builder import Value

Pair = tuple[Value, Value, Layout]
"""Two values with the same own axes, or a gate with some of length 1, and the layout of what comes of them."""


def aligned(writer: Writer, first: Seen, second: Seen, place: Place, *, stretch: bool = False) -> Pair:
    """Two tensors over values with own axes in one order; with `stretch`, axes of length 1 may stand against longer ones.

    Raises:
        InexpressibleError: their axes cannot be brought together.
    """
    first, second = writer.settled(first, place), writer.settled(second, place)
    a, b = in_common_atoms(first.layout, fresh_copy(second, writer.batch), stretch)
    first, second = first.laid(a), second.laid(b)
    if {*flat(a.own)} != {*flat(b.own)}:
        return stretched(writer, first, second, place)
    if a.own == b.own:
        return first.value, second.value, a
    try:
        return first.value, writer.arranged(second, a.own, place), a
    except InexpressibleError:
        return writer.arranged(first, b.own, place), second.value, Layout(b.own, a.axes)


def stretched(writer: Writer, first: Seen, second: Seen, place: Place) -> Pair:
    """A value and a gate that lacks some of its axes."""
    for big, small in ((first, second), (second, first)):
        have = {*flat(small.own)}
        own: Groups = tuple(tuple(atom for atom in group if atom in have) for group in big.own)
        if have < {*flat(big.own)} and all(not part or part == whole for part, whole in zip(own, big.own, strict=True)):
            gate = writer.arranged(Seen(small.value, Layout(small.own, big.axes), small.moved), own, place)
            values = (big.value, gate) if big is first else (gate, big.value)
            return *values, big.layout
    a, b = (writer.plain(seen, place) for seen in (first, second))
    longer: Groups = tuple(x or y for x, y in zip(a.axes, b.axes, strict=True))
    return a.value, b.value, Layout(longer[1:], longer)


def in_common_atoms(first: Layout, second: Layout, stretch: bool) -> tuple[Layout, Layout]:
    """Both layouts in the atoms of the first; of axes, those that come last stand against each other. Raises InexpressibleError."""
    rank = max(len(first.axes), len(second.axes))
    a_axes, b_axes = (((),) * (rank - len(layout.axes)) + layout.axes for layout in (first, second))
    cuts: tuple[dict[Atom, Group], dict[Atom, Group]] = ({}, {})
    names: dict[Atom, Atom] = {}
    for a, b in zip(a_axes, b_axes, strict=True):
        if size_of(a) != size_of(b):
            if stretch and not (a and b):
                continue
            raise InexpressibleError(f"it reads shapes {sizes_of(first.axes)} and {sizes_of(second.axes)}; only products stretch axes")
        common = refined(a, b)
        if common is None:
            raise InexpressibleError("the axes of what it reads were cut in ways that do not fit; view them in the same steps")
        ours, our_cuts, theirs, their_cuts = common
        cuts[0].update(our_cuts)
        cuts[1].update(their_cuts)
        names |= dict(zip(theirs, ours, strict=True))
    first = Layout(first.own, a_axes).cut(cuts[0])
    renamed: Cuts = {atom: (name,) for atom, name in names.items()}
    return first, Layout(second.own, b_axes).cut(cuts[1]).cut(renamed)


def sample_of(constant: Constant, seen: Seen) -> Constant:
    """A constant that is read beside a tensor, with one axis, maybe of length 1, for each of the tensor's but the batch.

    Raises:
        InexpressibleError: it differs from sample to sample, or the batch is merged with another axis.
    """
    alone = [axis for axis, group in enumerate(seen.axes) if len(group) == 1 and group[0].batch]
    if not alone:
        raise InexpressibleError("it reads a constant beside a tensor whose batch is merged with another axis; keep the batch apart")
    axis, rank, tensor = alone[0], len(seen.axes), constant.tensor
    if tensor.dim() > rank:
        raise InexpressibleError(f"a constant of shape {constant.shape} has more axes than what it meets")
    padded = (*[1] * (rank - tensor.dim()), *constant.shape)
    full = tensor.reshape(padded)
    if full.shape[axis] > 1 and full.stride(axis) and bool((full != full.narrow(axis, 0, 1)).any()):
        raise InexpressibleError("a constant differs from sample to sample of the batch")
    return constant.moved(lambda given: given.reshape(padded).select(axis, 0))


def axis_along(constant: Constant, seen: Seen) -> int | None:
    """The only axis of the tensor along which a constant of `sample_of` has several elements; None where there are more or fewer."""
    batch_axis = next(i for i, group in enumerate(seen.axes) if any(atom.batch for atom in group))
    longer = [axis + (axis >= batch_axis) for axis, size in enumerate(constant.shape) if size > 1]
    return longer[0] if len(longer) == 1 else None


def laid_out(constant: Constant, seen: Seen, target: Groups) -> Constant:
    """A constant of `sample_of`, stretched to the tensor's shape, in the order of a value's own axes."""
    axes = tuple(group for group in seen.axes if not any(atom.batch for atom in group))
    atoms = flat(axes)
    order = [atoms.index(atom) for atom in flat(target)]

    def move(tensor: Tensor) -> Tensor:
        full = tensor.expand(sizes_of(axes)).reshape([atom.size for atom in atoms])
        return full.permute(order).reshape(sizes_of(target))

    return constant.moved(move)
