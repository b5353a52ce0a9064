"""Edits: what follows from one is mended where the answer is obvious, else refused in one line; the rest stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsearch import Genotype, Node, compile_network, zoo
from archsearch import ops as o
from archsearch.analysis.population import Population
from archsearch.design.edit import (
    Edit,
    EditError,
    Insert,
    Remove,
    Rename,
    Replace,
    SetField,
    apply,
    insert,
    parse_edit,
    remove,
    rename,
    replace,
    set_field,
)
from archsearch.network.text_form import TextError, from_text, to_text
from archsearch.ops.fields import field_types
from tests.quickness import assert_quick
from tests.strategies_hypothesis import OF_IMAGES, OPS_BY_RANK, genotypes

RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large]
QUICK = settings(max_examples=300, suppress_health_check=RELAXED, deadline=None)
LONG = settings(max_examples=1_000, suppress_health_check=RELAXED, deadline=None)

RESIDUAL = """\
input x: 3x16x16
stem: conv2d(8)
block x3:
  conv2d(8)
  batch_norm2d
  relu
  conv2d(8)
  add with ^
down:
  conv2d(16, stride=2)
  skip: conv2d(16, 1, stride=2) from ^
  add from conv2d, skip
head:
  global_avg_pool2d
  flatten
  linear(10)
output head/linear
"""


def edited(text: str, *edits: str) -> str:
    """The text of a network after edits given as text."""
    return to_text(apply(from_text(text), [parse_edit(edit) for edit in edits]))


def changed(text: str, *edits: str) -> tuple[list[str], list[str]]:
    """Lines that edits take away and lines that they bring, scopes unfolded by their names."""
    before, after = (lines(each) for each in (from_text(text), apply(from_text(text), [parse_edit(edit) for edit in edits])))
    return [line for line in before if line not in after], [line for line in after if line not in before]


def lines(genotype: Genotype) -> list[str]:
    """Every node with its full name, op and inputs."""
    names = genotype.value_names
    return [f"{node.name}: {node.op} < {', '.join(names[i] for i in node.inputs)}" for node in genotype.nodes]


def ops(text: str, *edits: str) -> dict[str, str]:
    """Ops by name after edits."""
    return {node.name: str(node.op) for node in apply(from_text(text), [parse_edit(edit) for edit in edits]).nodes}


def test_widths_that_are_no_fields_follow_by_themselves() -> None:
    before, after = changed(RESIDUAL, "block/conv2d.channels=5")
    assert before == ["block/conv2d: conv2d(channels=8) < stem"]
    assert after == ["block/conv2d: conv2d(channels=5) < stem"]


def test_what_is_added_up_follows_through_the_whole_stage() -> None:
    widths = ops(RESIDUAL, "block_1/conv2d_1.channels=12")
    assert {name for name, op in widths.items() if "channels=12" in op} == {"stem", *(f"block{i}/conv2d_1" for i in ("", "_1", "_2"))}
    assert widths["block/conv2d"] == "conv2d(channels=8)"
    assert widths == ops(RESIDUAL, "stem.channels=12")


def test_a_projection_where_a_width_cannot_follow() -> None:
    text = RESIDUAL.replace("stem: conv2d(8)", "stem: concat with x").replace("conv2d(8)", "conv2d(6)")
    before, after = changed(text, "block/conv2d_1.channels=12")
    assert before == [
        "block/conv2d_1: conv2d(channels=6) < block/relu",
        "block/add: add() < block/conv2d_1, stem",
        "block_1/conv2d_1: conv2d(channels=6) < block_1/relu",
        "block_2/conv2d_1: conv2d(channels=6) < block_2/relu",
    ]
    assert after[1:3] == [
        "block/projection: conv2d(channels=12, kernel=1, bias=False) < stem",
        "block/add: add() < block/conv2d_1, block/projection",
    ]


def test_a_projection_with_the_stride_that_matches() -> None:
    _, after = changed(RESIDUAL, "block_1/conv2d_1.stride=2")
    assert "block_1/projection: conv2d(channels=8, kernel=1, stride=2, bias=False) < block/add" in after
    _, after = changed(RESIDUAL, "block_1/conv2d_1=conv2d(9, 3, (1, 3))")
    assert "block_1/projection: conv2d(channels=9, kernel=1, stride=(1, 3), bias=False) < block/add" in after
    text = "input x: 5x7\nlinear(7)\nadd with x\noutput add"
    assert ops(text, "linear.features=9")["projection"] == "linear(features=9, bias=False)"


def test_a_stride_on_a_branch_of_its_own_follows() -> None:
    before, after = changed(RESIDUAL, "down/conv2d.stride=1")
    assert [line.partition(" <")[0] for line in after] == ["down/conv2d: conv2d(channels=16)", "down/skip: conv2d(channels=16, kernel=1)"]
    assert len(before) == 2


def test_gates_follow_what_they_gate() -> None:
    text = """
