"""The folder of a supernet: `supernet.json` says what was trained and how far, files beside it hold the weights."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from archsearch.analysis import Budget
from archsearch.description import Mark
from archsearch.genotype_json import parse
from archsearch.parts import space_digest
from archsearch.shared_weights.bank import Bank, SharingError
from archsearch.shared_weights.file import load_bank, save_tensors, weights_of
from archsearch.space import Choices, Space, load_space, space_names

FORMAT = "archsearch.shared_weights/1"
RECORD = "supernet.json"


class Checked(TypedDict):
    """One network of the check: its multiply-adds, and its errors with shared weights and trained alone (None: that failed)."""

    choices: Choices
    macs: float
    shared: float | None
    retrained: float | None


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
        """JSON text, indented for people."""
        data = {"format": FORMAT, **asdict(self), "budget": self.budget.limits()}
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SharedWeights:
        """Read what `to_json` wrote. Raises ValueError, one line."""
        data = parse(text)
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise ValueError(f'these are no shared weights of format "{FORMAT}"')
        data.setdefault("fingerprint", {})  # a folder of an earlier version has none
        if data.keys() != {f.name for f in fields(cls)}:
            raise ValueError(f"fields missing or unknown: {', '.join(sorted(data.keys() ^ {f.name for f in fields(cls)}))}")
        check_types(data)
        for name in ("settings", "training"):
            data[name] = {key: tuple(value) if isinstance(value, list) else value for key, value in data[name].items()}
        try:
            return cls(**{**data, "budget": Budget(**data["budget"]), "curve": tuple(data["curve"]), "checked": tuple(data["checked"])})
        except TypeError as error:
            raise ValueError(f"a field has the wrong type: {error}") from error

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


TYPES: dict[type, tuple[str, ...]] = {
    str: ("space", "space_sha256"),
    dict: ("settings", "training", "budget", "agreement", "fingerprint"),
    list: ("curve", "checked"),
    bool: ("sandwich",),
}


def check_types(data: dict[str, Any]) -> None:
    """Raise ValueError for a field that has not the type it was written with."""
    for kind, names in TYPES.items():
        for name in names:
            if not isinstance(data[name], kind):
                raise ValueError(f'"{name}" has the wrong type')  # noqa: TRY004 one kind of error for all damage
    for name, least in (("epochs", 1), ("paths", 1), ("seed", 0), ("done", 0)):
        if type(data[name]) is not int or data[name] < least:
            raise ValueError(f'"{name}" must be a whole number of at least {least}')
    if not all(map(is_numbers, (*data["curve"], data["agreement"]))):
        raise ValueError('"curve" and "agreement" must hold numbers by name')
    if not all(type(mark) in (int, str) for mark in data["fingerprint"].values()):
        raise ValueError('"fingerprint" must hold texts and whole numbers by name')
    if not all(map(is_checked, data["checked"])) or len(data["curve"]) != data["done"]:
        raise ValueError('"checked" must list choices, macs, shared and retrained, "curve" one entry for each epoch that is done')


def is_numbers(entry: Any) -> bool:
    """Whether this is an object that holds numbers by name."""
    return isinstance(entry, dict) and all(type(value) in (int, float) for value in entry.values())


def is_checked(entry: Any) -> bool:
    """Whether this is an object as `Checked` describes."""
    if not isinstance(entry, dict) or entry.keys() != Checked.__annotations__.keys() or not isinstance(entry["choices"], dict):
        return False
    errors = {name: entry[name] for name in ("shared", "retrained") if entry[name] is not None}
    return is_numbers({"macs": entry["macs"], **errors})


def read_supernet(folder: Path) -> SharedWeights:
    """What the folder says of its supernet. Raises SharingError."""
    path = folder / RECORD
    try:
        return SharedWeights.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SharingError(f"{folder} holds no supernet: there is no readable {RECORD}; train one by `archsearch supernet`") from error
    except ValueError as error:
        raise SharingError(f"{path}: {error}") from error


def write_supernet(folder: Path, supernet: SharedWeights) -> None:
    """Write `supernet.json`, whole or not at all. Raises SharingError."""
    path = folder / RECORD
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_text(supernet.to_json(), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise SharingError(f"{path} cannot be written: {error.strerror}; free space or rights, then give the same command again") from error
    finally:
        draft.unlink(missing_ok=True)


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
