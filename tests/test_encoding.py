"""Choices and paths as numbers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from archsearch import Builder, Genotype, Pick, zoo
from archsearch.network.isomorphism import op_colour
from archsearch.network.passes import canonicalise
from archsearch.ops import Add, BatchNorm2d, Conv2d, Identity, MaxPool2d, ReLU
from archsearch.ops.base import POINT
from archsearch.spaces.encoding import CLOSED, MOST_PATHS, Encoding, path_counts, place, write
from archsearch.spaces.space import Space
from tests.runs import small_space
from tests.strategies_hypothesis import genotypes

ENCODING = Encoding({"depth": (1, 2), "width": (4, 8, 16), "norm": (True, False, 1)})


def test_choices_become_places_and_come_back() -> None:
    choices = {"depth": 2, "norm": 1}
    places = ENCODING.places(choices)
    assert places.tolist() == [1, CLOSED, 2]
    assert ENCODING.choices(places) == choices
    assert ENCODING.places({"width": 8, "new": 3}).tolist() == [CLOSED, 1, CLOSED]  # what is not known is left out
    assert ENCODING.table([]).shape == (0, 3)


@pytest.mark.parametrize(("value", "expected"), [(True, 0), (1, 2), (1.0, CLOSED), (False, 1), (0, CLOSED)])
def test_one_and_true_differ(value: float, expected: int) -> None:
    assert place((True, False, 1), value) == expected


def test_one_hot_has_a_one_for_each_choice_that_is_open() -> None:
    table = ENCODING.table([{"depth": 1, "width": 16, "norm": False}, {"depth": 2}])
    assert ENCODING.one_hot(table).tolist() == [[1, 0, 0, 0, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0, 0, 0]]


def conditional(pick: Pick) -> Genotype:
    b = Builder((1, 4, 4))
    x = b.input
    for layer in range(pick("depth", [1, 2, 3])):
        x = b(Conv2d(pick(f"width{layer}", [2, 4])), x)
        if layer == 2:
            raise ValueError("too deep")
    return b.genotype(x)


def test_a_policy_is_asked_for_open_choices_alone_and_what_fails_keeps_those_until_then() -> None:
    space, asked = Space("conditional", conditional, {}), []

    def last(name: str, offered: tuple[object, ...]) -> int:
        asked.append((name, offered))
        return len(offered) - 1

    assert write(space, lambda name, offered: 0) == {"depth": 1, "width0": 2}
    assert write(space, last) == {"depth": 3, "width0": 4, "width1": 4, "width2": 4}
    assert asked[:2] == [("depth", (1, 2, 3)), ("width0", (2, 4))]


def test_paths_pass_over_what_only_bends_norms_or_joins() -> None:
    b = Builder((2, 8, 8))
    wide, narrow, pool = Conv2d(2), Conv2d(2, 1), MaxPool2d(3, 1, 1)
    x = b(ReLU(), b(BatchNorm2d(), b(wide, b.input)))
    x = b(Add(), b(narrow, x), b(Identity(), x))
    found = path_counts(b.genotype(b(pool, x)))
    w, n, p = map(op_colour, (wide, narrow, pool))
    assert found == {w: 1, n: 1, p: 1, w + n: 1, n + p: 1, w + p: 1, w + n + p: 1}


@settings(max_examples=60, deadline=None)
@given(genotypes())
def test_paths_are_those_that_a_walk_finds(genotype: Genotype) -> None:
    loud = [None] * len(genotype.inputs) + [
        None if fact.window is POINT and fact.cost.macs == 0 else op_colour(node.op)
        for node, fact in zip(genotype.nodes, genotype.facts, strict=True)
    ]
    reads = [()] * len(genotype.inputs) + [node.inputs for node in genotype.nodes]

    def ending(value: int, length: int) -> list[bytes]:
        """Sequences of so many ops that end at a value, one for every way."""
        if loud[value] is None:
            return [path for i in reads[value] for path in ending(i, length)]
        if length == 1:
            return [loud[value]]
        return [path + loud[value] for i in reads[value] for path in ending(i, length - 1)]

    expected = Counter(path for value, own in enumerate(loud) if own for length in (1, 2, 3) for path in ending(value, length))
    assert path_counts(genotype, 3) == expected


def test_paths_are_the_same_for_isomorphic_networks() -> None:
    space = small_space("cell")
    for seed in range(10):
        choices = {**space.sample(np.random.default_rng(seed)).choices, "1->2": "none"}
        swapped = {**choices, "0->1": choices["0->2"], "0->2": choices["0->1"], "1->3": choices["2->3"], "2->3": choices["1->3"]}
        pair = [canonicalise(space.resolve(each, np.random.default_rng(0)).genotype) for each in (choices, swapped)]
        assert path_counts(pair[0]) == path_counts(pair[1])


def test_paths_of_dense_networks_stay_few() -> None:
    genotype = zoo.build("densenet121")
    assert len(path_counts(genotype)) <= 4 * MOST_PATHS * len(genotype.nodes)
    assert max(len(path) for path in path_counts(genotype)) == 4 * len(op_colour(Conv2d(1)))
