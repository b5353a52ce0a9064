"""Fabrics: a grid of layers and scales in which every edge is kept or dropped (Saxena & Verbeek 2016, arXiv:1606.02492).

Settings of the grid:
    mask      which edges are on offer: full, or those of a family: chain, resnet, unet, gridnet, hrnet, msdnet
    layers    of the grid, the first included; 0: as many as the mask or the last exit asks for
    scales    each has half the size of the one before
    blocks    chain, resnet: edges that arrive at each scale; hrnet: modules with two, three, ... branches
    channels  of every scale, or one number; doubling: that number doubles from scale to scale; first: behind the stem, if others
    task      classification (read at the coarsest place of the last layer) or segmentation (a map for every class, at the finest)
    exits     layers with a head of their own, for any-time prediction; the last one ends the grid
Settings of what it is made of:
    form      of edges and places: plain, resnet, unet, gridnet, hrnet, msdnet; the mask's own where not given
    stem      conv, strided (for large images), unet, gridnet, hrnet; the form's own where not given
    order, norm, sparse, up, down (plain), order, shortcut, up (resnet), norm, padded (unet), drop (gridnet), units (hrnet),
    growth, reduction (msdnet): fields of the forms in archsearch.blocks.fabric
    hidden    features of linear layers before the last one, as in VGG; msdnet: channels inside a classifier
"""

from collections.abc import Callable, Sequence

from archsearch import Builder, Genotype, Pick, Value
from archsearch.blocks.basic import chain
from archsearch.blocks.decoder import double_conv, resize_to
from archsearch.blocks.fabric import (
    NORM_RELU,
    Dense,
    Edge,
    Form,
    Grid,
    Hrnet,
    Layout,
    Place,
    Plain,
    Residual,
    Unet,
    choices,
    live,
    mask_edges,
    walked,
    weave,
)
from archsearch.blocks.residual import SHORTCUTS, bottleneck
from archsearch.ops import (
    AdaptiveAvgPool2d,
    Add,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Op,
    ReLU,
)
from archsearch.zoo.gridnet import closed
from archsearch.zoo.hrnet import repeated
from archsearch.zoo.msdnet import classifier

FORMS = {"full": "plain", "chain": "plain", "resnet": "resnet", "unet": "unet", "gridnet": "gridnet", "hrnet": "hrnet", "msdnet": "msdnet"}
"""The form of each mask where none is given."""
STEMS = {"unet": "unet", "gridnet": "gridnet", "hrnet": "hrnet"}
"""The stem of each form where none is given; conv for the others."""
WORDS = {
    "mask": tuple(FORMS),
    "form": ("", *dict.fromkeys(FORMS.values())),
    "stem": ("", "conv", "strided", *STEMS),
    "task": ("", "classification", "segmentation"),
    "order": ("post", "pre"),
    "up": ("nearest", "bilinear", "transposed"),
    "down": ("stride", "pool"),
    "shortcut": tuple(SHORTCUTS),
}
"""What settings that are words may be."""


# fmt: off
def space(
    pick: Pick, *,
    mask: str = "full", layers: int = 0, scales: int = 4, blocks: tuple[int, ...] = (),
    channels: tuple[int, ...] = (16,), doubling: bool = False, first: int = 0, task: str = "", exits: tuple[int, ...] = (),
    form: str = "", stem: str = "", order: str = "post", norm: bool = True, sparse: bool = False, up: str = "nearest",
    down: str = "stride", shortcut: str = "projected", padded: bool = True, drop: float = 0.0, units: int = 4,
    growth: int = 6, reduction: float = 0.5, hidden: tuple[int, ...] = (),
    classes: int = 10, input: tuple[int, int, int] = (1, 8, 8),
) -> Genotype:
    # fmt: on
    """Edges between neighbouring scales of a grid, each kept or dropped; `mask` offers those of U-Net, ResNet and other families.

    Kept all, they are the mask's network. Edges that follow from others are no choices (`archsearch.blocks.fabric.choices`).
    """
    check_words(mask=mask, form=form, stem=stem, task=task, order=order, up=up, down=down, shortcut=shortcut)
    check_numbers(channels=channels, growth=(growth,), hidden=hidden, exits=exits, classes=(classes,))
    dense = task == "segmentation" or (not task and mask in ("unet", "gridnet"))
    edges = mask_edges(mask, Layout(layers or (exits[-1] + 1 if exits else 0), scales, blocks, dense))
    widths, form = widths_of(channels, scales, doubling), form or FORMS[mask]
    first = first or widths[0]
    forms: dict[str, Callable[[], Form]] = {
        "plain": lambda: Plain(widths, first, order, norm, sparse, up, down),
        "resnet": lambda: Residual(widths, first, order, shortcut, up),
        "unet": lambda: Unet(widths, first, padded, norm),
        "gridnet": lambda: Grid(widths, first, drop, turn(edges)),
        "hrnet": lambda: Hrnet(widths, first, units),
        "msdnet": lambda: Dense(widths, first, growth, reduction, halved(edges), shrinking(edges)),
    }
    made = forms[form]()
    alive, ends, dropped = chosen(pick, edges, exits, made, dense)
    b = Builder(input)
    with b.scope("stem"):
        x = enter(b, stem or STEMS.get(form, "conv"), first, order, norm, padded, units)
    values = weave(b, x, alive, made, dropped)
    return b.genotype(*leave(b, {end: values[end] for end in ends}, made, dense, padded, len(exits), hidden, classes))


