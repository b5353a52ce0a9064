"""What windows alone see: fields and strides as Araujo et al. 2019 (doi:10.23915/distill.00021) count them.

What reads every position is passed over here: so a classifier has the field of what it pools.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archsearch.network.genotype import Genotype

Field = tuple[int, int]
Number = int | Fraction
Stride = tuple[Number, Number]
Reach = tuple[Number, Number, Number, Number]


def fields_and_strides(genotype: Genotype) -> tuple[list[Field], list[Stride]]:
    """Receptive field of every value, and how far apart in the input its neighbouring positions lie, as (height, width); inputs first.

    After upsampling a stride may be a fraction; fields are rounded up.
    """
    found = reaches(genotype)
    return [field_of(reach) for reach in found], [reach[2:] for reach in found]


def field_of(reach: Reach) -> Field:
    """The field alone, rounded up."""
    high, wide, _, _ = reach
    return (high, wide) if type(high) is int and type(wide) is int else (ceil(high), ceil(wide))


def reaches(genotype: Genotype) -> list[Reach]:
    """Field and stride of every value as (height, width, down, across), exact.

    Window over window: field += dilation * (kernel - 1) * stride before it, stride *= stride / up, per axis; where branches
    meet, the larger one counts. An op that reads every position (global pooling, flatten, linear) passes the field of its input on.
    """
    found: list[Reach] = [(1, 1, 1, 1)] * len(genotype.inputs)
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        reads, growth = node.inputs, fact.widens
        here = found[reads[0]] if reads else (1, 1, 1, 1)
        if len(reads) > 1:
            here = widest([found[read] for read in reads])
        if growth is not None:
            high, wide, down, across = here
            taller, wider, steps_down, steps_across, up, up_across = growth
            here = (high + taller * down, wide + wider * across, down * steps_down, across * steps_across)
            if up != 1 or up_across != 1:
                here = (here[0], here[1], divided(here[2], up), divided(here[3], up_across))
        found.append(here)
    return found


def widest(reaches: list[Reach]) -> Reach:
    """The largest of each number."""
    largest = max(reaches)
    if len(reaches) == 2:  # most often the one that is larger is so in every number
        least = min(reaches)
        if least[1] <= largest[1] and least[2] <= largest[2] and least[3] <= largest[3]:
            return largest
    high, wide, down, across = zip(*set(reaches), strict=True)
    return max(high), max(wide), max(down), max(across)


def divided(stride: Number, up: int) -> Number:
    """The quotient, a whole number where it is one."""
    quotient = Fraction(stride) / up
    return quotient.numerator if quotient.denominator == 1 else quotient
