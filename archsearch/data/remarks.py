"""What a person should know of a dataset before a search: how it was read, uneven classes, few images."""

from __future__ import annotations

import numpy as np

from archsearch.data.base import Data
from archsearch.support.reading import one_line

UNEVEN = 3.0
"""The commonest class has so many times the images, or pixels, of the rarest: then it is said."""
FEW = 10
HELP = "balanced=true weighs the loss"


def remarks(data: Data) -> tuple[str, ...]:
    """Lines for people, none where there is nothing to say."""
    count = len(data.train)
    few = f"there {'are' if count > 1 else 'is'} {count} image{'s' * (count > 1)} to train on" if count < FEW else ""
    lines = (*data.notes, balance(data), lacking(data), few)
    return tuple(one_line(line) for line in lines if line)


def lacking(data: Data) -> str:
    """Classes of which there is no image to judge by, in words; empty where there is none."""
    if data.task != "classification":
        return ""
    for part, name in ((data.validation, "validation"), (data.test, "test")):
        absent = np.flatnonzero(np.bincount(part.labels, minlength=data.classes) == 0)
        if len(absent):
            more = f" and {len(absent) - 1} more classes" if len(absent) > 1 else ""
            return (
                f"of {data.class_names[absent[0]][:40]!r}{more} there is no image in the {name} part, so nothing judges how they are told"
            )
    return ""


def about(data: Data) -> str:
    """A dataset in words: what is learnt, the shape of an image, images of each part."""
    parts = (("training", data.train), ("validation", data.validation), ("test", data.test))
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in parts)
    learnt = " of pixels" if data.task == "segmentation" else ""
    return one_line(f"{data.name}, {data.classes} classes{learnt} of {'x'.join(map(str, data.shape))}: {sizes}")


def balance(data: Data) -> str:
    """How uneven the classes of the training part are, in words; empty where they are about even."""
    counts = data.counts()
    common, rare = int(counts.argmax()), int(counts.argmin())
    if counts[common] < UNEVEN * max(1, counts[rare]):
        return ""
    what = "images" if data.task == "classification" else "pixels"
    most, least = (f"{data.class_names[which][:40]!r} has {counts[which]:,}" for which in (common, rare))
    wrong = 1 - counts[common] / counts.sum()
    hint = f"to answer {data.class_names[common][:40]!r} always is wrong for {wrong:.1%} of them"
    return f"classes are uneven: of {counts.sum():,} {what} to train on {most}, {least}; {hint}; {HELP}"
