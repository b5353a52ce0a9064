"""A larger kernel: the old one in the middle of zeros, and as much more padding."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor
from torch.nn import functional

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype
from archsearch.network.morphisms.change import Morphed, MorphismError, Weights, value_of
from archsearch.ops.base import Op, Size, pair


def grow_kernel(genotype: Genotype, weights: Weights, name: str, kernel: Size) -> Morphed:
    """Give a convolution a larger kernel: the old weights lie in the middle of zeros, and padding grows so that all stays in its place.

    Strides, dilation and groups stay. Nodes that use the weights of this one, or whose weights it uses, grow with it.

    Raises:
        MorphismError: no such node, a kind whose kernel cannot grow so (`Op.kernel_tensors`), or a kernel that is not larger by an
            even number along each axis that changes.
    """
    node = genotype.nodes[value_of(genotype, name) - len(genotype.inputs)]
    if not node.op.kernel_tensors:
        raise MorphismError(
            f"grow_kernel: '{name}' ({node.op.kind}) has no kernel that zeros around it leave as it is; choose a convolution"
        )
    old, new = kernel_of(node.op), pair(kernel)
    steps = [after - before for before, after in zip(old, new, strict=True)]
    if min(steps) < 0 or not any(steps) or any(step % 2 for step in steps):
        least = "x".join(str(size + 2) for size in old)
        raise MorphismError(
            f"grow_kernel: '{name}' has kernel {old[0]}x{old[1]}, got {new[0]}x{new[1]}; grow by even numbers, as to {least}"
        )
    try:
        op = grown(node.op, new)
    except ValueError as error:
        raise MorphismError(f"grow_kernel: '{name}': {error}") from error
    holder = node.weights or node.name
    nodes = tuple(user._replace(op=op) if holder in (user.weights, user.name) else user for user in genotype.nodes)
    changed = dict(weights)
    for tensor in node.op.kernel_tensors:
        key = f"{module_path(holder)}.{tensor}"
        changed[key] = resized(changed[key], old, new)
    return Morphed(Genotype(genotype.inputs, nodes, genotype.outputs), changed)


def grown(op: Op, kernel: tuple[int, int]) -> Op:
    """The op with another kernel, and padding with which its result stays in its place. Raises ValueError: it takes no such kernel."""
    changes: dict[str, Size] = {"kernel": plain(kernel)}
    if hasattr(op, "padding"):  # one that has none works it out from its kernel
        sizes = (pair(op.padding or 0), pair(getattr(op, "dilation", 1)), kernel, kernel_of(op))
        changes["padding"] = plain(tuple(p + d * (n - o) // 2 for p, d, n, o in zip(*sizes, strict=True)))
    return replace(op, **changes)  # type: ignore[type-var]


def plain(size: tuple[int, ...]) -> Size:
    """One number for a square."""
    return size[0] if size[0] == size[1] else (size[0], size[1])


def resized(tensor: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Weights of a kernel, (..., h, w) or in a row (a, b, n*h*w), with zeros around them, or their middle if the new kernel is smaller."""
    row = tensor.dim() == 3
    images = tensor.reshape(*tensor.shape[:-1], -1, *old) if row else tensor
    down, across = (after - before for before, after in zip(old, new, strict=True))
    sides = (across // 2, across - across // 2, down // 2, down - down // 2)  # cut off where it is less than nothing
    found = functional.pad(images, sides)
    return found.flatten(-3) if row else found


def kernel_of(op: Op) -> tuple[int, int]:
    """Height and width of the kernel of an op that has one."""
    return pair(op.kernel)  # type: ignore[attr-defined]
