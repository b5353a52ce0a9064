"""What the layers of a network hold: the filters of the first one, and what some of them make of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor, nn

from archsearch.explaining.explanation import Filters
from archsearch.explaining.subject import Subject
from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype

MOST_LAYERS, MOST_CHANNELS, MOST_FILTERS = 4, 8, 64


def first_filters(subject: Subject) -> Filters | None:
    """Kernels of the first layer that reads the image, through nothing but ops without weights; None where it has none that can be seen.

    A linear layer over all pixels has one kernel of the image's size for each of its outputs.
    """
    genotype, bare = subject.genotype, {0}
    for value, node in enumerate(genotype.nodes, start=1):
        if not set(node.inputs) <= bare:
            continue
        module = subject.network.get_submodule(module_path(node.weights or node.name))
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and (kernels := as_images(weight.detach(), subject.shape)) is not None:
            return Filters(node.name, kernels[:MOST_FILTERS].permute(0, 2, 3, 1).contiguous().numpy())
        if not any(True for _ in module.parameters()):
            bare.add(value)
    return None


def as_images(weight: Tensor, shape: tuple[int, int, int]) -> Tensor | None:
    """Weights as kernels (K, channels, h, w) over the image; None where they are none, or of one pixel."""
    if weight.ndim == 2 and weight.shape[1] == prod(shape):
        return weight.reshape(-1, *shape)
    if weight.ndim == 4 and weight.shape[1] == shape[0] and weight.shape[2] * weight.shape[3] > 1:
        return weight
    return None


@torch.inference_mode()
def activations(subject: Subject, inputs: Tensor) -> tuple[tuple[str, ...], list[list[Tensor]]]:
    """Names of some layers, and for each image the channels of each that are strongest, (K, h, w), strongest first."""
    names = shown_layers(subject.genotype)
    found: list[list[Tensor]] = [[] for _ in inputs]
    for place, image in enumerate(inputs):
        with caught(subject, names) as values:
            subject.network(image[None])
        for name in names:
            planes = values[name][0]
            order = planes.abs().mean((1, 2)).argsort(descending=True, stable=True)[:MOST_CHANNELS]
            found[place].append(planes[order].clone())
    return names, found


def shown_layers(genotype: Genotype) -> tuple[str, ...]:
    """The last maps of each resolution on the way, where there are two or more; else the first, the middle and the last maps."""
    offset, outputs = len(genotype.inputs), set(genotype.outputs)
    shared = {name for node in genotype.nodes if node.weights for name in (node.name, node.weights)}  # their modules run more than once
    maps = [
        (node.name, genotype.specs[place].shape)
        for place, node in enumerate(genotype.nodes, start=offset)
        if place not in outputs and node.name not in shared and is_map(genotype.specs[place].shape)
    ]
    last = list({shape[1:]: name for name, shape in maps}.values())
    names = last if len(last) > 1 else [name for name, _ in (maps[:1] + maps[len(maps) // 2 :][:1] + maps[-1:])]
    step = max(1, len(names) - 1) / max(1, min(MOST_LAYERS, len(names)) - 1)
    return tuple(dict.fromkeys(names[round(step * place)] for place in range(min(MOST_LAYERS, len(names)))))


def is_map(shape: tuple[int, ...]) -> bool:
    """Whether values of this shape are maps that can be looked at."""
    return len(shape) == 3 and min(shape[1:]) > 1


@contextmanager
def caught(subject: Subject, names: tuple[str, ...]) -> Iterator[dict[str, Tensor]]:
    """What nodes of these names make while the network runs within this block."""
    values: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def keep(_: nn.Module, __: object, output: Tensor) -> None:
            values[name] = output

        return keep

    hooks = [subject.network.get_submodule(module_path(name)).register_forward_hook(keeper(name)) for name in names]
    try:
        yield values
    finally:
        for hook in hooks:
            hook.remove()
