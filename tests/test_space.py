"""Spaces: picks, choices, settings, sizes, a user's own file, and the spaces that come with archsearch."""

from math import prod

import numpy as np
import pytest

from archsearch import Builder, Choices, Genotype, Pick, Space, SpaceError, analyse, canonicalise, compile_network, load_space
from archsearch.ops import OPS, Add, Conv2d, Dropout, Flatten, Linear
from archsearch.spaces.space import SIZE_PROBES, find_space, space_names


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed or 0)


def conditional(pick: Pick, *, most: int = 3, classes: int = 2) -> Genotype:
    """So many layers, each with a width of its own: 2 + 4 + 8 choices."""
    b = Builder((4,))
    x = b.input
    for layer in range(pick("layers", range(1, most + 1))):
        x = b(Linear(pick(f"width{layer}", [4, 8])), x)
    return b.genotype(b(Linear(classes), x))


CONDITIONAL = Space("conditional", conditional, {"most": 3, "classes": 2})
CELL = {"cells": 1, "channels": 4}
SPACES = {"cell": CELL, "chain": {}}


def assert_resolves_to_itself(space: Space, genotype: Genotype, choices: Choices) -> None:
    again = space.resolve(choices, rng(99))
    assert again.genotype == genotype
    assert again.choices == choices


def assert_valid(genotype: Genotype, classes: int) -> None:
    analysis = analyse(genotype)
    assert [spec.shape for spec in analysis.outputs] == [(classes,)]
    assert 0 < analysis.params < 10**8
    assert analysis.training_peak_bytes >= analysis.inference_peak_bytes // 2 > 0


# Pick


def test_a_given_choice_is_made_and_a_missing_one_is_drawn():
    pick = Pick({"a": 2}, rng())
    assert pick("a", [1, 2, 3]) == 2
    assert pick("b", ["x", "y"]) in ("x", "y")
    assert pick.made.keys() == {"a", "b"}
    assert pick.options == {"a": (1, 2, 3), "b": ("x", "y")}


def test_the_same_name_gives_the_same_answer():
    pick = Pick({}, rng())
    assert len({pick("a", range(1000)) for _ in range(5)}) == 1


def test_draws_are_uniform():
    counts = np.bincount([Pick({}, rng(seed))("a", range(4)) for seed in range(4000)], minlength=4)
    assert counts == pytest.approx([1000] * 4, rel=0.1)


def test_a_choice_not_on_offer_names_itself_and_the_options():
    with pytest.raises(SpaceError, match=r"choice kernel=4 is not on offer; options: \[3, 5\]"):
        Pick({"kernel": 4}, rng())("kernel", [3, 5])


def test_options_that_change_are_refused():
    pick = Pick({}, rng())
    pick("a", [1, 2])
    with pytest.raises(SpaceError, match=r"pick 'a' offers \[1, 2, 3\], before it offered \[1, 2\]; give the second decision a name"):
        pick("a", [1, 2, 3])


def test_nothing_on_offer_is_refused():
    with pytest.raises(SpaceError, match="pick 'a' offers nothing; give at least one option"):
        Pick({}, rng())("a", [])


# Space


def test_partial_choices_are_kept_and_the_rest_is_drawn():
    found = {tuple(CONDITIONAL.resolve({"layers": 2, "width0": 8}, rng(seed)).choices.items()) for seed in range(20)}
    assert found == {(("layers", 2), ("width0", 8), ("width1", 4)), (("layers", 2), ("width0", 8), ("width1", 8))}


def test_choices_that_are_not_asked_for_are_left_out():
    assert CONDITIONAL.resolve({"layers": 1, "width0": 4, "width2": 8, "other": 1}, rng()).choices == {"layers": 1, "width0": 4}


def test_full_choices_need_no_randomness():
    assert_resolves_to_itself(CONDITIONAL, *CONDITIONAL.sample(rng(3)))


