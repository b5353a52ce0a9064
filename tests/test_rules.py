"""What is folded: every rule that an op states is tried against torch, and a rule without a case here fails."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from archsearch import Builder, Genotype, Op, canonicalise, layers
from archsearch import ops as o
from archsearch.network.passes.folding import RULES
from archsearch.ops import OPS
from tests.meta_tracker import as_tuple
from tests.op_examples import INDICES
from tests.test_ops import CASES, specs, tensors
from tests.test_passes import assert_same_function

Shape = tuple[int, ...]
IMAGE, PIXEL, TOKENS, VECTOR = (8, 4, 6), (8, 1, 1), (6, 8), (12,)

NORMAL: list[tuple[Op, Shape, Op]] = [
    (o.Slice(), IMAGE, o.Identity()),
    (o.Slice(0, 8), TOKENS, o.Identity()),
    (o.Slice(4, 8), IMAGE, o.Slice(4)),
    (o.Slice(1, 3), IMAGE, o.Slice(1, 3)),
    (o.ChannelShuffle(8), IMAGE, o.Identity()),
    (o.ChannelShuffle(1), IMAGE, o.Identity()),
    (o.ChannelShuffle(2), IMAGE, o.ChannelShuffle(2)),
    (o.PadChannels(), TOKENS, o.Identity()),
    (o.Crop2d(), IMAGE, o.Identity()),
    (o.Crop2d(0, 0, 4, 6), IMAGE, o.Identity()),
    (o.Crop2d(1, 2, 3, 4), IMAGE, o.Crop2d(1, 2)),
    (o.Crop2d(1, 2, 2, 4), IMAGE, o.Crop2d(1, 2, 2)),
    (o.Pad2d(), IMAGE, o.Identity()),
    (o.Upsample(1, mode="bicubic"), IMAGE, o.Identity()),
    (o.Upsample(1), IMAGE, o.Identity()),
    (o.Upsample(size=(4, 6), align_corners=True), IMAGE, o.Identity()),
    (o.Upsample(size=(8, 18)), IMAGE, o.Upsample((2, 3))),
    (o.Upsample(size=(8, 7)), IMAGE, o.Upsample(size=(8, 7))),
    (o.PixelShuffle(1), IMAGE, o.Identity()),
    (o.PixelUnshuffle(1), IMAGE, o.Identity()),
    (o.GlobalAvgPool2d(), PIXEL, o.Identity()),
    (o.GlobalMaxPool2d(), PIXEL, o.Identity()),
    (o.AdaptiveAvgPool2d(1), IMAGE, o.GlobalAvgPool2d()),
    (o.AdaptiveMaxPool2d(1), IMAGE, o.GlobalMaxPool2d()),
    (o.AdaptiveAvgPool2d((4, 6)), IMAGE, o.Identity()),
    (o.AdaptiveMaxPool2d((4, 6)), IMAGE, o.Identity()),
    (o.AdaptiveAvgPool2d((2, 3)), IMAGE, o.AvgPool2d(2)),
    (o.AdaptiveMaxPool2d((2, 3)), IMAGE, o.MaxPool2d(2)),
    (o.AdaptiveAvgPool2d((1, 3)), IMAGE, o.AvgPool2d((4, 2), (1, 2))),
    (o.AdaptiveAvgPool2d((3, 3)), IMAGE, o.AdaptiveAvgPool2d((3, 3))),
    (o.MaxPool2d(1, 1), IMAGE, o.Identity()),
    (o.AvgPool2d(1, 1), IMAGE, o.Identity()),
    (o.MaxPool2d(1, 2), IMAGE, o.AvgPool2d(1, 2)),
    (o.MaxPool2d((4, 6)), IMAGE, o.GlobalMaxPool2d()),
    (o.AvgPool2d((4, 6), 3, ceil=True), IMAGE, o.GlobalAvgPool2d()),
    (o.AvgPool2d(2, count_padding=False), IMAGE, o.AvgPool2d(2)),
    (o.AvgPool2d(3, 1, 1, count_padding=False), IMAGE, o.AvgPool2d(3, 1, 1, count_padding=False)),
    (o.AvgPool2d(3, 2, ceil=True), (8, 5, 5), o.AvgPool2d(3, 2)),
    (o.AvgPool2d(3, 2, ceil=True), IMAGE, o.AvgPool2d(3, 2, ceil=True)),
    (o.AvgPool2d((1, 3), (2, 3), (0, 1)), (8, 1, 6), o.AvgPool2d((1, 3), (1, 3), (0, 1))),
    (o.MaxPool2d((1, 2), 2, dilation=2), IMAGE, o.MaxPool2d((1, 2), 2, dilation=(1, 2))),
    (o.MaxPool2d(3, 3), IMAGE, o.MaxPool2d(3, (2, 3))),
    (o.LPPool2d(3, 3, 3), IMAGE, o.LPPool2d(3, 3, (2, 3))),
    (o.Conv2d(4, 1, dilation=2), IMAGE, o.Conv2d(4, 1)),
    (o.Conv2d(4, (1, 3), dilation=2), IMAGE, o.Conv2d(4, (1, 3), dilation=(1, 2), padding=(0, 2))),
    (o.Conv2d(4, 3, 2), PIXEL, o.Conv2d(4, 3, 1)),
    (o.Conv2d(16, 3, groups=8, bias=False), IMAGE, o.DepthwiseConv2d(3, multiplier=2, bias=False)),
    (o.Conv2d(8, 3, groups=2), IMAGE, o.Conv2d(8, 3, groups=2)),
    (o.Conv2d(8, 3, groups=8), (3, *IMAGE), o.Conv2d(8, 3, groups=8)),
    (o.DepthwiseConv2d(3, 2, multiplier=4), (1, 4, 6), o.Conv2d(4, 3, 2)),
    (o.DepthwiseConv2d(1, dilation=3), IMAGE, o.DepthwiseConv2d(1)),
    (o.SeparableConv2d(4, 1, dilation=2), IMAGE, o.SeparableConv2d(4, 1)),
    (o.CoordConv2d(4, 3, 2), PIXEL, o.CoordConv2d(4, 3, 1)),
    (o.LocallyConnected2d(4, 1, 2), PIXEL, o.LocallyConnected2d(4, 1)),
    (o.SparseConv2d(((0, 1), (2,)), 3, 2), PIXEL, o.SparseConv2d(((0, 1), (2,)), 3)),
    (o.WeightNormConv2d(4, 1, dilation=2), IMAGE, o.WeightNormConv2d(4, 1)),
    (o.WeightStandardConv2d(4, 1, dilation=2), IMAGE, o.WeightStandardConv2d(4, 1)),
    (o.GroupNorm(8), IMAGE, o.InstanceNorm2d(affine=True)),
    (o.GroupNorm(8), PIXEL, o.GroupNorm(8)),
    (o.Dropout(0), IMAGE, o.Identity()),
    (o.StochasticDepth(0), IMAGE, o.Identity()),
    (o.Scale(1), IMAGE, o.Identity()),
    (o.LeakyReLU(0), IMAGE, o.ReLU()),
    (o.LeakyReLU(1), IMAGE, o.Identity()),
    (o.ELU(0), IMAGE, o.ReLU()),
    (o.CELU(1), IMAGE, o.ELU()),
    (o.Hardtanh(0, 6), IMAGE, o.ReLU6()),
    (o.Hardshrink(0), IMAGE, o.Identity()),
    (o.Softshrink(0), IMAGE, o.Identity()),
    (o.Threshold(), IMAGE, o.ReLU()),
    (o.RReLU(0.2, 0.2), IMAGE, o.LeakyReLU(0.2)),
    (o.PReLU(each=True), (1, 4, 6), o.PReLU()),
    (o.Maxout(1), IMAGE, o.Identity()),
    (o.Flatten(), VECTOR, o.Identity()),
    (o.FlattenBoxes(), (3, 2, 4, 6), o.Reshape((3, 48))),
    (o.Reshape(IMAGE), IMAGE, o.Identity()),
    (o.Reshape((192,)), IMAGE, o.Flatten()),
    (o.Tokens(), PIXEL, o.Reshape((1, 8))),
    (o.Tokens(), (1, 4, 6), o.Reshape((24, 1))),
    (o.Image(1, 1), (1, 8), o.Reshape((8, 1, 1))),
    (o.Transpose(), (1, 8), o.Reshape((8, 1))),
    (o.Transpose(), (1, 1), o.Identity()),
    (o.TakeToken(0), (1, 8), o.Flatten()),
    (o.MeanTokens(), (1, 8), o.Flatten()),
    (o.Add(), IMAGE, o.Identity()),
    (o.Concat(), TOKENS, o.Identity()),
    (o.JoinTokens(), TOKENS, o.Identity()),
    (o.Zero(IMAGE), IMAGE, o.Zero()),
    (o.Offset((0, 1)), PIXEL, o.Offset((0,))),
    (o.Factor((0, 1), False), PIXEL, o.Factor((0,), False)),
]
"""An op, the shape that it reads, and what stands for it there."""

MERGED: list[tuple[Shape, Op, Op, Op | None]] = [
    (IMAGE, o.ReLU(), o.ReLU(), o.ReLU()),
    (IMAGE, o.Sigmoid(), o.ReLU(), o.Sigmoid()),
    (IMAGE, o.Softmax(), o.ReLU(), o.Softmax()),
    (IMAGE, o.Tanh(), o.ReLU(), None),
    (IMAGE, o.Sigmoid(), o.Sigmoid(), None),
    (IMAGE, o.ReLU(), o.ReLU6(), o.ReLU6()),
    (IMAGE, o.ReLU6(), o.ReLU6(), o.ReLU6()),
    (IMAGE, o.Hardtanh(-0.3, 0.4), o.Hardtanh(-0.3, 0.4), o.Hardtanh(-0.3, 0.4)),
    (IMAGE, o.Hardtanh(-0.3, 0.4), o.Hardtanh(), None),
    (IMAGE, o.Hardshrink(), o.Hardshrink(), o.Hardshrink()),
    (IMAGE, o.Threshold(0.3, 0.6), o.Threshold(0.3, 0.6), o.Threshold(0.3, 0.6)),
    (IMAGE, o.Threshold(0.3, -2), o.Threshold(0.3, -2), o.Threshold(0.3, -2)),
    (IMAGE, o.Slice(1, 6), o.Slice(2), o.Slice(3, 6)),
    (IMAGE, o.Slice(1), o.Slice(2, 3), o.Slice(3, 4)),
    (IMAGE, o.Crop2d(1), o.Crop2d(1, 2, 1), o.Crop2d(2, 2, 1)),
    (IMAGE, o.PadChannels(1, 2), o.PadChannels(3, 4), o.PadChannels(4, 6)),
    (IMAGE, o.Pad2d(1, 0, 2), o.Pad2d(0, 3, 1), o.Pad2d(1, 3, 3)),
    (IMAGE, o.Pad2d(1, 1, mode="replicate"), o.Pad2d(1, mode="replicate"), o.Pad2d(2, 1, mode="replicate")),
    (IMAGE, o.Pad2d(1, 1, mode="reflect"), o.Pad2d(1, mode="reflect"), None),
    (IMAGE, o.Pad2d(1), o.Pad2d(1, value=1.0), None),
    (IMAGE, o.ChannelShuffle(2), o.ChannelShuffle(4), o.Identity()),
    (IMAGE, o.ChannelShuffle(2), o.ChannelShuffle(2), None),
    (IMAGE, o.PixelShuffle(2), o.PixelUnshuffle(2), o.Identity()),
    (IMAGE, o.PixelUnshuffle(2), o.PixelShuffle(2), o.Identity()),
    (IMAGE, o.Reshape((24, 8)), o.Flatten(), o.Flatten()),
    (IMAGE, o.Flatten(), o.Reshape(IMAGE), o.Identity()),
    (IMAGE, o.Flatten(), o.Reshape((24, 8)), o.Reshape((24, 8))),
    ((3, 2, 4, 6), o.FlattenBoxes(), o.Flatten(), o.Flatten()),
    (IMAGE, o.Tokens(), o.Image(4, 6), o.Identity()),
    (IMAGE, o.Tokens(), o.Image(2, 12), o.Reshape((8, 2, 12))),
    (TOKENS, o.Image(2, 3), o.Tokens(), o.Identity()),
    (TOKENS, o.Transpose(), o.Transpose(), o.Identity()),
]
"""A shape, two ops one behind the other, and the one that does what they do; None where none does."""


def stated() -> set[tuple[str, str]]:
    """Every kind with the rules that its class, or one before it but Op, states."""
    return {(kind, rule) for kind, cls in ours().items() for rule in RULES if getattr(cls, rule) is not getattr(Op, rule)}


def ours() -> dict[str, type[Op]]:
    return {kind: cls for kind, cls in OPS.items() if cls.__module__.startswith("archsearch.ops")}


def chain(shape: Shape, *ops: Op) -> Genotype:
    b = Builder(shape)
    x = b.input
    for op in ops:
        x = b(op, x)
    return b.genotype(x)


def test_every_rule_that_an_op_states_has_a_case() -> None:
    active = {(op.kind, "is_identity" if op.is_identity(1) else "normal") for op, _, wanted in NORMAL if op != wanted} | {
        (after.kind, "merged") for _, _, after, wanted in MERGED if wanted is not None
    }
    plain = {cls.kind for cls in ours().values() if cls.merged is o.Tanh.merged}  # activations that are not folded when they come twice
    wanted = {(kind, rule) for kind, rule in stated() if rule in ("is_identity", "normal", "merged")} - {
        (kind, "merged")
        for kind in plain
        if not OPS[kind].once  # type: ignore[attr-defined]
    }
    assert wanted - active - {("identity", "is_identity")} == set(), "a rule without a case"
    assert {kind for kind, rule in stated() if rule in ("operands", "associative")} == {"add", "concat", "join_tokens"}


@pytest.mark.parametrize(("op", "shape", "wanted"), NORMAL, ids=lambda value: str(value).replace(" ", ""))
def test_normal_forms(op: Op, shape: Shape, wanted: Op) -> None:
    (x,) = specs((shape,))
    assert (o.Identity() if op.is_identity(1) else op.normal(x)) == wanted
    given, plain = chain(shape, o.Tanh(), op), canonicalise(chain(shape, o.Tanh(), op))
    assert_same_function(given, plain)
    assert plain.fingerprint == canonicalise(chain(shape, o.Tanh(), wanted)).fingerprint


@pytest.mark.parametrize(("op", "shapes"), CASES)
def test_a_normal_form_is_its_own_and_has_the_same_weights(op: Op, shapes: tuple[Shape, ...]) -> None:
    xs = specs(shapes)
    normal = op.normal(*xs)
    assert normal.normal(*xs) == normal
    assert (normal.infer(*xs), normal.cost(*xs).params, normal.cost(*xs).buffers) == (
        op.infer(*xs),
        op.cost(*xs).params,
        op.cost(*xs).buffers,
    )
    built, plain = op.build(layers, *xs), normal.build(layers, *xs)
    assert {k: v.shape for k, v in built.state_dict().items()} == {k: v.shape for k, v in plain.state_dict().items()}


@pytest.mark.parametrize(("shape", "before", "after", "wanted"), MERGED, ids=lambda value: str(value).replace(" ", ""))
def test_two_ops_that_are_one(shape: Shape, before: Op, after: Op, wanted: Op | None) -> None:
    given = chain(shape, o.Conv2d(8, 1) if len(shape) > 2 and shape[0] == 8 else o.Tanh(), before, after)
    plain = canonicalise(given)
    assert_same_function(given, plain)
    short = [given.nodes[0].op, before, after] if wanted is None else [given.nodes[0].op, wanted]
    assert plain.fingerprint == canonicalise(chain(shape, *short)).fingerprint
    assert len(plain.nodes) == (3 if wanted is None else 1 if wanted == o.Identity() else 2)


@pytest.mark.parametrize(("op", "shapes"), CASES)
def test_zeros_come_out_where_the_op_says_so_and_only_there(op: Op, shapes: tuple[Shape, ...]) -> None:
    torch.manual_seed(0)
    xs, values = specs(shapes), tensors(op, shapes, 2)
    module = op.build(layers, *xs).eval()
    free = not list(module.state_dict())
    for zeros in itertools.product([False, True], repeat=len(shapes)):
        given = [
            torch.zeros_like(x) if zero and place not in INDICES.get(op.kind, ()) else x
            for place, (x, zero) in enumerate(zip(values, zeros, strict=True))
        ]
        with torch.no_grad():
            silent = not any(part.any() for part in as_tuple(module(*given)))
        if any(zeros[place] for place in INDICES.get(op.kind, ())) or not any(zeros):
            continue
        said = op.gives_zero(zeros, *xs)
        assert not said or silent, f"{op} of zeros {zeros} is not zero"
        # A window may see nothing but padding, boxes nothing but the level of zeros, and calls may be any: what shapes alone do not
        # tell counts as not zero.
        unsure = op.kind in ("aten", "multi_scale_roi_align") or (isinstance(op, o.MaxPool2d) and op.dilation != 1)
        assert said or not silent or not free or op.integer or unsure, f"{op} of zeros {zeros} is zero"


def total(*parts: Any) -> Genotype:
    """A sum of an activation and what else is given, as functions of a builder and its input."""
    b = Builder((4, 4, 4))
    return canonicalise(b.genotype(b(o.Add(), b(o.Tanh(), b.input), *(part(b, b.input) for part in parts))))


def test_zeros_pass_what_keeps_them_and_leave_sums_with_what_made_them() -> None:
    def silent(b: Builder, x: Any) -> Any:
        return b(o.Mul(), b(o.AvgPool2d(3, 1, 1), b(o.ReLU(), b(o.Zero(), x))), b(o.Conv2d(4), x))

    assert total(silent).fingerprint == total().fingerprint
    assert [node.op.kind for node in total(silent).nodes] == ["tanh"]


def test_an_op_with_weights_stays_behind_zeros() -> None:
    plain = total(lambda b, x: b(o.Conv2d(4, bias=False), b(o.Zero(), x)))
    assert sorted(node.op.kind for node in plain.nodes) == ["add", "conv2d", "tanh", "zero"]


def test_one_node_makes_all_zeros_of_a_shape_from_the_input() -> None:
    b = Builder((4, 4, 4))
    x = b(o.Conv2d(8), b.input)
    values = [b(o.Zero(), x), b(o.ReLU(), b(o.Zero(), x)), b(o.MaxPool2d(2), b(o.Zero(), x)), b(o.Zero(), b.input)]
    given = b.genotype(*(b(o.Sigmoid(), value) for value in values))
    plain = canonicalise(given)
    assert sorted(str(node.op) for node in plain.nodes if node.op.is_zero) == ["zero()", "zero(shape=(8, 2, 2))", "zero(shape=(8, 4, 4))"]
    assert all(node.inputs == (0,) for node in plain.nodes if node.op.is_zero)
    assert_same_function(given, plain)
    assert Genotype.from_json(plain.to_json()) == plain


@pytest.mark.parametrize("op", [o.Add(), o.Concat(), o.JoinTokens()], ids=str)
def test_nested_ones_are_written_out_unless_others_read_them(op: Op) -> None:
    def nest(shared: bool, flat: bool = False) -> Genotype:
        b = Builder((4, 4))
        parts = [b(kind, b.input) for kind in (o.Tanh(), o.Sigmoid(), o.ReLU(), o.SiLU())]
        inner = b(op, parts[1], parts[2])
        whole = b(op, *parts) if flat else b(op, parts[0], b(op, inner, parts[3]))
        return b.genotype(whole, *([inner] if shared else []))

    assert canonicalise(nest(False)).fingerprint == canonicalise(nest(False, flat=True)).fingerprint
    assert sum(node.op == op for node in canonicalise(nest(True)).nodes) == 2
    for shared in (False, True):
        assert_same_function(nest(shared), canonicalise(nest(shared)))
