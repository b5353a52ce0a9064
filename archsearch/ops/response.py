"""How strong each channel of an image is beside the others (Woo et al. 2023, arXiv:2301.00808)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archsearch.ops.base import WHOLE, Cost, Layers, Op, Saved, Window, check_number, register
from archsearch.ops.reading import Reads, all_of
from archsearch.ops.saved import LET_GO, Amount, moments
from archsearch.ops.tensor import TensorSpec

__all__ = ["ResponseGate"]


@register("response_gate")
@dataclass(frozen=True)
class ResponseGate(Op):
    """(C, H, W) -> (C, 1, 1): the Euclidean length of each channel over the mean length of all channels, to which `eps` is added.

    Global response normalisation is x + the product of x and this gate, scaled and shifted: mul, layer_scale, offset, add.
    """

    eps: float = 1e-6

    def __post_init__(self) -> None:
        check_number(self, "eps", 1e-30, 1)

    def infer(self, x: TensorSpec) -> TensorSpec:
        return TensorSpec((x.expect(rank=3, by=self.kind)[0], 1, 1))

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        one, lengths, mean, flags = Amount(x.elements), Amount(x.channels), Amount(1), Amount(flags=x.channels)
        quotient = (4 * lengths, -3 * lengths, lengths, mean, -lengths, LET_GO, -mean)
        return Saved(
            inputs=(0,), elements=x.channels + 1, eval_elements=x.channels + 1,
            backward=moments(*quotient, lengths, -mean, -lengths, one, flags, one),
        )  # fmt: skip

    def window(self) -> Window:
        return WHOLE

    def reads(self, x: TensorSpec) -> Reads:
        return all_of(x.shape[1] * x.shape[2])

    def gives_zero(self, zeros: Sequence[bool], *inputs: TensorSpec) -> bool:
        return all(zeros)

    def build(self, layers: Layers, x: TensorSpec) -> Any:
        return layers.ResponseGate(self.eps)
