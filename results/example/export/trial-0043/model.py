"""Trial 43 of a search in the space chain, seed 0.

    input    (N, 1, 8, 8) float32
    output   (N, 10), a logit for each of the 10 classes in CLASSES
    cost     16,866 params, 747,008 MACs a sample
    weights  model.safetensors, trained

This file needs torch and nothing else.

    from model import load, preprocess

    network = load()
    outputs = network(preprocess(images))      # float images in [0, 1]
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_name("model.safetensors")
INPUTS = ((1, 8, 8),)
CLASSES = ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
MEAN = (0.3045291140523633,)
STD = (0.376111113724016,)


class Network(nn.Module):
    """x (N, 1, 8, 8) -> (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Module()
        self.stage1.conv2d = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.stage1.batch_norm2d = nn.BatchNorm2d(8)
        self.stage1.relu = nn.ReLU()

        self.stage2 = nn.Module()
        self.stage2.conv2d = nn.Conv2d(8, 32, 3, padding=1, bias=False)
        self.stage2.batch_norm2d = nn.BatchNorm2d(32)
        self.stage2.relu = nn.ReLU()
        self.stage2.conv2d_1 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.stage2.batch_norm2d_1 = nn.BatchNorm2d(32)
        self.stage2.relu_1 = nn.ReLU()
        self.stage2.avg_pool2d = nn.AvgPool2d(2, stride=2, ceil_mode=True)

        self.head = nn.Module()
        self.head.flatten = nn.Flatten()
        self.head.dropout = nn.Dropout(p=0.3)
        self.head.linear = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stage1.conv2d(x)
        x = self.stage1.batch_norm2d(x)
        x = self.stage1.relu(x)

        x = self.stage2.conv2d(x)
        x = self.stage2.batch_norm2d(x)
        x = self.stage2.relu(x)
        x = self.stage2.conv2d_1(x)
        x = self.stage2.batch_norm2d_1(x)
        x = self.stage2.relu_1(x)
        x = self.stage2.avg_pool2d(x)

        x = self.head.flatten(x)
        x = self.head.dropout(x)
        x = self.head.linear(x)
        return x


def load(path: str | Path = WEIGHTS) -> Network:
    """The network with its weights, in eval mode, on the CPU.

    Raises:
        ValueError: the file is damaged. RuntimeError: it holds the weights of another network.
    """
    network = Network()
    network.load_state_dict(read_safetensors(path))
    return network.eval()


def preprocess(images: Tensor) -> Tensor:
    """Float images in [0, 1], (N, 1, 8, 8) -> what the network was trained on: (images - MEAN) / STD, channel by channel."""
    if not images.is_floating_point() or images.shape[1:] != INPUTS[0]:
        raise ValueError(f"expected float images in [0, 1] of shape (N, 1, 8, 8), got {images.dtype} {tuple(images.shape)}")
    mean, std = (torch.tensor(values, dtype=images.dtype, device=images.device).reshape(-1, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file: length of the header, header as JSON, raw numbers. Nothing in it is run.

    Raises:
        ValueError: the file is damaged.
    """
    types = {f"F{bits}": getattr(torch, f"float{bits}") for bits in (16, 32, 64)}
    types |= {f"I{bits}": getattr(torch, f"int{bits}") for bits in (8, 16, 32, 64)}
    types |= {"BF16": torch.bfloat16, "U8": torch.uint8, "BOOL": torch.bool}
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
            size = math.prod(shape) * dtype.itemsize if fits else -1
            if end - start != size:
                raise ValueError(f"{path}: tensor {name!r} does not fit into the file, which may be cut off")
            raw = bytearray(data[8 + length + start : 8 + length + end])
            tensors[name] = torch.frombuffer(raw, dtype=dtype).reshape(shape) if size else torch.empty(shape, dtype=dtype)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: damaged header ({type(error).__name__})") from error
    return tensors


if __name__ == "__main__":
    with torch.inference_mode():
        outputs = load()(*(torch.zeros(1, *shape) for shape in INPUTS))
    shapes = [tuple(output.shape) for output in (outputs if isinstance(outputs, tuple) else (outputs,))]
    print(f"16,866 params, 747,008 MACs a sample; zeros of shape {', '.join(str((1, *shape)) for shape in INPUTS)} give {', '.join(map(str, shapes))}")
