"""Segmentation networks and detectors as torchvision names their modules, written for tests: any width, few blocks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from math import floor, log2, sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, normalize

from tests.zoo.torch_mobile import mobilenet_v3_large
from tests.zoo.torch_residual import ResNet


class Trunk(ResNet):
    """What comes out of the four stages."""

    def __init__(self, width: int, dilated: bool = False) -> None:
        super().__init__((1, 1, 1, 1), width, width, dilate=(False, False, dilated, dilated))
        del self.fc

    def forward(self, x: Tensor) -> list[Tensor]:
        found = [self.maxpool(self.bn1(self.conv1(x)).relu())]
        for layer in self.layers:
            found.append(getattr(self, layer)(found[-1]))
        return found[1:]


class MobileTrunk(nn.ModuleDict):
    """Maps of stride 8 and 16 of MobileNetV3-large."""

    def __init__(self, width: float) -> None:
        features = mobilenet_v3_large(width, 1, dilated=True).features
        super().__init__({str(number): part for number, part in enumerate(features)})

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for part in self.values():
            found.append(x := part(x))
        return [found[4], found[-1]]


def normed(read: int, made: int, kernel: int = 1, dilation: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(read, made, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False)
    return [conv, nn.BatchNorm2d(made), nn.ReLU()]


def fcn_head(read: int, classes: int) -> nn.Module:
    return nn.Sequential(*normed(read, read // 4, 3), nn.Dropout(), nn.Conv2d(read // 4, classes, 1))


class Mean(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).expand(-1, -1, *x.shape[2:])


class AtrousPyramid(nn.Module):
    def __init__(self, read: int, made: int, rates: Sequence[int]) -> None:
        super().__init__()
        branches = [nn.Sequential(*normed(read, made)), *(nn.Sequential(*normed(read, made, 3, rate)) for rate in rates)]
        self.convs = nn.ModuleList([*branches, Mean(nn.AdaptiveAvgPool2d(1), *normed(read, made))])
        self.project = nn.Sequential(*normed(len(self.convs) * made, made), nn.Dropout())

    def forward(self, x: Tensor) -> Tensor:
        return self.project(torch.cat([conv(x) for conv in self.convs], 1))


def deeplab_head(read: int, made: int, rates: Sequence[int], classes: int) -> nn.Module:
    return nn.Sequential(AtrousPyramid(read, made, rates), *normed(made, made, 3), nn.Conv2d(made, classes, 1))


class Segmentation(nn.Module):
    """Scores of the last map, and of the one before it, at the size of the input."""

    def __init__(self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None) -> None:
        super().__init__()
        self.backbone, self.classifier, self.aux_classifier = backbone, classifier, aux_classifier

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        *_, early, last = self.backbone(x)
        found = [self.classifier(last), *([self.aux_classifier(early)] if self.aux_classifier else [])]
        return tuple(interpolate(scores, x.shape[2:], mode="bilinear") for scores in found)


class LiteHead(nn.Module):
    def __init__(self, low: int, high: int, made: int, classes: int) -> None:
        super().__init__()
        self.cbr = nn.Sequential(*normed(high, made))
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(high, made, 1, bias=False), nn.Sigmoid())
        self.low_classifier, self.high_classifier = nn.Conv2d(low, classes, 1), nn.Conv2d(made, classes, 1)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        x = interpolate(self.cbr(high) * self.scale(high), low.shape[2:], mode="bilinear")
        return self.low_classifier(low) + self.high_classifier(x)


class LiteSegmentation(nn.Module):
    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.classifier = backbone, head

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (interpolate(self.classifier(*self.backbone(x)), x.shape[2:], mode="bilinear"),)


def rows(x: Tensor, width: int) -> Tensor:
    """A row for each box at each position."""
    count, channels, high, wide = x.shape
    return x.view(count, channels // width, width, high, wide).permute(0, 3, 4, 1, 2).reshape(count, -1, width)


class SsdFeatures(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        layers, read = [], 3
        for units, convs in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
            for _ in range(convs):
                layers += [nn.Conv2d(read, units * width, 3, padding=1), nn.ReLU()]
                read = units * width
            layers.append(nn.MaxPool2d(2, ceil_mode=units == 4))
        self.scale_weight = nn.Parameter(torch.rand(8 * width) * 20)
        self.features = nn.Sequential(*layers[:23])
        wide = nn.Conv2d(read, hidden, 3, padding=6, dilation=6)
        fully = nn.Sequential(nn.MaxPool2d(3, 1, 1), wide, nn.ReLU(), nn.Conv2d(hidden, hidden, 1), nn.ReLU())
        further = (
            self.further(hidden, 4 * width, 2, 1), self.further(8 * width, 2 * width, 2, 1),
            self.further(4 * width, 2 * width, 1, 0), self.further(4 * width, 2 * width, 1, 0),
        )  # fmt: skip
        self.extra = nn.ModuleList([nn.Sequential(*layers[23:-1], fully), *further])

    @staticmethod
    def further(read: int, inner: int, stride: int, padding: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(read, inner, 1), nn.ReLU(), nn.Conv2d(inner, 2 * inner, 3, stride, padding), nn.ReLU())

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.features(x)
        found = [self.scale_weight[:, None, None] * normalize(x)]
        for part in self.extra:
            found.append(x := part(x))
        return found


class PerMap(nn.Module):
    """A convolution for each map, and rows of what comes out."""

    def __init__(self, channels: Sequence[int], boxes: Sequence[int], width: int) -> None:
        super().__init__()
        self.width = width
        self.module_list = nn.ModuleList([nn.Conv2d(c, n * width, 3, padding=1) for c, n in zip(channels, boxes, strict=True)])

    def forward(self, maps: list[Tensor]) -> Tensor:
        return torch.cat([rows(conv(x), self.width) for conv, x in zip(self.module_list, maps, strict=True)], 1)


class Ssd(nn.Module):
    def __init__(self, width: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.backbone = SsdFeatures(width, hidden)
        channels, boxes = (8 * width, hidden, 8 * width, *(4 * width,) * 3), (4, 6, 6, 6, 4, 4)
        heads = {"classification_head": PerMap(channels, boxes, classes), "regression_head": PerMap(channels, boxes, 4)}
        self.head = nn.ModuleDict(heads)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = self.backbone(x)
        return tuple(head(maps) for head in self.head.values())


class Pyramid(nn.Module):
    """A ResNet's last stages, brought together from the smallest on; two convolutions behind the last, or a pooling."""

    def __init__(self, width: int, made: int, first: int, extra: bool) -> None:
        super().__init__()
        self.body, self.first = Trunk(width), first
        self.fpn = nn.ModuleDict()
        self.fpn["inner_blocks"] = nn.ModuleList([nn.Sequential(nn.Conv2d(4 * width << i, made, 1)) for i in range(first, 4)])
        self.fpn["layer_blocks"] = nn.ModuleList([nn.Sequential(nn.Conv2d(made, made, 3, padding=1)) for _ in range(first, 4)])
        if extra:
            self.fpn["extra_blocks"] = nn.ModuleDict({name: nn.Conv2d(made, made, 3, 2, 1) for name in ("p6", "p7")})

    def forward(self, x: Tensor) -> list[Tensor]:
        laterals = [inner(part) for inner, part in zip(self.fpn["inner_blocks"], self.body(x)[self.first :], strict=True)]
        for level in range(len(laterals) - 2, -1, -1):
            laterals[level] = laterals[level] + interpolate(laterals[level + 1], laterals[level].shape[2:])
        maps = [layer(part) for layer, part in zip(self.fpn["layer_blocks"], laterals, strict=True)]
        if "extra_blocks" not in self.fpn:
            return [*maps, max_pool2d(maps[-1], 1, 2)]
        sixth = self.fpn["extra_blocks"]["p6"](maps[-1])
        return [*maps, sixth, self.fpn["extra_blocks"]["p7"](sixth.relu())]


