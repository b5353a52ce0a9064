"""What a module makes for itself on its way, read off torch's meta device: moments that may be the peak, storage by storage."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archsearch.ops.saved import Amount, Moments
from archsearch.ops.tensor import TensorSpec

FLOAT_BYTES = 4


class Scratch(NamedTuple):
    """Moments as `Saved` states them; empty where nothing is there that the walkers do not count by themselves."""

    training: Moments
    inference: Moments
    backward: Moments
    front: Moments


class Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of the storages that operators have made, after each of them; those of `known` tensors do not count."""

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        self.moments: list[int] = []
        self._known: dict[int, weakref.ref[torch.UntypedStorage] | None] = {tensor.untyped_storage()._cdata: None for tensor in known}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self._watch(leaf.untyped_storage())
        self.moments.append(self.live)
        return made

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return

        def gone(_: object) -> None:
            del self._known[key]
            self.live -= size

        self._known[key] = weakref.ref(storage, gone)
        self.live += size


def scratch(module: nn.Module, inputs: Sequence[TensorSpec], result: int, kept: Amount, params: int) -> Scratch:
    """What a module on the meta device makes for itself, beside what it keeps and a result of so many elements a sample."""
    inference = amounts(*[forward_alone(module, inputs, batch) for batch in (2, 3)])
    forward, backward, _, front = (
        amounts(*both)
        for needed in (True, False)
        for both in zip(*[both_ways(module, inputs, batch, needed) for batch in (2, 3)], strict=True)
    )
    usual = Amount(elements=sum(spec.elements for spec in inputs), weights=params)
    stated = beyond(backward, usual)
    ahead = beyond(front, Amount(weights=params))
    if stated or ahead:  # the one is not stated without the other
        stated, ahead = stated or (usual,), ahead or (Amount(weights=params),)
    return Scratch(beyond(forward, kept + Amount(elements=result)), beyond(inference, Amount(elements=result)), stated, ahead)


def forward_alone(module: nn.Module, inputs: Sequence[TensorSpec], batch: int) -> list[int]:
    """Bytes made and not yet dropped in inference, operator by operator."""
    values = [torch.empty(batch, *spec.shape) for spec in inputs]
    tracked = Live([*module.parameters(), *module.buffers(), *values])
    with torch.no_grad(), tracked:
        module.eval()(*values)
    return tracked.moments


def both_ways(module: nn.Module, inputs: Sequence[TensorSpec], batch: int, needed: bool) -> tuple[list[int], list[int]]:
    """Bytes made and not yet dropped in training, operator by operator, then on the way back from there.

    `needed`: with gradients of the inputs.
    """
    values = [torch.empty(batch, *spec.shape, requires_grad=needed) for spec in inputs]
    targets = [tensor for tensor in (*values, *module.parameters()) if tensor.requires_grad]
    tracked = Live([*module.parameters(), *module.buffers(), *values])
    with tracked:
        output = module.train()(*values)
        forward, start, tracked.moments = tracked.moments, tracked.live, []
        if output.requires_grad:
            torch.autograd.grad(output, targets, torch.empty_like(output), allow_unused=True)
    start += output.numel() * output.element_size()  # the gradient that comes in
    return forward, [live - start for live in tracked.moments]


def amounts(two: list[int], three: list[int]) -> list[Amount]:
    """Moments of runs with two and with three samples, as what each sample and what the batch takes."""
    if len(two) != len(three):
        return []
    each = [(more - less) // FLOAT_BYTES for less, more in zip(two, three, strict=True)]
    return [Amount(elements=size, weights=less // FLOAT_BYTES - 2 * size) for less, size in zip(two, each, strict=True)]


def beyond(found: Iterable[Amount], usual: Amount) -> Moments:
    """The moments that may be the peak: those above what is usual, and not below another."""
    high = {amount for amount in found if amount.elements > usual.elements or amount.weights > usual.weights}
    return tuple(
        sorted(
            (one for one in high if not any(is_below(one, other) for other in high)), key=lambda amount: (amount.elements, amount.weights)
        )
    )


def is_below(one: Amount, other: Amount) -> bool:
    """Whether an amount is less than another whatever the batch."""
    return one != other and one.elements <= other.elements and one.weights <= other.weights
