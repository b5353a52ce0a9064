#!/usr/bin/env bash
# torch: what the first optimiser of a process loads.
#
# Guess: torch.optim.SGD(params, lr) makes a small Python object; all of torch that it needs came with `import torch`.
# Seen (torch 2.13.0): the first optimiser of a process imports torch._dynamo, and with it sympy and hundreds of modules, although nothing
# is compiled: `add_param_group` is marked as not to be traced, and that mark imports the tracer when it is first called. A forward and
# a backward pass load none of it. Every worker process that trains pays about as much processor time as for `import torch` again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys
import time

began = time.process_time()
import torch

print("torch", torch.__version__)
importing = time.process_time() - began
layer = torch.nn.Linear(4, 2)
layer(torch.ones(3, 4)).sum().backward()
before = set(sys.modules)
assert "torch._dynamo" not in before and "sympy" not in before, "loaded with torch, or by the backward pass"
began = time.process_time()
torch.optim.SGD(layer.parameters(), lr=0.1)
took = time.process_time() - began
new = set(sys.modules) - before
print(f"import torch {importing:.1f} s; the first optimiser {took:.1f} s and {len(new)} modules")
assert "torch._dynamo" in new and "sympy" in new
assert len(new) > 300
PY
