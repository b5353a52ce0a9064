#!/usr/bin/env bash
# torch: counting the multiply-adds of a network that hands a view of a parameter to one of its modules, without gradients.
#
# Guess: under torch.no_grad() nothing requires a gradient but the parameters themselves, and FlopCounterMode counts any forward pass.
# Seen (torch 2.13.0): a view of a parameter that is made under no_grad (a class token that is expanded to the batch, as in CaiT) still
# says requires_grad=True, and has no grad_fn; FlopCounterMode puts hooks on the arguments of every module that say so, and stops at
# this one with an AssertionError. With gradients on, or with the parameters' requires_grad off, it counts: the same number both times.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

print("torch", torch.__version__)


class Token(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.linear = nn.Parameter(torch.zeros(1, 1, 4)), nn.Linear(4, 4)

    def forward(self, x):
        return x + self.linear(self.token.expand(len(x), -1, -1))


def counted(network):
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(2, 3, 4))
    return counter.get_total_flops()


network = Token()
with torch.no_grad():
    view = network.token.expand(2, -1, -1)
    assert view.requires_grad and view.grad_fn is None and view.is_leaf, "a view says now that it is no part of a graph"
    network(torch.zeros(2, 3, 4))
    try:
        counted(network)
    except AssertionError as error:
        print("without gradients:", error)
    else:
        raise SystemExit("it counts now")
with_gradients = counted(network)
network.requires_grad_(False)
with torch.no_grad():
    frozen = counted(network)
print("with gradients:", with_gradients, "; parameters frozen:", frozen)
assert with_gradients == frozen == 2 * 2 * 4 * 4
PY
