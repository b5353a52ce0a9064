"""Banks on disk: safetensors whose keys are text, written whole or not at all, read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from archsearch import layers
from archsearch.network.genotype import is_name
from archsearch.network.genotype_json import op_from_dict
from archsearch.ops.tensor import TensorSpec
from archsearch.sharing.bank import Bank, Key, SharingError
from archsearch.support.reading import expect, one_line, parse, place, reason
from archsearch.training.weights import write_tensors

MAX_TENSORS = 2**20
MAX_KEY = 2**16
"""Characters of one key."""


def text_of(tensor: str, key: Key) -> str:
    """What one tensor of a module is called in the file: a JSON list of its own name, the node's, the op and the input shapes."""
    return json.dumps([tensor, *key.parts()], separators=(",", ":"))


def weights_of(bank: Bank) -> dict[str, Tensor]:
    """All that is learned or counted in a bank, by text."""
    return {text_of(name, key): value for key, module in bank.modules.items() for name, value in module.state_dict().items()}


def parameters_of(bank: Bank) -> dict[str, nn.Parameter]:
    """All parameters of a bank, by text."""
    return {text_of(name, key): value for key, module in bank.modules.items() for name, value in module.named_parameters()}


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors, whole or not at all. Raises SharingError."""
    try:
        write_tensors(path, tensors)
    except OSError as error:
        raise SharingError(f"{path} cannot be written: {error}; free space or rights, then give the same command again") from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read what `save_tensors` wrote. Raises SharingError."""
    try:
        with safe_open(path, framework="pt") as file:
            texts = list(file.keys())
            if len(texts) > MAX_TENSORS or max(map(len, texts), default=0) > MAX_KEY:
                raise ValueError(f"it holds more than {MAX_TENSORS:,} tensors, or a key of over {MAX_KEY:,} characters")
            return {text: file.get_tensor(text) for text in texts}
    except (OSError, ValueError, SafetensorError) as error:
        raise SharingError(one_line(f"{place(path)} cannot be read: {reason(error)}; train the supernet anew")) from error


def load_bank(path: Path, seed: int, device: torch.device | str = "cpu") -> Bank:
    """The bank whose weights are in a file; `seed` is for those that it does not hold. Raises SharingError, one line."""
    groups: dict[Key, dict[str, Tensor]] = {}
    for text, tensor in load_tensors(path).items():
        try:
            name, key = read_text(text)
        except (ValueError, TypeError) as error:
            raise damaged(path, text, str(error)) from error
        groups.setdefault(key, {})[name] = tensor
    bank = Bank(seed, device)
    for key, tensors in groups.items():
        try:
            check_tensors(key, tensors)
        except (ValueError, TypeError) as error:
            raise damaged(path, key.name, str(error)) from error
        bank.module(key).load_state_dict(tensors)
    return bank


def read_text(text: str) -> tuple[str, Key]:
    """Name of a tensor and the key that it belongs to. Raises ValueError unless `text_of` gives this very text for them."""
    parts = expect(parse(text), list, "a key")
    if len(parts) != 4 or not all(isinstance(part, str) for part in parts[:2]) or not is_name(parts[1]):
        raise ValueError("a key is [tensor, node, op, input shapes]")
    op = op_from_dict(expect(parts[2], dict, "the op"), parts[1])
    shapes = [TensorSpec(tuple(expect(shape, list, "a shape"))) for shape in expect(parts[3], list, "the input shapes")]
    key = Key(parts[1], op, tuple(shapes))
    if text_of(parts[0], key) != text:
        raise ValueError("a key is not as it was written")
    return parts[0], key


def check_tensors(key: Key, tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless these are the tensors of the key's module, which is not given any memory for that."""
    key.op.infer(*key.inputs)
    with torch.device("meta"):
        wanted = {name: (value.shape, value.dtype) for name, value in key.op.build(layers, *key.inputs).state_dict().items()}
    if wanted != {name: (value.shape, value.dtype) for name, value in tensors.items()}:
        raise ValueError(f"its tensors are not those of {key.op}")


def damaged(path: Path, where: str, words: str) -> SharingError:
    """The error for a file whose content is not as it was written."""
    return SharingError(one_line(f"{place(path)} is damaged at {where[:60]!r}: {one_line(words, 120)}; train the supernet anew"))
