"""Reference numbers of known networks, and which of ours each is compared with.

`zoo_reference.jsonl` has one network a line: params, buffers and MACs of the reference definition (torchvision, timm, the authors' code),
outputs without the batch axis, receptive field, and what autograd keeps at batch 8 with the sum of the outputs as loss, the
input itself not counted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from archsearch import Genotype, load_space, zoo
from tests.conftest import SHARED

LOSS_BYTES = 4
"""The reference's loss keeps one scalar."""


class Reference(NamedTuple):
    name: str
    input: list[int]
    outputs: list[list[int]]
    params: int
    buffers: int
    macs: int
    receptive_field: int | None
    saved_bytes: int | None


REFERENCES = [Reference(**json.loads(line)) for line in (Path(__file__).parent / "zoo_reference.jsonl").read_text().splitlines()]
OURS = {
    "googlenet_aux(train)": "googlenet_aux",
    "inception_v3_noaux": "inception_v3",
    "inception_v3_aux(train)": "inception_v3_aux",
    "fcn_resnet50": "fcn_resnet50_aux",
    "fcn_resnet50_noaux": "fcn_resnet50",
    "deeplabv3_resnet50": "deeplabv3_resnet50_aux",
    "deeplabv3_resnet50_noaux": "deeplabv3_resnet50",
    "darts_cifar/DARTS_V1": "darts_v1_cifar",
    "darts_imagenet/DARTS_V1": "darts_v1_imagenet",
    "darts_cifar/DARTS_V2": "darts_v2_cifar",
    "darts_imagenet/DARTS_V2": "darts_v2_imagenet",
    "coatnet_0_224": "coatnet_0",
    "coatnet_0_rw_224": "coatnet_0_rw",
    "unet_ronneberger": "unet",
    "unet_same_bn": "unet_padded",
    "mobilenetv1_100": "mobilenet_v1",
    "mixer_b16_224": "mixer_b16",
    "spnasnet_100": "spnasnet",
    "nasnetalarge": "nasnet_a_large",
    "pnasnet5large": "pnasnet5_large",
}
"""Ours by the reference's name, where the two differ."""
WEIGHED_AS = {"inception_v3": "inception_v3_aux"}
"""Where the reference has auxiliary heads that it does not run: ours with its weights; its MACs are those of ours without the heads."""
SAVED_AS = {"fcn_resnet50": "fcn_resnet50", "deeplabv3_resnet50": "deeplabv3_resnet50"}
"""Where the loss of the reference sums the first of two outputs only: ours with that one output."""
LEAVES = {
    "Conv2d": ("conv2d", "depthwise_conv2d"), "Conv2dSame": ("conv2d", "depthwise_conv2d"), "ConvTranspose2d": ("conv_transpose2d",),
    "Linear": ("linear",), "BatchNorm2d": ("batch_norm2d",), "LayerNorm": ("layer_norm",), "LayerNorm2d": ("layer_norm2d",),
    "MaxPool2d": ("max_pool2d",), "MaxPool2dSame": ("max_pool2d",), "AvgPool2d": ("avg_pool2d",), "AvgPool2dSame": ("avg_pool2d",),
    "AdaptiveAvgPool2d": ("global_avg_pool2d", "adaptive_avg_pool2d"),
}  # fmt: skip
"""Our kinds for the leaf modules of a reference that are compared one by one."""


SHORTCUT_FIRST = {"nb201_all_conv3x3"}
"""References that list the shortcut of a block before its convolutions; ours runs it after them, as the authors' code does."""


def ours(reference: Reference) -> Genotype:
    """Our network for a reference."""
    if reference.name == "nb201_all_conv3x3":
        space = load_space("cell", cells=5, channels=16)
        return space.resolve(dict.fromkeys(space.options(), "nor_conv_3x3"), np.random.default_rng(0)).genotype
    return build(reference, OURS)


def build(reference: Reference, names: dict[str, str]) -> Genotype:
    """Our network of another name for a reference."""
    return zoo.build(names.get(reference.name, reference.name), input=tuple(reference.input))


def leaves_file() -> Path:
    """The file that lists every leaf of the references."""
    return SHARED / "reference" / "zoo.jsonl"


def reference_leaves() -> dict[str, list[list[Any]]]:
    """Leaves of every listed reference: name, type, output shape, params, MACs."""
    with leaves_file().open() as file:
        lines = [json.loads(line) for line in file]
    return {line["name"]: line["layers"] for line in lines if line.get("layers")}
