"""What is known of how a network came to be, for `README.md` and `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from archsearch.data.description import Description
from archsearch.support.reading import one_line
from archsearch.training import PLACES

WORD = 100


@dataclass(frozen=True)
class Card:
    """How a network came to be; empty where nothing is known.

    `name` is short, of the network; `data` the name of the data, `description` what was recorded of them. `history`: sentences, in order.
    `options` of the training. `metrics`: by part of the data, `validation` and `test`, what was measured there; `spread`: the same keys,
    standard deviations over several seeds. `versions` of what it was trained with.
    """

    name: str = ""
    data: str = ""
    description: Description = field(default_factory=Description)
    history: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many images each part has, as the fingerprint of the data says."""
        return {name: mark for name, mark in self.description.fingerprint.items() if type(mark) is int and name.endswith("images")}

    def told(self) -> dict[str, Any]:
        """Options that say how it was trained: no places, and of files their names alone."""
        return {name: plain(value) for name, value in self.options.items() if name not in PLACES}


def plain(value: Any) -> Any:
    """A number or a text; of a path its last part."""
    if isinstance(value, PurePath) or (isinstance(value, str) and "/" in value):
        return PurePath(value).name
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def option_words(options: Mapping[str, Any]) -> str:
    """Options as `name=value`, on one line."""
    return ", ".join(one_line(f"{name}={plain(value)}", WORD) for name, value in options.items())
