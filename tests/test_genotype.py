"""Genotypes: invalid ones cannot be built, JSON is read strictly, fingerprints know isomorphic networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsearch import Builder, Genotype, GenotypeError, Node, TensorSpec, canonicalise, load_space
from archsearch import ops as o
from tests.quickness import assert_quick
from tests.strategies_hypothesis import genotypes

GENEROUS = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def small() -> Genotype:
    """A residual block between a stem and a head."""
    b = Builder((3, 8, 8))
    with b.scope("stem"):
        x = b(o.ReLU(), b(o.Conv2d(4), b.input))
    with b.scope("block"):
        x = b(o.Add(), x, b(o.Conv2d(4, (1, 3), bias=False), x), name="sum")
    with b.scope("head"):
        return b.genotype(b(o.Linear(2), b(o.Flatten(), x)))


TEXT = small().to_json()


def damaged(change: Callable[[dict[str, Any]], object]) -> str:
    """The small genotype's JSON after a change to its data."""
    data = json.loads(TEXT)
    change(data)
    return json.dumps(data)


def node(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in data["nodes"] if entry["name"] == name)


CONV, SUM = "block/conv2d", "block/sum"
DAMAGES: list[tuple[str, str]] = [
    (TEXT[: len(TEXT) // 2], r"not valid JSON at line \d+, column \d+: .*; the file may be cut off"),
    ("", "not valid JSON at line 1, column 1"),
    ("[]", r"the file must be an object \{\.\.\.\}, got \[\]"),
    ("null", r"the file must be an object \{\.\.\.\}, got null"),
    ("[" * 100_000, "not valid JSON|nested too deeply"),
    ('{"format":' * 5000 + "1" + "}" * 5000, 'nested too deeply|the file has no "inputs"'),
    ("[" * 50_000 + "]" * 50_000, "nested too deeply"),
    (TEXT.replace('"channels": 4', '"channels": NaN', 1), "NaN is not allowed; write a finite number"),
    (TEXT.replace('"channels": 4', '"channels": -Infinity', 1), "-Infinity is not allowed"),
    (TEXT.replace('"channels": 4', '"channels": 1e400', 1), "1e400 is not allowed; write a finite number"),
    (TEXT.replace('"channels": 4', '"channels": 4, "channels": 4', 1), "key 'channels' stands twice in one object"),
    (TEXT.replace('"channels": 4', '"channels": ' + "9" * 5000, 1), "a number of 5000 digits is not allowed; write at most 300"),
    (" " * (16 * 2**20) + TEXT, "over the limit of 16,777,216"),
    (damaged(lambda d: d.update(format="genotype/9")), '"format" is \'genotype/9\', expected "archsearch.genotype/1"'),
    (damaged(lambda d: d.pop("outputs")), 'the file has no "outputs"'),
    (damaged(lambda d: d.update(weights=1)), "the file has an unknown field 'weights'"),
    (damaged(lambda d: d.update(inputs=[])), "node 'stem/conv2d' reads \"x\", which is neither an input"),
    (damaged(lambda d: d.update(outputs=[])), "at least one input and one output"),
    (damaged(lambda d: d.update(outputs=["tail"])), '"outputs" reads "tail", which is neither an input nor made before it'),
    (damaged(lambda d: d.update(inputs=[[3, 0, 8]])), "every axis must be a whole number of at least 1"),
    (damaged(lambda d: d.update(inputs=[[3, 8.0, 8]])), "every axis must be a whole number of at least 1"),
    (damaged(lambda d: d.update(inputs=[3])), r'an entry of "inputs" must be a list \[\.\.\.\], got 3'),
    (damaged(lambda d: d.update(inputs=[[2**20, 2**20]])), r"over the limit of 2\*\*31 elements"),
    (damaged(lambda d: d.update(nodes={})), r'"nodes" must be a list'),
    (damaged(lambda d: d["nodes"].append(7)), r"node number 6 must be an object"),
    (damaged(lambda d: d["nodes"].append({"name": "a"})), 'node number 6 has no "inputs"'),
    (damaged(lambda d: d.update(nodes=d["nodes"] * 5000)), "30000 nodes are over the limit of 20000"),
    (damaged(lambda d: node(d, CONV).update(name=3)), "the name of node number 2 must be a text, got 3"),
    (damaged(lambda d: node(d, SUM).update(name="a b")), "node 'head/flatten' reads \"block/sum\", which is neither"),
    (damaged(lambda d: d["nodes"].append({**d["nodes"][0], "name": "a b"})), "node 'a b': a name is letters, digits"),
    (damaged(lambda d: node(d, CONV).update(name="x")), "node 'block/sum' reads|node 'x' has the name of an input"),
    (damaged(lambda d: d["nodes"].append(d["nodes"][0])), "node 'stem/conv2d' stands twice; names must differ"),
    (damaged(lambda d: node(d, CONV)["inputs"].__setitem__(0, SUM)), f"node '{CONV}' reads \"{SUM}\", which is neither .* cycle"),
    (damaged(lambda d: node(d, CONV)["inputs"].__setitem__(0, CONV)), f"node '{CONV}' reads \"{CONV}\", which is neither .* cycle"),
    (damaged(lambda d: node(d, CONV)["inputs"].__setitem__(0, 0)), f"node '{CONV}' reads 0, which is neither"),
    (damaged(lambda d: node(d, CONV)["inputs"].clear()), f"node '{CONV}': conv2d does not take 0 inputs"),
    (damaged(lambda d: node(d, CONV)["inputs"].append("x")), f"node '{CONV}': conv2d does not take 2 inputs"),
    (damaged(lambda d: node(d, CONV).update(color=1)), "node number 2 has an unknown field 'color'"),
    (damaged(lambda d: node(d, CONV).update(op="conv2d")), f"\"op\" of node '{CONV}' must be an object"),
    (damaged(lambda d: node(d, CONV)["op"].update(kind="conv3d")), f"node '{CONV}': unknown op 'conv3d'; did you mean .*conv2d"),
    (damaged(lambda d: node(d, CONV)["op"].pop("kind")), f"node '{CONV}': unknown op 'None'"),
    (damaged(lambda d: node(d, CONV)["op"].update(kind=["conv2d"])), f"node '{CONV}': unknown op"),
    (damaged(lambda d: node(d, CONV)["op"].update(chanels=4)), f"node '{CONV}': conv2d has no field 'chanels'; did you mean"),
    (damaged(lambda d: node(d, CONV)["op"].pop("channels")), f"node '{CONV}': conv2d needs the field 'channels'"),
    (damaged(lambda d: node(d, CONV)["op"].update(channels="4")), f"node '{CONV}': conv2d: channels=\"4\" has the wrong type"),
    (damaged(lambda d: node(d, CONV)["op"].update(channels=True)), f"node '{CONV}': conv2d: channels=true has the wrong type"),
    (damaged(lambda d: node(d, CONV)["op"].update(bias=1)), f"node '{CONV}': conv2d: bias=1 has the wrong type, expected true or false"),
    (damaged(lambda d: node(d, CONV)["op"].update(channels=0)), f"node '{CONV}': conv2d: channels=0 must be a whole number of at least 1"),
    (damaged(lambda d: node(d, CONV)["op"].update(channels=9)), r"node 'block/sum': add needs equal shapes"),
    (damaged(lambda d: node(d, CONV)["op"].update(kernel=[1, 3, 5])), f"node '{CONV}': conv2d: kernel=.* has the wrong type"),
    (damaged(lambda d: node(d, CONV)["op"].update(channels=2**31)), "node '.*over the limit of 2"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), DAMAGES)
def test_damaged_json_gives_one_clear_line(text: str, message: str) -> None:
    def refused() -> None:
        with pytest.raises(GenotypeError, match=message) as caught:
            Genotype.from_json(text)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400

    assert_quick(1, refused)


@GENEROUS
@given(genotypes())
def test_json_round_trip(genotype: Genotype) -> None:
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert Genotype.from_json(genotype.to_json()).to_json() == genotype.to_json()


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**70),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([[1, 2], {"a": 3}]),
)
INFIX = st.sampled_from(["", "{", "}", "[", "]", ",", '"', "\\", "0", "-", "e9", "null", "NaN", "\x00", "\n", "é", "\ud800"])


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values inside JSON data."""
    items = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    return [(*path, key) for key, _ in items] + [inner for key, value in items for inner in places(value, (*path, key))]


PLACES = places(json.loads(TEXT))


@settings(max_examples=600)
@given(st.sampled_from(PLACES), SCALARS)
def test_any_value_replaced_by_another(path: tuple[Any, ...], value: Any) -> None:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    assert_reads_or_refuses(damaged(change))


@settings(max_examples=600)
@given(st.integers(0, len(TEXT)), st.integers(0, 40), INFIX)
def test_any_stretch_of_text_cut_out_or_replaced(start: int, length: int, infix: str) -> None:
    assert_reads_or_refuses(TEXT[:start] + infix + TEXT[start + length :])


def assert_reads_or_refuses(text: str) -> None:
    """The text gives a genotype that writes the same again, or one line of GenotypeError, within a second."""
    assert_quick(1, lambda: assert_writes_again_or_refuses(text))


def assert_writes_again_or_refuses(text: str) -> None:
    """The text gives a genotype that writes the same again, or one line of GenotypeError."""
    line = ""
    try:
        genotype = Genotype.from_json(text)
    except GenotypeError as error:
        line = str(error)
    assert "\n" not in line
    assert line or Genotype.from_json(genotype.to_json()) == genotype


SPEC = TensorSpec((3, 8, 8))


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ([Node(o.ReLU(), (1,), "a")], (1,), "node 'a' reads a value that is not made before it"),
        ([Node(o.ReLU(), (2,), "a"), Node(o.ReLU(), (1,), "b")], (2,), "node 'a' reads a value that is not made before it"),
        ([Node(o.ReLU(), (-1,), "a")], (1,), "node 'a' reads a value that is not made before it"),
        ([Node(o.ReLU(), (0,), "a")], (2,), "output 2 is no value; there are 2, numbered from 0"),
        ([Node(o.ReLU(), (0,), "a")], (-1,), "output -1 is no value"),
        ([Node(o.ReLU(), (0,), "a"), Node(o.ReLU(), (0,), "a/b")], (2,), "node 'a' has the name of an input or of a scope"),
        ([Node(o.ReLU(), (0,), "x")], (1,), "node 'x' has the name of an input"),
        ([Node(o.ReLU(), (0,), "")], (1,), "node '': a name is letters"),
        ([Node(o.ReLU(), (0,), "a//b")], (1,), "node 'a//b': a name is letters"),
        ([Node(o.ReLU(), (0,), "a" * 101)], (1,), "a name is letters, digits and _"),
        ([Node(o.Linear(3), (0,), "fc")], (1,), "node 'fc': linear needs a vector .*insert flatten before it"),
        ([Node(o.Mul(), (0,), "m")], (1,), "node 'm': mul does not take 1 inputs"),
        ([], (), "at least one input and one output"),
    ],
)
def test_a_genotype_that_cannot_be_is_refused(nodes: list[Node], outputs: tuple[int, ...], message: str) -> None:
    with pytest.raises(GenotypeError, match=message):
        Genotype((SPEC,), tuple(nodes), outputs)


def test_the_builder_names_the_node_at_fault_and_numbers_equal_names() -> None:
    b = Builder((3, 8, 8))
    with b.scope("stage"):
        x = b(o.ReLU(), b(o.ReLU(), b.input))
        with pytest.raises(GenotypeError, match="node 'stage/linear': linear needs a vector"):
            b(o.Linear(2), x)
    with b.scope("stage"):
        y = b(o.ReLU(), x, name="act")
    assert [node.name for node in b.genotype(y).nodes] == ["stage/relu", "stage/relu_1", "stage_1/act"]
    assert b.genotype(y).nodes[2].scope == "stage_1"


def test_several_inputs_and_outputs_have_names() -> None:
    b = Builder((3, 8, 8), (3, 8, 8))
    genotype = b.genotype(b(o.Add(), *b.inputs), b.inputs[0])
    assert genotype.value_names == ("x0", "x1", "add")
    assert json.loads(genotype.to_json())["outputs"] == ["add", "x0"]


def shuffled(genotype: Genotype, rng: np.random.Generator) -> Genotype:
    """The same network: nodes in another order that is possible too, other names, operands of add and mul swapped."""
    offset, waiting = len(genotype.inputs), list(range(len(genotype.nodes)))
    place, nodes = {i: i for i in range(offset)}, []
    while waiting:
        ready = [position for position in waiting if all(read in place for read in genotype.nodes[position].inputs)]
        position = int(rng.choice(ready))
        waiting.remove(position)
        node = genotype.nodes[position]
        reads = [place[read] for read in node.inputs]
        if node.op.commutative:
            rng.shuffle(reads)
        place[offset + position] = offset + len(nodes)
        nodes.append(Node(node.op, tuple(reads), f"n{len(nodes)}_{rng.integers(100)}"))
    return Genotype(genotype.inputs, tuple(nodes), tuple(place[i] for i in genotype.outputs))


@pytest.mark.slow
def test_five_thousand_shuffled_networks_keep_their_fingerprint() -> None:
    space = load_space("cell", cells=1, channels=2)
    for number in range(200):
        rng = np.random.default_rng([11, number])
        genotype = space.sample(rng).genotype
        assert all(shuffled(genotype, rng).fingerprint == genotype.fingerprint for _ in range(25))


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(genotypes(), st.integers(0, 2**32))
def test_shuffled_random_networks_keep_fingerprint_and_canonical_form(genotype: Genotype, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plain = canonicalise(genotype)
    for _ in range(10):
        other = shuffled(genotype, rng)
        assert other.fingerprint == genotype.fingerprint
        assert canonicalise(other).fingerprint == plain.fingerprint


def test_fingerprint_tells_apart_what_differs() -> None:
    b = Builder((4, 8, 8))
    x, y = b(o.Conv2d(4), b.input), b(o.Conv2d(4), b.input)
    z = b(o.ReLU(), x)
    both, twice = b.genotype(b(o.Add(), x, y)), b.genotype(b(o.Add(), x, x))
    left, right = b.genotype(b(o.Concat(), x, z)), b.genotype(b(o.Concat(), z, x))
    apart = [both, twice, left, right, b.genotype(x, z), b.genotype(z, x), b.genotype(x, x), b.genotype(x), b.genotype(y, z)]
    assert len({canonicalise(genotype).fingerprint for genotype in apart}) == len(apart)
    assert len({replace(both, inputs=(TensorSpec(shape),)).fingerprint for shape in [(4, 8, 8), (4, 8, 9), (2, 8, 8)]}) == 3


def test_fingerprint_is_the_same_on_every_machine() -> None:
    assert small().fingerprint == "c3e6b25bc02e76a094659a057a733307"
