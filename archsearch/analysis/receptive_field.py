"""Receptive field: the input region that a value's one position depends on (Araujo et al. 2019, doi:10.23915/distill.00021)."""

from __future__ import annotations

from archsearch.genotype import Genotype
from archsearch.ops.base import POINT, WHOLE

Field = tuple[int, int]


def receptive_fields(genotype: Genotype) -> list[Field]:
    """Height and width of the receptive field of every value, inputs first."""
    return fields_and_strides(genotype)[0]


def fields_and_strides(genotype: Genotype) -> tuple[list[Field], list[Field]]:
    """Receptive field of every value, and how far apart in the input its neighbouring positions lie, as (height, width); inputs first.

    Window over window: field += dilation * (kernel - 1) * jump, jump *= stride, per axis; where branches meet, the larger
    one counts. An op that reads every position (global pooling, flatten, linear) passes the field of its input on.
    """
    field: list[Field] = [(1, 1)] * len(genotype.inputs)
    jump: list[Field] = list(field)
    for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
        reads, window = node.inputs, fact.window
        first = reads[0] if reads else 0
        (high, wide), (down, across) = field[first], jump[first]
        for other in reads[1:]:
            high, wide = max(high, field[other][0]), max(wide, field[other][1])
            down, across = max(down, jump[other][0]), max(across, jump[other][1])
        if window is POINT or window is WHOLE:
            field.append((high, wide))
            jump.append((down, across))
            continue
        (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
        field.append((high + dh * (kh - 1) * down, wide + dw * (kw - 1) * across))
        jump.append((down * sh, across * sw))
    return field, jump
