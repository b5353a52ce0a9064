"""Which pixels an answer hangs on: by its gradient, and by covering the image piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from archsearch.explaining.subject import Subject

PATCH = 0.2
"""Side of the square that covers an image, as a share of the image's shorter one; it moves by half of that."""


class Asked(NamedTuple):
    """The class (N,) that is asked about each image, and with masks the pixels (N, H, W) that were answered so."""

    labels: Tensor
    pixels: Tensor | None = None

    def of(self, answer: Tensor) -> Tensor:
        """What an answer, scores or shares by class, gives to what is asked, (N,): with masks the mean over the pixels."""
        planes = answer[torch.arange(len(answer)), self.labels]
        return planes if self.pixels is None else (planes * self.pixels).sum((1, 2)) / self.pixels.sum((1, 2)).clamp(min=1)


def asked_of(subject: Subject, inputs: Tensor) -> Asked:
    """The answers themselves; of a mask the class that it has most, besides the commonest of all, which is most often the ground."""
    with torch.inference_mode():
        given = subject.last(inputs).argmax(1)
    if not subject.masks:
        return Asked(given.clone())
    common = torch.bincount(given.flatten(), minlength=len(subject.classes)).argmax()
    labels = []
    for mask in given:
        counts = torch.bincount(mask.flatten(), minlength=len(subject.classes))
        others = counts.clone()
        others[common] = 0
        labels.append(int((others if others.any() else counts).argmax()))
    chosen = torch.tensor(labels)
    return Asked(chosen, (given == chosen[:, None, None]).clone())


def saliency(subject: Subject, inputs: Tensor, asked: Asked) -> Tensor:
    """How much the score of a class changes with each pixel, (N, H, W), at least 0.

    The largest over the channels of the gradient's size, of the score before the softmax, by pixels in [0, 1] (Simonyan et al. 2014,
    arXiv:1312.6034, section 3).
    """
    found = []
    for start, part in chunks(subject, inputs):
        x = part.clone().requires_grad_()
        with torch.enable_grad():
            score = piece(asked, start, len(part)).of(subject.last(x)).sum()
        if score.requires_grad:
            [slope] = torch.autograd.grad(score, x, allow_unused=True)
        else:
            slope = None  # the answer does not depend on the image
        found.append(torch.zeros_like(part[:, 0]) if slope is None else (slope / subject.std).abs().amax(1))
    return torch.cat(found)


@torch.inference_mode()
def occlusion(subject: Subject, inputs: Tensor, asked: Asked, step: Callable[[], None] = lambda: None) -> Tensor:
    """How much certainty of a class is lost where the image is covered, (N, H, W); below 0 where it gains.

    A square in the mean colour of the image moves over it; a pixel has the mean over all squares that cover it (Zeiler & Fergus 2014,
    arXiv:1311.2901, section 4.2). `step` is called after each row of squares.
    """
    height, width = inputs.shape[2:]
    side, found = side_of(height, width), []
    for start, part in chunks(subject, inputs):
        here, mean = piece(asked, start, len(part)), part.mean((2, 3), keepdim=True)
        whole = here.of(subject.last(part).softmax(1))
        lost, covers = torch.zeros_like(part[:, 0]), torch.zeros(height, width)
        for top in starts(height, side):
            for left in starts(width, side):
                window = (..., slice(max(0, top), top + side), slice(max(0, left), left + side))
                covered = part.clone()
                covered[window] = mean
                lost[window] += (whole - here.of(subject.last(covered).softmax(1)))[:, None, None]
                covers[window] += 1
            step()
        found.append(lost / covers)
    return torch.cat(found)


def side_of(height: int, width: int) -> int:
    """Side of the square that covers an image of this size."""
    return max(1, round(PATCH * min(height, width)))


def rows_of_squares(subject: Subject, count: int) -> int:
    """How many steps `occlusion` takes for so many images."""
    _, height, width = subject.shape
    return len(starts(height, side_of(height, width))) * -(-count // subject.batch)


def starts(length: int, side: int) -> list[int]:
    """Where squares of a side begin, half of it apart; the first and last hang over the edge, so that each pixel is covered alike."""
    step = max(1, side // 2)
    return list(range(step - side, length, step))


def chunks(subject: Subject, inputs: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The images that go through the network together, each with the number of the first."""
    start = 0
    for part in torch.split(inputs, subject.batch):
        yield start, part
        start += len(part)


def piece(asked: Asked, start: int, count: int) -> Asked:
    """What is asked about some of the images."""
    part = slice(start, start + count)
    return Asked(asked.labels[part], None if asked.pixels is None else asked.pixels[part])