def test_the_generator_decides():
    assert CONDITIONAL.sample(rng(1)) == CONDITIONAL.sample(rng(1))
    assert len({tuple(CONDITIONAL.sample(rng(seed)).choices.items()) for seed in range(60)}) > 10


def test_size_is_exact_where_no_decision_depends_on_another():
    cell = load_space("cell")
    assert cell.size() == 15_625
    assert not cell.is_conditional()
    assert {name: len(options) for name, options in cell.options().items()} == dict.fromkeys(cell.sample(rng()).choices, 5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([1, True], "pick 'k' offers 1 and True, which are equal; make them texts, or keep one of them"),
        ([2, "a", 2.0], "offers 2 and 2.0, which are equal"),
        ([0.0, -0.0], "offers 0.0 and -0.0, which are equal"),
        ([(1, 3), (3, 1)], r"pick 'k' offers \(1, 3\) \(tuple\); options are texts, finite numbers, true, false or None"),
        ([1.0, float("nan")], r"offers nan \(float\)"),
        ([], "pick 'k' offers nothing"),
    ],
)
def test_options_that_cannot_be_told_apart_are_refused(options: list[object], words: str):
    with pytest.raises(SpaceError, match=words):
        Pick({}, rng())("k", options)


def test_numbers_of_numpy_are_numbers_and_each_option_counts_once():
    for options in (np.array([4, 8]), [np.int64(4), np.float32(8)], [np.str_("a"), np.bool_(True)], [4, 4, 8]):
        pick = Pick({}, rng())
        pick("k", options)
        assert {type(option) for option in pick.options["k"]} <= {int, float, str, bool}
        assert type(pick.made["k"]) in (int, float, str, bool)
        assert len(pick.options["k"]) == 2
    again = Pick({"k": 1}, rng())
    again("k", [0, 1])
    with pytest.raises(SpaceError, match=r"pick 'k' offers \[False, True\], before it offered \[0, 1\]"):
        again("k", [False, True])


def dynamic(pick: Pick) -> Genotype:
    """Options of one choice depend on another."""
    b = Builder((1, 4, 4))
    deep = pick("deep", [False, True])
    x = b(Conv2d(pick("width", [2, 4, 6] if deep else [4, 8])), b.input)
    return b.genotype(b(Conv2d(3), x) if deep else x)


def test_options_are_all_that_are_offered_anywhere():
    space = Space("dynamic", dynamic, {})
    assert space.is_conditional()
    assert set(space.options()["width"]) == {2, 4, 6, 8}
    assert space.size() == pytest.approx(5, abs=1)


def test_size_of_a_conditional_space_is_estimated():
    assert CONDITIONAL.is_conditional()
    assert CONDITIONAL.size() == pytest.approx(2 + 4 + 8, rel=0.2)
    assert CONDITIONAL.size() == CONDITIONAL.size()
    assert CONDITIONAL.options() == {"layers": (1, 2, 3), "width0": (4, 8), "width1": (4, 8), "width2": (4, 8)}
    assert SIZE_PROBES >= 100


def test_a_space_without_decisions_has_one_network():
    def fixed(pick: Pick) -> Genotype:
        return conditional(Pick({"layers": 1, "width0": 4}, rng()))

    space = Space("fixed", fixed, {})
    assert (space.size(), space.options(), space.sample(rng()).choices) == (1, {}, {})


# Settings and files


