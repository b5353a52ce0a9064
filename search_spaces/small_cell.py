"""A small cell space for 8x8 images, whole in the table `small_cell-digits`: NAS-Bench-201's cell with three of its operations."""

from archsearch import Builder, Genotype, Pick, Value
from archsearch.ops import Add, BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU, Zero

OPS = ["none", "skip", "conv"]


def space(pick: Pick, *, classes: int = 10, input: tuple[int, int, int] = (1, 8, 8)) -> Genotype:
    """A cell of four nodes at full size and one at half, 1,458 choices: an operation for each of six edges, and the channels.

    After Dong & Yang 2020 (arXiv:2001.00326).
    """
    channels = pick("channels", [4, 8])
    edges = {(source, target): pick(f"{source}->{target}", OPS) for target in (1, 2, 3) for source in range(target)}
    b = Builder(input)
    with b.scope("stem"):
        x = conv(b, b.input, channels)
    with b.scope("cell1"):
        x = cell(b, x, channels, edges)
    with b.scope("reduce"):
        x = conv(b, b(MaxPool2d(2), x), 2 * channels)
    with b.scope("cell2"):
        x = cell(b, x, 2 * channels, edges)
    with b.scope("head"):
        x = b(Linear(classes), b(Flatten(), b(GlobalAvgPool2d(), x)))
    return b.genotype(x)


def cell(b: Builder, x: Value, width: int, edges: dict[tuple[int, int], str]) -> Value:
    """Four nodes; each sums what its edges bring from the nodes before it."""
    nodes = [x]
    for target in (1, 2, 3):
        arriving = []
        for source in range(target):
            if edges[source, target] == "skip":
                arriving.append(nodes[source])
            elif edges[source, target] == "conv":
                with b.scope(f"edge{source}{target}"):  # named by its place, so that shared weights stay with the edge
                    arriving.append(conv(b, nodes[source], width))
        if not arriving:
            nodes.append(b(Zero(), x))
        else:
            nodes.append(b(Add(), *arriving) if len(arriving) > 1 else arriving[0])
    return nodes[-1]


def conv(b: Builder, x: Value, width: int) -> Value:
    """3x3 convolution, batch norm, ReLU."""
    return b(ReLU(), b(BatchNorm2d(), b(Conv2d(width, 3, bias=False), x)))
