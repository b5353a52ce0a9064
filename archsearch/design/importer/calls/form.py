"""The arrangements that ops read: images, tokens, vectors."""

from __future__ import annotations

from archsearch.design.importer.content import Seen
from archsearch.design.importer.layout import Groups, InexpressibleError, Layout, atoms_for, flat, without
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer, lead_of
from archsearch.network.builder import Value


def as_image(writer: Writer, seen: Seen, place: Place) -> Seen:
    """Over an image (C, H, W), one a box where more is merged with the batch; (C, T) is an image of one row, (C,) one pixel."""
    return writer.rearranged(seen, image_axes(seen), place)


def image_axes(seen: Seen) -> Groups:
    """Axes of the image that a tensor (N, C), (N, C, W) or (N, C, H, W) is. Raises InexpressibleError."""
    lead, rest = lead_of(seen), seen.axes[1:]
    if not 1 <= len(rest) <= 3:
        raise InexpressibleError(f"it needs a tensor (N, C, H, W), got shape {seen.layout.shape}; ops for other images are not known")
    image = {1: (*rest, (), ()), 2: (rest[0], (), rest[-1]), 3: rest}[len(rest)]
    return (lead, *image) if lead else image


def image_seen(seen: Seen, value: Value) -> Seen:
    """The result of an op over images, along as many axes as what it read had."""
    channels, height, width = (atoms_for(size) for size in value.shape[-3:])
    lead, rank = lead_of(seen), len(seen.axes) - 1
    rest = {1: (channels,), 2: (channels, width), 3: (channels, height, width)}[rank]
    own = (lead, channels, height, width) if lead else (channels, height, width)
    return Seen(value, Layout(own, (seen.axes[0], *rest)))


def pixels(size: int | list[int], rank: int, filler: int) -> tuple[int, int]:
    """A size for images from one for tensors (N, C, H, W) or (N, C, W), or one number for both."""
    sizes = [size] if isinstance(size, int) else list(size)
    if rank == 3:
        return (filler, sizes[0])
    return (sizes[0], sizes[-1])


def as_rows(writer: Writer, seen: Seen, place: Place, last: int = 1) -> Seen:
    """Over vectors or tokens whose last axis is the last so many of the tensor, in the order that costs no op if there is one."""
    features = flat(seen.axes[len(seen.axes) - last :])
    if last == 1 and len(seen.axes) == 3 and seen.axes[0][:1] == (writer.batch,) and len(seen.axes[0]) > 1:
        return writer.rearranged(seen, ((*seen.axes[0][1:], *seen.axes[1]), features), place)  # in windows, as it was put
    if len(seen.own) <= 2 and seen.own[-1] == features:
        return seen
    rest = without(flat(seen.axes[: len(seen.axes) - last]), [writer.batch])
    if any(atom.batch for atom in features):
        raise InexpressibleError("it works along the batch; a genotype works on each sample by itself")
    own = flat(seen.own)
    if own[len(own) - len(features) :] == features and {*rest} == {*own[: len(own) - len(features)]}:
        rest = own[: len(own) - len(features)]  # as they lie: then it is only another shape
    return writer.rearranged(seen, (rest, features) if rest else (features,), place)


def rows_seen(seen: Seen, value: Value, last: int = 1) -> Seen:
    """The result of an op over rows that makes the last axes one of another length."""
    new = atoms_for(value.shape[-1])
    own = (*seen.own[:-1], new)
    return Seen(value, Layout(own, (*seen.axes[: len(seen.axes) - last], new)))
