"""Where a training stands, in one safetensors file: tensors by name, and the rest as JSON in its header."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from archsearch.support.reading import MAX_TEXT, Kind, at, expect, fields, formatted, is_word, parse, reason
from archsearch.training.failures import CheckpointError
from archsearch.training.optimizer import remembers
from archsearch.training.weights import WeightsError, put_in, write_tensors
from archsearch.trial import to_json

FORMAT, EARLIER = "archsearch.checkpoint/1", "archsearch.supernet/1"
STATE = Kind("a text of JSON", lambda value: isinstance(value, str) and len(value) <= MAX_TEXT)
MAX_TENSORS = 2**20


class Standing(NamedTuple):
    """What a checkpoint holds: plain data, and tensors by name."""

    state: dict[str, Any]
    tensors: dict[str, Tensor]


def save_standing(path: Path, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint, whole or not at all. Raises OSError."""
    apart = {name: value.detach().clone() for name, value in tensors.items()}  # some share their memory
    write_tensors(path, apart, {"format": FORMAT, "state": to_json(dict(state))})


def load_standing(path: Path) -> Standing | None:
    """Read a checkpoint; None where there is none.

    Raises:
        CheckpointError: the file is damaged, or no checkpoint.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            known = dict(file.metadata() or {})
            formatted(known, FORMAT, EARLIER)
            state = fields(known, {"state": STATE}, "its head")["state"]
            names = list(file.keys())
            if len(names) > MAX_TENSORS or not all(map(is_word, names)):
                raise ValueError(f"it holds over {MAX_TENSORS:,} tensors, or names that cannot be shown")
            return Standing(expect(parse(state), dict, "its state"), {name: file.get_tensor(name) for name in names})
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(at(path, f"{reason(error)}; delete it", "checkpoint")) from error


def prefixed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Tensors under names with a prefix."""
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names have a prefix, without it."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of every weight, by the weight's place and the thing's name; rates follow from the schedule."""
    memory = optimizer.state_dict()["state"]
    return {f"{place}/{name}": value for place, kept in memory.items() for name, value in kept.items() if isinstance(value, Tensor)}


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser back what it remembered. Raises CheckpointError for what is not of its weights."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    memory: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        place, _, what = name.partition("/")
        number = int(place) if place.isdecimal() and len(place) < 10 else len(weights)
        if number >= len(weights):
            raise CheckpointError(f"the checkpoint remembers {name[:60]!r}, which no weight of this network has; delete it to begin again")
        memory.setdefault(number, {})[what] = value
    for number, kept in memory.items():
        if not remembers(optimizer, weights[number], kept):
            raise CheckpointError(
                f"the checkpoint remembers of weight {number} what {type(optimizer).__name__} does not; delete it to begin again"
            )
    alike = {number: {name: laid_out(value, weights[number]) for name, value in kept.items()} for number, kept in memory.items()}
    optimizer.load_state_dict({**optimizer.state_dict(), "state": alike})


def laid_out(value: Tensor, weight: Tensor) -> Tensor:
    """What is remembered of a weight in the memory layout of the weight, as fused optimisers take it for granted; others as they are."""
    return value if value.shape != weight.shape else torch.empty_like(weight, dtype=value.dtype).copy_(value)


def taken(tensors: Mapping[str, Tensor], name: str, like: Tensor) -> Tensor:
    """The tensor of a name, of the shape and type of another. Raises CheckpointError."""
    found = tensors.get(name)
    if found is None or found.shape != like.shape or found.dtype != like.dtype:
        raise CheckpointError(f"the checkpoint holds no {name!r} of shape {tuple(like.shape)} as it is kept here; delete it to begin again")
    return found


def restore_network(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a network back its weights. Raises CheckpointError when they are of another one."""
    try:
        put_in(network, tensors)
    except WeightsError as error:
        raise CheckpointError(f"the checkpoint holds {error}; delete it to begin again") from error
