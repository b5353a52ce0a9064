"""Ops that state no cost: what is read off their modules is what torch counts, and never nothing where there is a product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from archsearch import Op, TensorSpec
from archsearch.ops.measure import measure


class Called(nn.Module):
    """A module, called in its own way; `weight` is one more parameter."""

    def __init__(self, inner: nn.Module, call: Callable[[Any, Tensor], Tensor], *weight: int) -> None:
        super().__init__()
        self.inner, self.call = inner, call
        if weight:
            self.weight = nn.Parameter(torch.empty(weight))

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self, x)


def weighed(call: Callable[[Any, Tensor], Tensor], *weight: int) -> nn.Module:
    return Called(nn.Identity(), call, *weight)


def measured(make: Callable[[], nn.Module], *shape: int) -> Any:
    @dataclass(frozen=True)
    class Bare(Op):
        kind: ClassVar[str] = "bare"

        def infer(self, x: TensorSpec) -> TensorSpec:
            with torch.device("meta"):
                return TensorSpec(tuple(make()(torch.empty(1, *x.shape)).shape[1:]))

        def build(self, layers: Any, x: TensorSpec) -> nn.Module:
            return make()

    return measure(Bare(), (TensorSpec(shape),)).cost


def unfolded_convolution(self: Any, x: Tensor) -> Tensor:
    patches = functional.unfold(x, 3, padding=1)
    return (patches[:, None] * self.weight[None, :, :, None]).sum(2).unflatten(2, x.shape[2:])


def shifted_convolution(self: Any, x: Tensor) -> Tensor:
    return (x.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4) * self.weight).sum(-1)


def attention(self: Any, x: Tensor) -> Tensor:
    return self.inner(x, x, x)[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.Conv1d(5, 4, 3), (5, 9)),
        (lambda: nn.ConvTranspose2d(4, 6, 3), (4, 8, 8)),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 6, 3)), (4, 8, 8)),
        (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(8, 6)), (8,)),
        (lambda: weighed(lambda self, x: torch.einsum("ntd,de->nte", x, self.weight), 5, 6), (7, 5)),
        (lambda: Called(nn.LSTM(8, 6, batch_first=True), lambda self, x: self.inner(x)[0]), (7, 8)),
        (lambda: Called(nn.GRU(8, 6, batch_first=True), lambda self, x: self.inner(x)[0]), (7, 8)),
        (lambda: Called(nn.MultiheadAttention(8, 2, batch_first=True), attention), (7, 8)),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (7, 8)),
    ],
)
def test_macs_are_those_that_torch_counts(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        module, x = make().eval(), torch.empty(1, *shape)
        with FlopCounterMode(display=False) as counter:
            module(x)
    assert counter.get_total_flops() > 0
    assert 2 * measured(make, *shape).macs == counter.get_total_flops()


@pytest.mark.parametrize(
    ("make", "shape", "macs"),
    [
        (lambda: weighed(unfolded_convolution, 6, 4 * 9), (4, 8, 8), 6 * 4 * 9 * 64),
        (lambda: weighed(shifted_convolution, 4, 1, 1, 9), (4, 8, 8), 4 * 9 * 36),
        (lambda: weighed(lambda self, x: (x @ self.weight)[..., None], 5), (7, 5), 35),
        (lambda: weighed(lambda self, x: (x * self.weight).mean(-1, keepdim=True), 5), (7, 5), 35),
        (lambda: weighed(lambda self, x: (x * (self.weight * 2).softmax(0)).relu().sum(-1), 5), (7, 5), 35),
    ],
)
def test_products_that_torch_does_not_count_are_counted(make: Callable[[], nn.Module], shape: tuple[int, ...], macs: int) -> None:
    assert measured(make, *shape).macs == macs


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.BatchNorm2d(4), (4, 8, 8)),
        (lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), (4, 8, 8)),
        (lambda: nn.GroupNorm(2, 4), (4, 8, 8)),
        (lambda: nn.LayerNorm(8), (7, 8)),
        (lambda: nn.RMSNorm(8), (7, 8)),
        (lambda: nn.PReLU(4), (4, 8, 8)),
        (lambda: weighed(lambda self, x: (x * self.weight).mean((2, 3)), 4, 1, 1), (4, 8, 8)),
        (lambda: weighed(lambda self, x: (x * self.weight).amax(1), 4, 1, 1), (4, 8, 8)),
        (lambda: weighed(lambda self, x: torch.cat([self.weight.expand(len(x), -1, -1), x], 1), 1, 5), (7, 5)),
    ],
)
def test_what_scales_and_copies_has_no_macs(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    cost = measured(make, *shape)
    assert cost.params > 0
    assert cost.macs == 0


def test_a_kernel_whose_products_are_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bare states no cost, and its multiply-adds in aten\._trilinear are not known; give it `cost`"):
        measured(lambda: Called(nn.Bilinear(8, 8, 3), lambda self, x: self.inner(x, x)), 8)
