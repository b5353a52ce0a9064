"""Receptive fields against gradients in float64: of every kind of op, and of random networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archsearch import Builder, Genotype, Op, ShapeError, TensorSpec, Value, analyse, compile_network, register, zoo
from archsearch import ops as o
from archsearch.analysis.axes import Phases, length, tapped, united
from archsearch.analysis.windows import fields_and_strides
from archsearch.cli.showing import totals
from archsearch.ops import OPS
from archsearch.ops.reading import tiled
from archsearch.support.randomness import seeded
from tests.op_examples import EXAMPLES, INDICES

IMAGE = (4, 20, 22)


def gradients_field(genotype: Genotype, least: float = 0) -> tuple[int, int]:
    """Height and width of the largest region that a position of the first output depends on, borders left out; first input.

    With a `least` share below which a slope counts as nothing, of several draws: attention that one draw saturates is open in another.
    """
    fields = [drawn_field(genotype, least, seed) for seed in range(4 if least else 1)]
    return max(high for high, _ in fields), max(wide for _, wide in fields)


def drawn_field(genotype: Genotype, least: float, seed: int) -> tuple[int, int]:
    """The field by weights and images that were drawn once."""
    network = compile_network(genotype).double().eval()
    with seeded(seed):
        for parameter in network.parameters():
            nn.init.uniform_(parameter, 0.1, 1)
        inputs = [torch.rand(1, *spec.shape, dtype=torch.float64, requires_grad=True) for spec in genotype.inputs]
    result = network(*inputs)
    result = result[0] if isinstance(result, tuple) else result
    largest = (0, 0)
    for target in positions_of(result):
        (gradient,) = torch.autograd.grad(target, inputs[0], retain_graph=True, allow_unused=True)
        if gradient is not None:
            size = gradient[0].abs().amax(0)
            reached = size > least * size.max()
            high, wide = (extent(reached.any(axis)) for axis in (1, 0))
            largest = (max(largest[0], high), max(largest[1], wide))
    return largest


def positions_of(result: Tensor) -> list[Tensor]:
    """The sum of all channels at each position of the middle row and of the middle columns, since axes do not depend on each other."""
    if not result.requires_grad:
        return []
    if result.dim() == 5:  # boxes
        return list(result[0].sum(1).flatten())
    if result.dim() < 4:
        return list((result[0].sum(-1) if result.dim() == 3 else result).flatten())
    sums = result[0].sum(0)
    high, wide = sums.shape
    return [*sums[high // 2], *sums[:, wide // 2], *sums[:, wide // 3]]


def extent(reached: Tensor) -> int:
    """From the first to the last that is reached."""
    places = reached.nonzero()
    return int(places.max() - places.min()) + 1 if len(places) else 0


def assert_covers(genotype: Genotype, least: float = 0) -> None:
    """No gradient reaches further than the analysis says."""
    field, found = analyse(genotype).receptive_field, gradients_field(genotype, least)
    assert found[0] <= field[0], (found, field)
    assert found[1] <= field[1], (found, field)


def between(op: Op, size: tuple[int, ...] = IMAGE) -> Genotype:
    """The op between two convolutions."""
    b = Builder(size)
    return b.genotype(b(o.Conv2d(4), b(op, b(o.Conv2d(4), b.input))))


EXACT = [
    o.AvgPool2d(2), o.AvgPool2d(3, 2, 1), o.LPPool2d(2, 3, 2), o.AdaptiveAvgPool2d((10, 11)), o.AdaptiveAvgPool2d((8, 10)),
    o.AdaptiveAvgPool2d(9), o.Upsample(2), o.Upsample((2, 3), mode="nearest"), o.Upsample(size=(40, 33)),
    o.Upsample(2, mode="nearest-exact"),
    o.Upsample(size=(31, 29), align_corners=True), o.PixelUnshuffle(2), o.PixelShuffle(2), o.ConvTranspose2d(4, 4, 2, 1),
    o.ConvTranspose2d(4, 3, 3, 2, dilation=2), o.ConvTranspose2d(4, 5, 1, 2), o.Crop2d(3, 2, 16, 15), o.Pad2d(1, 2, 3, 0),
    o.Conv2d(4, 4, 3, dilation=2), o.DepthwiseConv2d((1, 5), (2, 1)), o.SeparableConv2d(4, 5, 2), o.LocallyConnected2d(4, 3, 2),
    o.CoordConv2d(4, 3), o.WeightNormConv2d(4, (3, 5)), o.SparseConv2d(((0, 1), (1, 2), (2, 3), (0, 3)), 3), o.LocalResponseNorm(),
    o.LayerNorm2d(), o.BatchNorm2d(), o.Sigmoid(), o.LayerScale(1.0), o.ChannelShuffle(2), o.Softmax(), o.L2Norm2d(),
]  # fmt: skip


@pytest.mark.parametrize("op", EXACT, ids=str)
def test_the_field_of_windows_is_that_of_the_gradient(op: Op) -> None:
    genotype = between(op)
    field = analyse(genotype).receptive_field
    assert field == gradients_field(genotype)
    assert field.extent == "window"


@pytest.mark.parametrize("op", [o.GroupNorm(2), o.InstanceNorm2d(), o.AdaptiveAvgPool2d(1), o.GlobalAvgPool2d()], ids=str)
def test_what_reads_everything_has_the_whole_input(op: Op) -> None:
    genotype = between(op, (4, 12, 14))
    field = analyse(genotype).receptive_field
    assert (field, field.extent, str(field)) == ((12, 14), "whole input", "whole input")
    assert gradients_field(genotype) == (12, 14)


def gated(b: Builder) -> Value:
    x = b(o.Conv2d(4), b.input)
    return b(o.Mul(), x, b(o.Sigmoid(), b(o.GlobalAvgPool2d(), x)))


def attended(b: Builder) -> Value:
    return b(o.Image(6, 7), b(o.Attention(1), b(o.Tokens(), b(o.Conv2d(12, 2, 2, 0), b.input))))


def mixed(b: Builder) -> Value:
    x = b(o.Transpose(), b(o.Tokens(), b(o.Conv2d(4, 2, 2, 0), b.input)))
    return b(o.Image(6, 7), b(o.Transpose(), b(o.Linear(42), x)))


def flattened(b: Builder) -> Value:
    return b(o.Linear(3), b(o.Flatten(), b(o.Conv2d(4), b.input)))


@pytest.mark.parametrize("make", [gated, attended, mixed, flattened])
def test_gates_attention_and_mixed_tokens_have_the_whole_input(make: Callable[[Builder], Value]) -> None:
    b = Builder((4, 12, 14))
    genotype = b.genotype(make(b))
    assert analyse(genotype).receptive_field.extent == "whole input"
    assert gradients_field(genotype) == (12, 14)


@pytest.mark.parametrize(
    ("side", "size", "shift", "strided"), [(16, 4, 0, False), (16, (2, 4), 0, False), (16, 4, 2, False), (15, 3, 0, True)]
)
def test_windows_of_tokens_read_their_window(side: int, size: Any, shift: int, strided: bool) -> None:
    b = Builder((6, side, side))
    tokens = b(o.Windows(side, side, size, shift, strided), b(o.Tokens(), b(o.Conv2d(6), b.input)))
    attended = b(o.RelativeAttention(1, size), tokens) if strided or not shift else b(o.WindowAttention(1, side, side, size, shift), tokens)
    genotype = b.genotype(b(o.Conv2d(2), b(o.Image(side, side), b(o.FromWindows(side, side, size, shift, strided), attended))))
    field = analyse(genotype).receptive_field
    assert field.extent == "window"
    assert (min(field[0], side), min(field[1], side)) == gradients_field(genotype, least=1e-9)  # what is masked counts as nothing


@pytest.mark.parametrize(("group", "shift", "extent"), [((4, 4), 2, "whole input"), ((2, 4), 0, "unknown")])
def test_attention_that_does_not_fit_the_windows_is_no_window(group: tuple[int, int], shift: int, extent: str) -> None:
    b = Builder((6, 12, 12))
    attended = b(o.RelativeAttention(1, group), b(o.Windows(12, 12, 4, shift), b(o.Tokens(), b.input)))
    assert analyse(b.genotype(b(o.Image(12, 12), b(o.FromWindows(12, 12, 4, shift), attended)))).receptive_field.extent == extent


@pytest.mark.parametrize("group", [(1, 4), (1, 12), (2, 12), (3, 4)])
def test_groups_of_tokens_read_their_share_of_the_rows(group: tuple[int, int]) -> None:
    b = Builder((6, 12, 12))
    attended = b(o.Image(12, 12), b(o.RelativeAttention(1, group), b(o.Tokens(), b.input)))
    for value in (attended, b(o.Conv2d(2, 4, 4, 0), attended)):
        genotype = b.genotype(value)
        assert analyse(genotype).receptive_field == gradients_field(genotype, least=1e-9)


def test_tokens_beside_one_that_was_put_before_them_lie_in_no_rows() -> None:
    b = Builder((6, 3, 5))
    attended = b(o.RelativeAttention(1, (2, 2)), b(o.ClassToken(), b(o.Tokens(), b.input)))
    assert analyse(b.genotype(attended)).receptive_field.extent == "unknown"
    b = Builder((16, 6))
    assert analyse(b.genotype(b(o.RelativeAttention(1, (2, 2)), b.input))).receptive_field.extent == "unknown"


@pytest.mark.parametrize(("order", "sides"), [(o.Identity(), (9, 16)), (o.Windows(12, 12, 4), (12, 12)), (o.Windows(12, 12, 4), (9, 16))])
def test_an_image_of_tokens_in_another_order_is_not_known(order: Op, sides: tuple[int, int]) -> None:
    b = Builder((4, 12, 12))
    image = b(o.Image(*sides), b(order, b(o.Tokens(), b.input)))
    assert analyse(b.genotype(b(o.Conv2d(4), image))).receptive_field.extent == "unknown"


@pytest.mark.parametrize("branches", [(3, 7), (7, 3), (3, 5, 7), ("shift", 3), (3, "shift"), (1, 3, "shift"), ("shift", 1)], ids=str)
def test_branches_that_meet_have_the_region_of_all(branches: tuple[Any, ...]) -> None:
    b = Builder((2, 24, 24))
    ways = [b(o.Pad2d(0, 5, 0, 5), b(o.Crop2d(5, 5), b.input)) if way == "shift" else b(o.Conv2d(2, way), b.input) for way in branches]
    genotype = b.genotype(b(o.Add(), *ways))
    assert analyse(genotype).receptive_field == gradients_field(genotype)


def test_all_paths_count() -> None:
    b = Builder((2, 32, 32))
    shifted = b(o.Add(), b(o.Conv2d(2), b.input), b(o.Pad2d(bottom=10), b(o.Crop2d(10), b.input)))
    assert analyse(b.genotype(shifted)).receptive_field == gradients_field(b.genotype(shifted)) == (12, 3)
    fine, coarse = b(o.Conv2d(2, 3, 2), b.input), b(o.Upsample(2, mode="nearest"), b(o.Conv2d(2, 3, 4), b.input))
    both = b.genotype(b(o.Conv2d(2), b(o.Add(), fine, coarse)))
    assert analyse(both).receptive_field == gradients_field(both) == (9, 9)


def test_what_no_gradient_comes_back_from_has_no_field() -> None:
    b = Builder((2, 12, 12))
    zero = b(o.Zero(), b(o.Conv2d(2), b.input))
    assert analyse(b.genotype(zero)).receptive_field == (0, 0)
    assert analyse(b.genotype(b(o.Add(), zero, b(o.Conv2d(2, 5), b.input)))).receptive_field == (5, 5)
    x = b(o.Conv2d(2), b.input)
    back = b.genotype(b(o.MaxUnpool2d(3, 2, 1, 12), b(o.Conv2d(2, 1), b(o.MaxPool2d(3, 2, 1), x)), b(o.MaxPoolIndices2d(3, 2, 1), x)))
    assert analyse(back).receptive_field == (7, 7)
    assert_covers(back)


def test_an_op_that_does_not_say_what_it_reads_makes_the_field_unknown() -> None:
    @register("blurred")
    @dataclass(frozen=True)
    class Blurred(Op):
        def infer(self, x: TensorSpec) -> TensorSpec:
            return x

        def build(self, layers: Any, x: TensorSpec) -> nn.Module:
            return layers.AvgPool2d(3, 1, 1)

    try:
        b = Builder((2, 12, 12))
        x = b(Blurred(), b(o.Conv2d(2), b.input))
        field = analyse(b.genotype(x)).receptive_field
        assert (field, field.extent, str(field), field.plain()) == ((12, 12), "unknown", "unknown", "unknown")
        assert analyse(b.genotype(b(o.GlobalAvgPool2d(), x))).receptive_field.extent == "whole input"
    finally:
        OPS.pop("blurred", None)


def test_a_classifier_shows_the_whole_input_and_what_it_pools() -> None:
    analysis = analyse(zoo.build("alexnet"))
    data = json.loads(json.dumps(totals(analysis)))
    assert (data["receptive_field"], data["window_field"]) == ("whole input", [195, 195])
    assert totals(analyse(between(o.Sigmoid())))["receptive_field"] == (5, 5)


KINDS = {kind: cases for kind, cases in EXAMPLES.items() if kind not in INDICES}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_gradient_reaches_further_whatever_the_op(kind: str) -> None:
    for op, shapes in KINDS[kind]:
        images = [shape for shape in shapes if len(shape) == 3]
        if not images or len(shapes) > 2 or op.integer:
            continue
        b = Builder(*shapes)
        assert_covers(b.genotype(b(op, *[b(o.Conv2d(x.channels), x) if len(x.shape) == 3 else x for x in b.inputs])))


SIDES = st.integers(5, 14)
OF_IMAGES: list[st.SearchStrategy[Op]] = [
    st.builds(o.Conv2d, st.just(2), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
    st.builds(o.AvgPool2d, st.integers(2, 3), st.integers(1, 3), st.integers(0, 1), st.booleans()),
    st.builds(o.ConvTranspose2d, st.just(2), st.integers(1, 4), st.integers(1, 3), st.integers(0, 1)),
    st.builds(o.Upsample, st.integers(1, 3), mode=st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic"])),
    st.builds(o.Upsample, size=st.integers(5, 15), align_corners=st.booleans()),
    st.builds(o.AdaptiveAvgPool2d, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.builds(o.Crop2d, st.integers(0, 2), st.integers(0, 2)),
    st.builds(o.Pad2d, *[st.integers(0, 2)] * 4),
    st.builds(o.Sigmoid),
    st.builds(o.Add),
]


@st.composite
def networks_of_windows(draw: Callable[..., Any]) -> Genotype:
    """Networks of ops on images, branches of other strides and shifts among them."""
    b = Builder((2, draw(SIDES), draw(SIDES)))
    values = [b.input]
    for _ in range(draw(st.integers(1, 6))):
        op, x = draw(st.one_of(OF_IMAGES)), draw(st.sampled_from(values[-3:]))
        others = [y for y in values if y.shape == x.shape and y is not x] if isinstance(op, o.Add) else []
        try:
            value = b(op, x, *([draw(st.sampled_from(others))] if others else []))
        except ValueError:
            continue
        if max(value.shape) <= 40:
            values.append(value)
    return b.genotype(values[-1])


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(networks_of_windows())
def test_random_networks_reach_no_further_than_their_field(genotype: Genotype) -> None:
    assert_covers(genotype)


def test_axes_of_too_many_phases_are_not_told_apart() -> None:
    axes = {period: Phases(period, period, (0,) * period, (period - 1,) * period) for period in (83, 89, 97, 101)}
    known = united([axes[83], axes[89]], 10_000)
    assert isinstance(known, Phases)
    assert (known.period, length(known)) == (83 * 89, 89 + 82)
    assert united([axes[97], axes[101]], 10_000) is None
    assert tapped(axes[97], tiled(101, 0), 10_000) is None
    ends = [axes[83]._replace(finite=True), axes[89]._replace(finite=True)]
    assert united(ends, 0) is None
    assert united(ends, 1 << 13) is not None
    assert united(ends, (1 << 13) + 1) is None


def test_strides_stay_exact_behind_upsampling() -> None:
    b = Builder((3, 64, 64))
    x = b(o.Upsample(scale=2, mode="nearest"), b(o.MaxPool2d(4), b.input))
    assert fields_and_strides(b.genotype(x))[1] == [(1, 1), (4, 4), (2, 2)]


def test_misfits_of_shapes_stay_errors() -> None:
    with pytest.raises(ShapeError, match="group_norm: groups=3 must divide 4 channels"):
        o.GroupNorm(3).infer(TensorSpec((4, 8, 8)))
