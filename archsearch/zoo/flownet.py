"""FlowNet: optical flow from two images, at five sizes (Dosovitskiy et al. 2015, arXiv:1504.06852)."""

from __future__ import annotations

from functools import partial

from archsearch.blocks.decoder import crop_to
from archsearch.network.builder import Builder, Value
from archsearch.network.genotype import Genotype
from archsearch.ops import BatchNorm2d, Concat, Conv2d, ConvTranspose2d, LeakyReLU

CONVS = (
    ("conv1", 1, 7, 2), ("conv2", 2, 5, 2), ("conv3", 4, 5, 2), ("conv3_1", 4, 3, 1), ("conv4", 8, 3, 2), ("conv4_1", 8, 3, 1),
    ("conv5", 8, 3, 2), ("conv5_1", 8, 3, 1), ("conv6", 16, 3, 2), ("conv6_1", 16, 3, 1),
)  # fmt: skip
"""Name, channels in units of the width, kernel and stride (figure 2)."""


def flownet_s(width: int = 64, *, norm: bool = False, flow: int = 2, input: tuple[int, int, int] = (6, 384, 512)) -> Genotype:
    """Two images on top of each other -> `flow` numbers for each position at 1/4, 1/8, 1/16, 1/32 and 1/64 of the size (figures 2 and 3).

    Convolutions have biases unless `norm`, those that enlarge have them always, those that predict never.
    """
    b = Builder(input)
    x, maps = b.input, {}
    for name, units, kernel, stride in CONVS:
        with b.scope(name):
            x = conv(b, x, units * width, kernel, stride, norm)
        maps[int(name[4])] = x
    flows = [b(Conv2d(flow, bias=False), x, name="predict_flow6")]
    for level in (5, 4, 3, 2):
        skip = maps[level]
        with b.scope(f"upsampled_flow{level + 1}_to_{level}"):
            larger = crop_to(b, b(ConvTranspose2d(flow, 4, 2, 1), flows[-1]), skip, centre=False)
        with b.scope(f"deconv{level}"):
            x = b(LeakyReLU(0.1), b(ConvTranspose2d(width << (level - 2), 4, 2, 1), x))
            x = crop_to(b, x, skip, centre=False)
        x = b(Concat(), skip, x, larger, name=f"concat{level}")
        flows.append(b(Conv2d(flow, bias=False), x, name=f"predict_flow{level}"))
    return b.genotype(*reversed(flows))


def conv(b: Builder, x: Value, channels: int, kernel: int, stride: int, norm: bool) -> Value:
    """A convolution with leaky ReLU."""
    x = b(Conv2d(channels, kernel, stride, bias=not norm), x)
    return b(LeakyReLU(0.1), b(BatchNorm2d(), x) if norm else x)


NETWORKS = {"flownet_s": flownet_s, "flownet_s_bn": partial(flownet_s, norm=True)}
