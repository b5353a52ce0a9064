"""What each output of a network with several costs: heads on the way (any-time prediction), auxiliary heads, feature maps."""

from __future__ import annotations

from typing import NamedTuple

from archsearch.network.genotype import Genotype


class Exit(NamedTuple):
    """One output: `params` and `macs` (for one sample) of all nodes that it needs, and of those that no earlier output needs.

    The sum of what the first outputs add is the cost of computing them all.
    """

    name: str
    shape: tuple[int, ...]
    params: int
    macs: int
    added_params: int
    added_macs: int


def exits(genotype: Genotype) -> tuple[Exit, ...]:
    """The outputs, in order."""
    offset, names, specs = len(genotype.inputs), genotype.value_names, genotype.specs
    costs, found = [fact.cost for fact in genotype.facts], []
    earlier, known = set[int](), set[int]()
    for output in genotype.outputs:
        needed = needed_by(genotype, output)
        held = {genotype.holders.get(value - offset, value - offset) for value in needed}
        params = [sum([costs[i].params for i in part]) for part in (held, held - known)]
        macs = [sum([costs[i - offset].macs for i in part]) for part in (needed, needed - earlier)]
        earlier |= needed
        known |= held
        found.append(Exit(names[output], specs[output].shape, params[0], macs[0], params[1], macs[1]))
    return tuple(found)


def needed_by(genotype: Genotype, output: int) -> set[int]:
    """The values of nodes that an output depends on, itself among them."""
    offset = len(genotype.inputs)
    needed: set[int] = set()
    waiting = [output]
    while waiting:
        value = waiting.pop()
        if value >= offset and value not in needed:
            needed.add(value)
            waiting.extend(genotype.nodes[value - offset].inputs)
    return needed
