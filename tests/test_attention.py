"""Attention in one kernel, against attention by separate products; and windows, against plain code."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from archsearch import Builder, Genotype, TensorSpec, analyse, compile_network, layers
from archsearch import ops as o
from tests.meta_tracker import inference, training_step

FLASH_ON_CPU = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
FLASH = torch.ops.aten._scaled_dot_product_flash_attention
"""FlopCounterMode knows every fused kernel but that of the CPU, which computes the same."""
FUSED = [
    (o.Attention(4), ((10, 36),)),
    (o.Attention(1), ((10, 36),)),
    (o.CrossAttention(3), ((7, 12), (10, 24))),
    (o.CrossAttention(12), ((7, 12), (10, 24))),
]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(flop_registry, FLASH_ON_CPU, flop_registry[FLASH])


def behind_weights(op: o.Op, shapes: tuple[tuple[int, ...], ...]) -> Genotype:
    b = Builder(*shapes)
    return b.genotype(b(o.Sigmoid(), b(op, *[b(o.Linear(x.shape[-1]), x) for x in b.inputs])))


@pytest.mark.parametrize(("op", "shapes"), FUSED)
def test_fused_attention_is_counted_and_weighed_as_torch_runs_it(op: o.Op, shapes: tuple[tuple[int, ...], ...], counted: None) -> None:
    specs = tuple(TensorSpec(shape) for shape in shapes)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        result = op.build(layers, *specs)(*(torch.zeros(1, *shape) for shape in shapes))
    assert op.infer(*specs).shape == tuple(result.shape[1:])
    assert 2 * op.cost(*specs).macs == counter.get_total_flops()
    genotype = behind_weights(op, shapes)
    network = compile_network(genotype)
    for batch in (2, 3):
        analysis, step = analyse(genotype, batch), training_step(network, shapes, batch, "sgd")
        assert analysis.saved_bytes == step.saved
        assert abs(analysis.training_peak_bytes / step.peak - 1) < 0.15
        assert analysis.inference_peak_bytes == inference(network, shapes, batch).peak


@pytest.mark.parametrize(("op", "shapes"), FUSED)
def test_fused_or_not_the_result_and_the_gradients_are_the_same(op: o.Op, shapes: tuple[tuple[int, ...], ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(2, *shape, generator=generator, requires_grad=True) for shape in shapes]
    specs = tuple(TensorSpec(shape) for shape in shapes)
    results = [type(op)(op.heads, fused).build(layers, *specs)(*values) for fused in (True, False)]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*(torch.autograd.grad(result.square().sum(), values) for result in results))


@pytest.mark.parametrize(
    "fields", [(8, 8, 4), (8, 12, (2, 4), (1, 3)), (7, 9, 4, 2), (9, 6, 3, 0, True), (5, 7, 4, 0, True), (3, 3, 7, 0)], ids=str
)
def test_the_way_back_from_windows_undoes_the_way_in(fields: tuple[int, ...]) -> None:
    spec = TensorSpec((fields[0] * fields[1], 2))
    x = torch.rand(2, *spec.shape)
    there, back = o.Windows(*fields), o.FromWindows(*fields)
    torch.testing.assert_close(back.build(layers, there.infer(spec))(there.build(layers, spec)(x)), x, rtol=0, atol=0)


def test_windows_lie_side_by_side_or_strided() -> None:
    x, spec = torch.arange(16).reshape(1, 16, 1), TensorSpec((16, 1))
    by_side, strided = (o.Windows(4, 4, 2, 0, apart).build(layers, spec)(x).flatten().tolist() for apart in (False, True))
    assert by_side == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]
    assert strided == [0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15]


def reach(network: nn.Module, x: Tensor, token: int) -> list[int]:
    """Tokens of the input that a token of the result depends on."""
    x = x.clone().requires_grad_()
    network(x)[0, token].sum().backward()
    assert x.grad is not None
    return [place for place in range(x.shape[1]) if x.grad[0, place].abs().sum() > 1e-6]


@pytest.mark.parametrize(("shift", "corner"), [(0, [0, 1, 4, 5]), (1, [0]), ((1, 0), [0, 1])])
def test_shifted_windows_do_not_read_across_the_border(shift: int | tuple[int, int], corner: list[int]) -> None:
    b = Builder((16, 6))
    x = b(o.Windows(4, 4, 2, shift), b.input)
    x = b(o.WindowAttention(2, 4, 4, 2, shift), b(o.Linear(18), x))
    network = compile_network(b.genotype(b(o.FromWindows(4, 4, 2, shift), x)))
    assert reach(network, torch.rand(1, 16, 6), 0) == corner


def test_the_bias_depends_on_the_distance_alone() -> None:
    module = o.RelativeAttention(3, (2, 3)).build(layers, TensorSpec((6, 18)))
    places = [(row, column) for row in range(2) for column in range(3)]
    by_distance: dict[tuple[int, int], set[int]] = {}
    for i, (row, column) in enumerate(places):
        for j, (other, across) in enumerate(places):
            by_distance.setdefault((row - other, column - across), set()).add(int(module.index[i, j]))
    assert all(len(rows) == 1 for rows in by_distance.values())
    assert sorted(next(iter(rows)) for rows in by_distance.values()) == list(range(len(module.bias_table)))
