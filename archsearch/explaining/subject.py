"""A trained network that can be asked: what it takes, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from archsearch.analysis.exits import exits
from archsearch.data.description import Description
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.support.reading import one_line
from archsearch.tasks import TASKS, Task, tiled
from archsearch.tasks.anytime import by_cost
from archsearch.training.weights import put_in

AT_ONCE = 256
MOST_ELEMENTS = 2**22
"""Images, and pixel values, that go through the network together."""


class ExplainError(ValueError):
    """A network that cannot be explained, or images that cannot be used for it; one line."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A network in eval mode on the CPU with what belongs to it.

    It takes one image of `shape` (C, H, W), normalised by `mean` and `std` (C, 1, 1), and gives answers to the `task` at each of its
    outputs; `order` are their numbers, the cheapest first.
    """

    genotype: Genotype
    network: nn.Module
    task: Task
    classes: tuple[str, ...]
    mean: Tensor
    std: Tensor
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.genotype.inputs[0].shape
        return channels, height, width

    @property
    def masks(self) -> bool:
        """Whether it answers for each pixel."""
        return self.task.name == "segmentation"

    @property
    def batch(self) -> int:
        """Images that go through it together."""
        planes = max(self.shape[0], len(self.classes) if self.masks else 1)
        return max(1, min(AT_ONCE, MOST_ELEMENTS // (planes * prod(self.shape[1:]))))

    def normalised(self, pixels: Tensor) -> Tensor:
        """What the network sees of images as they are stored, bytes or floats in [0, 1]."""
        return ((pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels) - self.mean) / self.std

    def answers(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Answers of all exits, the cheapest first, to normalised images; to larger ones tile by tile."""
        found = tiled(self.network, inputs, self.shape[1:])
        return tuple(found[place] for place in self.order)

    def last(self, inputs: Tensor) -> Tensor:
        """The answer of the dearest exit."""
        return self.answers(inputs)[-1]


def subject_of(genotype: Genotype, weights: Path | Mapping[str, Tensor], about: Description) -> Subject:
    """A network with its weights; what is not said of its data is read off its shapes, and classes are then called by numbers.

    Raises:
        ExplainError: it is no network for the classes of images or of pixels, or `about` is of other data. WeightsError: other weights.
    """
    task = task_of(genotype)
    if about.classes and len(about.classes) != task.classes:
        words = f"the network answers with {task.classes} classes, and its data have {len(about.classes)}"
        raise ExplainError(f"{words}; they do not belong together")
    channels = genotype.inputs[0].shape[0]
    if about.mean and len(about.mean) != channels:
        raise ExplainError(f"there are means for {len(about.mean)} channels, and the network takes {channels}; give one for each")
    network = compile_network(genotype).eval()
    put_in(network, weights)
    mean, std = (torch.tensor(given or (usual,) * channels)[:, None, None] for given, usual in ((about.mean, 0.0), (about.std, 1.0)))
    order = by_cost([output.macs for output in exits(genotype)])
    return Subject(genotype, network, task, about.classes or tuple(map(str, range(task.classes))), mean, std, tuple(order))


def task_of(genotype: Genotype) -> Task:
    """What a network answers, by its shapes. Raises ExplainError for one that answers neither for images nor for pixels."""
    takes = [spec.shape for spec in genotype.inputs]
    gives = {genotype.specs[i].shape for i in genotype.outputs}
    if len(takes) == 1 and len(takes[0]) == 3 and len(gives) == 1:
        [shape] = gives
        if len(shape) == 1 and shape[0] > 1:
            return TASKS["classification"](shape[0])
        if len(shape) == 3 and shape[0] > 1 and shape[1:] == takes[0][1:]:
            return TASKS["segmentation"](shape[0])
    maps = f"{' and '.join(map(str, takes))} to {' and '.join(map(str, sorted(gives)))}"
    wanted = "(C, H, W) to (classes,), or to (classes, H, W) for masks"
    raise ExplainError(f"the network maps {one_line(maps, 120)}; only networks that map one image {wanted}, are explained")
