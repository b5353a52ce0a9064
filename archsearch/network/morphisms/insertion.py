"""Deeper, and with a shortcut: a map that starts as the identity, or at zero."""

from __future__ import annotations

from torch import Tensor

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype, Node
from archsearch.network.morphisms.change import Morphed, MorphismError, Weights, check_learnable, free_name, like, splice, value_of
from archsearch.ops import Add, Conv2d, Linear, Op
from archsearch.ops.tensor import TensorSpec


def deepen(genotype: Genotype, weights: Weights, after: str, kernel: int = 3) -> Morphed:
    """Insert a convolution (after images) or a linear map (after vectors and tokens) that starts as the identity, behind a node.

    Raises:
        MorphismError: no such node, one that makes places of maxima, or an even kernel, which has no middle.
    """
    value = value_of(genotype, after)
    check_learnable(genotype, value, "deepen")
    spec = genotype.specs[value]
    if is_image(spec) and kernel % 2 == 0:
        raise MorphismError(f"deepen: kernel={kernel} has no middle; use an odd one")
    op: Op = Conv2d(spec.width, kernel) if is_image(spec) else Linear(spec.width)
    some = like(weights)
    weight = some.new_zeros(spec.width, spec.width, *(kernel, kernel) * is_image(spec))
    identity(weight)
    node = Node(op, (value,), free_name(genotype, f"{after}_deeper"))
    path = module_path(node.name)
    return Morphed(splice(genotype, value, [node]), {**weights, f"{path}.weight": weight, f"{path}.bias": some.new_zeros(spec.width)})


def add_skip(genotype: Genotype, weights: Weights, source: str, target: str) -> Morphed:
    """Add the value of `source` to that of a later node `target`, through a 1x1 convolution (or linear map) that starts at zero.

    Raises:
        MorphismError: no such nodes, images of different sizes, places of maxima, or a target that comes first.
    """
    first, last = value_of(genotype, source), value_of(genotype, target)
    a, b = genotype.specs[first], genotype.specs[last]
    for value in (first, last):
        check_learnable(genotype, value, "add_skip")
    if first >= last:
        raise MorphismError(f"add_skip: '{source}' must come before '{target}'")
    if len(a.shape) != len(b.shape) or a.size != b.size:
        raise MorphismError(f"add_skip: '{source}' {a.shape} and '{target}' {b.shape} must have one image size; choose nodes of one stage")
    op: Op = Conv2d(b.width, 1, bias=False) if is_image(b) else Linear(b.width, bias=False)
    shortcut = Node(op, (first,), free_name(genotype, f"{target}_skip"))
    total = Node(Add(), (last, last + 1), free_name(genotype, f"{target}_add"))
    zeros = like(weights).new_zeros(b.width, a.width, *(1, 1) * is_image(b))
    return Morphed(splice(genotype, last, [shortcut, total]), {**weights, f"{module_path(shortcut.name)}.weight": zeros})


def identity(weight: Tensor) -> None:
    """Make of the weights of a linear map, or of a convolution with a middle, with as many outputs as inputs, those of the identity."""
    weight.zero_()
    middle = weight if weight.dim() == 2 else weight[..., weight.shape[2] // 2, weight.shape[3] // 2]
    middle.fill_diagonal_(1)


def is_image(spec: TensorSpec) -> bool:
    """Whether a value is an image, or one a box, and no vector or tokens."""
    return len(spec.shape) >= 3
