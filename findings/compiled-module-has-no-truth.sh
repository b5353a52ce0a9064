#!/usr/bin/env bash
# torch: whether there is a compiled network.
#
# Guess: what torch.compile gives for an nn.Module is a module like any other, so `(compiled or network)(x)` and `if compiled:` take it.
# Seen (torch 2.13.0): it has a `__len__` of its own, which raises TypeError unless the compiled module has one, so asking for its truth
# raises, although that of the module is True; an empty nn.Sequential, compiled or not, is False. Only `is not None` is safe.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch
from torch import nn

print("torch", torch.__version__)
layer = nn.Linear(4, 2)
compiled = torch.compile(layer)  # nothing is compiled before the first call
assert isinstance(compiled, nn.Module) and bool(layer)
try:
    bool(compiled)
except TypeError as error:
    print("truth of a compiled Linear:", error)
else:
    raise SystemExit("it has a truth value now")
assert bool(torch.compile(nn.Sequential(layer))) and not torch.compile(nn.Sequential())
PY
