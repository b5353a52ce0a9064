"""YOLO: boxes and classes for every cell of a grid in one pass (Redmon et al. 2015, arXiv:1506.02640)."""

from __future__ import annotations

from archsearch.blocks.basic import chain
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Conv2d, Dropout, Flatten, LeakyReLU, Linear, MaxPool2d, Reshape

STAGES: tuple[tuple[tuple[int, int, int], ...], ...] = (
    ((64, 7, 2),),
    ((192, 3, 1),),
    ((128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1)),
    (*((256, 1, 1), (512, 3, 1)) * 4, (512, 1, 1), (1024, 3, 1)),
    (*((512, 1, 1), (1024, 3, 1)) * 2, (1024, 3, 1), (1024, 3, 2), (1024, 3, 1), (1024, 3, 1)),
)
"""Channels, kernel and stride of the 24 convolutions (figure 3), a max pooling between stages."""


def yolo_v1(
    hidden: int = 4096, *, boxes: int = 2, norm: bool = False, classes: int = 20, input: tuple[int, int, int] = (3, 448, 448)
) -> Genotype:
    """Figure 3: (5 * boxes + classes, H / 64, W / 64), for each cell its boxes (x, y, w, h, confidence) and the classes.

    `hidden`: features between the two fully connected layers. `norm`: batch norm after every convolution.
    """
    b = Builder(input)
    x = b.input
    for number, convs in enumerate(STAGES):
        with b.scope(f"stage{number}"):
            for place, (channels, kernel, stride) in enumerate(convs):
                x = conv(b, x, channels, kernel, stride, norm, place)
            if number + 1 < len(STAGES):
                x = b(MaxPool2d(2), x, name="pool")
    _, height, width = x.shape
    outputs = 5 * boxes + classes
    x = chain(b, x, [Flatten(), ("fc1", Linear(hidden)), LeakyReLU(0.1), Dropout(0.5), ("fc2", Linear(outputs * height * width))])
    return b.genotype(b(Reshape((outputs, height, width)), x, name="grid"))


def conv(b: Builder, x: Value, channels: int, kernel: int, stride: int, norm: bool, place: int) -> Value:
    """A convolution with leaky ReLU."""
    with b.scope(f"conv{place}"):
        x = b(Conv2d(channels, kernel, stride, bias=not norm), x)
        return b(LeakyReLU(0.1), b(BatchNorm2d(), x) if norm else x)


NETWORKS = {"yolo_v1": yolo_v1}
