"""Read safetensors with torch alone; the text of this function goes into exported files as it stands."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from torch import Tensor


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name; nothing in it is run. Raises ValueError where the file is damaged."""
    names = {"F16": "float16", "F32": "float32", "F64": "float64", "BF16": "bfloat16", "BOOL": "bool", "U8": "uint8"}
    types = {key: getattr(torch, name) for key, name in {**names, **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)}}.items()}
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(100_000_000, len(data) - 8):
        raise ValueError(f"{path} is no safetensors file, or is cut off")
    try:
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        entries = [(name, types[entry["dtype"]], entry["shape"], *entry["data_offsets"]) for name, entry in header.items()]
        tensors = {}
        for name, dtype, shape, start, end in entries:
            fits = all(type(n) is int and n >= 0 for n in (*shape, start, end)) and end <= len(data) - 8 - length
            if not fits or end - start != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"{path}: tensor {name!r} does not fit into the file, which may be cut off")
            raw = bytearray(data[8 + length + start : 8 + length + end])
            tensors[name] = torch.frombuffer(raw, dtype=dtype).reshape(shape) if end > start else torch.empty(shape, dtype=dtype)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: damaged header ({type(error).__name__})") from error
    return tensors
