"""The NAS-Bench-201 space: one cell of four nodes, repeated in three stages (Dong & Yang 2020, arXiv:2001.00326)."""

from archsearch import Builder, Genotype, Op, Pick, Value
from archsearch.ops import Add, AvgPool2d, BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, ReLU, Zero

EDGES = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
OPS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]


def space(pick: Pick, *, cells: int = 5, channels: int = 16, classes: int = 10, input: tuple[int, int, int] = (3, 32, 32)) -> Genotype:
    """Six choices, one operation for each edge of the cell: 15,625 cells, 6,466 of them different as written in the paper.

    `cells` in each of the three stages, `channels` in the first; they double, and the image halves, from stage to stage.
    """
    edges = {(source, target): pick(f"{source}->{target}", OPS) for source, target in EDGES}
    b = Builder(input)
    with b.scope("stem"):
        x = b(BatchNorm2d(), b(Conv2d(channels, 3, bias=False), b.input))
    for stage in range(3):
        width = channels << stage
        with b.scope(f"stage{stage + 1}"):
            if stage:
                x = residual(b, x, width)
            parts = edge_parts(width)
            for _ in range(cells):
                x = cell(b, x, {edge: parts[op] for edge, op in edges.items() if op != "none"})
    with b.scope("head"):
        x = chain(b, x, [BatchNorm2d(), ReLU(), GlobalAvgPool2d(), Flatten(), Linear(classes)])
    return b.genotype(x)


def edge_parts(width: int) -> dict[str, list[Op]]:
    """What each operation on an edge is made of, one after the other."""
    convs: dict[str, list[Op]] = {f"nor_conv_{k}x{k}": [ReLU(), Conv2d(width, k, bias=False), BatchNorm2d()] for k in (1, 3)}
    return {"skip_connect": [], "avg_pool_3x3": [AvgPool2d(3, 1, 1, count_padding=False)], **convs}


def cell(b: Builder, x: Value, edges: dict[tuple[int, int], list[Op]]) -> Value:
    """Four nodes; each sums what its edges bring from the nodes before it."""
    with b.scope("cell"):
        values = [x]
        for target in (1, 2, 3):
            arriving = []
            for source in range(target):
                if (source, target) in edges:
                    with b.scope(f"edge{source}{target}"):  # named by its place, so that shared weights stay with the edge
                        arriving.append(chain(b, values[source], edges[source, target]))
            if not arriving:
                values.append(b(Zero(), x))
            else:
                values.append(b(Add(), *arriving, name=f"node{target}") if len(arriving) > 1 else arriving[0])
    return values[-1]


def chain(b: Builder, x: Value, ops: list[Op]) -> Value:
    """One op after the other."""
    for op in ops:
        x = b(op, x)
    return x


def residual(b: Builder, x: Value, width: int) -> Value:
    """The block between stages: half the image, twice the channels; ceil lets odd images through."""
    with b.scope("reduce"):
        y = b(BatchNorm2d(), b(Conv2d(width, 3, 2, bias=False), b(ReLU(), x)))
        y = b(BatchNorm2d(), b(Conv2d(width, 3, bias=False), b(ReLU(), y)))
        shortcut = b(Conv2d(width, 1, bias=False), b(AvgPool2d(2, ceil=True), x), name="shortcut")
        return b(Add(), y, shortcut)
