"""A dataset on a device: batches to train on, and whole parts to be judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from archsearch.data import VOID, Data, Part
from archsearch.data.augment import PLAIN, Changes, augment
from archsearch.tasks.base import Meter, Task, answers

Pair = tuple[Tensor, Tensor]
"""Images as they are stored, and labels or masks."""
STEPS_BETWEEN_LOOKS = 16
MOST_ELEMENTS = 2**22
"""Pixel values that are cropped or judged at once; more would be memory without speed."""


@dataclass(frozen=True, eq=False)
class Feed:
    """Data on a device; images stay as they are stored until they are needed, and are normalised then.

    A network sees images of `size`, (height, width). Training images are padded on all sides by what they may shift (with black;
    masks with VOID), or larger than `size`, which then is a crop.
    """

    task: Task
    size: tuple[int, int]
    train: Pair
    validation: Pair
    test: Pair
    mean: Tensor
    std: Tensor
    flip: bool
    views: int
    """Crops of each image in an epoch."""
    changes: Changes = PLAIN
    """What training images go through besides."""

    def __len__(self) -> int:
        """Training samples in an epoch."""
        return self.views * len(self.train[0])

    def normalised(self, pixels: Tensor) -> Tensor:
        """What a network sees: (pixels - mean) / std, channel by channel, bytes brought to [0, 1] before."""
        return ((pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels) - self.mean) / self.std

    def epoch(self, batch: int, generator: torch.Generator) -> Iterator[list[Pair]]:
        """The training samples in a random order: lists of batches, normalised, each list made at once; what is left over waits."""
        images, truth = self.train
        order = torch.randperm(len(self), generator=generator, device=images.device)[: len(self) // batch * batch]
        chosen = order if self.views == 1 else order % len(images)
        for chunk in torch.split(chosen, batch * self._steps(batch)):
            crops, labels = augment(images, truth, chunk, self.size, self.flip, generator)
            inputs = self.normalised(self.changes.of_pixels(crops, generator, whole=labels.ndim == 1))
            yield list(zip(torch.split(self.changes.blanked(inputs, generator), batch), torch.split(labels, batch), strict=True))

    def _steps(self, batch: int) -> int:
        elements = batch * self.train[0].shape[1] * prod(self.size)
        return max(1, min(STEPS_BETWEEN_LOOKS, MOST_ELEMENTS // elements))


@lru_cache(maxsize=1)
def feed_of(task: Task, data: Data, device: torch.device, shift: float = 0.0, crop: int = 0, final: bool = False) -> Feed:
    """The data as tensors, made once for all candidates.

    Training images shift by up to `shift` of their sides; with `crop` training takes squares of so many pixels from anywhere instead. If
    `final`, the validation part is trained on too, and the test part stands for it.

    Raises:
        ValueError: a crop that does not fit, as `size_of`.
    """
    size = size_of(data, crop)
    _, height, width = data.shape
    down, right = (0, 0) if crop else (round(shift * height), round(shift * width))
    train, validation, test = (on_device(part, device) for part in (data.train, data.validation, data.test))
    if final:
        images, truth = (torch.cat(tensors) for tensors in zip(train, validation, strict=True))
        train, validation = (images, truth), test
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (data.mean, data.std))
    return Feed(task, size, padded(train, down, right), validation, test, mean, std, data.flip, views_of(data, crop))


def views_of(data: Data, crop: int) -> int:
    """Crops of each image in an epoch: as many as fit into it; one where images are seen whole."""
    _, height, width = data.shape
    return height * width // crop**2 if crop else 1


def size_of(data: Data, crop: int = 0) -> tuple[int, int]:
    """(height, width) of what a network sees: whole images, or squares of `crop` pixels where that is not 0.

    Raises:
        ValueError: a crop that is larger than the images, or of images that have one class as a whole.
    """
    _, height, width = data.shape
    if not crop:
        return height, width
    if data.task != "segmentation" or crop > min(height, width):
        reason = f"images are {height}x{width}" if data.task == "segmentation" else "crops are for data with masks"
        raise ValueError(f"crop={crop} does not fit data {data.name!r}: {reason}; use crop=0 for whole images")
    return crop, crop


def part_of(pair: Pair, fraction: float, classes: int, seed: int) -> Pair:
    """So much of the images, drawn by a seed, of every class as much; those with masks are drawn from all."""
    images, truth = pair
    if fraction >= 1:
        return pair
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).to(truth.device)
    groups = [order] if truth.ndim > 1 else [order[truth[order] == label] for label in range(classes)]
    kept = torch.cat([group[: ceil(fraction * len(group))] for group in groups]).sort().values
    return in_pixels(images[kept]), truth[kept]


def on_device(part: Part, device: torch.device) -> Pair:
    """One part as tensors, the channels of a pixel side by side."""
    return in_pixels(torch.tensor(part.images, device=device)), torch.tensor(part.labels, device=device)


def in_pixels(images: Tensor) -> Tensor:
    """Images with the channels of a pixel side by side in memory."""
    return images.contiguous(memory_format=torch.channels_last)


def padded(pair: Pair, down: int, right: int) -> Pair:
    """Images with a black border of so many pixels above and below, left and right; masks with one that belongs to no class."""
    images, truth = pair
    border = (right, right, down, down)
    return in_pixels(functional.pad(images, border)), functional.pad(truth, border, value=VOID) if truth.ndim > 1 else truth


@torch.inference_mode()
def measure(network: nn.Module, data: Feed, part: Pair, batch: int) -> list[dict[str, float]]:
    """Metrics of the task on a part for every output of the network, in their order."""
    network.eval()
    images, truth = part
    if truth.ndim > 1:
        batch = max(1, min(batch, MOST_ELEMENTS // (max(images.shape[1], data.task.classes) * prod(images.shape[2:]))))
    meters: list[Meter] = []
    for x, y in zip(torch.split(images, batch), torch.split(truth, batch), strict=True):
        found = predict(network, data, x)
        meters = meters or [data.task.meter() for _ in found]
        for meter, answer in zip(meters, found, strict=True):
            meter.add(answer, y)
    return [meter.metrics() for meter in meters]


def predict(network: nn.Module, data: Feed, images: Tensor) -> tuple[Tensor, ...]:
    """Answers of all exits to whole images; of larger ones than the network sees, tile by tile, the mean where tiles overlap."""
    return tiled(network, data.normalised(images), data.size)


def tiled(network: nn.Module, inputs: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
    """The same for inputs that are normalised, and a network that sees squares of that size."""
    (height, width), (tall, wide) = inputs.shape[2:], size
    if (height, width) == (tall, wide):
        return answers(network(inputs))
    sums: list[Tensor] = []
    hits = torch.zeros(height, width, device=inputs.device)
    for top in places(height, tall):
        for left in places(width, wide):
            window = (..., slice(top, top + tall), slice(left, left + wide))
            found = answers(network(inputs[window].contiguous()))
            sums = sums or [answer.new_zeros(*answer.shape[:2], height, width) for answer in found]
            for total, answer in zip(sums, found, strict=True):
                total[window] += answer
            hits[window] += 1
    return tuple(total / hits for total in sums)


def places(length: int, size: int) -> list[int]:
    """Where tiles of a size begin so that they cover a length: side by side, the last one at the end."""
    return [*range(0, length - size, size), length - size]
