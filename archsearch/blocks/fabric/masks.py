"""Masks: which edges of a grid a known family of networks has. Each is written in the order in which its places are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import ceil

from archsearch.blocks.fabric.grid import Edge, Place
from archsearch.support.nearest import nearest

MAX_SCALES, MAX_EDGES = 32, 10_000


@dataclass(frozen=True)
class Layout:
    """Size of a grid: `blocks` share its layers out over the scales where the mask does so; `upwards`: its last layer ends at the finest.

    `layers` not given are as many as the mask has by itself.
    """

    layers: int = 0
    scales: int = 4
    blocks: tuple[int, ...] = ()
    upwards: bool = False

    def __post_init__(self) -> None:
        if self.layers < 0 or not 1 <= self.scales <= MAX_SCALES or not all(type(count) is int and count >= 0 for count in self.blocks):
            given = f"layers={self.layers}, scales={self.scales}, blocks={self.blocks}"
            raise ValueError(f"fabric: {given} must be at least 0, from 1 to {MAX_SCALES}, and at least 0")


Edges = tuple[Edge, ...]


def arriving(target: Place, sources: Iterable[tuple[int, int]]) -> Iterator[Edge]:
    """Edges from these layers and scales."""
    for source in sorted(sources):
        yield Edge(Place(*source), target)


def down(scales: int) -> Iterator[Edge]:
    """The first layer: every scale from the one before."""
    for scale in range(1, scales):
        yield Edge(Place(0, scale - 1), Place(0, scale))


def full(layout: Layout) -> Iterator[Edge]:
    """A fabric: from the next finer, the same and the next coarser scale of the layer before (Saxena & Verbeek 2016, arXiv:1606.02492).

    In the first layer, and besides in the last one, a chain runs across the scales.
    """
    layers, scales = layout.layers or 6, range(layout.scales)
    if layers < 2:
        raise ValueError(f"fabric: layers={layers} must be at least 2: the first one spreads the image over the scales, the last collects")
    yield from down(layout.scales)
    for layer in range(1, layers):
        last = layer == layers - 1
        for scale in reversed(scales) if last and layout.upwards else scales:
            sources = [(layer - 1, scale + step) for step in (-1, 0, 1)]
            if last:
                sources.append((layer, scale + 1 if layout.upwards else scale - 1))
            yield from arriving(Place(layer, scale), (source for source in sources if source[1] in scales))


def path(layout: Layout) -> Iterator[Edge]:
    """One chain from the finest scale to the coarsest: `blocks` edges arrive at each, shared out evenly where not given."""
    counts = layout.blocks or shared((layout.layers or 1 + 2 * layout.scales) - 1, layout.scales)
    check_blocks(layout, counts, layout.scales, sum(counts) + 1)
    if 0 in counts[1:]:
        raise ValueError(f"fabric: blocks={counts} leave a scale out; each but the first needs 1, so layers={layout.scales} at least")
    here = Place(0, 0)
    for scale, count in enumerate(counts):
        for _ in range(count):
            there = Place(here.layer + 1, scale)
            yield Edge(here, there)
            here = there


def unet(layout: Layout) -> Iterator[Edge]:
    """Down in the first layer, up in the second, and a skip at every scale between them (Ronneberger et al. 2015, arXiv:1505.04597)."""
    if layout.layers not in (0, 2) or layout.scales < 2:
        raise ValueError(f"fabric: mask unet has 2 layers and at least 2 scales, not layers={layout.layers} and scales={layout.scales}")
    yield from down(layout.scales)
    for scale in reversed(range(layout.scales - 1)):
        below = (0 if scale == layout.scales - 2 else 1, scale + 1)
        yield from arriving(Place(1, scale), [(0, scale), below])


def gridnet(layout: Layout) -> Iterator[Edge]:
    """Rows along every scale; across them, edges down in the first half of the layers and up in the second (arXiv:1707.07958)."""
    layers, scales = layout.layers or 4, range(layout.scales)
    if layers % 2:
        raise ValueError(f"fabric: mask gridnet needs an even number of layers, as many up as down, not layers={layers}")
    yield from down(layout.scales)
    for layer in range(1, layers):
        upwards = 2 * layer >= layers
        for scale in reversed(scales) if upwards else scales:
            sources = [(layer - 1, scale), (layer, scale + 1 if upwards else scale - 1)]
            yield from arriving(Place(layer, scale), (source for source in sources if source[1] in scales))


def hrnet(layout: Layout) -> Iterator[Edge]:
    """Branches side by side, one more in every stage: odd layers go along them, even layers join each with all (arXiv:1908.07919).

    `blocks`: such pairs of layers in the stages of two, three, ... branches.
    """
    stages = layout.scales - 1
    counts = layout.blocks or (shared((layout.layers - 1) // 2, stages) if layout.layers else (1,) * stages)
    check_blocks(layout, counts, stages, 1 + 2 * sum(counts))
    if 0 in counts or not counts:
        raise ValueError(f"fabric: mask hrnet needs scales of at least 2, and 2 layers for every scale but the first; blocks are {counts}")
    layer = 0
    for branches, count in enumerate(counts, 2):
        for number in range(count):
            for scale in range(branches):
                is_new = number == 0 and scale == branches - 1
                yield from arriving(Place(layer + 1, scale), [(layer, scale - is_new)])
            for scale in range(branches):
                yield from arriving(Place(layer + 2, scale), [(layer + 1, source) for source in range(branches)])
            layer += 2


def msdnet(layout: Layout) -> Iterator[Edge]:
    """Rows along every scale and edges down to the next; the finest scale ends after each of as many parts as there are scales.

    Huang et al. 2018 (arXiv:1703.09844).
    """
    layers = layout.layers or 1 + 2 * layout.scales
    if layers < 2:
        raise ValueError(f"fabric: mask msdnet needs layers of at least 2, not layers={layers}")
    yield from down(layout.scales)
    for layer in range(1, layers):
        before = range(finest(layer - 1, layers, layout.scales), layout.scales)
        for scale in range(finest(layer, layers, layout.scales), layout.scales):
            sources = [(layer - 1, scale - 1), (layer - 1, scale)]
            yield from arriving(Place(layer, scale), (source for source in sources if source[1] in before))


def finest(layer: int, layers: int, scales: int) -> int:
    """The finest scale of a layer of a multi-scale dense network with so many layers."""
    return max(layer - 1, 0) // ceil((layers - 1) / scales)


def shared(count: int, parts: int) -> tuple[int, ...]:
    """`count` shared out evenly; what remains goes to the last ones."""
    return tuple((count + number) // parts for number in range(parts)) if parts else ()


def check_blocks(layout: Layout, counts: tuple[int, ...], length: int, layers: int) -> None:
    """Raise ValueError unless there are so many blocks and they make the layers that are asked for."""
    if len(counts) != length:
        raise ValueError(f"fabric: blocks={counts} must be {length} numbers of this mask for scales={layout.scales}")
    if layout.layers not in (0, layers):
        raise ValueError(f"fabric: layers={layout.layers} must be {layers} with blocks={counts}; leave layers out")


MASKS: dict[str, Callable[[Layout], Iterator[Edge]]] = {
    "full": full,
    "chain": path,
    "resnet": path,
    "unet": unet,
    "gridnet": gridnet,
    "hrnet": hrnet,
    "msdnet": msdnet,
}


WITH_BLOCKS = ("chain", "resnet", "hrnet")


@lru_cache(maxsize=64)
def mask_edges(mask: str, layout: Layout) -> Edges:
    """The edges of a mask, those of a place together, each place after all that it reads.

    Raises:
        ValueError: an unknown mask, or a layout that it does not fit.
    """
    if mask not in MASKS:
        raise ValueError(f"fabric: mask={mask!r} is unknown; {nearest(mask, list(MASKS))}")
    if layout.blocks and mask not in WITH_BLOCKS:
        raise ValueError(f"fabric: mask {mask} has no use for blocks={layout.blocks}; leave them out")
    edges = tuple(islice(MASKS[mask](layout), MAX_EDGES + 1))
    if len(edges) > MAX_EDGES:
        raise ValueError(f"fabric: layers={layout.layers} with scales={layout.scales} make over {MAX_EDGES:,} edges; use fewer")
    if not edges:
        raise ValueError(f"fabric: a {mask} with layers={layout.layers} and scales={layout.scales} has no edges; use more of either")
    return edges
