"""Genotypes as text: exact both ways, short where parts repeat, and one line with the place for every mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsearch import Builder, Genotype, GenotypeError, Node, Op, TensorSpec, load_space, register, zoo
from archsearch import ops as o
from archsearch.network.text_form import TextError, from_text, op_from_text, op_text, to_text
from archsearch.ops import OPS
from tests.op_examples import EXAMPLES
from tests.quickness import assert_quick
from tests.strategies_hypothesis import genotypes

RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
QUICK = settings(max_examples=300, suppress_health_check=RELAXED, deadline=None)
LONG = settings(max_examples=1_500, suppress_health_check=RELAXED, deadline=None)

RESIDUAL = """\
input x: 3x32x32
stem:
  conv2d(16, bias=False)
  batch_norm2d
  relu
stage1/block x3:
  conv2d(16, bias=False)
  batch_norm2d
  relu
  conv2d(16, bias=False)
  batch_norm2d
  sum: add with ^
  relu
stage2:
  block:
    conv2d(32, stride=2, bias=False)
    batch_norm2d
    relu
    conv2d(32, bias=False)
    batch_norm2d
    shortcut:
      conv2d(32, 1, stride=2, bias=False) from ^^
      batch_norm2d
    sum: add from batch_norm2d_1, shortcut/batch_norm2d
    relu
  block_1 x2:
    conv2d(32, bias=False)
    batch_norm2d
    relu
    conv2d(32, bias=False)
    batch_norm2d
    sum: add with ^
    relu
global_avg_pool2d
flatten
fc: linear(10)
output fc
"""


def residual() -> Genotype:
    """A small residual network, written by a builder."""
    b = Builder((3, 32, 32))
    with b.scope("stem"):
        x = conv_norm(b, b.input, o.Conv2d(16, bias=False))
        x = b(o.ReLU(), x)
    for number, width in enumerate((16, 32), 1):
        with b.scope(f"stage{number}"):
            for block in range(3):
                with b.scope("block"):
                    stride = 2 if width == 32 and block == 0 else 1
                    y = b(o.ReLU(), conv_norm(b, x, o.Conv2d(width, 3, stride, bias=False)))
                    y = conv_norm(b, y, o.Conv2d(width, bias=False))
                    if stride > 1:
                        with b.scope("shortcut"):
                            x = conv_norm(b, x, o.Conv2d(width, 1, stride, bias=False))
                    x = b(o.ReLU(), b(o.Add(), y, x, name="sum"))
    return b.genotype(b(o.Linear(10), b(o.Flatten(), b(o.GlobalAvgPool2d(), x)), name="fc"))


def conv_norm(b: Builder, x: Any, conv: Op) -> Any:
    return b(o.BatchNorm2d(), b(conv, x))


def assert_exact(genotype: Genotype) -> None:
    """Reading what is written gives an equal genotype, and writing that gives the same text."""
    text = to_text(genotype)
    again = from_text(text)
    assert again == genotype
    assert again.facts == genotype.facts
    assert to_text(again) == text


def test_a_residual_network_reads_like_its_paper() -> None:
    assert to_text(residual()) == RESIDUAL
    assert from_text(RESIDUAL) == residual()


def test_what_people_type() -> None:
    text = (
        """
    # a comment before anything
input 4x8x8     # the name of the only input may be left out
  """
        + """
a: conv2d( 4 ,kernel = (1, 3), bias=false ) # a comment
mid/inner:
   relu()
   mul from ^ , relu
   more:

      up: add with /a,relu,^^
