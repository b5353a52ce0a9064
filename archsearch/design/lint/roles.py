"""The part that an op plays, as rules speak of it. An op of a user's own is none of these, so that no rule judges what it does not know."""

from __future__ import annotations

from archsearch.ops import (
    SELU,
    AvgPool2d,
    ChannelShuffle,
    ConvTranspose2d,
    Crop2d,
    DepthwiseConv2d,
    Dropout,
    Factor,
    Flatten,
    FrozenBatchNorm2d,
    GlobalAvgPool2d,
    GroupNorm,
    Hardsigmoid,
    Hardtanh,
    Identity,
    InstanceNorm2d,
    LayerNorm,
    LayerNorm2d,
    LayerScale,
    Linear,
    Offset,
    Op,
    Pad2d,
    RMSNorm,
    RMSNorm2d,
    Scale,
    SeparableConv2d,
    Sigmoid,
    Softsign,
    StochasticDepth,
    Tanh,
    Tokens,
    WeightNormConv2d,
    WeightNormLinear,
    WeightStandardConv2d,
)
from archsearch.ops.base import pair
from archsearch.ops.convolution import Convolution
from archsearch.ops.norm import BatchNorm

MATRIX = (Linear, WeightNormLinear)
LEARNED_MAP = (Convolution, ConvTranspose2d, *MATRIX)
"""Learned linear maps: what an activation has to stand between."""
BATCH_NORM = (BatchNorm, FrozenBatchNorm2d)
STEADYING = (
    *BATCH_NORM, GroupNorm, InstanceNorm2d, LayerNorm, LayerNorm2d, RMSNorm, RMSNorm2d, WeightNormConv2d, WeightNormLinear,
    WeightStandardConv2d, SELU,
)  # fmt: skip
"""What keeps values in range however deep the network is; response norms do not."""
CENTRING = (BatchNorm, InstanceNorm2d)
"""Norms that take the mean of every channel away, and a bias before them with it."""
SATURATING = (Hardsigmoid, Hardtanh, Sigmoid, Softsign, Tanh)
"""Activations with two bounds: far from 0 they are flat, and no gradient passes."""
STRAIGHT = (
    *BATCH_NORM, AvgPool2d, ChannelShuffle, Crop2d, Dropout, Factor, Flatten, GlobalAvgPool2d, Identity, LayerScale, Offset, Pad2d,
    Scale, StochasticDepth, Tokens,
)  # fmt: skip
"""What bends nothing in inference: a linear map, or none."""
SELECTING = (Crop2d, Pad2d)


def is_factor(op: Op) -> bool:
    """Whether a map leaves out connections so that another one can add them: by channel, in groups, by a table, or upwards."""
    return isinstance(op, DepthwiseConv2d | SeparableConv2d | ConvTranspose2d) or getattr(op, "groups", 1) > 1 or hasattr(op, "table")


def is_windowed(op: Op) -> bool:
    """Whether a map reads more than one position of an image at once."""
    return isinstance(op, Convolution | ConvTranspose2d) and pair(op.kernel) != (1, 1)
