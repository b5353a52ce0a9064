"""Images to explain a network by: the validation part that it was trained beside, or a person's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from archsearch.data import Form, code_of, load_data
from archsearch.data.description import Description, difference
from archsearch.data.loose import read_loose
from archsearch.explaining.explain import Pictures
from archsearch.explaining.subject import ExplainError, Subject
from archsearch.support.parts import moved, split_source
from archsearch.support.reading import one_line
from archsearch.training.options import Options

NAMES = ("data", "data_seed", "data_dir", "size", "channels")
"""Options of a training that say which images there are."""
HINT = "put them back, say by --data where they are now, or give images of your own by --images"


def validation_part(options: Mapping[str, Any], about: Description, places: Mapping[str, str]) -> Pictures:
    """The validation part of the data of a training; `places` says where they are now. A user's file that gives them is run only unchanged.

    Raises:
        ExplainError: they are not there, or not those that the training had.
    """
    if "data" not in options:
        raise ExplainError("it is not recorded what its network was trained on; give images of your own by --images")
    given = {name: options[name] for name in NAMES if name in options} | located(options, places)
    try:
        asked = Options(**given)
        code = code_of(asked.data)
        changed = difference({name: mark for name, mark in about.fingerprint.items() if name in code}, code)
        if not changed:
            changed = difference(about.fingerprint, asked.describe().fingerprint)
        if changed:
            raise ValueError(f"the data are not those of the training: {changed}")
        data = load_data(asked.data, asked.data_seed, asked.data_dir, Form(asked.size, asked.channels))
    except (ValueError, TypeError) as error:
        raise ExplainError(one_line(f"{error}; {HINT}")) from error
    part = data.validation
    if not len(part):
        raise ExplainError(one_line(f"data {asked.data}: the validation part has no images; give some of your own by --images"))
    images, truth = torch.tensor(part.images), torch.tensor(part.labels)
    return Pictures(images, [f"validation image {number}" for number in range(len(part))], truth)


def own_images(source: Path, subject: Subject, limit: int) -> tuple[Pictures, list[str]]:
    """The first images of a folder in the form that a network takes, and words on what was done. Raises ExplainError."""
    try:
        found = read_loose(source, subject.shape, limit)
    except ValueError as error:
        raise ExplainError(str(error)) from error
    return Pictures(torch.from_numpy(found.pixels), found.names), list(found.notes)


def located(options: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, str]:
    """Where data are now, for those that say so; the function of a user's file stays the same."""
    before, now = options.get("data"), dict(places)
    if "data" in now and isinstance(before, str) and split_source(before)[0]:
        now["data"] = moved(before, now["data"])
    return now