def tower(channels: int, depth: int) -> nn.Module:
    return nn.Sequential(*[nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()) for _ in range(depth)])


class SharedHead(nn.ModuleDict):
    """A tower, then convolutions side by side, over each map."""

    def __init__(self, channels: int, depth: int, kernel: int, made: dict[str, tuple[int, int]]) -> None:
        heads = {name: nn.Conv2d(channels, boxes * width, kernel, padding=kernel // 2) for name, (boxes, width) in made.items()}
        super().__init__({"conv": tower(channels, depth), **heads})
        self.widths = {name: width for name, (_, width) in made.items()}

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        found = [self["conv"](x) for x in maps]
        return [torch.cat([rows(self[name](x), width) for x in found], 1) for name, width in self.widths.items()]


class RetinaNet(nn.Module):
    def __init__(self, width: int, channels: int, classes: int) -> None:
        super().__init__()
        self.backbone = Pyramid(width, channels, 1, extra=True)
        scores, offsets = SharedHead(channels, 4, 3, {"cls_logits": (9, classes)}), SharedHead(channels, 4, 3, {"bbox_reg": (9, 4)})
        self.head = nn.ModuleDict({"classification_head": scores, "regression_head": offsets})

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = self.backbone(x)
        return tuple(head(maps)[0] for head in self.head.values())


class MaskRcnn(nn.Module):
    def __init__(self, width: int, channels: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.backbone = Pyramid(width, channels, 0, extra=False)
        self.rpn = nn.ModuleDict({"head": SharedHead(channels, 1, 1, {"cls_logits": (3, 1), "bbox_pred": (3, 4)})})
        boxes = nn.ModuleDict({"fc6": nn.Linear(49 * channels, hidden), "fc7": nn.Linear(hidden, hidden)})
        judged = nn.ModuleDict({"cls_score": nn.Linear(hidden, classes), "bbox_pred": nn.Linear(hidden, 4 * classes)})
        larger, logits = nn.ConvTranspose2d(channels, channels, 2, 2), nn.Conv2d(channels, classes, 1)
        masks = nn.Sequential(OrderedDict(conv5_mask=larger, relu=nn.ReLU(), mask_fcn_logits=logits))
        parts = {"box_head": boxes, "box_predictor": judged, "mask_head": tower(channels, 4), "mask_predictor": masks}
        self.roi_heads = nn.ModuleDict(parts)

    def forward(self, x: Tensor, boxes: Tensor) -> tuple[Tensor, ...]:
        maps, heads = self.backbone(x), self.roi_heads
        regions = cut(boxes, maps[:4], 7).flatten(2)
        for linear in heads["box_head"].values():
            regions = linear(regions).relu()
        judged = [linear(regions) for linear in heads["box_predictor"].values()]
        masks = cut(boxes, maps[:4], 14).flatten(0, 1)
        masks = heads["mask_predictor"](heads["mask_head"](masks))
        return (*self.rpn["head"](maps), *judged, masks.unflatten(0, boxes.shape[:2]))


SCALES = (1 / 4, 1 / 8, 1 / 16, 1 / 32)


def cut(boxes: Tensor, maps: Sequence[Tensor], size: int, scales: Sequence[float] = SCALES, canonical: int = 224) -> Tensor:
    """Regions (N, B, C, size, size), box by box and cell by cell, the mean of four bilinear samples each."""
    first, last = (round(-log2(scale)) for scale in (scales[0], scales[-1]))
    images = []
    for number, image in enumerate(boxes.tolist()):
        for x1, y1, x2, y2 in image:
            side = sqrt(max(x2 - x1, 0) * max(y2 - y1, 0))
            level = min(max(floor(4 + log2(side / canonical) + 1e-6) if side else first, first), last) - first
            images.append(region(maps[level][number], [scales[level] * corner for corner in (x1, y1, x2, y2)], size))
    return torch.stack(images).unflatten(0, boxes.shape[:2])


def region(image: Tensor, corners: list[float], size: int) -> Tensor:
    x1, y1, x2, y2 = corners
    down, across = max(y2 - y1, 1) / size, max(x2 - x1, 1) / size
    steps = [cell + part for cell in range(size) for part in (0.25, 0.75)]
    lines = [torch.stack([sample(image, y1 + down * row, x1 + across * column) for column in steps], -1) for row in steps]
    return torch.stack(lines, -2).unflatten(2, (size, 2)).unflatten(1, (size, 2)).mean((2, 4))


def sample(image: Tensor, y: float, x: float) -> Tensor:
    """Values between four pixels; nothing further than a pixel outside."""
    _, high, wide = image.shape
    if not (-1 <= y <= high and -1 <= x <= wide):
        return image.new_zeros(len(image))
    y, x = min(max(y, 0), high - 1), min(max(x, 0), wide - 1)
    top, left = int(y), int(x)
    under, right = min(top + 1, high - 1), min(left + 1, wide - 1)
    above = image[:, top, left] * (1 - x + left) + image[:, top, right] * (x - left)
    below = image[:, under, left] * (1 - x + left) + image[:, under, right] * (x - left)
    return above * (1 - y + top) + below * (y - top)
