"""Hypothesis strategies for random networks over all ops."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from archsearch import Builder, Genotype, Op, ShapeError, Value
from archsearch import ops as o

SIZES = st.integers(1, 3)
KERNELS = st.one_of(SIZES, st.tuples(SIZES, SIZES))
STRIDES = st.one_of(st.integers(1, 2), st.tuples(st.integers(1, 2), st.integers(1, 2)))
PADDINGS = st.one_of(st.none(), st.integers(0, 1), st.tuples(st.integers(0, 1), st.integers(0, 1)))
CHANNELS = st.sampled_from([1, 2, 4, 6])
WINDOW = {"kernel": KERNELS, "stride": STRIDES, "padding": PADDINGS, "dilation": st.integers(1, 2), "bias": st.booleans()}

ANY_SHAPE: list[st.SearchStrategy[Op]] = [
    *(
        st.builds(cls)
        for cls in (o.ReLU, o.ReLU6, o.SELU, o.SiLU, o.GELU, o.Mish, o.Softplus, o.Sigmoid, o.Tanh, o.Hardswish, o.Hardsigmoid)
    ),
    st.builds(o.LeakyReLU, st.sampled_from([0.0, 0.1, 1])),
    st.builds(o.ELU, st.sampled_from([0.5, 1.0])),
    st.builds(o.Dropout, st.sampled_from([0, 0.3])),
    *(st.builds(cls) for cls in (o.Add, o.Add, o.Add, o.Concat, o.Concat, o.Mul, o.Mul, o.Identity, o.Zero, o.Flatten)),
]
OF_IMAGES: list[st.SearchStrategy[Op]] = [
    st.builds(o.Conv2d, CHANNELS, **WINDOW),
    st.builds(o.Conv2d, st.sampled_from([2, 4]), groups=st.just(2), **WINDOW),
    st.builds(o.DepthwiseConv2d, multiplier=st.integers(1, 2), **WINDOW),
    st.builds(o.SeparableConv2d, CHANNELS, **WINDOW),
    st.builds(o.BatchNorm2d),
    st.builds(o.MaxPool2d, st.integers(2, 3), st.one_of(st.none(), STRIDES), st.integers(0, 1), st.integers(1, 2), st.booleans()),
    st.builds(o.AvgPool2d, st.integers(2, 3), st.one_of(st.none(), STRIDES), st.integers(0, 1), st.booleans(), st.booleans()),
    st.builds(o.GlobalAvgPool2d),
]
LINEAR = st.builds(o.Linear, st.integers(1, 5), st.booleans())
OPS_BY_RANK: dict[int, st.SearchStrategy[Op]] = {
    3: st.one_of(st.one_of(OF_IMAGES), st.one_of(ANY_SHAPE)),
    2: st.one_of(LINEAR, st.one_of(ANY_SHAPE)),
    1: st.one_of(LINEAR, st.builds(o.BatchNorm1d), st.one_of(ANY_SHAPE)),
}
SHAPES = st.one_of(
    st.tuples(CHANNELS, st.integers(3, 7), st.integers(3, 7)),
    st.sampled_from([(4, 5, 5), (4, 5, 5), (4, 1, 1)]),
    st.tuples(st.integers(1, 4), st.integers(1, 5)),
    st.tuples(st.integers(1, 6)),
)


@st.composite
def genotypes(draw: Callable[..., object], most: int = 14) -> Genotype:
    """Networks with up to three inputs and outputs: values shared, summed twice, put out twice, or never used."""
    b = Builder(*draw(st.lists(SHAPES, min_size=1, max_size=3)))
    values = list(b.inputs)
    for _ in range(draw(st.integers(1, most))):
        recent = values[-4:] if draw(st.integers(0, 3)) else values
        x = draw(st.sampled_from(recent))
        op = draw(OPS_BY_RANK[len(x.shape)])
        values.append(b(op, *draw(operands(op, x, values))) if takes(op, x) else b(o.ReLU(), x))
    return b.genotype(*draw(st.lists(st.sampled_from(values[-5:]), min_size=1, max_size=3)))


def takes(op: Op, *inputs: Value) -> bool:
    """Whether the op takes these inputs; a product with itself stands for products."""
    try:
        op.infer(*(value.spec for value in (inputs * 2 if isinstance(op, o.Mul) and len(inputs) == 1 else inputs)))
    except ShapeError:
        return False
    return True


def operands(op: Op, x: Value, values: list[Value]) -> st.SearchStrategy[tuple[Value, ...]]:
    """Inputs of the op of which `x` is one."""
    if not isinstance(op, o.Add | o.Concat | o.Mul):
        return st.just((x,))
    fitting = st.sampled_from([value for value in values if takes(op, x, value)])
    fewest, most = (1, 1) if isinstance(op, o.Mul) else (0, 3)
    return st.lists(fitting, min_size=fewest, max_size=most).flatmap(lambda others: st.permutations([x, *others])).map(tuple)
