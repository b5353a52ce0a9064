"""The oracle for memory: live bytes storage by storage, while torch runs a network.

A dispatch mode sees every tensor that an operator returns; a weak reference on its untyped storage tells when that goes, as in
torch.distributed._tools.mem_tracker. It counts on the meta device, where nothing is computed, and on the CPU, which is quicker for
small networks because its kernels are not written in Python. What a kernel uses inside is not seen.

Under any dispatch mode torch's engine adds up gradients out of place (isTensorSubclassLike in input_buffer.cpp); without one it adds
into a dense buffer of which it holds the last reference. The tracker puts that back, by torch's own reference counts;
`allocated_peak`, which needs no mode, is the judge of that.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

OPTIMIZERS: dict[str, Callable[[Iterable[Tensor]], torch.optim.Optimizer]] = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.1, foreach=True),
    "momentum": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9, foreach=True),
    "adam": lambda params: torch.optim.Adam(params, foreach=True),
    "adamw": lambda params: torch.optim.AdamW(params, foreach=True),
}

NATIVE_BATCH_NORM = torch.ops.aten.native_batch_norm.default
"""In inference its meta kernel alone returns statistics; the kernels that compute return empty tensors in their place."""


ADD = torch.ops.aten.add.Tensor


class Holders(NamedTuple):
    """References on a tensor and on its storage, as they count inside a dispatch mode."""

    tensor: int
    storage: int


def holders(tensor: Tensor) -> Holders:
    """The references now."""
    return Holders(tensor._use_count(), torch._C._storage_Use_Count(tensor.untyped_storage()._cdata))


def is_single(buffer: Tensor, single: Holders) -> bool:
    """Whether the engine would add into this buffer in place (can_accumulate_inplace in input_buffer.cpp)."""
    return holders(buffer) == single and is_dense(buffer)


def is_dense(tensor: Tensor) -> bool:
    """Whether the elements lie side by side, in whatever order of the axes."""
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    return tensor.is_contiguous() or tensor.permute(order).is_contiguous()


@lru_cache(maxsize=1)
def holders_of_a_single_buffer() -> Holders:
    """What `holders` gives for a gradient that the engine alone holds, measured where that is so."""
    seen: list[Holders] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is ADD and not torch.is_grad_enabled():
                seen.append(holders(args[0]))
            return func(*args, **(kwargs or {}))

    with torch.enable_grad(), Watch():
        x = torch.zeros(2, requires_grad=True) * 1
        torch.autograd.backward([torch.tanh(x), torch.sigmoid(x)], [torch.ones(2), torch.ones(2)])
    return seen[0]


class StorageTracker(TorchDispatchMode):
    """Bytes live now and at most of all storages that `hold` or an operator has shown, and the flops of the operators."""

    def __init__(self, *held: Iterable[Tensor]) -> None:
        super().__init__()
        self.live = self.peak = self.flops = 0
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        self._single = holders_of_a_single_buffer()
        for tensors in held:
            self.hold(tensors)

    def hold(self, tensors: Iterable[Tensor]) -> None:
        """Count these tensors' storages, each once, until they go."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if storage._cdata not in self._known:
                self._watch(storage, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.live)

    def _watch(self, storage: torch.UntypedStorage, key: int, size: int) -> None:
        def gone(_: object) -> None:
            del self._known[key]
            self.live -= size

        self._known[key] = weakref.ref(storage, gone)
        self.live += size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is ADD and not torch.is_grad_enabled() and is_single(args[0], self._single):
            return args[0].add_(args[1])
        result = func(*args, **(kwargs or {}))
        if func is NATIVE_BATCH_NORM and not args[5]:
            result = result[:1] + tuple(empty.new_empty(0) for empty in result[1:])
        if func._overloadpacket in flop_registry:
            self.flops += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=result)
        made = result if isinstance(result, tuple | list) else (result,)
        self.hold(tensor for tensor in made if isinstance(tensor, Tensor) and tensor.dim())  # no counters of the host
        return result


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """The module that `build` makes, on the meta device."""
    with torch.device("meta"):
        return build()


def inputs_of(network: nn.Module, shapes: Sequence[tuple[int, ...]], batch: int, dtype: str = "float32") -> list[Tensor]:
    """Tensors (batch, *shape) on the network's device, of its dtype, or the given one where it has no state of floats."""
    floats = [tensor for tensor in state_of(network) if tensor.is_floating_point()]
    first = next(iter(floats), torch.zeros(0, device="meta", dtype=getattr(torch, dtype)))
    return [torch.zeros(batch, *shape, device=first.device, dtype=first.dtype) for shape in shapes]