def check_words(**settings: str) -> None:
    """Raise ValueError for a word that is unknown."""
    for name, word in settings.items():
        if word not in WORDS[name]:
            raise ValueError(f"fabric: {name}={word!r} is unknown; choose from {', '.join(filter(None, WORDS[name]))}")


def check_numbers(**settings: tuple[int, ...]) -> None:
    """Raise ValueError unless all numbers are whole and at least 1 and exits rise."""
    for name, numbers in settings.items():
        if not all(type(number) is int and number > 0 for number in numbers):
            raise ValueError(f"fabric: {name}={', '.join(map(str, numbers))} must be whole numbers of at least 1")
    if list(settings["exits"]) != sorted(set(settings["exits"])):
        raise ValueError(f"fabric: exits={settings['exits']} must be layers, each larger than the one before")


def widths_of(channels: tuple[int, ...], scales: int, doubling: bool) -> tuple[int, ...]:
    """Channels of every scale. Raises ValueError when there are neither as many as scales nor one."""
    if len(channels) == 1:
        return tuple(channels[0] << scale if doubling else channels[0] for scale in range(scales))
    if len(channels) != scales or doubling:
        raise ValueError(f"fabric: channels={channels} must be one number, or, with doubling=false, one for each of scales={scales}")
    return channels


def turn(edges: Sequence[Edge]) -> int:
    """The layer behind the first in which edges go up; one that is not there where none does."""
    upwards = [edge.target.layer for edge in edges if edge.steps < 0 and edge.source.layer == edge.target.layer]
    return min(upwards, default=edges[-1].target.layer) + 1


def halved(edges: Sequence[Edge]) -> frozenset[Place]:
    """Places that read the next finer scale of the layer before."""
    return frozenset(edge.target for edge in edges if edge.steps == 1 and edge.source.layer < edge.target.layer)


def shrinking(edges: Sequence[Edge]) -> frozenset[int]:
    """Layers whose finest scale is coarser than that of the layer before."""
    finest: dict[int, int] = {0: 0}
    for _, place in edges:
        finest[place.layer] = min(place.scale, finest.get(place.layer, place.scale))
    return frozenset(layer for layer, scale in finest.items() if scale > finest.get(layer - 1, scale))


def chosen(
    pick: Pick, edges: Sequence[Edge], exits: tuple[int, ...], form: Form, dense: bool
) -> tuple[list[Edge], list[Place], frozenset[Edge]]:
    """The edges on a path to the ends, the ends, and the edges that are dropped and yet hand their value on.

    Raises:
        ValueError: exits that the grid does not have, or an end that no path of kept edges leads to.
    """
    last, everywhere = edges[-1].target.layer, isinstance(form, Hrnet) and not dense
    if exits and (exits[-1] != last or everywhere):
        raise ValueError(f"fabric: exits={exits} must end with {last}, the last layer, and need a form other than hrnet for classes")
    ends = ends_of(edges, exits or (last,), dense, everywhere)
    passing = frozenset(edge for edge in edges if form.passes(edge))
    asked = {edge for edge in choices(tuple(edges), tuple(ends), passing) if not form.is_bare(edge)}
    kept = {edge for edge in edges if edge not in asked or pick(edge.name, [True, False])}
    walk = walked(edge for edge in edges if edge in kept or edge in passing)
    ends = ends_of(walk, exits or (last,), dense, everywhere)
    return live(walk, ends), ends, passing - kept


