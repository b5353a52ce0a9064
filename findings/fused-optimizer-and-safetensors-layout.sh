#!/usr/bin/env bash
# torch: a fused optimiser whose moments come back from a safetensors file, for weights in channels_last.
#
# Guess: optimizer.load_state_dict takes moments of the right shapes and the training goes on as if it had never stopped; so it does
# without fused=True.
# Seen (torch 2.13.0, safetensors 0.8.0): safetensors keeps tensors contiguous, so the moments of a channels_last convolution come back in
# another memory order than the weight. load_state_dict leaves them so. With fused=True the CPU kernel of AdamW walks weight, gradient
# and moments as they lie in memory and pairs the wrong numbers: the next step moves the weights otherwise, without a word. The plain
# optimiser pairs by index and goes on exactly. A copy into empty_like(weight) before loading mends it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 safetensors==0.8.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from copy import deepcopy
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file

print("torch", torch.__version__, "safetensors", safetensors.__version__)
images = torch.randn(4, 8, 9, 9, generator=torch.Generator().manual_seed(0))


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Conv2d(8, 16, 3).to(memory_format=torch.channels_last)


def step(net: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    net(images).square().mean().backward()
    optimizer.step()


def difference(fused: bool, mended: bool) -> float:
    """How far the third step goes astray when the optimiser's memory went through a file before it."""
    first = network()
    optimizer = torch.optim.AdamW(first.parameters(), 0.01, fused=fused)
    step(first, optimizer)
    step(first, optimizer)
    second = network()
    second.load_state_dict(first.state_dict())
    other = torch.optim.AdamW(second.parameters(), 0.01, fused=fused)
    found = deepcopy(optimizer.state_dict())
    save_file({f"{i} {k}": v.contiguous() for i, s in found["state"].items() for k, v in s.items()}, "moments.safetensors")
    kept = load_file("moments.safetensors")
    weights = list(second.parameters())
    for i, state in found["state"].items():
        for k in state:
            value = kept[f"{i} {k}"]
            state[k] = torch.empty_like(weights[i]).copy_(value) if mended and value.ndim else value
    other.load_state_dict(found)
    step(first, optimizer)
    step(second, other)
    return float((first.weight - second.weight).abs().max().detach())


for fused in (False, True):
    print("fused" if fused else "plain", "as loaded", difference(fused, False), "mended", difference(fused, True))
assert difference(False, False) == difference(False, True) == difference(True, True) == 0
assert difference(True, False) > 0.001
PY
echo "as seen before"
