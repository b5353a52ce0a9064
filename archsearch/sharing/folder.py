"""The folder of a supernet: `supernet.json` says what was trained and how far, files beside it hold the weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from archsearch.analysis import Budget
from archsearch.data.description import MARK, Mark
from archsearch.sharing.bank import Bank, SharingError
from archsearch.sharing.file import load_bank, save_tensors, weights_of
from archsearch.spaces.space import Choices, Space, load_space, space_digest, space_names
from archsearch.support.option_json import from_plain, options_to_plain
from archsearch.support.reading import (
    FLAG,
    NUMBER,
    OBJECT,
    SCALAR,
    TEXT,
    Kind,
    at,
    at_least,
    each,
    fields,
    formatted,
    holding,
    maybe,
    named,
    parse,
    read_text,
)
from archsearch.support.writing import write_text

FORMAT = "archsearch.shared_weights/1"
RECORD = "supernet.json"
OPTIONS = {"settings": "space", "training": "evaluator"}


class Checked(TypedDict):
    """One network of the check: its multiply-adds, and its errors with shared weights and trained alone (None: that failed)."""

    choices: Choices
    macs: float
    shared: float | None
    retrained: float | None


CHECKED = holding({"choices": named(SCALAR), "macs": NUMBER, "shared": maybe(NUMBER), "retrained": maybe(NUMBER)})
EPOCH = Kind("an object of numbers with train_loss", lambda value: named(NUMBER).fits(value) and "train_loss" in value)
FIELDS = {
    **dict.fromkeys(("space", "space_sha256"), TEXT),
    **dict.fromkeys(OPTIONS, OBJECT),
    **dict.fromkeys(("epochs", "paths"), at_least(1)),
    **dict.fromkeys(("seed", "done"), at_least(0)),
    "sandwich": FLAG,
    "budget": OBJECT,
    "curve": each(EPOCH),
    "checked": each(CHECKED),
    "agreement": named(NUMBER),
    "fingerprint": named(MARK),
}
"""What the record of a supernet holds."""


@dataclass(frozen=True)
class SharedWeights:
    """What is trained, with what, and how far it has come.

    `training` are the options of the evaluator `train`, `epochs` those of the supernet, of which `done` are done; `paths` networks share
    a step, with `sandwich` the dearest and the cheapest of some among them. `agreement` is what supernets.trust found; `fingerprint` tells
    the data from others (description.Description).
    """

    space: str
    settings: dict[str, Any]
    space_sha256: str
    training: dict[str, Any]
    epochs: int
    paths: int
    sandwich: bool
    budget: Budget
    seed: int
    done: int = 0
    curve: tuple[dict[str, float], ...] = ()
    checked: tuple[Checked, ...] = ()
    agreement: dict[str, float] = field(default_factory=dict)
    fingerprint: dict[str, Mark] = field(default_factory=dict)

    def to_json(self) -> str:
        """JSON text, indented for people. Raises ValueError for options that could not be read back."""
        options = {name: options_to_plain(getattr(self, name), owner) for name, owner in OPTIONS.items()}
        data = {"format": FORMAT, **asdict(self), **options, "budget": self.budget.limits()}
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SharedWeights:
        """Read what `to_json` wrote. Raises ValueError, one line."""
        data = parse(text)
        formatted(data, FORMAT)
        read = {"fingerprint": {}, **fields(data, FIELDS, "the supernet", may_lack=("fingerprint",))}  # an earlier version has none
        if len(read["curve"]) != read["done"]:
            raise ValueError('"curve" must have one entry for each epoch that is "done"')
        read |= {name: {key: from_plain(value) for key, value in read[name].items()} for name in OPTIONS}
        return cls(**{**read, "budget": Budget.of(read["budget"]), "curve": tuple(read["curve"]), "checked": tuple(read["checked"])})

    def planned(self) -> SharedWeights:
        """The same before anything was done."""
        return replace(self.trained(), done=0, curve=())

    def trained(self) -> SharedWeights:
        """The same before anything was checked."""
        return replace(self, checked=(), agreement={})

    def open_space(self, source: str = "") -> Space:
        """The space, from `source` where it is in a file of the user's own: no file is run because this record names it.

        Raises:
            SharingError: no `source` for such a space, or a file that is not what the supernet was trained on.
        """
        if self.space not in space_names() and not source:
            raise SharingError(f"the supernet is of the space in {self.space[:100]}; give that file as option space, if you trust it")
        name = self.space if self.space in space_names() else source
        if space_digest(name) != self.space_sha256:
            raise SharingError(f"the file of space {name} is not what the supernet was trained on; put it back, or train another")
        return load_space(name, **self.settings)


def read_supernet(folder: Path) -> SharedWeights:
    """What the folder says of its supernet. Raises SharingError."""
    path = folder / RECORD
    try:
        return SharedWeights.from_json(read_text(path))
    except OSError as error:
        words = f"it holds no supernet: there is no readable {RECORD}; train one by `archsearch supernet`"
        raise SharingError(at(folder, words)) from error
    except ValueError as error:
        raise SharingError(at(path, str(error))) from error


def write_supernet(folder: Path, supernet: SharedWeights) -> None:
    """Write `supernet.json`, whole or not at all. Raises SharingError."""
    path = folder / RECORD
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, supernet.to_json())
    except OSError as error:
        raise SharingError(f"{path} cannot be written: {error.strerror}; free space or rights, then give the same command again") from error


def weights_file(folder: Path, done: int) -> Path:
    """Weights after so many epochs."""
    return folder / f"weights-{done:05d}.safetensors"


def optimizer_file(folder: Path, done: int) -> Path:
    """State of the optimiser after so many epochs."""
    return folder / f"optimizer-{done:05d}.safetensors"


def write_checkpoint(folder: Path, supernet: SharedWeights, bank: Bank, optimizer: dict[str, Tensor]) -> None:
    """Write where a training stands. A kill at any moment leaves this checkpoint or the one before. Raises SharingError.

    After the last epoch the optimiser's state is left out.
    """
    save_tensors(weights_file(folder, supernet.done), weights_of(bank))
    if supernet.done < supernet.epochs:
        save_tensors(optimizer_file(folder, supernet.done), optimizer)
    write_supernet(folder, supernet)  # from here on the new files count
    for name in (weights_file, optimizer_file):
        latest = name(folder, supernet.done)
        for path in folder.glob(latest.name.replace(f"{supernet.done:05d}", "*")):
            if path < latest:
                path.unlink(missing_ok=True)


def read_bank(folder: Path, supernet: SharedWeights, device: torch.device | str = "cpu") -> Bank:
    """The weights as far as the supernet is trained. Raises SharingError."""
    return load_bank(weights_file(folder, supernet.done), supernet.seed, device) if supernet.done else Bank(supernet.seed, device)