def ends_of(edges: Sequence[Edge], layers: Sequence[int], dense: bool, everywhere: bool = False) -> list[Place]:
    """Where heads read: of each of these layers the coarsest place, the finest one (dense), or all (`everywhere`).

    Raises:
        ValueError: a layer that the edges do not lead to.
    """
    found: list[Place] = []
    for layer in layers:
        places = sorted({place for _, place in edges if place.layer == layer})
        if not places:
            raise ValueError(f"fabric: no path of kept edges leads from the input to layer {layer}; keep more edges")
        found += places if everywhere else [places[0] if dense else places[-1]]
    return found


def enter(b: Builder, stem: str, channels: int, order: str, norm: bool, padded: bool, units: int) -> Value:
    """The value of the first place."""
    x = b.input
    if stem == "unet":
        return double_conv(b, x, channels, padded=padded, norm=norm)
    if stem == "gridnet":
        return closed(b, b(BatchNorm2d(), x, name="norm"), channels, Conv2d, last=True)
    if stem == "hrnet":
        pair: list[Op] = [Conv2d(channels // 4, 3, 2, bias=False), *NORM_RELU]
        return repeated(b, chain(b, x, [*pair, *pair]), bottleneck, channels, units)
    strided = stem == "strided"
    x = b(Conv2d(channels, 7, 2, bias=not norm) if strided else Conv2d(channels, bias=not norm), x)
    if order == "post":
        x = chain(b, x, NORM_RELU if norm else [ReLU()])
    return b(MaxPool2d(3, 2, 1), x) if strided else x


def leave(
    b: Builder, ends: dict[Place, Value], form: Form, dense: bool, padded: bool, exits: int, hidden: tuple[int, ...], classes: int
) -> list[Value]:
    """The outputs: one, or one for each of so many exits."""
    found = []
    for number, x in enumerate(list(ends.values())[-max(exits, 1) :], 1):
        with b.scope(f"exit{number}" if exits else "head"):
            if dense:
                found.append(scores(b, x, form, padded, classes))
            elif isinstance(form, Dense):
                found.append(classifier(b, x, hidden[0] if hidden else None, classes))
            elif isinstance(form, Hrnet):
                found.append(mean(b, chain(b, increased(b, ends), [Conv2d(2048, 1), *NORM_RELU]), (), classes))
            else:
                found.append(mean(b, chain(b, x, form.closing), hidden, classes))
    return found


def scores(b: Builder, x: Value, form: Form, padded: bool, classes: int) -> Value:
    """A map for every class, at the size of the image unless convolutions took borders away."""
    gridded = isinstance(form, Grid)
    x = closed(b, x, classes, ConvTranspose2d, last=False) if gridded else b(Conv2d(classes, 1), chain(b, x, form.closing))
    return resize_to(b, x, b.input) if padded else x


def increased(b: Builder, ends: dict[Place, Value]) -> Value:
    """From fine to coarse, branches brought to 128, 256, 512, ... channels and added up (Wang et al. 2019, arXiv:1908.07919)."""
    branches, total = {place.scale: value for place, value in ends.items()}, None
    for scale in range(min(branches), max(branches) + 1):
        parts = []
        with b.scope(f"branch{scale}"):
            if scale in branches:
                parts.append(bottleneck(b, branches[scale], 128 << scale))
            if total is not None:
                parts.append(chain(b, total, [Conv2d(128 << scale, 3, 2), *NORM_RELU]))
            total = b(Add(), *parts) if len(parts) > 1 else parts[0]
    assert total is not None
    return total


def mean(b: Builder, x: Value, hidden: tuple[int, ...], classes: int) -> Value:
    """The mean over the image and a linear map; `hidden`: max pooling, 7x7 means and more layers (Simonyan & Zisserman 2014)."""
    layers: list[Op] = [GlobalAvgPool2d(), Flatten()]
    if hidden:
        layers = [MaxPool2d(2), AdaptiveAvgPool2d(7), Flatten()]
    for features in hidden:
        layers += [Linear(features), ReLU(), Dropout(0.5)]
    return chain(b, x, [*layers, Linear(classes)])