input x: 3x8x8
conv: conv2d(8)
gate:
  global_avg_pool2d
  squeeze: conv2d(2, 1)
  excite: conv2d(8, 1)
  sigmoid
mul from conv, gate/sigmoid
output mul
"""
    assert ops(text, "conv.channels=12")["gate/excite"] == "conv2d(channels=12, kernel=1)"
    assert ops(text, "conv.channels=12")["gate/squeeze"] == "conv2d(channels=2, kernel=1)"
    assert ops(text, "gate/excite.channels=12")["conv"] == "conv2d(channels=12)"
    assert ops(text, "conv.stride=2") == {**ops(text), "conv": "conv2d(channels=8, stride=2)"}


@pytest.mark.parametrize(
    ("op", "width", "wanted"),
    [
        ("conv2d(8, groups=8)", 12, "conv2d(channels=12, groups=12)"),
        ("conv2d(8, groups=8)", 16, "conv2d(channels=16, groups=16)"),
        ("conv2d(24, groups=8)", 5, "conv2d(channels=15, groups=5)"),
        ("conv2d(8, groups=4)", 12, "conv2d(channels=8, groups=4)"),
        ("conv2d(12, groups=4)", 6, "conv2d(channels=12, groups=3)"),
        ("depthwise_conv2d(multiplier=2)", 5, "depthwise_conv2d(multiplier=2)"),
        ("batch_norm2d", 5, "batch_norm2d()"),
        ("linear(4)", 5, "linear(features=4)"),
    ],
)
def test_groups_follow_a_new_width(op: str, width: int, wanted: str) -> None:
    flat = "  flatten\n" if op.startswith("linear") else ""
    text = f"input x: 3x8x8\nconv: conv2d(8)\n{flat.strip()}\nnext: {op}\noutput next"
    assert ops(text, f"conv.channels={width}")["next"] == wanted


def test_groups_and_widths_that_are_given_stay() -> None:
    text = "input x: 3x8x8\nconv: conv2d(8)\nnext: conv2d({}, groups={})\noutput next"
    assert ops(text.format(8, 8), "conv.channels=12", "next.channels=24")["next"] == "conv2d(channels=24, groups=12)"
    assert ops(text.format(12, 4), "conv.channels=6")["next"] == "conv2d(channels=12, groups=3)"
    with pytest.raises(EditError, match=r"node 'next': conv2d: groups=4 must divide 6 input and 12 output channels"):
        edited(text.format(12, 4), "conv.channels=6", "next.groups=4")
    with pytest.raises(EditError, match=r"node 'add': add needs equal shapes.* nothing obvious brings 'skip' from 4x4x4 to 4x8x8"):
        edited(
            "input x: 3x8x8\na: conv2d(4, stride=2)\nskip: conv2d(4, stride=2) from x\nadd with a\noutput add",
            "a.stride=1",
            "skip.stride=2",
        )


def test_a_depthwise_convolution_in_the_way_of_a_width_follows_too() -> None:
    text = "input x: 3x8x8\na: conv2d(8)\nb: conv2d(8, groups=8)\nc: conv2d(8) from x\nadd with b\noutput add"
    assert ops(text, "c.channels=12") == {
        "a": "conv2d(channels=12)", "b": "conv2d(channels=12, groups=12)", "c": "conv2d(channels=12)", "add": "add()",
    }  # fmt: skip


def test_what_is_edited_is_never_changed() -> None:
    both = ops(RESIDUAL, "block/conv2d_1.channels=12", "block_2/conv2d_1.channels=12", "stem.channels=12")
    assert both == ops(RESIDUAL, "stem.channels=12")
    apart = ops("input x: 3x8x8\na: conv2d(8)\nb: conv2d(8) from x\nc: conv2d(8) from x\nadd from a, b, c\noutput add", "b.channels=4")
    assert set(apart.values()) == {"conv2d(channels=4)", "add()"}
    with pytest.raises(EditError, match=r"node 'add': add needs equal shapes.*; no one shape follows from the edits for all that it reads"):
        edited("input x: 3x8x8\na: conv2d(8)\nb: conv2d(8) from x\nadd from a, b\noutput add", "a.channels=4", "b.channels=5")


def test_fields_left_to_their_defaults_follow_the_field() -> None:
    assert ops(RESIDUAL, "block/conv2d.kernel=5")["block/conv2d"] == "conv2d(channels=8, kernel=5)"
    text = "input x: 3x9x9\nconv2d(8, padding=0)\noutput conv2d"
    assert ops(text, "conv2d.kernel=5")["conv2d"] == "conv2d(channels=8, kernel=5, padding=0)"


@pytest.mark.parametrize("op", ["max_pool2d", "avg_pool2d", "max_pool2d(2, 2)", "lp_pool2d(2, 2)", "max_pool_indices2d"])
def test_the_stride_of_a_pooling_stays(op: str) -> None:
    text = f"input x: 3x16x16\npool: {op}\noutput pool"
    for side in (3, 1):
        pool = apply(from_text(text), [parse_edit(f"pool.kernel={side}")]).nodes[0].op
        assert (pool.kernel, pool.stride) == (side, 2)  # type: ignore[attr-defined]
        assert Population(from_text(text), {"pool:kernel": [side]}).genotype(0).nodes[0].op == pool


def test_fields_that_edits_have_written_out_stay_in_later_ones() -> None:
    text = "input x: 3x9x9\nc: conv2d(8)\noutput c"
    assert ops(text, "c.padding=1", "c.kernel=5")["c"] == "conv2d(channels=8, kernel=5, padding=1)"
    assert ops(text, "c=conv2d(8, 3, padding=1)", "c.kernel=5")["c"] == "conv2d(channels=8, kernel=5)"
    assert ops(text, "c=conv2d(8, 3, padding=0)", "c.kernel=5")["c"] == "conv2d(channels=8, kernel=5, padding=0)"
    assert ops(text, "c.dilation=2", "c.kernel=5")["c"] == "conv2d(channels=8, kernel=5, dilation=2)"
    assert ops(text, "c.padding=1", "c=conv2d(8)", "c.kernel=5")["c"] == "conv2d(channels=8, kernel=5)"


def test_of_two_fields_that_say_one_thing_the_new_one_counts() -> None:
    text = "input x: 3x8x8\nu: upsample(3)\nf: fractional_max_pool2d(size=5)\noutput f"
    assert ops(text, "u.size=16", "f.ratio=0.5") == {"u": "upsample(size=16)", "f": "fractional_max_pool2d(ratio=0.5)"}
    with pytest.raises(EditError, match=r"edit 2, 'u.size=16': node 'u': upsample: scale=2 and size=16 are given; give one of them"):
        edited(text, "u.scale=2", "u.size=16")


CHUNK = """
input x: 3x8x8
y: conv2d(64)
relu
a: slice(0, 32)
b: slice(32) from relu
gate: conv2d(32, 1)
sigmoid
mul from a, sigmoid
head: conv2d(5, 1)
output head
"""
DUAL = """
input x: 3x8x8
p: conv2d(16)
q: conv2d(48) from x
concat from p, q
relu
a: slice(0, 16)
b: slice(16, 64) from relu
g: conv2d(16, 1)
add from a, g
concat_1: concat from add, b
head: conv2d(5, 1)
output head
"""
UNEVEN = CHUNK.replace("64", "7").replace("slice(0, 32)", "slice(0, 3)").replace("slice(32)", "slice(4)").replace("32", "3")
NESTED = """
input x: 3x8x8
p: conv2d(8)
q: conv2d(8) from x
r: conv2d(16) from x
concat from q, r
outer: concat from p, concat
a: slice(16, 32)
g: conv2d(16, 1)
add from a, g
output add
"""


@pytest.mark.parametrize(
    ("text", "edits", "wanted"),
    [
        (UNEVEN, ["gate.channels=4"], {"y": "conv2d(channels=7)", "projection": "conv2d(channels=4, kernel=1, bias=False)"}),
        (NESTED, ["p.channels=12", "q.channels=6"], {"a": "slice(start=18, stop=34)", "g": "conv2d(channels=16, kernel=1)"}),
        (CHUNK, ["gate.channels=48"], {"y": "conv2d(channels=96)", "a": "slice(stop=48)", "b": "slice(start=48)"}),
        (CHUNK, ["y.channels=128"], {"a": "slice(stop=64)", "b": "slice(start=64)", "gate": "conv2d(channels=64, kernel=1)"}),
        (CHUNK, ["y.channels=65"], {"a": "slice(stop=32)", "b": "slice(start=32)"}),
        (CHUNK, ["y.channels=128", "a.stop=32", "b.start=96"], {"gate": "conv2d(channels=32, kernel=1)"}),
        (CHUNK, ["y.channels=64", "gate.channels=48"], {"a": "slice(stop=32)", "projection": "conv2d(channels=48, kernel=1, bias=False)"}),
        (DUAL, ["g.channels=24"], {"p": "conv2d(channels=24)", "a": "slice(stop=24)", "b": "slice(start=24, stop=72)"}),
        (DUAL, ["p.channels=24"], {"g": "conv2d(channels=24, kernel=1)", "a": "slice(stop=24)", "b": "slice(start=24, stop=72)"}),
        (DUAL, ["q.channels=24"], {"a": "slice(stop=16)", "b": "slice(start=16, stop=40)", "g": "conv2d(channels=16, kernel=1)"}),
        (DUAL, ["p.channels=24", "q.channels=40"], {"a": "slice(stop=24)", "b": "slice(start=24, stop=64)"}),
        (DUAL, ["insert silu after concat", "g.channels=8"], {"p": "conv2d(channels=8)", "b": "slice(start=8, stop=56)"}),
    ],
    ids=lambda part: ",".join(part) if isinstance(part, list) else "",
)
def test_cuts_move_with_the_width_that_they_divide(text: str, edits: list[str], wanted: dict[str, str]) -> None:
    after = ops(text, *edits)
    assert {name: after[name] for name in wanted} == wanted
    given = dict(edit.split("=") for edit in edits if "=" in edit)
    assert ("projection" in after) == ("projection" in wanted)
    assert all(f"={value}" in after[field.partition(".")[0]] for field, value in given.items())


def test_ops_are_replaced() -> None:
    assert ops(RESIDUAL, "block/relu=gelu")["block/relu"] == "gelu()"
    assert ops(RESIDUAL, "block/conv2d_1 = max_pool2d(3, 1, 1)")["block/add"] == "add()"
    assert ops(RESIDUAL, "head/linear=linear(3, bias=false)")["head/linear"] == "linear(features=3, bias=False)"


def test_nodes_are_inserted() -> None:
    _, after = changed(RESIDUAL, "insert dropout(0.2) after head/flatten")
    assert after == ["head/dropout: dropout(p=0.2) < head/flatten", "head/linear: linear(features=10) < head/dropout"]
    assert changed(RESIDUAL, "insert dropout(0.2) before head/linear")[1] == after
    _, after = changed(RESIDUAL, "insert a/b: relu between stem and block/add")
    assert after == ["a/b: relu() < stem", "block/add: add() < block/conv2d_1, a/b"]
    _, after = changed(RESIDUAL, "insert conv2d(5) after stem", "insert relu after x")
    assert "conv2d: conv2d(channels=5) < stem" in after
    assert "stem: conv2d(channels=8) < relu" in after
    assert sum("channels=5" in line for line in after) == 4
    assert edited(RESIDUAL, "insert softplus after head/linear").endswith("output head/softplus\n")
    names = ops(RESIDUAL, "insert relu after block/relu", "insert relu after block/relu")
    assert [name for name in names if name.startswith("block/relu")] == ["block/relu", "block/relu_2", "block/relu_1"]


def test_nodes_and_scopes_are_removed() -> None:
    assert "block/relu" not in ops(RESIDUAL, "remove block/relu")
    before, after = changed(RESIDUAL, "remove block_1")
    assert len(before) == 5 + 2
    assert after == ["block_2/conv2d: conv2d(channels=8) < block/add", "block_2/add: add() < block_2/conv2d_1, block/add"]
    assert edited(RESIDUAL, "remove head").endswith("output down/add\n")
    assert list(ops(RESIDUAL, "remove down/add keeping down/conv2d"))[-4:] == [
        "down/conv2d",
        "head/global_avg_pool2d",
        "head/flatten",
        "head/linear",
    ]
    widths = ops(RESIDUAL, "remove block", "remove stem")
    assert widths["block_1/conv2d_1"] == widths["block_2/conv2d_1"] == "conv2d(channels=3)"
    dead = "input x: 3\na: relu\nb: relu from x\nc: tanh\noutput a"
    assert list(ops(dead, "remove c")) == ["a"]
    assert list(ops(dead, "remove a")) == ["b", "c"]


def test_nodes_and_scopes_are_renamed() -> None:
    assert "entry" in ops(RESIDUAL, "rename stem to entry")
    names = ops(RESIDUAL, "rename block to stage1/first", "rename block_1 to block")
    assert "stage1/first/relu" in names
    assert "block/relu" in names
    assert "block_1/relu" not in names
    assert list(ops("input x: 3\na:\n  relu\n  a:\n    relu\noutput a/a/relu", "rename a to a/a")) == ["a/a/relu", "a/a/a/relu"]


def test_functions_do_what_edits_do() -> None:
    genotype = from_text(RESIDUAL)
    assert set_field(genotype, "stem", "channels", 12) == apply(genotype, [SetField("stem", "channels", 12)])
    assert replace(genotype, "block/relu", o.GELU()) == apply(genotype, [Replace("block/relu", o.GELU())])
    assert insert(genotype, o.ReLU(), after="stem", name="act") == apply(genotype, [Insert(o.ReLU(), after="stem", name="act")])
    assert remove(genotype, "down/add", "down/skip") == apply(genotype, [Remove("down/add", "down/skip")])
    assert rename(genotype, "stem", "entry") == apply(genotype, [Rename("stem", "entry")])
    assert apply(genotype, []) == genotype


REFUSED = [
    ("stm.channels=3", "no value is called 'stm'; did you mean stem"),
    ("zzz.channels=3", "no value is called 'zzz'; names are full ones, such as 'head/linear'"),
    ("block.channels=3", "'block' is a scope of 5 nodes; name one of them, such as 'block/conv2d'"),
    ("x.channels=3", "'x' is an input of the network and has no op; name a node"),
    ("stem.chanels=3", "node 'stem': conv2d has no field 'chanels'; did you mean channels"),
    ("block/relu.slope=3", "node 'block/relu': relu has no field 'slope'; it takes none"),
    ("stem.channels=wide", "node 'stem': conv2d: channels=wide has the wrong type, expected a whole number"),
    ("stem.channels=true", "node 'stem': conv2d: channels=True has the wrong type"),
    ("stem.channels=0", "node 'stem': conv2d: channels=0 must be a whole number of at least 1"),
    ("stem.channels=2147483648", "node 'stem': shape .* use smaller sizes"),
    ("stem.channels=2000000000", "node 'stem': .*use"),
    ("stem.groups=2", "node 'stem': conv2d: groups=2 must divide 3 input and 8 output channels"),
    ("stem=flatten", r"node 'block/conv2d': conv2d needs an image .*; the edits bring it 768 instead of 8x16x16, so edit this node too"),
    ("block/relu=mul", "node 'block/relu': mul does not take 1 inputs"),
    ("block/conv2d_1.kernel=2", "node 'block/add': add needs equal shapes.*nothing obvious brings 'stem' from 8x16x16 to 8x15x15"),
    ("insert linear(3) after stem", "node 'linear': linear needs a vector"),
    ("insert relu after nowhere", "no value is called 'nowhere'"),
    ("insert relu before x", "'x' is an input of the network"),
    ("insert relu before block/add", "node 'block/add' reads block/conv2d_1, stem; say which, as in `between VALUE and block/add`"),
    ("insert relu between x and block/add", "node 'block/add' does not read 'x' but block/conv2d_1, stem"),
    ("insert stem: relu after stem", "there is a value called 'stem' already; choose another name"),
    ("insert block: relu after stem", "there is a scope called 'block' already"),
    ("insert stem/relu: relu after stem", "node 'stem' has the name of an input or of a scope"),
    (f"insert {'a' * 101}: relu after stem", "is no name: letters"),
    ("remove nowhere", "no value is called 'nowhere'"),
    ("remove x", "'x' is an input of the network"),
    ("remove block/add", "'block/add' reads block/conv2d_1, stem; say which stays, as in `remove block/add keeping block/conv2d_1`"),
    ("remove block/add keeping x", "'block/add' does not read 'x' but block/conv2d_1, stem"),
    ("rename nowhere to somewhere", "no value is called 'nowhere'"),
    ("rename stem to block", "node 'block' has the name of an input or of a scope; rename it"),
    ("rename stem to block/relu", "there is a value called 'block/relu' already"),
    ("rename stem to x", "there is a value called 'x' already"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), REFUSED)
def test_what_cannot_be_is_refused_in_one_line(edit: str, message: str) -> None:
    with pytest.raises(EditError, match=message) as caught:
        edited(RESIDUAL, edit)
    assert_one_line(str(caught.value))


def assert_one_line(message: str) -> None:
    """The message is one line of reasonable length."""
    assert message.isprintable()
    assert len(message) < 400


def test_scopes_that_several_values_leave_are_refused() -> None:
    text = "input x: 3\na:\n  relu\n  tanh\nadd from a/relu, a/tanh\noutput add"
    with pytest.raises(
        EditError, match="'a': a/relu, a/tanh are read from outside, and one value cannot stand for all; remove nodes one by one"
    ):
        edited(text, "remove a")


def test_a_value_made_later_cannot_stay() -> None:
    text = "input x: 3\na: relu\nb: tanh\nc/add: add from a, x\nd: sigmoid from a\nc/late: add from d, x\noutput c/add, c/late"
    genotype = from_text(text)
    with pytest.raises(EditError, match="'c': c/add, c/late are read from outside, and one value cannot stand for all"):
        remove(genotype, "c")
    inner = from_text("input x: 3\ns/a: relu\nk: tanh\ns/b: add with x\noutput k")
    with pytest.raises(EditError, match="node 'k' would read a value that is made after it; keep another value"):
        remove(inner, "s", keep="k")


def test_the_edit_at_fault_is_named_and_none_is_made() -> None:
    genotype = from_text(RESIDUAL)
    with pytest.raises(EditError, match=r"edit 2, 'stem\.channel=4': node 'stem': conv2d has no field"):
        apply(genotype, [parse_edit("stem.channels=9"), parse_edit("stem.channel=4")])
    assert genotype == from_text(RESIDUAL)


def test_several_edits_stand_together() -> None:
    with pytest.raises(EditError, match="groups=4 must divide 3 input"):
        edited(RESIDUAL, "stem.groups=4")
    assert ops(RESIDUAL, "stem.groups=3", "stem.channels=9")["stem"] == "conv2d(channels=9, groups=3)"


TEXTS: list[tuple[str, Edit]] = [
    ("a/b.channels=64", SetField("a/b", "channels", 64)),
    ("a/b.kernel=(1, 3)", SetField("a/b", "kernel", (1, 3))),
    ("a.mode=nearest", SetField("a", "mode", "nearest")),
    ("a.bias=False", SetField("a", "bias", False)),
    ("a=relu", Replace("a", o.ReLU())),
    ("0/1=conv2d(4, 1)", Replace("0/1", o.Conv2d(4, 1))),
    ("insert relu after a", Insert(o.ReLU(), after="a")),
    ("insert b/c: conv2d(4, 1) before a", Insert(o.Conv2d(4, 1), before="a", name="b/c")),
    ("insert relu between a and b", Insert(o.ReLU(), after="a", before="b")),
    ("remove a/b", Remove("a/b")),
    ("remove a keeping b", Remove("a", "b")),
    ("rename a to b", Rename("a", "b")),
    ("insert=relu", Replace("insert", o.ReLU())),
    ("remove.p=0.5", SetField("remove", "p", 0.5)),
]


@pytest.mark.parametrize(("text", "edit"), TEXTS)
def test_edits_as_text(text: str, edit: Edit) -> None:
    assert parse_edit(text) == edit
    assert str(edit) == text
    assert parse_edit(f"  {text}   # why") == edit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"column 1: unexpected the end of the line; an edit is NODE\.FIELD=VALUE, NODE=OP, `insert"),
        ("a", "column 2: unexpected the end of the line; an edit is"),
        ("a.b", r"column 2: unexpected '\.b'; an edit is"),
        ("a b", "column 3: unexpected 'b'; an edit is"),
        ("a=rellu", "column 3: unknown op 'rellu'; did you mean relu"),
        ("a.p=", "column 5: expected a number"),
        ("a.p=1 2", "column 7: unexpected '2'; end the line here"),
        ("insert relu", "column 12: unexpected the end of the line; write where: after VALUE"),
        ("insert relu between a", "column 22: expected `and`, got the end of the line"),
        ("insert relu after ,", "column 19: expected a name such as stage1/conv, got ','"),
        ("rename a b", "column 10: expected `to`, got 'b'"),
        ("remove a, b", "column 9: unexpected ','; end the line here"),
    ],
)
def test_mistakes_in_edits_are_told_with_their_column(text: str, message: str) -> None:
    with pytest.raises(TextError, match=message) as caught:
        parse_edit(text)
    assert_one_line(str(caught.value))


def test_insert_needs_a_place() -> None:
    with pytest.raises(EditError, match=r"insert relu where\? give the value that it comes after"):
        Insert(o.ReLU())


def test_edits_of_zoo_networks() -> None:
    cases = [
        ("resnet18", "layer1/1/conv2.channels=96"), ("resnet18", "layer2/1/conv1.stride=2"), ("resnet50", "remove layer3/2"),
        ("seresnet50", "layer1/0/conv2.channels=100"), ("mobilenet_v2", "features/3/conv/0/0.channels=100"),
        ("shufflenet_v1_g3", "stem/conv2d.channels=30"), ("densenet121", "features/denseblock1/denselayer2/conv2.channels=48"),
        ("googlenet", "inception3a/branch1/conv.stride=2"), ("efficientnet_b0", "features/2/0/block/0/0.channels=100"),
        ("vit_b_16", "conv_proj.channels=384"), ("nasnet_a_mobile", "stem1/node2/sep_conv_5x5/conv2d_1.channels=40"),
    ]  # fmt: skip
    for name, edit in cases:
        genotype = apply(zoo.build(name), [parse_edit(edit)])
        assert genotype == Genotype(genotype.inputs, genotype.nodes, genotype.outputs)


@pytest.mark.slow
def test_large_networks_are_edited_quickly() -> None:
    body = "".join(f"  {line}\n" for line in ("relu", "conv2d(8)", "batch_norm2d", "add with ^"))
    genotype = from_text(f"input x: 4x8x8\nstem: conv2d(8)\nb1 x4999:\n{body}output b4999/add")
    for edit in ("b1/conv2d.channels=16", "b4999/conv2d.channels=16", "b2500/conv2d.stride=2", "remove b77", "rename b1 to c"):
        edited = assert_quick(3, partial(apply, genotype, [parse_edit(edit)]))
        assert len(edited.nodes) > 19_000


VALUES = st.one_of(
    st.integers(-1, 9),
    st.sampled_from([2**31, 10**300, 0.5, True, None, "a", (1, 2), (3, 3), ((1,),)]),
    st.floats(allow_nan=True),
    st.text(max_size=3),
)
ANY_OP = st.one_of(*OF_IMAGES, *OPS_BY_RANK.values())


@st.composite
def any_edit(draw: Callable[[Any], Any], genotype: Genotype) -> Edit:
    """Edits of which most concern nodes that are there and fields that they have."""
    names = st.one_of(
        st.sampled_from([*genotype.value_names, *(node.name for node in genotype.nodes)]), st.sampled_from(["a", "b", "", "a/b"])
    )
    name = draw(names)
    node = next((node for node in genotype.nodes if node.name == name), None)
    fields = list(field_types(type(node.op))) if node else []
    number = draw(st.integers(0, 6))
    if number <= 1:
        return SetField(name, draw(st.sampled_from([*fields, "channels"])), draw(VALUES))
    if number == 2:
        return Replace(name, draw(ANY_OP))
    if number == 3:
        return Remove(name, draw(st.one_of(st.just(""), names)))
    if number == 4:
        return Rename(name, draw(names))
    after, before = draw(st.sampled_from([(name, ""), ("", name or "a"), (name, draw(names))]))
    return Insert(draw(ANY_OP), after or ("" if before else "a"), before, draw(st.sampled_from(["", "", "new", "a/new"])))


@st.composite
def edited_networks(draw: Callable[[Any], Any]) -> tuple[Genotype, list[Edit]]:
    """A random network and one to three random edits of it, its nodes in scopes or not."""
    genotype = draw(genotypes())
    if draw(st.booleans()):
        nodes = [Node(n.op, n.inputs, f"{'ab'[i * 2 // len(genotype.nodes)]}/{n.name}") for i, n in enumerate(genotype.nodes)]
        genotype = Genotype(genotype.inputs, tuple(nodes), genotype.outputs)
    return genotype, draw(st.lists(any_edit(genotype), min_size=1, max_size=3))


def assert_edits_or_refuses(genotype: Genotype, edits: list[Edit]) -> None:
    """The edits give a valid genotype with its facts, or one line of EditError."""
    try:
        after = apply(genotype, edits)
    except EditError as error:
        assert_one_line(str(error))
        return
    assert after.facts == Genotype(after.inputs, after.nodes, after.outputs).facts
    assert from_text(to_text(after)) == after


def plain(value: Any) -> Any:
    """A pair of equal numbers as one."""
    return value[0] if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1] else value


@QUICK
@given(st.data())
def test_what_edits_have_set_is_so_in_the_end(data: st.DataObject) -> None:
    genotype = data.draw(genotypes())
    named = {node.name: node.op for node in genotype.nodes if field_types(type(node.op))}
    places = [(name, field) for name, op in named.items() for field in field_types(type(op)) if type(getattr(op, field)) is int]
    if not places:
        return
    chosen = data.draw(st.lists(st.tuples(st.sampled_from(places), st.sampled_from([1, 2, 3, 4, 6, 8])), min_size=1, max_size=4))
    wanted = {(name, field): value for (name, field), value in chosen}
    try:
        after = apply(genotype, [SetField(name, field, value) for (name, field), value in chosen])
    except EditError as error:
        assert_one_line(str(error))
        return
    made = {node.name: node.op for node in after.nodes}
    assert {place: plain(getattr(made[place[0]], place[1])) for place in wanted} == wanted


@QUICK
@given(edited_networks())
def test_any_edit_is_made_or_refused(case: tuple[Genotype, list[Edit]]) -> None:
    assert_edits_or_refuses(*case)


@pytest.mark.slow
@LONG
@given(edited_networks())
def test_any_of_very_many_edits_is_made_or_refused(case: tuple[Genotype, list[Edit]]) -> None:
    assert_edits_or_refuses(*case)


@QUICK
@given(st.sampled_from([text for text, _ in TEXTS]), st.integers(0, 20), st.integers(0, 5), st.text(max_size=4))
def test_damaged_edits_are_read_or_refused(text: str, start: int, length: int, infix: str) -> None:
    try:
        parse_edit(text[:start] + infix + text[start + length :])
    except TextError as error:
        assert_one_line(str(error))


def test_edited_networks_compile() -> None:
    network = compile_network(apply(from_text(RESIDUAL), [parse_edit("block_1/conv2d_1.channels=12"), parse_edit("down/conv2d.stride=1")]))
    assert sum(p.numel() for p in network.parameters()) > 0
