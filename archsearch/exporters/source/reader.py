"""Read safetensors with torch alone; the text of this function goes into exported files as it stands."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from torch import Tensor


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name; nothing in it is run. Raises ValueError where the file is damaged."""
    types = {"F16": torch.float16, "F32": torch.float32, "F64": torch.float64, "BF16": torch.bfloat16}
    types |= {"I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64, "U8": torch.uint8, "BOOL": torch.bool}
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
                raise ValueError(f"{path}: tensor {name[:60]!r} does not fit into the file, which may be cut off")
            raw = bytearray(data[8 + length + start : 8 + length + end])
            tensors[name] = torch.frombuffer(raw, dtype=dtype).reshape(shape) if end > start else torch.empty(shape, dtype=dtype)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: damaged header ({type(error).__name__})") from error
    return tensors
