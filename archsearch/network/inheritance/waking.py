"""Batch norms that read the same for every sample in the parent, and in the child do not.

Their running variance is nothing, and the first numbers that come would be blown up by 1 / sqrt(eps). So they start with no scale, and
shift by what they gave in the parent: the function stays, and the scale grows as it learns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from archsearch.network.genotype import Genotype
from archsearch.network.inheritance.pairs import Pairs
from archsearch.network.inheritance.transfer import Taken
from archsearch.ops import BatchNorm1d, BatchNorm2d, Conv2d, DepthwiseConv2d, Linear


def woken(pairs: Pairs) -> set[int]:
    """Values of the child's batch norms that read what now depends on the input."""
    before, now = constant(pairs.parent), constant(pairs.child)
    return {
        value
        for value, node in enumerate(pairs.child.nodes, len(pairs.child.inputs))
        if isinstance(node.op, BatchNorm1d | BatchNorm2d) and not now[value] and pairs.back[value] >= 0 and before[pairs.back[value]]
    }


def constant(genotype: Genotype) -> list[bool]:
    """For every value whether it is the same for every sample."""
    found = [False] * len(genotype.inputs)
    for node in genotype.nodes:
        found.append(node.op.is_zero or all(found[read] for read in node.inputs))
    return found


def awake(pairs: Pairs, value: int, fresh: dict[str, Tensor]) -> dict[str, Taken]:
    """The tensors of such a norm: its own fresh ones, no scale, and for a shift what its partner gave."""
    partner, old = pairs.old_of([value]) or (None, {})
    found = {name: Taken(tensor, 0, 0) for name, tensor in fresh.items()}
    if partner is None or any(name not in old or old[name].shape != tensor.shape for name, tensor in fresh.items()):
        return found
    read = what_zeros_give(pairs, partner.inputs[0], old["bias"])
    eps: float = partner.op.eps  # type: ignore[attr-defined]
    shift = old["bias"] + old["weight"] * (read - old["running_mean"]) / torch.sqrt(old["running_var"] + eps)
    found["weight"] = Taken(torch.zeros_like(fresh["weight"]), 0, 0)
    found["bias"] = Taken(shift.detach().to(fresh["bias"]), 0, shift.numel())
    return found


def what_zeros_give(pairs: Pairs, value: int, like: Tensor) -> Tensor:
    """What a map of the parent makes of zeros, its bias, and zeros for all else: exact for zeros and maps that read them."""
    position = value - len(pairs.parent.inputs)
    is_map = position >= 0 and isinstance(pairs.parent.nodes[position].op, Conv2d | DepthwiseConv2d | Linear)
    bias = pairs.old[position].get("bias") if is_map else None
    return torch.zeros_like(like) if bias is None else bias
