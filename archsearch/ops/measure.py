"""Facts of an op that does not state them, read off its module."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from archsearch import layers
from archsearch.ops.base import Cost, Layers, Measured, Op, Saved
from archsearch.ops.declaration import OpError
from archsearch.ops.products import Products, UnknownProductsError
from archsearch.ops.saved import Amount, Handed
from archsearch.ops.scratch import scratch
from archsearch.ops.tensor import MAX_ELEMENTS, ShapeError, TensorSpec


def measure(op: Op, inputs: tuple[TensorSpec, ...]) -> Measured:
    """Cost and saved bytes of an op that does not state them, read off its module on the meta device, where nothing is computed.

    New tensors that grow with the batch count as elements of each sample, the rest as statistics; what operators make on the way and
    drop again counts at the moment when it is there. The scratch space that kernels use inside is not seen.

    Raises:
        ValueError: the module cannot be made or run there, or a kernel takes its weights whose multiply-adds are not known.
    """
    try:
        with torch.device("meta"):
            module = built(op, layers, inputs)
            one, two = (_kept(op, module, inputs, batch) for batch in (2, 3))
            values = [torch.empty(1, *spec.shape) for spec in inputs]
            # With gradients on: without, torch.nn's attention takes a fused kernel that the counter does not know.
            with Products(module) as products, FlopCounterMode(display=False) as counter:
                module.eval()(*values)
    except OpError:
        raise
    except UnknownProductsError as error:
        raise ValueError(f"{op.kind} states no cost, and {error}; give it `cost` and `saved`") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{op.kind} states no cost, and its module does not run on torch's meta device ({reason}); give it `cost` and `saved`"
        ) from error
    buffers = list(module.buffers())
    cost = Cost(
        params=sum(p.numel() for p in module.parameters()),
        buffers=sum(b.numel() for b in buffers),
        macs=counter.get_total_flops() // 2 + products.macs,
        counters=sum(b.numel() for b in buffers if b.dtype == torch.int64),
    )
    return Measured(cost, saved_by(module, inputs, (one, two), op.infer(*inputs).elements, cost.params))


def saved_by(module: nn.Module, inputs: tuple[TensorSpec, ...], runs: tuple[_Kept, _Kept], result: int, params: int) -> Saved:
    """What a module on the meta device keeps and makes for itself, by what it keeps in runs of two and of three samples."""
    one, two = runs
    sample = (two.new_bytes - one.new_bytes) // 4
    saved = Saved(
        inputs=one.inputs, output=one.output, elements=sample, statistics=one.new_bytes // 4 - 2 * sample,
        view=one.view, eval_view=one.view, gradient="view" if one.view else "new", anew=True,
    )  # fmt: skip
    if one.view:
        return saved
    with torch.device("meta"):
        made = scratch(module, inputs, result, Amount(elements=sample, weights=saved.statistics), params)
    # Whether the gradient that is handed on is a view is not seen: as one it is counted, since a sum with another one is a new tensor then.
    handed: Handed = "view" if made.backward else "whole"
    return replace(saved, handed=handed, training=made.training, inference=made.inference, backward=made.backward, front=made.front)


def shape_of_calls(op: Op, inputs: tuple[TensorSpec, ...]) -> TensorSpec:
    """Shape of what a program of calls makes of each sample, on the meta device. Raises ShapeError."""
    made = [run_on_meta(op, inputs, batch) for batch in (2, 3)]
    shapes = [tuple(tensor.shape) for tensor in made]
    if any(len(shape) < 2 or shape[0] != batch for shape, batch in zip(shapes, (2, 3), strict=True)) or shapes[0][1:] != shapes[1][1:]:
        raise ShapeError(f"aten: the program makes shapes {shapes[0]} and {shapes[1]} of 2 and 3 samples; the first axis must be theirs")
    if not made[0].is_floating_point():
        raise ShapeError(f"aten: the program makes numbers of type {str(made[0].dtype).removeprefix('torch.')}; let it end in float32")
    return TensorSpec(shapes[0][1:])


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most elements that a tensor has which an operator makes."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.elements = max([self.elements, *(leaf.numel() for leaf in tree_leaves(made) if isinstance(leaf, Tensor))])
        return made


def run_on_meta(op: Op, inputs: tuple[TensorSpec, ...], batch: int) -> Tensor:
    """What a program makes of so many samples. Raises ShapeError."""
    try:
        with torch.device("meta"), torch.no_grad(), Largest() as largest:  # type: ignore[no-untyped-call]
            made = built(op, layers, inputs)(*[torch.empty(batch, *spec.shape) for spec in inputs])
    except Exception as error:  # an operator may refuse its arguments in any way
        shapes, why = ", ".join(str(spec.shape) for spec in inputs), " ".join(str(error).split())[:150]
        raise ShapeError(f"aten: the program does not run on {shapes}: {type(error).__name__}: {why}") from error
    if largest.elements > batch * MAX_ELEMENTS:
        raise ShapeError(f"aten: the program makes a tensor of {largest.elements // batch:,} elements, over the limit of 2**31")
    if not isinstance(made, Tensor):
        raise ShapeError("aten: the program ends in several values; let its last call make one")
    return made


def built(op: Op, layers: Layers, inputs: tuple[TensorSpec, ...]) -> nn.Module:
    """The module of an op. Raises OpError when it makes none."""
    module = op.build(layers, *inputs)
    if not isinstance(module, nn.Module):
        raise OpError(f"{op.kind}: build returns {str(module)[:60]}, expected a module; return one, such as layers.ReLU()")
    return module


def check_result(op: Op, inputs: tuple[TensorSpec, ...], output: object, batch: int) -> None:
    """Raise OpError unless a module's result for so many samples is of the shape that the op's `infer` gives."""
    said = (batch, *op.infer(*inputs).shape)
    if not isinstance(output, Tensor) or tuple(output.shape) != said:
        made = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise OpError(f"{op.kind}: infer says shape {said}, its module returns {made}, for {batch} samples; mend infer or build")


class _Kept(NamedTuple):
    inputs: tuple[int, ...]
    output: bool
    view: bool
    new_bytes: int


def _kept(op: Op, module: nn.Module, inputs: tuple[TensorSpec, ...], batch: int) -> _Kept:
    """What autograd keeps of one call: which inputs, the output, bytes of new tensors; parameters and buffers not counted."""
    values = [torch.empty(batch, *spec.shape, requires_grad=True) for spec in inputs]
    stores: dict[int, torch.UntypedStorage] = {}

    def pack(kept: Tensor) -> Tensor:
        stores[kept.untyped_storage()._cdata] = kept.untyped_storage()
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept):
        output = module(*values)
    check_result(op, inputs, output, batch)
    known = {tensor.untyped_storage()._cdata for tensor in (*module.parameters(), *module.buffers())}
    places = {value.untyped_storage()._cdata: i for i, value in enumerate(values)}
    result = output.untyped_storage()._cdata
    new = [store.nbytes() for key, store in stores.items() if key not in known and key not in places and key != result]
    return _Kept(
        tuple(sorted(places[key] for key in stores if key in places)), result in stores and result not in places, result in places, sum(new)
    )
