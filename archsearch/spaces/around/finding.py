"""Everything that can vary in a network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from archsearch.network.genotype import Genotype
from archsearch.ops.convolution import Convolution
from archsearch.spaces.around.choices import Choice, DepthChoice, KernelChoice, LinkChoice, ShortcutChoice, WidthChoice
from archsearch.spaces.around.kernels import fits, odd_side
from archsearch.spaces.around.scopes import Block, Scopes, has_shortcut, runs, twins
from archsearch.spaces.around.shortcuts import Shortcut, shortcuts, spans
from archsearch.spaces.around.stretches import Stretch, stretches
from archsearch.spaces.around.variety import Variety
from archsearch.spaces.around.widths import Widths

ROUNDED = 0.25
"""A width that can only come so near to its factor, as a share of it, is not offered."""


class Findings(NamedTuple):
    """The choices of a network, its widths, and its runs of blocks by number."""

    choices: tuple[Choice, ...]
    widths: Widths
    runs: tuple[tuple[Block, ...], ...]


def find(genotype: Genotype, variety: Variety) -> Findings:
    """What the networks around a given one choose: depths, widths, kernels, shortcuts, links, in the order of the nodes each."""
    scopes, widths = Scopes(genotype), Widths(genotype)
    ways = shortcuts(scopes)
    around = {(way.start, way.end) for way in ways}
    rows = runs(scopes, around) if variety.depths else []
    twin = twins(scopes) if variety.alike else {value: value for value in range(len(genotype.specs))}
    tie(widths, genotype, rows, twin)
    found: list[Choice] = [
        *depth_choices(rows, variety.deeper),
        *width_choices(genotype, widths, variety.widths),
        *kernel_choices(genotype, widths, twin, variety.kernels),
    ]
    if variety.shortcuts:
        found += shortcut_choices(genotype, ways, twin)
    if variety.links:
        inside = {value for row in rows for block in row for value in block.values}
        plain = [block for row in rows for block in row if is_plain(scopes, block) and not has_shortcut(block, around)]
        free = [*stretches(scopes, spans(scopes, ways) | inside), *(Stretch(block.entry, block.leaving) for block in plain)]
        found += link_choices(genotype, [stretch for stretch in free if stretch.start not in widths.tokens], twin)
    return Findings(tuple(found), widths, tuple(map(tuple, rows)))


def tie(widths: Widths, genotype: Genotype, rows: list[list[Block]], twin: dict[int, int]) -> None:
    """Keep outputs as given, blocks of runs of one shape, and twins equal."""
    for output in genotype.outputs:
        widths.fix(output)
    for row in rows:
        for block in row:
            widths.equal(block.entry, block.leaving)
    for value, form in widths.makers.items():
        widths.ties.tie_whole(form, widths.makers[twin[value]])


def depth_choices(rows: list[list[Block]], deeper: int) -> Iterator[Choice]:
    """One for each run."""
    for number, row in enumerate(rows):
        sites = tuple(value for block in row for value in block.values)
        yield DepthChoice(f"{row[0].name}.depth", tuple(range(1, len(row) + deeper + 1)), len(row), sites, number, tuple(row))


def width_choices(genotype: Genotype, widths: Widths, factors: tuple[float, ...]) -> Iterator[Choice]:
    """One for all widths that are tied, called by the first node that sets one of them."""
    ties, steps, tied = widths.ties, widths.ties.steps(), defaultdict[int, list[int]](list)
    for value, form in widths.makers.items():
        if not ties.is_fixed(form):
            tied[ties.root(form[0][0])].append(value)
    names = genotype.value_names
    for root, makers in tied.items():
        ((_, given),), unit, step = widths.makers[makers[0]], ties.unit(root), steps.get(root, 1)
        near = [(factor, max(1, int(factor * unit / step + 0.5)) * step) for factor in factors]
        scaled = sorted({n for factor, n in near if abs(n / unit - factor) <= ROUNDED * factor} or {unit})
        ((field, _), *_) = widths.followed[makers[0]]
        yield WidthChoice(f"{names[makers[0]]}.{field}", tuple(given * n // unit for n in scaled), given, tuple(makers), root, unit)


def kernel_choices(genotype: Genotype, widths: Widths, twin: dict[int, int], sides: tuple[int, ...]) -> Iterator[Choice]:
    """One for each convolution with a square kernel and weights of its own, and for its twins."""
    offset, specs, alike = len(genotype.inputs), genotype.specs, defaultdict[int, list[int]](list)
    for value, node in enumerate(genotype.nodes, offset):
        if odd_side(node.op) and value - offset not in widths.held:
            alike[twin[value]].append(value)
    for first, sites in alike.items() if sides else ():
        node = genotype.nodes[first - offset]
        assert isinstance(node.op, Convolution)
        given, image = odd_side(node.op), min(max(specs[genotype.nodes[site - offset].inputs[0]].shape[-2:]) for site in sites)
        options = tuple(side for side in sorted({given, *sides}) if fits(node.op, side, image))
        yield KernelChoice(f"{node.name}.kernel", options, given, tuple(sites))


def shortcut_choices(genotype: Genotype, ways: list[Shortcut], twin: dict[int, int]) -> Iterator[Choice]:
    """One for each shortcut and its twins."""
    alike = defaultdict[int, list[Shortcut]](list)
    for way in ways:
        alike[twin[way.end]].append(way)
    for same in alike.values():
        name = genotype.value_names[same[0].end]
        yield ShortcutChoice(f"{name}.shortcut", (True, False), True, tuple(way.end for way in same), tuple(same))


def link_choices(genotype: Genotype, found: list[Stretch], twin: dict[int, int]) -> Iterator[Choice]:
    """One for each stretch and its twins."""
    alike = defaultdict[int, list[Stretch]](list)
    for stretch in sorted(found, key=lambda stretch: stretch.end):
        alike[twin[stretch.end]].append(stretch)
    for same in alike.values():
        name = genotype.value_names[same[0].end]
        yield LinkChoice(f"{name}.link", (False, True), False, tuple(stretch.end for stretch in same), tuple(same))


def is_plain(scopes: Scopes, block: Block) -> bool:
    """Whether a block's nodes follow one after the other."""
    return all(len(scopes.reads(value)) == 1 for value in block.values)
