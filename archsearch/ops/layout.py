"""How values lie in memory where they are views of larger ones: the sizes and steps by which torch decides what it must copy."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple


class Layout(NamedTuple):
    """A value with gaps: sizes of its axes, samples first (two stand for more), and elements from one place to the next along each."""

    sizes: tuple[int, ...]
    steps: tuple[int, ...]

    def is_even(self) -> bool:
        """Whether the elements lie in order without a gap (torch's is_contiguous)."""
        return all(
            size == 1 or step == prod(self.sizes[axis + 1 :]) for axis, (size, step) in enumerate(zip(self.sizes, self.steps, strict=True))
        )

    def cut(self, shape: tuple[int, ...]) -> Layout:
        """A part of it of that shape: a window, or one place of the first axes."""
        return Layout((self.sizes[0], *shape), (self.steps[0], *self.steps[len(self.steps) - len(shape) :]))

    def viewed(self, shape: tuple[int, ...]) -> Layout | None:
        """The elements in order as another shape, or None where torch must copy them for that (computeStride in TensorUtils.cpp)."""
        sizes = (self.sizes[0], *shape)
        steps: list[int] = []
        left = list(sizes)
        for size, step in reversed(self.blocks()):
            made = 1
            while left and (made < size or left[-1] == 1):
                steps.append(made * step)
                made *= left.pop()
            if made != size:
                return None
        return None if left else Layout(sizes, tuple(steps[::-1]))

    def blocks(self) -> list[tuple[int, int]]:
        """Axes that lie as one, joined: how many elements, and how far apart."""
        found: list[tuple[int, int]] = []
        for size, step in zip(self.sizes, self.steps, strict=True):
            if size == 1:
                continue
            if found and found[-1][1] == size * step:
                found[-1] = (found[-1][0] * size, step)
            else:
                found.append((size, step))
        return found or [(1, 1)]


def even(samples: int, shape: Sequence[int]) -> Layout:
    """A value of so many samples that lies in order without a gap."""
    sizes = (samples, *shape)
    return Layout(sizes, tuple([prod(sizes[axis + 1 :]) for axis in range(len(sizes))]))


Layouts = tuple[Layout | None, ...]
"""Of every input, None for one that lies in order without a gap."""