def test_settings_reach_the_network():
    space = load_space("chain", classes=7, input=(3, 9, 11), stages=1)
    genotype, choices = space.sample(rng())
    assert genotype.inputs[0].shape == (3, 9, 11)
    assert genotype.specs[genotype.outputs[0]].shape == (7,)
    assert choices["stages"] == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"class": 3}, "space 'chain' has no setting 'class'; did you mean classes"),
        ({"zzz": 3}, "space 'chain' has no setting 'zzz'; known: classes, convs, features, input"),
        ({"stages": "three"}, "space 'chain': setting stages='three' must be of type int"),
        ({"stages": True}, "space 'chain': setting stages=True must be of type int"),
        ({"widths": 8}, "space 'chain': setting widths=8 must be of type tuple"),
    ],
)
def test_settings_are_checked_by_name_and_type(settings, words):
    with pytest.raises(SpaceError, match=words):
        load_space("chain", **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": 0}, "chain: classes=0 must be whole numbers of at least 1"),
        ({"stages": 0}, "chain: stages=0 must be"),
        ({"convs": -1}, "chain: convs=-1 must be"),
        ({"widths": ()}, "chain: widths=nothing must be"),
        ({"widths": (8, "wide")}, "chain: widths=8, wide must be"),
        ({"features": ()}, "chain: features=nothing must be"),
        ({"kernels": (3, 4)}, r"kernels=\(3, 4\) odd"),
        ({"layers": -1}, "layers=-1 must be at least 0"),
        ({"input": (1, 0, 8)}, "every axis must be a whole number of at least 1"),
    ],
)
def test_bad_settings_of_the_chain_get_one_line(settings, words):
    with pytest.raises(ValueError, match=words) as raised:
        load_space("chain", **settings).sample(rng())
    assert "\n" not in str(raised.value)


def test_an_unknown_space_is_told_the_nearest():
    with pytest.raises(SpaceError, match=r"unknown space 'chian'; did you mean chain\?; or give a file.py"):
        load_space("chian")
    with pytest.raises(SpaceError, match=r"no file nowhere\.py"):
        load_space("nowhere.py")


OWN = '''
from dataclasses import dataclass

from archsearch import Builder, Genotype, Op, Pick, TensorSpec, register
from archsearch.ops import Flatten, Linear


@register("test_halve")
@dataclass(frozen=True)
class Halve(Op):
    """Every second row and column, by a pooling of its own."""

    def infer(self, x):
        c, h, w = x.expect(rank=3, by=self.kind)
        return TensorSpec((c, h // 2, w // 2))

    def build(self, layers, x):
        return layers.Sequential(layers.AvgPool2d(2), layers.Conv2d(x.channels, x.channels, 1))


def space(pick: Pick, *, classes: int = 4) -> Genotype:
    b = Builder((2, 8, 8))
    x = b.input
    for _ in range(pick("halvings", [1, 2, 3])):
        x = b(Halve(), x)
    return b.genotype(b(Linear(classes), b(Flatten(), x)))


def other(pick: Pick) -> Genotype:
    return space(pick, classes=9)
'''


@pytest.fixture
def _ops_as_before():
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


@pytest.mark.usefixtures("_ops_as_before")
def test_a_file_of_a_user_with_an_op_of_its_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    space = load_space(str(path), classes=5)
    genotype = space.resolve({"halvings": 2}, rng()).genotype
    assert "test_halve" in OPS
    assert [spec.shape for spec in genotype.specs] == [(2, 8, 8), (2, 4, 4), (2, 2, 2), (8,), (5,)]
    analysis, network = analyse(genotype), compile_network(genotype)
    assert analysis.params == sum(p.numel() for p in network.parameters()) == 2 * 6 + 45
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert load_space(f"{path}:other").sample(rng()).genotype.specs[-1].shape == (9,)
    assert space.size() == 3


