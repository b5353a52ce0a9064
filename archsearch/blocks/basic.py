"""The small words of every block: one op after the other; convolution, norm and activation."""

from __future__ import annotations

from collections.abc import Iterable

from archsearch.network.builder import Builder, Value
from archsearch.ops import Op

Named = tuple[str, Op] | Op


def chain(b: Builder, x: Value, ops: Iterable[Named]) -> Value:
    """One op after the other; an op may come with a name for its node: `("conv1", Conv2d(64))`."""
    for op in ops:
        x = b(op[1], x, name=op[0]) if isinstance(op, tuple) else b(op, x)
    return x


def numbered(b: Builder, x: Value, ops: Iterable[Op | None], first: int = 0) -> Value:
    """One op after the other, their nodes named 0, 1, 2 and so on as in nn.Sequential; None leaves its number out."""
    for number, op in enumerate(ops, first):
        if op is not None:
            x = b(op, x, name=str(number))
    return x
