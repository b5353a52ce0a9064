"""Differences between networks: nodes matched by name and structure, and every cost before and after."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsearch import Genotype, Node, analyse, zoo
from archsearch.design.diff import Cost, Difference, Row, diff
from archsearch.design.edit import EditError, apply, parse_edit
from archsearch.network.matching.subsequence import MAX_STEP, MAX_TABLE, common, in_order, rising
from archsearch.network.text_form import from_text
from tests.quickness import assert_quick
from tests.strategies_hypothesis import genotypes
from tests.test_edit import RESIDUAL, edited_networks
from tests.test_genotype import shuffled

RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large]
QUICK = settings(max_examples=300, suppress_health_check=RELAXED, deadline=None)
LONG = settings(max_examples=1_000, suppress_health_check=RELAXED, deadline=None)


def after(text: str, *edits: str) -> Difference:
    """What edits make different."""
    genotype = from_text(text)
    return diff(genotype, apply(genotype, [parse_edit(edit) for edit in edits]))


def told(difference: Difference) -> list[str]:
    """All that differs but shapes, a line each."""
    return [" ".join(row) for row in difference.rows() if row.what != "reshaped"]


def test_equal_networks_differ_in_nothing() -> None:
    difference = after(RESIDUAL)
    assert difference.is_empty
    assert str(difference).startswith("no node differs\nparams ")
    assert all(cost.before == cost.after for cost in difference.costs)


def test_one_edit_is_told_in_one_line() -> None:
    assert told(after(RESIDUAL, "block/conv2d.channels=5")) == ["changed block/conv2d conv2d(8) conv2d(5)"]
    assert told(after(RESIDUAL, "block/relu=gelu")) == ["changed block/relu relu gelu"]
    assert told(after(RESIDUAL, "rename stem to entry")) == ["renamed entry stem entry"]
    assert told(after(RESIDUAL, "insert dropout before head/linear")) == ["added head/dropout  dropout"]
    assert told(after(RESIDUAL, "remove block/relu")) == ["removed block/relu relu "]
    assert told(after(RESIDUAL, "rename stem to entry", "entry.channels=9"))[-1] == "renamed entry stem entry"


def test_what_follows_from_an_edit_is_told_too() -> None:
    difference = after(RESIDUAL, "block_1/conv2d_1.stride=2")
    assert told(difference) == [
        "added block_1/projection  conv2d(8, 1, stride=2, bias=False)",
        "changed block_1/conv2d_1 conv2d(8) conv2d(8, stride=2)",
    ]
    assert difference.reshaped[0] == ("block_1/add", "8x16x16", "8x8x8")


def test_a_block_taken_out_is_the_one_of_that_name() -> None:
    rows = after(RESIDUAL, "remove block_1").rows()
    assert {row.name for row in rows if row.what == "removed"} == {
        f"block_1/{n}" for n in ("conv2d", "batch_norm2d", "relu", "conv2d_1", "add")
    }
    assert [row for row in rows if row.what != "removed"] == [
        Row("rewired", "block_2/conv2d", "block_1/add", "block/add"),
        Row("rewired", "block_2/add", "block_2/conv2d_1, block_1/add", "block_2/conv2d_1, block/add"),
    ]


def test_numbers_that_shift_are_renamings() -> None:
    difference = diff(zoo.build("vgg11"), zoo.build("vgg11_bn"))
    assert [change.after for change in difference.added] == ["batch_norm2d"] * 8
    assert (difference.removed, difference.changed, difference.rewired, difference.reshaped) == ((), (), (), ())
    assert len(difference.renamed) == 20
    costs = {cost.name: cost.difference for cost in difference.costs}
    assert (costs["params"], costs["macs"]) == (2 * 2752, 0)


def test_several_edits_far_apart_in_a_network_renamed_throughout() -> None:
    genotype = zoo.build("resnet50")
    renamed = Genotype(genotype.inputs, tuple(Node(n.op, n.inputs, f"n{i}") for i, n in enumerate(genotype.nodes)), genotype.outputs)
    difference = diff(genotype, renamed)
    assert len(difference.renamed) == len(difference.rows()) == len(genotype.nodes)
    edits = ["insert tanh after n20", "insert tanh after n90", "n119=gelu", "n61.kernel=5", "remove n141"]
    difference = diff(genotype, apply(renamed, map(parse_edit, edits)))
    assert len(difference.added) == 2
    assert [change.before for change in difference.removed] == ["batch_norm2d"]
    assert len(difference.changed) == 2
    assert len(difference.renamed) == len(genotype.nodes) - 1
    assert difference.rewired == ()


def test_other_inputs_and_outputs_are_told() -> None:
    one, two = from_text("input x: 3x8x8\na: relu\nb: tanh\noutput b"), from_text("input x: 3x9x9\na: relu\nb: tanh\noutput a, b")
    assert [tuple(row) for row in diff(one, two).rows()] == [
        ("rewired", "output", "b", "a, b"),
        ("reshaped", "x", "3x8x8", "3x9x9"),
        ("reshaped", "a", "3x8x8", "3x9x9"),
        ("reshaped", "b", "3x8x8", "3x9x9"),
    ]
    more = from_text("input x0: 3x8x8\ninput x1: 3\na: relu from x0\nb: tanh\noutput b")
    assert [tuple(row) for row in diff(one, more).rows()] == [("added", "x1", "", "input 3")]
    assert [tuple(row) for row in diff(more, one).rows()] == [("removed", "x1", "input 3", "")]


def test_operands_in_another_order_are_told_where_the_order_matters() -> None:
    text = "input x: 3x8x8\na: relu\nb: tanh from x\njoin: {} from a, b\noutput join"
    for kind, rows in (("add", []), ("concat", [("rewired", "join", "a, b", "b, a")])):
        genotype = from_text(text.format(kind))
        swapped = Genotype(genotype.inputs, (*genotype.nodes[:2], Node(genotype.nodes[2].op, (2, 1), "join")), genotype.outputs)
        assert [tuple(row) for row in diff(genotype, swapped).rows()] == rows


def test_costs_are_those_of_the_analysis() -> None:
    one, two = zoo.build("resnet18"), zoo.build("resnet34")
    difference = diff(one, two, batch=4, optimizer="adam")
    for genotype, place in ((one, 1), (two, 2)):
        analysis = analyse(genotype, 4, optimizer="adam")
        assert [cost[place] for cost in difference.costs] == [getattr(analysis, cost.name) for cost in difference.costs]
    assert Cost("params", 11_689_512, 21_797_672) in difference.costs
    assert difference.costs[-1] == Cost("window_field", (435, 435), (899, 899))
    assert difference.costs[-1].difference == (464, 464)
    assert str(difference).endswith("window_field 435x435 -> 899x899 (+464, +464)")
    assert "\nparams 11,689,512 -> 21,797,672 (+10,108,160)\n" in str(difference)
    with pytest.raises(ValueError, match="batch=0 must be"):
        diff(one, two, batch=0)


def test_a_difference_is_plain_data() -> None:
    data = json.loads(json.dumps(after(RESIDUAL, "block/conv2d.channels=5").to_dict()))
    assert data["changed"] == [{"name": "block/conv2d", "before": "conv2d(8)", "after": "conv2d(5)"}]
    assert data["costs"]["params"] == {"before": 5258, "after": 5258 - 3 * 147, "difference": -3 * 147}
    assert set(data) == {"removed", "added", "changed", "renamed", "rewired", "reshaped", "costs", "batch", "dtype", "optimizer"}
    assert (data["batch"], data["dtype"], data["optimizer"]) == (1, "float32", "sgd")


def assert_sound(a: Genotype, b: Genotype) -> None:
    """Every node is told of once: alone, or with a partner whose op and name are told where they differ."""
    difference = diff(a, b)
    removed, added = ({change.name for change in part} for part in (difference.removed, difference.added))
    old = {change.after: change.before for change in difference.renamed}
    partners = {old.get(node.name, node.name): node for node in b.nodes if node.name not in added}
    assert partners.keys() == {node.name for node in a.nodes} - removed
    ops = {node.name: node.op for node in a.nodes}
    changed = {change.name for change in difference.changed}
    assert all((ops[name] != node.op) == (node.name in changed) for name, node in partners.items())
    json.dumps(difference.to_dict())
    assert str(difference).isprintable() or "\n" in str(difference)


@QUICK
@given(genotypes(), st.integers(0, 2**32))
def test_shuffled_networks_differ_in_names_alone(genotype: Genotype, seed: int) -> None:
    other = shuffled(genotype, np.random.default_rng(seed))
    difference = diff(genotype, other)
    assert_sound(genotype, other)
    assert (difference.added, difference.removed, difference.changed) == ((), (), ())
    assert diff(genotype, genotype).is_empty


def assert_edits_are_sound(case: tuple[Genotype, list[Any]]) -> None:
    """The difference that random edits make is sound both ways."""
    genotype, edits = case
    try:
        other = apply(genotype, edits)
    except EditError:
        return
    assert_sound(genotype, other)
    assert_sound(other, genotype)


@QUICK
@given(edited_networks())
def test_differences_of_any_edits_are_sound(case: tuple[Genotype, list[Any]]) -> None:
    assert_edits_are_sound(case)


@pytest.mark.slow
@LONG
@given(edited_networks())
def test_differences_of_very_many_edits_are_sound(case: tuple[Genotype, list[Any]]) -> None:
    assert_edits_are_sound(case)


@QUICK
@given(genotypes(), genotypes())
def test_differences_of_any_two_networks_are_sound(a: Genotype, b: Genotype) -> None:
    assert_sound(a, b)


KEYS = st.lists(st.integers(0, 4), max_size=8)


def longest(first: list[int], second: list[int]) -> int:
    """Length of the longest common subsequence, by trying all."""
    if not first or not second:
        return 0
    if first[0] == second[0]:
        return 1 + longest(first[1:], second[1:])
    return max(longest(first[1:], second), longest(first, second[1:]))


@QUICK
@given(KEYS, KEYS)
def test_common_subsequences_are_the_longest(first: list[int], second: list[int]) -> None:
    pairs = common(first, second)
    assert_rising(first, second, pairs)
    assert len(pairs) == longest(first, second)


def assert_rising(first: list[int], second: list[int], pairs: list[tuple[int, int]]) -> None:
    """The pairs are of equal keys and rise in both sequences."""
    assert all(first[i] == second[j] for i, j in pairs)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(pairs))


@pytest.mark.parametrize("keys", [3, 200, 100_000])
def test_common_subsequences_of_long_lists(keys: int) -> None:
    rng = np.random.default_rng(keys)
    first, second = rng.integers(0, keys, 3000).tolist(), rng.integers(0, keys, 3000).tolist()
    assert len(first) * len(second) > MAX_TABLE
    changed = first[:100] + second + first[2000:]
    assert_quick(1, lambda: assert_rising(first, second, common(first, second)))
    assert_quick(1, lambda: assert_rising(first, changed, common(first, changed)))


def test_a_far_partner_keeps_none_between_from_finding_theirs() -> None:
    for far in (MAX_STEP - 1, MAX_STEP):
        second = ["a", "b", *["c"] * (far - 2), "x"]
        assert in_order(["x", "a", "b"], second) == ([(0, far)] if far < MAX_STEP else [(1, 0), (2, 1)])


def test_rising_parts_are_the_longest() -> None:
    assert rising([]) == []
    assert rising([(0, 5), (1, 1), (2, 2), (3, 0), (4, 3)]) == [(1, 1), (2, 2), (4, 3)]


def random_network(seed: int, nodes: int) -> Genotype:
    """A network of many small ops that read what stands a few places before them."""
    rng = np.random.default_rng(seed)
    kinds = ("relu", "tanh", "conv2d(4)", "add", "sigmoid", "gelu")
    reads = [f"n{max(0, i - 1 - rng.integers(5))}" for i in range(1, 2 * nodes)]
    body = [f"n{i}: {kinds[rng.integers(6)]} from {reads[i - 1]}" for i in range(1, nodes)]
    return from_text("\n".join(["input x: 4x8x8", "n0: relu", *body, f"output n{nodes - 1}"]))


CASES: dict[str, Callable[[], tuple[Genotype, Genotype]]] = {
    "random": lambda: (random_network(1, 20_000), random_network(2, 20_000)),
    "twins": lambda: (twins("a"), twins("b")),
}


def twins(name: str) -> Genotype:
    """Very many equal branches, added up."""
    body = [f"{name}{i}: conv2d(4) from x\n{name}{i}r: relu" for i in range(9999)]
    return from_text("\n".join(["input x: 4x8x8", *body, f"add from {', '.join(f'{name}{i}r' for i in range(9999))}", "output add"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_large_networks_are_compared_in_seconds(name: str) -> None:
    a, b = CASES[name]()
    assert_quick(8, lambda: diff(a, b))
