"""Cells from their genotype: every edge, cells of one's own, and what the definitions of the papers do differently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from archsearch import Builder, Genotype, GenotypeError, analyse, compile_network
from archsearch.blocks.cells import EDGES, Cell, Cells, Style, cell, connect, factorised_reduction
from archsearch.network.builder import Value
from archsearch.zoo.amoebanet import AMOEBANET_A, AMOEBANET_D
from archsearch.zoo.darts import DARTS_V1, DARTS_V2, darts_cifar
from archsearch.zoo.nasnet import LARGE, MOBILE, NASNET_A
from archsearch.zoo.pnasnet import PNASNET_5
from archsearch.zoo.pnasnet import STYLE as PNAS
from tests.meta_tracker import as_tuple

STYLES = {"darts": Style(), "nasnet_large": LARGE, "nasnet_mobile": MOBILE, "pnasnet": PNAS}


def written(shape: tuple[int, ...], write: Callable[[Builder, Value], Value]) -> Genotype:
    b = Builder(shape)
    return b.genotype(write(b, b.input))


def written_cell(shapes: list[tuple[int, ...]], genotype: Cell, **settings: Any) -> Genotype:
    b = Builder(*shapes)
    return b.genotype(cell(b, *b.inputs, genotype, 8, **settings))


def shape_of(genotype: Genotype) -> tuple[int, ...]:
    return analyse(genotype).outputs[0].shape


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("name", sorted(EDGES))
def test_every_edge_keeps_or_halves_the_image(name: str, side: int, style: Style) -> None:
    for stride in (2,) if name == "max_pool_2x2" else (1, 2):
        genotype = written_cell([(6, side, side)] * 2, Cell((((name, 0), (name, 1)),), (2,)), stride=stride, style=style)
        assert shape_of(genotype) == (8, -(-side // stride), -(-side // stride))
        result = compile_network(genotype)(torch.rand(2, 6, side, side), torch.rand(2, 6, side, side))
        assert tuple(result.shape[1:]) == shape_of(genotype)


def test_a_cell_of_ones_own() -> None:
    mine = Cell(((("sep_conv_5x5", 0), ("skip_connect", 1), ("avg_pool_3x3", 1)), (("dil_conv_3x3", 2),)), (1, 3))
    assert shape_of(written_cell([(5, 12, 12), (6, 12, 12)], mine)) == (16, 12, 12)
    assert shape_of(written_cell([(5, 12, 12), (6, 12, 12)], mine, stride=2)) == (16, 6, 6)
    assert shape_of(darts_cifar(Cells(mine, mine), depth=3, channels=8)) == (10,)


@pytest.mark.parametrize(
    ("genotype", "message"),
    [
        (Cell(((("sep_conv_3x4", 0),),), (2,)), "node 2 has an unknown op 'sep_conv_3x4'; did you mean sep_conv_3x3"),
        (Cell(((("skip_connect", 2),),), (2,)), "node 2 reads value 2; it can read 0 to 1"),
        (Cell(((("skip_connect", 0),),), (3,)), r"concat=\(3,\) must name values from 0 to 2"),
        (Cell(((),), (2,)), "every node needs an edge"),
        (Cell((), (0,)), "every node needs an edge"),
    ],
)
def test_a_cell_that_cannot_be_is_refused(genotype: Cell, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        written_cell([(6, 8, 8), (6, 8, 8)], genotype)


def test_values_of_an_earlier_size_are_halved_on_the_way() -> None:
    """The previous cell's image is twice as large; inputs that a reduction concatenates are halved."""
    for style in STYLES.values():
        for side in (6, 7):
            genotype = written_cell(
                [(5, 2 * side, 2 * side - side % 2), (6, side, side)], Cell(((("skip_connect", 0),),), (0, 2)), stride=2, style=style
            )
            assert shape_of(genotype) == (16, (side + 1) // 2, (side + 1) // 2)


def test_inputs_of_different_sizes_do_not_add_up() -> None:
    b, genotype = Builder((8, 8, 8), (8, 4, 4)), Cell(((("skip_connect", 0), ("skip_connect", 1)),), (2,))
    with pytest.raises(GenotypeError, match=r"node 'node2/add': add needs equal shapes"):
        connect(b, (b.inputs[0], b.inputs[1]), genotype, 8)


def test_a_factorised_reduction_reads_two_pixels_of_four() -> None:
    for halving in ("convolution", "crop", "pad"):
        for side in (5, 6):
            genotype = written((2, side, side), lambda b, x, halving=halving: factorised_reduction(b, x, 5, Style(halving=halving)))  # type: ignore[misc]
            network, x = compile_network(genotype).eval(), torch.rand(1, 2, side, side, requires_grad=True)
            network(x).sum().backward()
            assert shape_of(genotype) == (5, 3, 3)
            assert x.grad is not None
            seen = (x.grad[0, 0] != 0).nonzero().sum(1) % 2
            assert x.grad[0, 0, 0, 0] != 0
            assert x.grad[0, 0, 1, 1] != 0
            assert not seen.any()


def test_shifted_borders_equal_those_of_tensorflow() -> None:
    """On even images; without average pooling, whose border counts in the one and not in the other."""
    nodes = tuple(tuple((name.replace("avg", "max"), value) for name, value in edges) for edges in NASNET_A.reduction.nodes)
    cells = [
        written_cell([(6, 16, 16), (5, 8, 8)], Cell(nodes, NASNET_A.reduction.concat), stride=2, style=style) for style in (LARGE, MOBILE)
    ]
    same, shift = (compile_network(genotype).eval() for genotype in cells)
    same.load_state_dict(dict(zip(same.state_dict(), shift.state_dict().values(), strict=True)))
    inputs = torch.randn(2, 6, 16, 16), torch.randn(2, 5, 8, 8)
    assert torch.equal(same(*inputs), shift(*inputs))


@pytest.mark.parametrize("found", [NASNET_A, AMOEBANET_A, AMOEBANET_D, DARTS_V1, DARTS_V2, Cells(PNASNET_5, PNASNET_5)])
def test_found_cells_stack_in_another_skeleton(found: Cells) -> None:
    style_free = darts_cifar(found, depth=3, channels=8, input=(3, 32, 32))
    assert all(result.isfinite().all() for result in as_tuple(compile_network(style_free)(torch.rand(2, 3, 32, 32))))
