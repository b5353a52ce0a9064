#!/usr/bin/env bash
# torch.fx: the order of params of a GraphModule that is made from a dict of modules.
#
# Guess: params come in the order of the dict, or of the graph's calls, as they do for a GraphModule made from a module.
# Seen (torch 2.13.0): the dict's names are sorted by their depth, shallow ones first, whatever the order of dict and graph. An
# optimiser's state, which is kept by position, then loads without an error onto other params wherever shapes agree, once the same
# network is written as a plain class or rebuilt from a root module.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch
from torch import fx, nn

print("torch", torch.__version__)
modules = {"stem.block.conv": nn.Conv2d(3, 8, 3), "stem.norm": nn.BatchNorm2d(8), "head": nn.Conv2d(8, 2, 1)}
graph = fx.Graph()
value = graph.placeholder("x")
for name in modules:
    value = graph.call_module(name, (value,))
graph.output(value)

root = nn.Module()
root.stem = nn.Module()
root.stem.block = nn.Module()
root.stem.block.conv, root.stem.norm, root.head = modules.values()

from_dict = [name for name, _ in fx.GraphModule(modules, graph).named_parameters()]
from_root = [name for name, _ in fx.GraphModule(root, graph).named_parameters()]
print("from a dict  ", from_dict)
print("from a module", from_root)
assert from_root == [f"{name}.{kind}" for name in modules for kind in ("weight", "bias")]
assert from_dict == [f"{name}.{kind}" for name in ("head", "stem.norm", "stem.block.conv") for kind in ("weight", "bias")]
PY
echo "as seen before"
