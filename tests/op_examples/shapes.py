"""Input shapes of the examples, and short ways to write examples down."""

from __future__ import annotations

from archsearch import Op

IMAGE, ODD, TOKENS, VECTOR, GATE = (4, 8, 8), (4, 7, 9), (5, 6), (6,), (4, 1, 1)
SHAPES = [(IMAGE,), (TOKENS,), (VECTOR,)]
Example = tuple[Op, tuple[tuple[int, ...], ...]]


def of_shapes(*ops: Op) -> list[Example]:
    """The ops at an image, tokens and a vector."""
    return [(op, shapes) for op in ops for shapes in SHAPES]


def at(shapes: tuple[tuple[int, ...], ...], *ops: Op) -> list[Example]:
    """The ops at these inputs."""
    return [(op, shapes) for op in ops]
