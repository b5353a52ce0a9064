"""Rules on depth: how far signals and gradients have to go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archsearch.design.lint.base import Found, rule
from archsearch.design.lint.roles import LEARNED_MAP, STEADYING, is_windowed
from archsearch.design.lint.subject import Subject

MOST_PLAIN = 24
MOST_WITHOUT_NORM = 11
"""The deepest VGG that trained from random weights; those with more layers started from it (arXiv:1409.1556, 3.1)."""


@rule("deep-plain", "warning", "without shortcuts, more layers train worse from some depth on (ResNet, arXiv:1512.03385)")
def deep_plain(subject: Subject) -> Iterator[Found]:
    """Over 24 convolutions larger than 1x1 on the shortest way to an output."""
    depth = shortest(subject, [is_windowed(part.op) for part in subject.parts], [False] * len(subject.parts))
    deepest = max(subject.genotype.outputs, key=depth.__getitem__)
    if depth[deepest] > MOST_PLAIN:
        message = f"{depth[deepest]} convolutions one behind the other, with no shortcut past them"
        yield Found(subject.name(deepest), message, "add the input of every two or three to what they make")


@rule("no-norm", "hint", "without a norm, values grow or shrink from layer to layer, and only careful initialisation trains")
def no_norm(subject: Subject) -> Iterator[Found]:
    """Over 11 learned maps one behind the other, shortcuts taken, with no norm among them; response norms do not count."""
    maps, norms = ([isinstance(part.op, kinds) for part in subject.parts] for kinds in (LEARNED_MAP, STEADYING))
    depth = shortest(subject, maps, norms)
    deepest = max((part.value for part in subject.living), key=depth.__getitem__, default=0)
    if depth[deepest] > MOST_WITHOUT_NORM:
        message = f"the last of {depth[deepest]} convolutions and linear maps with no norm between"
        yield Found(subject.name(deepest), message, "put a batch norm behind each convolution, and drop its bias")


def shortest(subject: Subject, counted: Sequence[bool], ends: Sequence[bool]) -> list[int]:
    """For every value, how many of the nodes that count are on the shortest way to it, from an input or a node where ways end."""
    depth = [0] * len(subject.genotype.specs)
    for part, counts, starts_anew in zip(subject.parts, counted, ends, strict=True):
        if not starts_anew:
            depth[part.value] = min((depth[read] for read in part.reads), default=0) + counts
    return depth
