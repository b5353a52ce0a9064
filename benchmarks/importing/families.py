"""The smallest member of every family of networks in public libraries, by the names that they have there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

Made = tuple[nn.Module, tuple[int, int, int]]
"""A module, and the channels and sides of the images that it is made for."""
SIZES = (
    *("atto", "femto", "pico", "nano", "xxt", "xxs", "xs", "extratiny", "mini", "micro", "tiny", "ti", "t", "s", "small"),
    *("", "m", "medium", "b", "base", "l", "large", "xl", "h", "huge", "g", "giant", "1b", "2b", "3b", "5b", "xxl", "7b"),
)
"""Words for sizes; where a name has none, it is one of the middle."""
ENCODERS = r"(tu-)?[a-zA-Z]+"
OPERATORS = ("nms", "qnms", "roi_align")


def prepare() -> None:
    """Say what torchvision's compiled operators look like: its wheels hold them for another build of torch, and no network calls them."""
    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    KEPT.append(library)


KEPT: list[Any] = []
"""What torch forgets when nobody holds it."""


def size_in(name: str) -> tuple[int, float, int, str]:
    """By which a smaller network comes first: words for sizes, the first number, length."""
    words = re.split(r"[_\-.]", name.lower())
    ranks = [SIZES.index(word) for word in words if word in SIZES]
    numbers = [float(number) for number in re.findall(r"\d+", name)]
    return (min(ranks, default=SIZES.index("")), numbers[0] if numbers else 0, len(name), name)


def smallest(names: Iterable[str], family: Callable[[str], object]) -> list[str]:
    """The smallest of every family."""
    found: dict[object, str] = {}
    for name in sorted(names, key=size_in):
        found.setdefault(family(name), name)
    return sorted(found.values())


def letters(name: str) -> str:
    """What a name begins with."""
    return re.match(r"[a-z]+", name.lower())[0]  # type: ignore[index]


def timm_names() -> list[str]:
    """One for each word that names begin with, in every module file."""
    registry = importlib.import_module("timm.models._registry")
    return [name for names in registry._module_to_models.values() for name in smallest(names, letters)]


def timm(name: str) -> Made:
    """A network of timm, with images as small as it takes them."""
    module = importlib.import_module("timm").create_model(name, pretrained=False)
    config = module.default_cfg
    return module, tuple(config["input_size"])


def torchvision_names() -> list[str]:
    """Classifiers and networks for segmentation, one for each module file."""
    models = importlib.import_module("torchvision.models")
    plain = models.list_models(module=models)
    dense = models.list_models(module=models.segmentation)
    by_file = {name: models.get_model_builder(name).__module__ for name in (*plain, *dense)}
    return smallest(plain, lambda name: (by_file[name], letters(name))) + smallest(dense, lambda name: name)


def torchvision(name: str) -> Made:
    """A network of torchvision."""
    models = importlib.import_module("torchvision.models")
    more = {"weights_backbone": None} if "segmentation" in models.get_model_builder(name).__module__ else {}
    return models.get_model(name, weights=None, **more), (3, 299, 299) if name == "inception_v3" else (3, 224, 224)


def pytorchcv_names() -> list[str]:
    """One for each module file."""
    known = importlib.import_module("pytorchcv.model_provider")._models
    return smallest(known, lambda name: known[name].__module__)


def pytorchcv(name: str) -> Made:
    """A network of pytorchcv."""
    module = importlib.import_module("pytorchcv.model_provider").get_model(name, pretrained=False)
    sides = getattr(module, "in_size", (224, 224))
    return module, (getattr(module, "in_channels", 3), *sides)


def smp_names() -> list[str]:
    """Every decoder on one encoder, and one decoder on every family of encoders."""
    library = importlib.import_module("segmentation_models_pytorch")
    decoders = [name for name in dir(library) if isinstance(getattr(library, name), type) and issubclass(getattr(library, name), nn.Module)]
    encoders = smallest(library.encoders.get_encoder_names(), lambda name: re.match(ENCODERS, name)[0])  # type: ignore[index]
    return [f"{name}:{'tu-vit_tiny_patch16_224' if name == 'DPT' else 'resnet18'}" for name in decoders] + [
        f"Unet:{name}" for name in encoders
    ]


def smp(name: str) -> Made:
    """A network of segmentation-models-pytorch."""
    decoder, _, encoder = name.partition(":")
    library = importlib.import_module("segmentation_models_pytorch")
    return getattr(library, decoder)(encoder, encoder_weights=None), (3, 224, 224) if decoder == "DPT" else (3, 128, 128)


