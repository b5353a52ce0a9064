"""Multiply-adds with learned numbers that torch's FlopCounterMode does not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

ATEN = torch.ops.aten
PRODUCTS: dict[Any, Callable[..., int]] = {
    ATEN.mv: lambda matrix, *_, **__: matrix.numel(),
    ATEN.addmv: lambda _, matrix, *__, **___: matrix.numel(),
    ATEN.dot: lambda vector, *_, **__: vector.numel(),
    ATEN.vdot: lambda vector, *_, **__: vector.numel(),
}
"""Multiply-adds of matrix products that the counter leaves out."""
SUMS = {ATEN.sum, ATEN.mean}
HARMLESS = {
    ATEN.native_batch_norm,
    ATEN._native_batch_norm_legit,
    ATEN._native_batch_norm_legit_no_training,
    ATEN.native_layer_norm,
    ATEN.native_group_norm,
    ATEN._fused_rms_norm,
    ATEN._prelu_kernel,
    ATEN.embedding,
    ATEN.index,
    ATEN.index_select,
    ATEN.gather,
    ATEN.cat,
    ATEN.stack,
    ATEN.constant_pad_nd,
    ATEN.repeat,
    ATEN.roll,
    ATEN.copy,
    ATEN.copy_,
    ATEN._softmax,
    ATEN._log_softmax,
    ATEN.lift_fresh,
    ATEN.fill,
    ATEN.fill_,
    ATEN.flip,
    ATEN.scatter,
    ATEN.slice_scatter,
    ATEN.select_scatter,
    ATEN.diagonal_scatter,
}
"""Kernels that take learned numbers and form no sum of products over channels: norms, slopes, look-ups, copies."""


class UnknownProductsError(ValueError):
    """A kernel takes learned numbers, and nothing tells how many multiply-adds it does."""


class Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts, while a module runs, in `macs`: products with learned numbers that are summed up over what the learned numbers tell apart.

    That is a matrix product, however it is written. Numbers made of learned numbers and constants alone count as learned.

    Raises:
        UnknownProductsError: a kernel takes learned numbers and it is not known what it does with them.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = 0
        state = (*module.parameters(), *module.buffers())
        self._learned = {id(tensor): tensor for tensor in state}  # held, so that no other tensor gets the id
        self._products: dict[int, tuple[Tensor, set[int] | None]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        taken = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        learned = [tensor for tensor in taken if id(tensor) in self._learned]
        if len(learned) == len(taken):
            self._learned.update({id(tensor): tensor for tensor in made})
        elif learned or any(id(tensor) in self._products for tensor in taken):
            self._meet(func, args, kwargs or {}, taken, made, learned)
        return result

    def _meet(self, func: Any, args: Any, kwargs: Any, taken: list[Tensor], made: list[Tensor], learned: list[Tensor]) -> None:
        """Learned numbers, or products with them, meet values of the network."""
        packet = func._overloadpacket
        if packet in flop_registry:
            return
        if packet in PRODUCTS:
            self.macs += PRODUCTS[packet](*args, **kwargs)
        elif packet in SUMS:
            self._sum(taken[0], args[1] if len(args) > 1 else None)
        elif packet in (ATEN.mul, ATEN.mul_, ATEN.addcmul, ATEN.addcmul_) and learned:
            self._products[id(made[0])] = (made[0], axes_told_apart(learned, made[0].dim()))
        elif not learned or torch.Tag.pointwise in func.tags or func.is_view or packet in HARMLESS:
            for tensor in made if any(id(tensor) in self._products for tensor in taken) else []:
                self._products[id(tensor)] = (tensor, self._axes(taken, tensor) if torch.Tag.pointwise in func.tags else None)
        else:
            raise UnknownProductsError(f"its multiply-adds in {packet} are not known")

    def _axes(self, taken: list[Tensor], made: Tensor) -> set[int] | None:
        known = [self._products[id(tensor)][1] for tensor in taken if id(tensor) in self._products]
        return known[0] if len(known) == 1 and all(tensor.dim() == made.dim() for tensor in taken) else None

    def _sum(self, summed: Tensor, axes: Any) -> None:
        """A sum over axes along which the learned numbers differ is a matrix product; where that is lost track of, it is taken for one."""
        if id(summed) not in self._products:
            return
        apart = self._products[id(summed)][1]
        given = [axes] if isinstance(axes, int) else list(axes or range(summed.dim()))
        if apart is None or apart & {axis % summed.dim() for axis in given}:
            self.macs += summed.numel()


def axes_told_apart(learned: list[Tensor], rank: int) -> set[int]:
    """Axes of a result of that rank along which learned numbers differ, aligned at the last axis."""
    return {rank - tensor.dim() + axis for tensor in learned for axis, size in enumerate(tensor.shape) if size > 1}
