"""How a network answers many images with labels: which classes it confuses, and its worst mistakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from archsearch.data import VOID
from archsearch.explaining.explanation import Ints
from archsearch.explaining.subject import Subject
from archsearch.tasks import tally


@dataclass(frozen=True, eq=False)
class Verdict:
    """What came of all images.

    `counts` of each exit, the cheapest first, (classes, classes): rows are right, columns answered. For the dearest exit: the `answer`
    (N,) to each image (none with masks), and its `share` (N,): how certain a wrong answer was, or of masks how much is wrong; 0 where
    all is right.
    """

    counts: tuple[Ints, ...]
    answer: Tensor
    share: Tensor

    def worst(self, count: int) -> list[int]:
        """Numbers of the images with the worst mistakes, worst first; only images that have some."""
        order = torch.argsort(self.share, descending=True, stable=True)[:count]
        return [place for place in order.tolist() if self.share[place] > 0]


@torch.inference_mode()
def judge(subject: Subject, images: Tensor, truth: Tensor, step: Callable[[], None] = lambda: None) -> Verdict:
    """Ask for all images, as they are stored, (N, C, H, W), with labels (N,) or masks (N, H, W); pixels without a class do not count.

    `step` is called after each batch.
    """
    classes = len(subject.classes)
    counts = [torch.zeros(classes, classes, dtype=torch.int64) for _ in subject.order]
    answered, shares = [torch.zeros(0, dtype=torch.int64)], [torch.zeros(0)]
    for pixels, right in zip(torch.split(images, subject.batch), torch.split(truth.long(), subject.batch), strict=True):
        found = subject.answers(subject.normalised(pixels))
        for count, answer in zip(counts, found, strict=True):
            count += tally(right, answer.argmax(1), classes)
        given = found[-1].argmax(1)
        answered.append(given[:0] if subject.masks else given)
        step()
        shares.append(wrong_pixels(given, right) if subject.masks else certainty(found[-1]) * (given != right))
    return Verdict(tuple(count.numpy() for count in counts), torch.cat(answered), torch.cat(shares))


def certainty(answer: Tensor) -> Tensor:
    """The softmax of the class that is answered, (N,)."""
    return answer.softmax(1).amax(1)


def wrong_pixels(given: Tensor, right: Tensor) -> Tensor:
    """The share of each mask that is wrong, (N,), of the pixels that have a class."""
    known = right != VOID
    return ((given != right) & known).sum((1, 2)) / known.sum((1, 2)).clamp(min=1)