b: elu(2) from mid/inner/more/up
output b,x,b
"""
    )
    genotype = from_text(text)
    assert [node.name for node in genotype.nodes] == ["a", "mid/inner/relu", "mid/inner/mul", "mid/inner/more/up", "b"]
    assert [node.inputs for node in genotype.nodes] == [(0,), (1,), (1, 2), (3, 1, 2, 1), (4,)]
    assert genotype.nodes[0].op == o.Conv2d(4, (1, 3), bias=False)
    assert genotype.outputs == (5, 0, 5)
    assert from_text(text.replace("\n", "\r\n")) == genotype
    assert_exact(genotype)


@pytest.mark.parametrize(
    ("names", "folds"),
    [
        (["block", "block_1", "block_2"], ["block x3:"]),
        (["block", "block_2"], ["block:", "block_2:"]),
        (["0", "1", "2"], ["0 x3:"]),
        (["8", "9", "10"], ["8 x3:"]),
        (["b08", "b09", "b10"], ["b08 x3:"]),
        (["b8", "b9", "b11", "b12"], ["b8 x2:", "b11 x2:"]),
        (["b1", "b0"], ["b1:", "b0:"]),
        (["a/1", "a/2"], ["a/1 x2:"]),
        (["a/b", "a_1/b"], ["a x2:", "  b:"]),
    ],
)
def test_which_neighbours_fold(names: list[str], folds: list[str]) -> None:
    nodes = tuple(Node(o.ReLU(), (i,), f"{name}/relu") for i, name in enumerate(names))
    genotype = Genotype((TensorSpec((4, 8, 8)),), nodes, (len(nodes),))
    assert_exact(genotype)
    assert [line for line in to_text(genotype).splitlines() if line.endswith(":")] == folds


def test_copies_fold_inside_copies() -> None:
    text = "input x: 4x8x8\na x3:\n  b x4:\n    relu\n    add with ^\n  c: tanh\noutput a_2/c\n"
    genotype = from_text(text)
    assert len(genotype.nodes) == 27
    assert genotype.nodes[10].name == "a_1/b/add"
    assert genotype.nodes[10].inputs == (10, 9)
    assert to_text(genotype) == text


def test_what_cannot_be_folded_is_written_out() -> None:
    text = "input x: 4x8x8\na:\n  relu\na_1:\n  relu from x\nb x2:\n  relu from x\noutput b_1/relu\n"
    assert to_text(from_text(text)) == text


def test_scopes_are_left_and_entered_again() -> None:
    text = "input x: 4x8x8\na:\n  relu\nb:\n  relu\na:\n  relu\n  add with ^, relu\noutput a/add\n"
    genotype = from_text(text)
    assert [node.name for node in genotype.nodes] == ["a/relu", "b/relu", "a/relu_1", "a/add"]
    assert genotype.nodes[3].inputs == (3, 2, 1)
    assert to_text(genotype) == text


def test_a_scope_may_be_called_like_an_input() -> None:
    text = "input x: 4x8x8\nx:\n  relu\n  add with x, ^\noutput x/add\n"
    assert from_text(text).nodes[1].inputs == (1, 0, 0)
    assert_exact(from_text(text))


def test_every_op_is_written_and_read() -> None:
    for cases in EXAMPLES.values():
        for op, _ in cases:
            assert op_from_text(op_text(op)) == op
    assert op_text(o.Conv2d(64, 7, stride=2, bias=False)) == "conv2d(64, 7, stride=2, bias=False)"
    assert op_text(o.MaxPool2d(5, padding=2)) == "max_pool2d(5, padding=2)"
    assert op_text(o.ReLU()) == "relu"
    assert op_text(o.Linear(10, bias=False)) == "linear(10, bias=False)"
    for op in (o.Conv2d(8, 5, bias=False), o.LeakyReLU(0.2), o.MaxPool2d(3, 2, 1, ceil=True)):
        assert op_from_text(str(op)) == op


@pytest.fixture
def odd() -> Any:
    @register("odd.op-2")
    @dataclass(frozen=True)
    class Odd(Op):
        mode: str
        table: tuple[tuple[int, ...], ...] = ()
        rate: float | None = None
        flag: bool = True

        def infer(self, *inputs: TensorSpec) -> TensorSpec:
            return inputs[0] if inputs else TensorSpec((4, 8, 8))

        def build(self, layers: Any, *inputs: TensorSpec) -> Any:
            return layers.Identity()

        def cost(self, *inputs: TensorSpec) -> o.Cost:
            return o.Cost()

        def saved(self, *inputs: TensorSpec) -> o.Saved:
            return o.Saved()

    yield Odd
    OPS.pop("odd.op-2", None)


@pytest.mark.parametrize("mode", ["bilinear", "true", "None", "a b", '"', "\\", "#", "x)", "é", "\ud800", "\n", "", "1"])
def test_fields_of_all_types(odd: Any, mode: str) -> None:
    for op in (odd(mode), odd(mode, ((1, 2), (3,), ()), 1e-300, False), odd(mode, rate=-2.5)):
        assert op_from_text(op_text(op)) == op
        nodes = (Node(op, (), "made"), Node(op, (1,), "odd"), Node(op, (1, 2, 0), "both"))
        assert_exact(Genotype((TensorSpec((4, 8, 8)),), nodes, (3,)))
    assert op_text(odd("bilinear", ((1,),), 2.0)) == "odd.op-2(bilinear, ((1,),), rate=2.0)"


def test_ops_that_no_text_can_stand_for_are_refused(odd: Any) -> None:
    with pytest.raises(GenotypeError, match=r"odd\.op-2 cannot be written as text: column 10: expected a number"):
        op_text(odd(1.5j))
    del OPS["odd.op-2"]
    with pytest.raises(GenotypeError, match=r"odd\.op-2 cannot be written as text: column 1: unknown op"):
        op_text(odd("gone"))


def test_ops_called_like_a_keyword_are_named() -> None:
    @register("output")
    @dataclass(frozen=True)
    class Output(o.Identity):
        pass

    try:
        assert_exact(Genotype((TensorSpec((4,)),), (Node(Output(), (0,), "output"), Node(Output(), (1,), "input")), (2, 1)))
    finally:
        del OPS["output"]


def test_zoo_and_spaces_round_trip() -> None:
    for name in zoo.names():
        assert_exact(zoo.build(name))
    for name in ("cell", "chain"):
        for seed in range(20):
            assert_exact(load_space(name).sample(np.random.default_rng(seed)).genotype)


HEAD = "input x: 4x8x8\n"
MISTAKES: list[tuple[str, str]] = [
    ("", "line 1, column 1: there is no input; begin with a line such as `input x: 3x224x224`"),
    ("relu\noutput relu", "line 1, column 1: there is no input"),
    ("input y: 4x8x8\noutput x", "line 1, column 7: inputs are called x, or x0, x1 .* call this one x$"),
    ("input x: 4\ninput y: 4\noutput x0", "line 1, column 7: .* call this one x0$"),
    ("input x: 4x0x8\noutput x", "line 1, column 10: every axis must be a whole number of at least 1"),
    ("input x: 4xx8\noutput x", "line 1, column 10: expected a shape such as 3x224x224, got '4xx8'"),
    ("input x: 1x1x1x1x1x1\noutput x", "line 1, column 10: a tensor has 1 to 4 axes"),
    (f"input x: {'9' * 400}\noutput x", "line 1, column 10: a number of 400 digits is not allowed"),
    (f"input x: {'9' * 200}\noutput x", r"line 1, column 10: shape .* is over the limit of 2\*\*31 elements"),
    ("input x: 4x8x8 8\noutput x", "line 1, column 16: unexpected '8'; end the line here"),
    (HEAD + "relu\n" + HEAD, "line 3, column 1: inputs stand before the nodes; move it up"),
    (HEAD + "relu", "line 2, column 1: there is no output line, the text may be cut off; end it with `output NAME`"),
    (HEAD + "output x\nrelu", "line 3, column 1: nothing may follow the output line; move it before"),
    (HEAD + "output relu", "line 2, column 8: 'relu' is no input and not made before this line"),
    (HEAD + "output ,", "line 2, column 8: expected the name of a value, got ','"),
    (HEAD + "output x x", "line 2, column 10: unexpected 'x'; end the line here"),
    (HEAD + "output ^", r"line 2, column 8: \^ means the value that enters a scope, and 0 are open here; write the value's name"),
    (HEAD + "a:\n  relu from ^^\noutput x", r"line 3, column 13: \^\^ means .* 1 are open here; write at most 1"),
    (HEAD + "rellu\noutput x", "line 2, column 1: unknown op 'rellu'; did you mean relu"),
    (HEAD + "  a: con2d(4)\noutput x", "line 2, column 3: indented by 2 spaces, where 0 are expected; only a line that ends in : opens"),
    (HEAD + "a: con2d(4)\noutput x", "line 2, column 4: unknown op 'con2d'; did you mean conv2d"),
    (HEAD + "a: conv2d(4, strid=2)\noutput x", "line 2, column 14: conv2d has no field 'strid'; did you mean stride"),
    (HEAD + "a: relu(4)\noutput x", "line 2, column 9: relu takes no fields; leave this out"),
    (HEAD + "a: relu(b=4)\noutput x", "line 2, column 9: relu has no field 'b'; it takes none"),
    (HEAD + "a: linear(4, true, 3)\noutput x", "line 2, column 20: linear takes only features, bias; leave this out"),
    (HEAD + "a: conv2d(4.5)\noutput x", "line 2, column 11: conv2d: channels=4.5 has the wrong type, expected a whole number"),
    (HEAD + "a: conv2d(true)\noutput x", "line 2, column 11: conv2d: channels=True has the wrong type"),
    (HEAD + "a: conv2d(4, bias=1)\noutput x", "line 2, column 19: conv2d: bias=1 has the wrong type, expected true or false"),
    (HEAD + "a: conv2d(4, (1, 2, 3))\noutput x", "line 2, column 14: conv2d: kernel=.* has the wrong type"),
    (HEAD + "a: conv2d\noutput x", r"line 2, column 4: conv2d needs the field 'channels'; write conv2d\(channels=\.\.\.\)"),
    (HEAD + "a: conv2d(4, channels=3)\noutput x", "line 2, column 14: conv2d: channels is given twice"),
    (HEAD + "a: conv2d(channels=3, 4)\noutput x", "line 2, column 23: a field without its name stands after one with"),
    (HEAD + "a: conv2d(0)\noutput x", "line 2, column 4: conv2d: channels=0 must be a whole number of at least 1"),
    (HEAD + "a: conv2d(1e999)\noutput x", "line 2, column 11: 1e999 is not allowed; write a finite number"),
    (HEAD + "a: conv2d(4\noutput x", r"line 2, column 12: expected , or \) after a field, got the end of the line"),
    (HEAD + "a: conv2d(4 # )\noutput x", r"line 2, column 13: expected , or \) after a field, got '#'"),
    (HEAD + "a: conv2d(,)\noutput x", "line 2, column 11: expected a number, true, .* got ','"),
    (HEAD + "a: conv2d(((((((1)))))))\noutput x", "line 2, column 15: lists are nested more than 4 deep"),
    (HEAD + 'a: conv2d("4)\noutput x', "line 2, column 11: expected a number, true"),
    (HEAD + 'a: conv2d("\\q")\noutput x', "line 2, column 11: the text .* is not written as in JSON"),
    (HEAD + "a: conv2d(4) x\noutput x", "line 2, column 14: unexpected 'x' after the op; write `from` or `with`"),
    (HEAD + "a: add from\noutput x", "line 2, column 12: expected the name of a value, got the end of the line"),
    (HEAD + "a: add from x,\noutput x", "line 2, column 15: expected the name of a value, got the end of the line"),
    (HEAD + "a: add from b\nb: relu\noutput x", "line 2, column 13: 'b' is no input and not made before this line; a node reads"),
    (HEAD + "abcd: relu\nb: relu from abce\noutput x", "line 3, column 14: 'abce' is no input .* did you mean abcd"),
    (HEAD + "a: relu\na: relu\noutput x", "line 3, column 1: node 'a' has the name of a value made at line 2; names must differ"),
    (HEAD + "x: relu\noutput x", "line 2, column 1: node 'x' has the name of a value; names must differ"),
    (HEAD + "a:\n  relu\na: relu\noutput x", "line 4, column 1: node 'a' has the name of a scope"),
    (HEAD + "a: relu\na:\n  relu\noutput x", "line 3, column 1: scope 'a' has the name of a value made at line 2; rename one of them"),
    (HEAD + "a: relu\na/b: relu\noutput x", "line 3, column 1: scope 'a' has the name of a value made at line 2"),
    (HEAD + "a//b: relu\noutput x", "line 2, column 1: 'a//b' is no name: letters"),
    (HEAD + "a//b:\n  relu\noutput x", "line 2, column 1: 'a//b' is no name of a scope"),
    (HEAD + "a" * 101 + ": relu\noutput x", "line 2, column 1: 'a+' is no name"),
    (HEAD + "9" * 100 + " x2:\n relu\noutput x", "line 2, column 1: '10+' is no name of a scope"),
    (HEAD + "a:\noutput x", "line 2, column 1: scope 'a' holds nothing; indent its nodes below it, or drop this line"),
    (HEAD + "a x0:\n  relu\noutput x", "line 2, column 4: a scope stands at least once"),
    (HEAD + "a 3x:\n  relu\noutput x", "line 2, column 1: unknown op 'a'"),
    (HEAD + "a:\n    relu\n  relu\noutput x", "line 4, column 3: indented by 2 spaces, where 0 are expected"),
    (HEAD + "a:\n\trelu\noutput x", "line 3, column 1: a tab in the indentation; indent with spaces"),
    (HEAD + "a: linear(3)\noutput x", r"line 2, column 1: node 'a': linear needs a vector .*, got shape \(4, 8, 8\)"),
    (HEAD + "b x3:\n  mul\noutput x", "line 3, column 3: node 'b/mul': mul does not take 1 inputs"),
    (HEAD + "b x3:\n  max_pool2d(3)\noutput x", r"line 3, column 3: node 'b_1/max_pool2d': .*kernel=3 does not fit into \(4, 2, 2\)"),
    ("input x0: 4\ninput x1: 4\nrelu\noutput x0", "line 3, column 1: node 'relu': there are several inputs; say which it reads"),
    ("input x0: 4\ninput x1: 4\na:\n  relu from ^\noutput x0", r"line 4, column 13: \^: several inputs enter this scope; write"),
    (HEAD + "/".join("a" * 20) + ":\n relu\noutput x", "line 2, column 1: scopes stand more than 19 deep"),
    (HEAD + "a x20001:\n  relu\noutput x", "line 2, column 4: with this there are over 20000 nodes, repeated ones counted"),
    (HEAD + "a x9999999999999999:\n  relu\noutput x", "line 2, column 4: with this there are over 20000 nodes"),
    (HEAD + f"a x{'9' * 5000}:\n  relu\noutput x", "line 2, column 4: a number of 5000 digits is not allowed"),
    (HEAD + "a x200:\n  b x200:\n    relu\noutput x", "line 3, column 6: with this there are over 20000 nodes"),
    (HEAD + "a x9999:\n  relu\n  relu\n  relu\noutput x", "line 5, column 3: with this there are over 20000 nodes"),
    (HEAD + f"a x9999:\n  add from {', '.join(['x'] * 99)}\noutput x", "line 3, column 3: with this the nodes read over 262,144 values"),
    (HEAD + f"a x9999:\n  y: relu # {'y' * 9000}\noutput x", "line 3, column 3: with this the text has over 16,777,216 char"),
    (" " * (16 * 2**20 + 1), "line 1, column 1: the text has 16,777,217 characters, over the limit of 16,777,216"),
    ("\n" * 600_000, "line 1, column 1: the text has over 500,000 lines"),
    (HEAD + "é: relu\noutput x", r"line 2, column 1: expected an op such as conv2d\(64, 3\), got '\\xe9:'"),
    (HEAD + "\x00\noutput x", r"line 2, column 1: expected an op such as .*, got '\\x00'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_are_told_with_their_place(text: str, message: str) -> None:
    assert_quick(1, lambda: assert_refused(text, message))


def assert_refused(text: str, message: str) -> None:
    """The text gives one line of TextError, which matches the message."""
    with pytest.raises(TextError, match=message) as caught:
        from_text(text)
    assert_one_line(str(caught.value))


def assert_one_line(message: str) -> None:
    """The message is one line that a terminal shows whole."""
    assert message.isprintable()
    assert len(message) < 400


HUGE: dict[str, Callable[[], str]] = {
    "comments": lambda: "#" * 100 + ("\n" + "#" * 32) * 490_000,
    "one comment": lambda: HEAD + "#" * 2**24,
    "one word": lambda: HEAD + "a" * 2**23,
    "one label": lambda: HEAD + "a/" * 2**22 + ":",
    "one number": lambda: HEAD + "conv2d(" + "1" * 2**23,
    "one quoted text": lambda: HEAD + 'conv2d("' + "\\" * 2**23,
    "spaces": lambda: HEAD + "relu" + " " * 2**23 + "!",
    "brackets": lambda: HEAD + "conv2d(" + "(" * 2**23,
    "values": lambda: HEAD + "conv2d(" + "1," * 2**22,
    "values in lists": lambda: HEAD + "conv2d((" + "1," * 2**22,
    "ops of many values": lambda: HEAD + "".join(f"conv2d(({'1,' * 1000}{i}))\n" for i in range(2000)),
    "names": lambda: HEAD + "add from " + "x," * 2**22,
    "carets": lambda: HEAD + "a:\n  add from " + "^" * 2**23,
    "deep": lambda: HEAD + "".join(" " * i + "a:\n" for i in range(2000)),
    "long lookups": lambda: HEAD + f"{'/'.join(['a' * 99] * 19)} x999:\n  add from {','.join(['x'] * 50)}\noutput x",
    "many lookups": lambda: HEAD + f"{'/'.join(['a'] * 19)} x4999:\n  add from {','.join(['x'] * 100)}\noutput x",
    "unlike names": lambda: (
        HEAD + "".join(f"a{i}{'bcdefgh' * 13}: relu\n" for i in range(15_000)) + "relu from " + "a1b" * 2**20 + "\noutput x"
    ),
    "shapes": lambda: "input x: " + "1x" * 2**22 + "1",
    "inputs": lambda: "input 4\n" * 400_000,
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_texts_are_refused_quickly(name: str) -> None:
    text = HUGE[name]()
    assert_quick(1, lambda: assert_refused(text, r"^line \d+, column \d+: "))


@st.composite
def named_anew(draw: Callable[[Any], Any]) -> Genotype:
    """Random networks whose nodes have names that scopes, kinds and numbers make hard to write."""
    genotype = draw(genotypes())
    scopes = draw(st.lists(st.sampled_from(["", "a", "a/b", "a_1", "1", "2", "3", "relu", "a/relu", "c/d/e", "x"]), min_size=1, max_size=3))
    names: list[str] = []
    for node in genotype.nodes:
        scope = draw(st.sampled_from(scopes)) if draw(st.booleans()) or not names else names[-1].rpartition("/")[0]
        last = draw(st.sampled_from([node.op.kind, "relu", "relu_1", "x", "from", "1"]))
        name = f"{scope}/{last}" if scope else last
        taken = {*names, *genotype.input_names, *(part for n in [*names, *scopes] for part in (n, f"{n}/".rpartition("/")[0]))}
        names.append(next(n for n in (name, *(f"{name}_{i}" for i in range(1, 99))) if n not in taken and n not in scopes))
    nodes = tuple(Node(node.op, node.inputs, name) for node, name in zip(genotype.nodes, names, strict=True))
    try:
        return Genotype(genotype.inputs, nodes, genotype.outputs)
    except GenotypeError:
        return genotype


BLOCKS = (
    [o.Conv2d(4), o.ReLU()],
    [o.ReLU()],
    [o.Conv2d(4), o.Add(), o.ReLU()],
    [o.Conv2d(4), o.Conv2d(4), o.Mul(), o.Add()],
)
NAMES = ("block", "block_1", "1", "2", "b09", "a/b", "relu", "conv2d")


@st.composite
def stacked(draw: Callable[[Any], Any]) -> Genotype:
    """Networks of blocks that often repeat, in scopes of counted and of other names, with links to what enters and to elsewhere."""
    b = Builder((4, 8, 8))
    x, made = b.input, [b.input]
    for _ in range(draw(st.integers(1, 4))):
        block, name = draw(st.sampled_from(BLOCKS)), draw(st.sampled_from(NAMES))
        link = draw(st.sampled_from(["entering", "input", "any"]))
        for copy in range(draw(st.integers(1, 4))):
            counted = f"{name[:-1]}{int(name[-1]) + copy}" if name[-1].isdigit() and name != "b09" else name
            with b.scope(counted):
                entering = x
                for op in block:
                    other = {"entering": entering, "input": b.input, "any": made[len(made) // 2]}[link]
                    x = b(op, x, other) if isinstance(op, o.Add | o.Mul) else b(op, x)
                    made.append(x)
        if draw(st.booleans()):
            x = b(o.ReLU(), x)
    return b.genotype(x, draw(st.sampled_from(made)))


ANY = st.one_of(genotypes(), named_anew(), stacked())


@QUICK
@given(ANY)
def test_any_network_round_trips(genotype: Genotype) -> None:
    assert_exact(genotype)


@pytest.mark.slow
@settings(LONG, max_examples=1_000)
@given(ANY)
def test_any_of_very_many_networks_round_trips(genotype: Genotype) -> None:
    assert_exact(genotype)


INFIX = st.one_of(
    st.sampled_from(
        ["", " ", "  ", "\n", "\n  ", ":", ",", "(", ")", "^", "/", "#", '"', "=", "0", "9" * 400, "-1", "e9", "x", " x3:", "\t", "\x00"]
    ),
    st.sampled_from(
        [" from x", " with ^", "output ", "input x: 3x4x4\n", "relu\n", "add", "conv2d(", "a x99999:\n  ", "é", "\ud800", "\r"]
    ),
    st.text(max_size=6),
)
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), INFIX), min_size=1, max_size=3)


def damaged(text: str, damage: list[tuple[float, int, str]]) -> str:
    """The text with stretches cut out or replaced."""
    for place, length, infix in damage:
        start = int(place * len(text))
        text = text[:start] + infix + text[start + length :]
    return text


def assert_reads_or_refuses(text: str) -> None:
    """The text gives a genotype that round trips, or one line of TextError, within a second."""
    genotype = assert_quick(1, lambda: read_or_refused(text))
    if genotype is not None:
        assert_exact(genotype)


def read_or_refused(text: str) -> Genotype | None:
    """The genotype of a text; None when it is refused, in one line."""
    try:
        return from_text(text)
    except TextError as error:
        assert_one_line(str(error))
        return None


TEXTS = st.one_of(st.just(RESIDUAL), ANY.map(to_text))


@QUICK
@given(TEXTS, DAMAGE)
def test_damaged_text_is_read_or_refused_in_one_line(text: str, damage: list[tuple[float, int, str]]) -> None:
    assert_reads_or_refuses(damaged(text, damage))


@pytest.mark.slow
@LONG
@given(TEXTS, DAMAGE)
def test_very_much_damaged_text_is_read_or_refused_in_one_line(text: str, damage: list[tuple[float, int, str]]) -> None:
    assert_reads_or_refuses(damaged(text, damage))


def test_a_large_network_is_folded_and_read() -> None:
    genotype = from_text(HEAD + "a x100:\n  b x33:\n    c x2:\n      conv2d(4)\n      relu\n    add with ^\n    tanh\noutput x")
    assert len(genotype.nodes) == 100 * 33 * 6