def state_of(network: nn.Module) -> list[Tensor]:
    """Parameters and buffers."""
    return [*network.parameters(), *network.buffers()]


def as_tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """One output or several as a tuple."""
    return result if isinstance(result, tuple) else (result,)


class Inference(NamedTuple):
    """One forward pass without autograd: largest number of live bytes, flops, and the shapes that came out."""

    peak: int
    flops: int
    outputs: list[tuple[int, ...]]


def inference(network: nn.Module, shapes: Sequence[tuple[int, ...]], batch: int, dtype: str = "float32") -> Inference:
    """A forward pass in eval mode; weights, buffers and input count."""
    inputs = inputs_of(network, shapes, batch, dtype)
    network.eval()
    with torch.no_grad(), StorageTracker(state_of(network), inputs) as tracker:
        outputs = [tuple(output.shape) for output in as_tuple(network(*inputs))]
    return Inference(tracker.peak, tracker.flops, outputs)


class Step(NamedTuple):
    """One training step: largest number of live bytes, what autograd saved, and the shapes that came out."""

    peak: int
    saved: int
    outputs: list[tuple[int, ...]]


def training_step(network: nn.Module, shapes: Sequence[tuple[int, ...]], batch: int, optimizer: str, dtype: str = "float32") -> Step:
    """The second of two steps, when the optimiser has its state: gradients dropped, forward, backward, update.

    The caller holds the inputs, the outputs and the gradients of the outputs.
    """
    inputs = inputs_of(network, shapes, batch, dtype)
    network.train()
    update = OPTIMIZERS[optimizer](list(network.parameters()) or [nn.Parameter(torch.zeros(0))])
    backward(as_tuple(network(*inputs)))
    update.step()
    update.zero_grad(set_to_none=True)
    state = [value for slots in update.state.values() for value in slots.values() if isinstance(value, Tensor) and value.dim()]
    kept = SavedStorages(network)
    with StorageTracker(state_of(network), inputs, state) as tracker:
        with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
            outputs = as_tuple(network(*inputs))
        saved = kept.count()
        gradients = backward(outputs)
        update.step()
    del gradients
    return Step(tracker.peak, saved, [tuple(output.shape[1:]) for output in outputs])


def allocated_peak(network: nn.Module, shapes: Sequence[tuple[int, ...]], batch: int) -> int:
    """Largest number of live bytes of a training step with SGD, from the profiler's record of the CPU allocator.

    Scratch space inside kernels counts too, so it serves for ops whose kernels take none; below it blocks are as large as asked for.
    """
    inputs = inputs_of(network, shapes, batch)
    network.train()
    held = sum(tensor.untyped_storage().nbytes() for tensor in (*state_of(network), *inputs))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        outputs = as_tuple(network(*inputs))
        gradients = backward(outputs)
    del gradients
    events = sorted((event.start_ns(), event.nbytes()) for event in profile.profiler.kineto_results.events() if event.name() == "[memory]")
    return held + max(accumulate((nbytes for _, nbytes in events), initial=0))


def backward(outputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Go back from all outputs that autograd recorded; the gradients of the outputs, for the caller to hold."""
    recorded = [output for output in outputs if output.requires_grad]
    gradients = [torch.ones_like(output) for output in recorded]
    if recorded:
        torch.autograd.backward(recorded, gradients)
    return gradients


class SavedStorages:
    """What autograd keeps: each storage once, parameters and buffers not counted."""

    def __init__(self, network: nn.Module) -> None:
        self._state = {tensor.untyped_storage()._cdata for tensor in state_of(network)}
        self._kept: list[weakref.ref[Tensor]] = []

    def pack(self, tensor: Tensor) -> Tensor:
        """Hook for saved_tensors_hooks: keep an alias of the tensor, because an output itself would hold its own graph."""
        alias = tensor.detach()
        self._kept.append(weakref.ref(alias))
        return alias

    def count(self) -> int:
        """Bytes of the storages that are still kept."""
        stores = [alias.untyped_storage() for reference in self._kept if (alias := reference()) is not None]
        return sum({store._cdata: store.nbytes() for store in stores if store._cdata not in self._state}.values())
