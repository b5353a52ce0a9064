"""The reader of safetensors that exported files carry: equal to the library's, and safe with damaged files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from archsearch.exporters.source.reader import read_safetensors

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8, torch.bool]


@given(st.lists(st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=3)), max_size=5))
def test_reader_agrees_with_safetensors(entries: list[tuple[torch.dtype, list[int]]]):
    tensors = {f"t{i}": (torch.arange(int(np.prod(shape))) % 2).reshape(shape).to(dtype) for i, (dtype, shape) in enumerate(entries)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "some.safetensors")
        path.write_bytes(save(tensors, metadata={"format": "pt"}))
        found = read_safetensors(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def safe_file(header: Any, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entry(shape: Any = (2,), offsets: Any = (0, 8), dtype: Any = "F32") -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no safetensors file, or is cut off"),
        (b"\xff" * 64, "is no safetensors file"),
        (safe_file(entry(), bytes(4)), "tensor 'a' does not fit"),
        (safe_file(entry(shape=[3]), bytes(8)), "tensor 'a' does not fit"),
        (safe_file({"a" * 500: entry(shape=[3])["a"]}, bytes(8)), f"tensor '{'a' * 60}' does not fit"),
        (safe_file(entry(shape=[-1, -2]), bytes(8)), "tensor 'a' does not fit"),
        (safe_file(entry(shape=[2**70, 0], offsets=[0, 8]), bytes(8)), "tensor 'a' does not fit"),
        (safe_file(entry(offsets=[-8, 0]), bytes(8)), "tensor 'a' does not fit"),
        (safe_file(entry(shape=[[2]]), bytes(8)), "tensor 'a' does not fit"),
        (safe_file(entry(dtype="F99"), bytes(8)), "damaged header"),
        (safe_file(entry(offsets=3), bytes(8)), "damaged header"),
        (safe_file([1]), "damaged header"),
        (safe_file({"a": None}), "damaged header"),
        ((4).to_bytes(8, "little") + b"{{{{", "damaged header"),
    ],
)
def test_reader_refuses_damaged_files(content: bytes, words: str, tmp_path: Path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_safetensors(path)