def test_a_file_that_is_no_space(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    with pytest.raises(SpaceError, match=r"broken\.py fails when it is run: ZeroDivisionError: division by zero"):
        load_space(str(path))
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1")
    with pytest.raises(SpaceError, match=r"empty\.py has no function 'space'; a space is a function"):
        load_space(str(empty))
    with pytest.raises(SpaceError, match=r"empty\.py has no function 'elsewhere'"):
        load_space(f"{empty}:elsewhere")


def test_a_space_that_fails_or_returns_nothing_is_named():
    def fails(pick: Pick) -> Genotype:
        return {}["missing"]

    def forgets(pick: Pick) -> None:
        pick("a", [1])

    with pytest.raises(SpaceError, match=r"space 'fails' fails at test_space\.py:\d+: KeyError: 'missing'"):
        Space("fails", fails, {}).sample(rng())
    with pytest.raises(SpaceError, match="space 'forgets' returned NoneType; it must return a Genotype"):
        Space("forgets", forgets, {}).sample(rng())


# The spaces that come with archsearch


def test_every_space_is_tested_here():
    assert space_names() == sorted([*SPACES, "fabric", "small_cell"])  # these two: in test_fabric and test_table
    assert all(find_space(name)[0].is_file() for name in SPACES)


@pytest.mark.parametrize("count", [1000, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sorted(SPACES))
def test_thousands_of_samples_and_mutations_are_valid(name, count):
    space, generator = load_space(name, **SPACES[name]), rng()
    offered = space.options()
    for _ in range(count):
        genotype, choices = space.sample(generator)
        assert_valid(genotype, 10)
        forgotten = generator.choice(list(choices))
        kept = {name: value for name, value in choices.items() if name != forgotten}
        mutant = space.resolve(kept, generator)
        assert_valid(mutant.genotype, 10)
        assert all(mutant.choices[name] == value for name, value in kept.items() if name in mutant.choices)
        assert all(value in offered[name] for name, value in mutant.choices.items())


@pytest.mark.parametrize("name", sorted(SPACES))
def test_canonical_forms_are_valid_and_samples_resolve_to_themselves(name):
    space = load_space(name, **SPACES[name])
    for seed in range(50):
        genotype, choices = space.sample(rng(seed))
        assert_resolves_to_itself(space, genotype, choices)
        assert_valid(canonicalise(genotype), 10)


@pytest.mark.parametrize("shape", [(1, 4, 4), (4, 4, 512), (2, 5, 7), (3, 32, 32), (3, 61, 33), (4, 512, 512)])
@pytest.mark.parametrize("stages", [1, 3, 7])
def test_the_chain_takes_images_of_every_size(shape, stages):
    space = load_space("chain", input=shape, classes=3, stages=stages, widths=(1, 4, 8))
    for seed in range(40):
        assert_valid(space.sample(rng(seed)).genotype, 3)


def test_every_option_of_the_chain_appears_and_makes_a_difference():
    space = load_space("chain")
    kinds = {node.op.kind for seed in range(200) for node in space.sample(rng(seed)).genotype.nodes}
    expected = {"conv2d", "separable_conv2d", "batch_norm2d", "max_pool2d", "avg_pool2d", "global_avg_pool2d", "relu", "silu", "gelu"}
    assert kinds == expected | {"hardswish", "add", "flatten", "dropout", "linear"}
    assert prod(len(options) for options in space.options().values()) > space.size() > 10**8


def test_a_link_projects_only_where_widths_differ():
    space = load_space("chain", widths=(8,), stages=2, convs=1)
    choices = {
        "stages": 2,
        "norm": "none",
        "stage1/link": "residual",
        "stage2/link": "residual",
        "stage1/pool": "none",
        "stage2/pool": "none",
    }
    genotype = space.resolve(choices, rng()).genotype
    assert [node.name for node in genotype.nodes if "shortcut" in node.name] == ["stage1/shortcut"]
    assert sum(isinstance(node.op, Add) for node in genotype.nodes) == 2
    assert [type(node.op) for node in genotype.nodes if node.scope == "head"][-1] is Linear


def test_no_dropout_folds_away():
    genotype = canonicalise(load_space("chain").resolve({"head/dropout": 0.0, "head/layers": 0}, rng()).genotype)
    assert not any(isinstance(node.op, Dropout) for node in genotype.nodes)
    assert {Flatten, Linear, Conv2d} <= {type(node.op) for node in genotype.nodes}
