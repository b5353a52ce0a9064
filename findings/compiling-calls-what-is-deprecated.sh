#!/usr/bin/env bash
# torch: torch.compile where warnings are errors.
#
# Guess: torch.compile is what torch asks one to change to from torch.jit, so it does without torch.jit.
# Seen (torch 2.13.0): setting up its usual back end imports a module of torch that still defines layers by `torch.jit.script_method`,
# which warns that it is deprecated and says to use torch.compile. In a process that turns DeprecationWarning into an error, as
# tests often do, torch.compile itself raises, before anything is compiled; the back ends "eager" and "aot_eager" do not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cat > "$folder/compile.py" <<'PY'
import sys

import torch

layer = torch.compile(torch.nn.Linear(4, 2), backend=sys.argv[1])
layer(torch.ones(3, 4))
PY
"$folder/venv/bin/python" -c 'import torch; print("torch", torch.__version__)'
for backend in eager aot_eager; do
  "$folder/venv/bin/python" -W error::DeprecationWarning "$folder/compile.py" "$backend"
done
if "$folder/venv/bin/python" -W error::DeprecationWarning "$folder/compile.py" inductor 2> "$folder/said"; then
  echo "it no longer warns" >&2
  exit 1
fi
grep "DeprecationWarning: .torch.jit.script_method. is deprecated" "$folder/said"
