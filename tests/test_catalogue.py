"""The catalogue says what the space says, once; and it walks a space to its end."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from archsearch import Builder, Genotype, Pick, SpaceError
from archsearch.analysis import known_costs
from archsearch.network.passes import canonicalise
from archsearch.ops import Add, Conv2d, ReLU
from archsearch.spaces.catalogue import MAX_ENTRIES, Catalogue, UnlistedError, keep, key_of
from archsearch.spaces.encoding import path_counts
from archsearch.spaces.space import Space
from tests.runs import small_space


def conditional(pick: Pick) -> Genotype:
    """2 + 4 + 8 choices, of which those with a last width of 4 and three layers are invalid."""
    b = Builder((1, 4, 4))
    x = b.input
    depth = pick("depth", [1, 2, 3])
    for layer in range(depth):
        width = pick(f"width{layer}", [4, 8])
        if depth == 3 and layer == 2 and width == 4:
            raise ValueError("too narrow at the end")
        x = b(ReLU(), b(Conv2d(width), x))
    return b.genotype(x)


CONDITIONAL = Space("conditional", conditional, {})


@pytest.mark.parametrize("space", [small_space("cell"), small_space("chain"), CONDITIONAL], ids=lambda space: space.source)
def test_it_draws_what_the_space_draws(space: Space) -> None:
    catalogue = Catalogue(space, batch=4, optimizer="adam")
    for seed in range(30):
        try:
            genotype, choices = space.sample(np.random.default_rng(seed))
        except ValueError as error:
            with pytest.raises(ValueError, match=str(error)):
                catalogue.draw(np.random.default_rng(seed))
            continue
        entry = catalogue.draw(np.random.default_rng(seed))
        assert entry.choices == choices
        assert entry.fingerprint == canonicalise(genotype).fingerprint
        assert entry.costs == known_costs(canonicalise(genotype), 4, "adam")
        assert catalogue.look_up(choices, np.random.default_rng(0)) == entry
        assert catalogue.genotype(entry).fingerprint == entry.fingerprint


def grid(pick: Pick) -> Genotype:
    """Four choices of three options each: two outputs, each the sum of two branches that may change places."""
    b = Builder((1, 4, 4))
    sums = [b(Add(), *(b(Conv2d(2, pick(f"{place}{branch}", [1, 3, 5])), b.input) for branch in "ab")) for place in "xy"]
    return b.genotype(*sums)


def test_it_walks_every_valid_network_once() -> None:
    found = [entry.choices for entry in Catalogue(CONDITIONAL).walk()]
    assert Counter(choices["depth"] for choices in found) == {1: 2, 2: 4, 3: 4}
    assert len({key_of(choices) for choices in found}) == len(found)
    found = list(Catalogue(Space("grid", grid, {})).walk())
    assert len(found) == len({key_of(entry.choices) for entry in found}) == Space("grid", grid, {}).size() == 3**4
    assert len({entry.fingerprint for entry in found}) == 6 * 6


def branches(pick: Pick) -> Genotype:
    """Two branches with equally many options: 3 + 3 choices."""
    b = Builder((1, 4, 4))
    wide = pick("kind", ["wide", "thin"]) == "wide"
    return b.genotype(b(Conv2d(pick("width", [4, 8, 16]) if wide else pick("thin", [1, 2, 3])), b.input))


def test_branches_with_equally_many_options_depend_on_the_choice_between_them() -> None:
    space = Space("branches", branches, {})
    catalogue = Catalogue(space)
    assert (space.is_conditional(), space.size()) == (True, 6)
    found = [entry.choices for entry in catalogue.walk()]
    assert len(found) == len({key_of(choices) for choices in found}) == 6
    assert all(set(choices) == {"kind", "width" if choices["kind"] == "wide" else "thin"} for choices in found)
    for seed in range(50):
        assert catalogue.draw(np.random.default_rng(seed)).choices == space.sample(np.random.default_rng(seed)).choices


def test_of_listed_networks_alone_others_are_refused_and_none_is_drawn() -> None:
    whole = list(Catalogue(CONDITIONAL).walk())
    catalogue = Catalogue(CONDITIONAL, listed={entry.fingerprint: entry.choices for entry in whole[:3]})
    drawn = {catalogue.draw(np.random.default_rng(seed)).fingerprint for seed in range(60)}
    assert drawn == {entry.fingerprint for entry in whole[:3]}
    with pytest.raises(UnlistedError, match="none of the networks that there are results of"):
        catalogue.look_up(whole[-1].choices, np.random.default_rng(0))


def test_neighbours_differ_in_one_choice() -> None:
    catalogue = Catalogue(CONDITIONAL)
    assert catalogue.neighbours({"depth": 1, "width0": 8}) == [
        {"depth": 2, "width0": 8},
        {"depth": 3, "width0": 8},
        {"depth": 1, "width0": 4},
    ]


def test_a_choice_that_is_not_on_offer_is_refused() -> None:
    with pytest.raises(SpaceError, match="choice depth=9 is not on offer"):
        Catalogue(CONDITIONAL).look_up({"depth": 9}, np.random.default_rng(0))


def test_it_forgets_the_oldest() -> None:
    store: dict[int, int] = {}
    for number in range(10):
        keep(store, number, number, 3)
    assert list(store) == [7, 8, 9]
    assert MAX_ENTRIES >= 10_000
    assert key_of({"a": 1}) != key_of({"a": True}) != key_of({"a": 1.0})


def test_a_genotype_does_not_depend_on_what_was_asked_before() -> None:
    used = Catalogue(small_space("cell"))
    entries = [used.draw(np.random.default_rng(seed)) for seed in range(60)]
    twins = [entry for entry in entries if sum(other.fingerprint == entry.fingerprint for other in entries) > 1]
    assert twins  # isomorphic, but their nodes are called otherwise
    for entry in [*twins[:9], *entries[:3]]:
        fresh = Catalogue(small_space("cell"))
        assert used.genotype(entry).to_json() == fresh.genotype(fresh.look_up(entry.choices, np.random.default_rng(0))).to_json()


def test_what_is_derived_is_kept_when_runs_share_the_catalogue() -> None:
    calls: list[str] = []

    def count(genotype: Genotype) -> int:
        calls.append(genotype.fingerprint)
        return len(genotype.nodes)

    for kept, times in ((0, 4), (1, 3), (2, 2)):
        catalogue = Catalogue(small_space(), kept=kept)
        first, second = list({entry.fingerprint: entry for entry in islice(catalogue.walk(), 40)}.values())[:2]
        calls.clear()
        found = [catalogue.derived(entry, count) for entry in (first, first, second, first)]
        assert found == [len(catalogue.genotype(entry).nodes) for entry in (first, first, second, first)]
        assert len(calls) == times


def test_networks_that_count_as_written_share_what_is_derived_of_isomorphs() -> None:
    catalogue = Catalogue(small_space("cell"), written=True, kept=100)
    entries = [catalogue.draw(np.random.default_rng(seed)) for seed in range(60)]
    first, second = next((a, b) for a in entries for b in entries if a.isomorph == b.isomorph and a.choices != b.choices)
    assert first.fingerprint != second.fingerprint
    assert first.isomorph == catalogue.genotype(second).fingerprint
    assert catalogue.derived(first, path_counts) is catalogue.derived(second, path_counts)
    assert path_counts(catalogue.genotype(first)) == path_counts(catalogue.genotype(second))
