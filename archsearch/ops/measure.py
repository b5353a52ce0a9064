"""Facts of an op that does not state them, read off its module."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from archsearch import layers
from archsearch.ops.base import Cost, Layers, Measured, Op, Saved
from archsearch.ops.declaration import OpError
from archsearch.ops.products import Products, UnknownProductsError
from archsearch.ops.tensor import TensorSpec


def measure(op: Op, inputs: tuple[TensorSpec, ...]) -> Measured:
    """Cost and saved bytes of an op that does not state them, read off its module on the meta device, where nothing is computed.

    New tensors that grow with the batch count as elements of each sample, the rest as statistics; the scratch space that its forward
    and backward passes may use besides is not seen.

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
        counters=sum(b.dtype == torch.int64 for b in buffers),
    )
    sample = (two.new_bytes - one.new_bytes) // 4
    saved = Saved(
        inputs=one.inputs, output=one.output, elements=sample, statistics=one.new_bytes // 4 - 2 * sample,
        view=one.view, eval_view=one.view, gradient="view" if one.view else "new",
    )  # fmt: skip
    return Measured(cost, saved)


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
