"""Put a network before images, and write down what it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from archsearch.analysis.exits import exits
from archsearch.explaining.explanation import Bytes, Exit, Explanation, Mask, Mistake, Sample, Score
from archsearch.explaining.judging import Verdict, judge
from archsearch.explaining.layers import activations, first_filters
from archsearch.explaining.maps import asked_of, occlusion, rows_of_squares, saliency
from archsearch.explaining.subject import Subject
from archsearch.support.progress import Progress

MOST_MISTAKES, MOST_SCORES = 24, 3


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images as they are stored, (N, C, H, W), with a name for each, and their labels (N,) or masks (N, H, W) where they are known."""

    images: Tensor
    names: Sequence[str]
    truth: Tensor | None = None


def explain(
    subject: Subject, pictures: Pictures, title: str, source: str, limit: int, notes: Sequence[str] = (),
    progress: Callable[[Progress], None] | None = None,
) -> Explanation:  # fmt: skip
    """All that is found about a network: judged by all images where labels are known, and in detail for `limit` of them."""
    known = pictures.truth is not None
    chosen = various(pictures.truth, limit) if pictures.truth is not None else list(range(min(limit, len(pictures.images))))
    step = steps(progress, -(-len(pictures.images) // subject.batch) * known + rows_of_squares(subject, len(chosen)))
    verdict = None if pictures.truth is None else judge(subject, pictures.images, pictures.truth, step)
    layers, samples = looked_at(subject, pictures, chosen, step)
    outputs = exits(subject.genotype)
    return Explanation(
        title=title,
        source=source,
        task=subject.task.name,
        classes=subject.classes,
        exits=tuple(
            Exit(outputs[place].name, outputs[place].macs, None if verdict is None else verdict.counts[rank], subject.masks)
            for rank, place in enumerate(subject.order)
        ),
        samples=samples,
        layers=layers,
        judged=0 if verdict is None else len(pictures.images),
        mistakes=() if verdict is None else mistakes(subject, pictures, verdict),
        filters=first_filters(subject),
        notes=tuple(notes),
    )


def steps(progress: Callable[[Progress], None] | None, count: int) -> Callable[[], None]:
    """What is called after each of so many steps."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(Progress(done, count))

    return step


def various(truth: Tensor, limit: int) -> list[int]:
    """Numbers of images of as many classes as there are, class by class in turn; of those with masks spread evenly over all."""
    if truth.ndim > 1:
        return sorted({round(place) for place in np.linspace(0, len(truth) - 1, min(limit, len(truth)))})
    seen: dict[int, int] = {}
    ranked = []
    for place, label in enumerate(truth.tolist()):
        seen[label] = seen.get(label, 0) + 1
        ranked.append((seen[label], label, place))
    return [place for _, _, place in sorted(ranked)[:limit]]


def looked_at(
    subject: Subject, pictures: Pictures, chosen: list[int], step: Callable[[], None]
) -> tuple[tuple[str, ...], tuple[Sample, ...]]:
    """The chosen images in detail, and the names of the layers that are shown of them."""
    images = middle(pictures.images[chosen], subject.shape)
    truth = None if pictures.truth is None else pictures.truth[chosen]
    inputs = subject.normalised(images)
    asked = asked_of(subject, inputs)
    with torch.inference_mode():
        parts = [subject.answers(part) for part in torch.split(inputs, subject.batch)]
        found = [torch.cat(answers) for answers in zip(*parts, strict=True)]
        shares = asked.of(found[-1].softmax(1)).tolist()
    slopes, lost = saliency(subject, inputs, asked), occlusion(subject, inputs, asked, step)
    layers, maps = activations(subject, inputs)
    samples = []
    for row, number in enumerate(chosen):
        right = None if truth is None else truth[row]
        samples.append(
            Sample(
                pictures.names[number],
                picture(images[row]),
                None if right is None or subject.masks else int(right),
                tuple(scores(answer[row]) for answer in found),
                Score(int(asked.labels[row]), shares[row]),
                slopes[row].numpy(),
                lost[row].numpy(),
                tuple(planes.numpy() for planes in maps[row]),
                mask(middle(right, subject.shape)) if subject.masks and right is not None else None,
                mask(found[-1][row].argmax(0)) if subject.masks else None,
            )
        )
    return layers, tuple(samples)


def mistakes(subject: Subject, pictures: Pictures, verdict: Verdict) -> tuple[Mistake, ...]:
    """The images with the worst mistakes, whole."""
    found = []
    assert pictures.truth is not None
    for number in verdict.worst(MOST_MISTAKES if not subject.masks else MOST_MISTAKES // 3):
        image, right, share = pictures.images[number], pictures.truth[number], float(verdict.share[number])
        if subject.masks:
            with torch.inference_mode():
                given = subject.last(subject.normalised(image[None]))[0].argmax(0)
            found.append(Mistake(pictures.names[number], picture(image), share, true_mask=mask(right), mask=mask(given)))
        else:
            found.append(Mistake(pictures.names[number], picture(image), share, int(right), int(verdict.answer[number])))
    return tuple(found)


def scores(answer: Tensor) -> tuple[Score, ...]:
    """The best classes of an answer to one image with their softmax; of a mask the commonest with their shares of the pixels."""
    if answer.ndim > 1:
        labels = answer.argmax(0).flatten()
        shares = torch.bincount(labels, minlength=len(answer)) / len(labels)
    else:
        shares = answer.softmax(0)
    best = shares.argsort(descending=True, stable=True)[:MOST_SCORES].tolist()
    return tuple(Score(label, float(shares[label])) for label in best if shares[label] > 0)


def middle(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """The part in the middle of images or masks, (..., H, W), that a network of this input sees at once."""
    height, width = images.shape[-2:]
    top, left = (height - shape[1]) // 2, (width - shape[2]) // 2
    return images[..., top : top + shape[1], left : left + shape[2]]


def picture(image: Tensor) -> Bytes:
    """An image (C, H, W) as it is stored, as bytes (H, W, C)."""
    plain = image if image.dtype == torch.uint8 else (image.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(plain.permute(1, 2, 0).numpy())


def mask(labels: Tensor) -> Mask:
    """Classes of pixels as numbers."""
    return labels.to(torch.int16).numpy()
