"""All ops by kind; importing this package registers the built-in ones."""

from archsearch.ops.activation import ELU, GELU, SELU, Hardsigmoid, Hardswish, LeakyReLU, Mish, ReLU, ReLU6, Sigmoid, SiLU, Softplus, Tanh
from archsearch.ops.base import OPS, Cost, Facts, Op, Saved, Window, facts, nearest, register
from archsearch.ops.convolution import Conv2d, DepthwiseConv2d, SeparableConv2d
from archsearch.ops.linear import Flatten, Linear
from archsearch.ops.merge import Add, Concat, Identity, Mul, Zero
from archsearch.ops.norm import BatchNorm1d, BatchNorm2d, Dropout
from archsearch.ops.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d

__all__ = [
    "ELU",
    "GELU",
    "OPS",
    "SELU",
    "Add",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Concat",
    "Conv2d",
    "Cost",
    "DepthwiseConv2d",
    "Dropout",
    "Facts",
    "Flatten",
    "GlobalAvgPool2d",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Mish",
    "Mul",
    "Op",
    "ReLU",
    "ReLU6",
    "Saved",
    "SeparableConv2d",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "Window",
    "Zero",
    "facts",
    "nearest",
    "register",
]