PLAIN: dict[str, Any] = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
MONAI: dict[str, tuple[dict[str, Any], tuple[int, int, int]]] = {
    "UNet": ({**PLAIN, "channels": (8, 16, 32), "strides": (2, 2), "num_res_units": 2}, (1, 64, 64)),
    "BasicUNet": (PLAIN, (1, 64, 64)),
    "BasicUNetPlusPlus": (PLAIN, (1, 64, 64)),
    "AttentionUnet": ({**PLAIN, "channels": (8, 16, 32), "strides": (2, 2)}, (1, 64, 64)),
    "DynUNet": ({**PLAIN, "kernel_size": [3, 3, 3], "strides": [1, 2, 2],
                 "upsample_kernel_size": [2, 2]}, (1, 64, 64)),
    "SegResNet": (PLAIN, (1, 64, 64)),
    "SegResNetDS": (PLAIN, (1, 64, 64)),
    "VNet": (PLAIN, (1, 64, 64)),
    "UNETR": ({**PLAIN, "img_size": (64, 64), "hidden_size": 96, "mlp_dim": 192, "num_heads": 4}, (1, 64, 64)),
    "SwinUNETR": ({**PLAIN, "feature_size": 12}, (1, 64, 64)),
    "FlexibleUNet": ({"spatial_dims": 2, "in_channels": 3, "out_channels": 2, "backbone": "efficientnet-b0"}, (3, 64, 64)),
    "DenseNet121": (PLAIN, (1, 64, 64)),
    "EfficientNetBN": ({"model_name": "efficientnet-b0", "pretrained": False, "spatial_dims": 2}, (3, 64, 64)),
    "SEResNet50": ({"spatial_dims": 2, "in_channels": 1}, (1, 64, 64)),
    "SEResNext50": ({"spatial_dims": 2, "in_channels": 1}, (1, 64, 64)),
    "SENet154": ({"spatial_dims": 2, "in_channels": 1}, (1, 64, 64)),
    "HighResNet": (PLAIN, (1, 32, 32)),
    "AutoEncoder": ({"spatial_dims": 2, "in_channels": 1, "out_channels": 1, "channels": (8, 16), "strides": (2, 2)}, (1, 32, 32)),
    "Classifier": ({"in_shape": (1, 32, 32), "classes": 3, "channels": (8, 16), "strides": (2, 2)}, (1, 32, 32)),
    "Regressor": ({"in_shape": (1, 32, 32), "out_shape": (2,), "channels": (8, 16), "strides": (2, 2)}, (1, 32, 32)),
    "Discriminator": ({"in_shape": (1, 32, 32), "channels": (8, 16), "strides": (2, 2)}, (1, 32, 32)),
    "Critic": ({"in_shape": (1, 32, 32), "channels": (8, 16), "strides": (2, 2)}, (1, 32, 32)),
    "ViT": ({"in_channels": 1, "img_size": (32, 32), "patch_size": (8, 8), "hidden_size": 96, "mlp_dim": 192, "num_heads": 4,
             "num_layers": 2, "classification": True, "spatial_dims": 2}, (1, 32, 32)),
    "ViTAutoEnc": ({"in_channels": 1, "img_size": (32, 32), "patch_size": (8, 8), "hidden_size": 96, "mlp_dim": 192, "num_heads": 4,
                    "num_layers": 2, "spatial_dims": 2}, (1, 32, 32)),
    "AHNet": ({"spatial_dims": 2, "out_channels": 2, "upsample_mode": "bilinear"}, (1, 128, 128)),
    "HoVerNet": ({"mode": "fast", "in_channels": 3, "out_classes": 2}, (3, 256, 256)),
    "RegUNet": ({"spatial_dims": 2, "in_channels": 2, "num_channel_initial": 8, "depth": 2}, (2, 32, 32)),
}  # fmt: skip


def monai(name: str) -> Made:
    """A network of monai for images of two axes."""
    settings, sides = MONAI[name]
    return getattr(importlib.import_module("monai.networks.nets"), name)(**settings), sides


def transformers_names() -> list[str]:
    """Classifiers of images and backbones, one for each kind of model."""
    auto = importlib.import_module("transformers.models.auto.modeling_auto")
    plain = {**auto.MODEL_FOR_BACKBONE_MAPPING_NAMES, **auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES}
    return sorted({name for names in plain.values() for name in ([names] if isinstance(names, str) else names[:1])})


def transformers(name: str) -> Made:
    """A network of transformers, with two layers, or two in every stage, where its settings have a number of those."""
    kind = getattr(importlib.import_module("transformers"), name)
    config = kind.config_class()
    if isinstance(depths := getattr(config, "depths", None), list | tuple):
        config = kind.config_class(depths=[min(2, depth) for depth in depths])
    for field in ("num_hidden_layers", "num_layers"):
        if not depths and isinstance(getattr(config, field, None), int):
            setattr(config, field, 2)
    sides = getattr(config, "image_size", 224)
    high, wide = sides if isinstance(sides, list | tuple) else (sides, sides)
    return kind(config), (getattr(config, "num_channels", 3), high, wide)


def efficientnet(name: str) -> Made:
    """A network of efficientnet-pytorch."""
    kind = importlib.import_module("efficientnet_pytorch").EfficientNet
    module = kind.from_name(name)
    module.set_swish(memory_efficient=False)
    return module, (3, 224, 224)


LIBRARIES: dict[str, tuple[Callable[[], list[str]], Callable[[str], Made]]] = {
    "torchvision": (torchvision_names, torchvision),
    "efficientnet_pytorch": (lambda: [f"efficientnet-b{number}" for number in range(3)], efficientnet),
    "monai": (lambda: list(MONAI), monai),
    "segmentation_models_pytorch": (smp_names, smp),
    "pytorchcv": (pytorchcv_names, pytorchcv),
    "transformers": (transformers_names, transformers),
    "timm": (timm_names, timm),
}
