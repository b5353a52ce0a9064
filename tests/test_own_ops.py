"""Ops of users: a class is checked when it is registered, its fields come back from JSON and text, what is wrong is one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Literal, Optional

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch import Builder, Genotype, GenotypeError, Node, Op, TensorSpec, analyse, compile_network, load_space, register, search
from archsearch import ops as o
from archsearch.design.edit import set_field
from archsearch.network.genotype import BrokenOpError
from archsearch.network.text_form import from_text, to_text
from archsearch.ops.base import OPS, Cost, Saved
from archsearch.ops.fields import fault_of, holds
from archsearch.spaces.space import SpaceError
from archsearch.strategies.random import Random
from tests.evaluators import Formula


class Colour(Enum):
    RED = "r"
    GREEN = "g"


class Level(IntEnum):
    LOW = 1
    none = 2


class Passing(Op):
    """All that an op needs but its fields."""

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def build(self, layers: Any, x: TensorSpec) -> Any:
        return layers.Identity()


@pytest.fixture(autouse=True)
def _only_here() -> Iterator[None]:
    known = dict(OPS)
    yield
    OPS.clear()
    OPS.update(known)


def own(hint: Any, **methods: Any) -> Any:
    """A registered op with one field of that type."""
    cls = make_dataclass("Own", [("k", hint)], bases=(Passing,), frozen=True, namespace={"__module__": __name__, **methods})
    return register("own")(cls)


def network(op: Op, *, shape: tuple[int, ...] = (4,)) -> Genotype:
    b = Builder(shape)
    return b.genotype(b(op, b.input, name="mine"))


SCALARS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers(-(2**70), 2**70)),
    (float, st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5)),
    (bool, st.booleans()),
    (str, st.text(max_size=8)),
    (Literal["a", "none", 1, True, None], st.sampled_from(["a", "none", 1, True, None])),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Colour | None, st.sampled_from([*Colour, None])),
]
TYPED = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        inner.map(lambda pair: (tuple[pair[0], ...], st.lists(pair[1], max_size=3).map(tuple))),  # type: ignore[name-defined]
        st.tuples(inner, inner).map(lambda two: (tuple[two[0][0], two[1][0]], st.tuples(two[0][1], two[1][1]))),  # type: ignore[name-defined]
        st.tuples(inner, inner).map(lambda two: (two[0][0] | two[1][0], two[0][1] | two[1][1])),
        inner.map(lambda pair: (Optional[pair[0]], pair[1] | st.none())),  # noqa: UP045 both spellings
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(TYPED, st.data())
def test_every_allowed_type_comes_back_from_json_and_text(typed: tuple[Any, st.SearchStrategy[Any]], data: st.DataObject) -> None:
    hint, values = typed
    if fault_of(hint):
        return
    value = data.draw(values)
    genotype = network(own(hint)(value))
    for back in (Genotype.from_json(genotype.to_json()), from_text(to_text(genotype))):
        assert back == genotype
        assert hash(back.nodes) == hash(genotype.nodes)
        assert type(back.nodes[0].op.k) in (type(value), float)  # type: ignore[attr-defined]


@settings(max_examples=200, deadline=None)
@given(TYPED, TYPED, st.data())
def test_what_a_type_does_not_hold_is_refused(one: Any, other: Any, data: st.DataObject) -> None:
    value = data.draw(other[1])
    if fault_of(one[0]) or holds(value, one[0]):
        return
    with pytest.raises(BrokenOpError, match=r"node 'mine': own: k=.* has the wrong type"):
        network(own(one[0])(value))


@pytest.mark.parametrize(
    ("hint", "why"),
    [
        (list, r"its type list is not one that JSON carries, which can change; use int, float"),
        (list[int], "its type list"), (dict[str, int], "its type dict"), (set, "its type set"), (tuple, "its type tuple"),
        (bytes, "its type bytes"), (complex, "its type complex"), (Any, "its type"), (object, "its type"), (TensorSpec, "TensorSpec"),
        (Literal[b"x"], r"literal b'x' is none of text"), (Colour | str, "an enum beside other types"),
        (tuple[tuple[tuple[tuple[tuple[int, ...], ...], ...], ...], ...], "nested more than 4 deep"),
        (tuple[list[int], ...], "its type list"),
        ("Unheard", "the types of fields cannot be read .*Unheard"),
    ],
)  # fmt: skip
def test_a_field_that_json_cannot_carry_is_refused_when_it_is_registered(hint: Any, why: str) -> None:
    with pytest.raises(ValueError, match=rf"^op 'own': class Own field '[k?]': .*{why}") as caught:
        own(hint)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 300


def no_dataclass() -> Any:
    class Mine(Passing):
        def __init__(self, k: int = 3) -> None:
            self.k = k

    return Mine


def fields_without_dataclass() -> Any:
    class Mine(o.ReLU):
        k: int = 3

    return Mine


def not_frozen() -> Any:
    @dataclass
    class Mine(Passing):
        k: int = 3

    return Mine


def own_constructor() -> Any:
    @dataclass(frozen=True)
    class Mine(Passing):
        k: int

        def __init__(self, size: int) -> None:
            object.__setattr__(self, "k", size)

    return Mine


def without_infer() -> Any:
    @dataclass(frozen=True)
    class Mine(Op):
        def build(self, layers: Any, x: TensorSpec) -> Any:
            return layers.ReLU()

    return Mine


def without_build() -> Any:
    @dataclass(frozen=True)
    class Mine(Op):
        def infer(self, x: TensorSpec) -> TensorSpec:
            return x

    return Mine


def field_named(name: str, **given: Any) -> Any:
    return lambda: make_dataclass("Mine", [(name, int, field(default=3, **given))], bases=(Passing,), frozen=True)


def wrong_default() -> Any:
    @dataclass(frozen=True)
    class Mine(Passing):
        how: Literal["a", "b"] = "c"  # type: ignore[assignment]

    return Mine


FIX = r"write @dataclass\(frozen=True\)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_dataclass, f"op 'own': class Mine is no dataclass; {FIX}"),
        (fields_without_dataclass, f"op 'own': class Mine is no dataclass; {FIX}"),
        (not_frozen, f"op 'own': class Mine must be compared by its fields and never change; {FIX}"),
        (own_constructor, "op 'own': class Mine its constructor takes size, its fields are k"),
        (without_infer, "op 'own': class Mine has no `infer`; write def infer"),
        (without_build, "op 'own': class Mine has no `build`; write def build"),
        (field_named("cost"), "op 'own': class Mine (field 'cost'|has a 'cost' that is no method)"),
        (field_named("kind"), "op 'own': class Mine field 'kind': it hides the kind"),
        (field_named("integer"), "op 'own': class Mine field 'integer': it hides the integer"),
        (field_named("k", compare=False), "op 'own': class Mine field 'k': it must be given to the constructor and compared"),
        (field_named("k", init=False), "op 'own': class Mine field 'k': it must be given to the constructor and compared"),
        (wrong_default, "op 'own': class Mine field 'how': its default 'c' is not one of a, b"),
        (lambda: int, "op 'own': class int is no subclass of archsearch.Op"),
        (lambda: "text", "op 'own': class text is no subclass of archsearch.Op"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)  # fmt: skip
def test_a_class_that_is_no_op_is_refused_when_it_is_registered(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        register("own")(make())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 300
    assert "own" not in OPS


@pytest.mark.parametrize("kind", ["", "two words", "a" * 100, 3, None, ["conv2d"], "a/b"])
def test_a_kind_is_a_name(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"^register\(.*a kind is a name of letters, digits and _"):
        register(kind)(o.ReLU)


def test_all_ops_that_come_with_archsearch_are_declared_as_users_must() -> None:
    for kind, cls in OPS.items():
        assert register(kind)(cls) is cls


def with_infer(infer: Any) -> Any:
    cls = make_dataclass("Mine", [], bases=(Passing,), frozen=True, namespace={"infer": infer})
    return register("own")(cls)()


def lost(self: Any, x: TensorSpec) -> TensorSpec:
    return {}["a"]  # type: ignore[no-any-return]


def mistyped(self: Any, x: TensorSpec) -> TensorSpec:
    return TensorSpec()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("infer", "message"),
    [
        (lambda self, x: None, "node 'mine': own: infer returns None, expected a TensorSpec; return TensorSpec"),
        (lambda self, x: (3, 4), r"node 'mine': own: infer returns \(3, 4\), expected a TensorSpec"),
        (lambda self, x: [4], r"node 'mine': own: infer returns \[4\], expected a TensorSpec"),
        (lost, r"node 'mine': own fails at test_own_ops.py:\d+ in lost: KeyError: 'a'"),
        (mistyped, r"node 'mine': own fails at test_own_ops.py:\d+ in mistyped: TypeError: .*shape"),
        (lambda self, x, y: x, "node 'mine': own does not take 1 inputs"),
        (lambda self: TensorSpec((3,)), "node 'mine': own does not take 1 inputs"),
        (lambda self, x: TensorSpec((0,)), "node 'mine': every axis must be a whole number of at least 1"),
    ],
)
def test_a_wrong_infer_is_one_line_that_names_op_and_node(infer: Any, message: str) -> None:
    op = with_infer(infer)
    for make in (lambda: network(op), lambda: Genotype((TensorSpec((4,)),), (Node(op, (0,), "mine"),), (1,))):
        with pytest.raises(GenotypeError, match=message) as caught:
            make()
        assert "\n" not in str(caught.value)


def test_an_infer_that_says_another_shape_than_the_module_makes_is_found_before_a_trial() -> None:
    @register("own")
    @dataclass(frozen=True)
    class Lying(Op):
        def infer(self, x: TensorSpec) -> TensorSpec:
            return TensorSpec((7,))

        def build(self, layers: Any, x: TensorSpec) -> Any:
            return layers.ReLU()

    with pytest.raises(BrokenOpError, match=r"node 'mine': own: infer says shape \(2, 7\), its module returns shape \(2, 4\)"):
        network(Lying())


def test_a_build_that_makes_no_module_is_one_line() -> None:
    cls = make_dataclass("Mine", [], bases=(Passing,), frozen=True, namespace={"build": lambda self, layers, x: layers.ReLU})
    genotype = network(register("own")(cls)())
    with pytest.raises(BrokenOpError, match=r"node 'mine': own: build returns .*ReLU.*, expected a module"):
        compile_network(genotype)


def test_an_op_that_is_not_registered_is_refused() -> None:
    @dataclass(frozen=True)
    class Bare(Passing):
        pass

    @dataclass(frozen=True)
    class Child(o.ReLU):
        k: int = 3

    for op, message in [
        (Bare(), r"class Bare is not registered; write @register\('bare'\) above it"),
        (Child(), "class Child is not registered"),
        (o.ReLU, r"ReLU is a class; make an op of it: ReLU\(...\)"),
        ("relu", "'relu' is no op; give one such as Conv2d"),
    ]:
        with pytest.raises(GenotypeError, match=message):
            network(op)  # type: ignore[arg-type]


SPACE = """
from dataclasses import dataclass
from typing import Literal
from archsearch import Builder, Genotype, Op, Pick, TensorSpec, register
from archsearch.ops import Flatten, GlobalAvgPool2d, Linear


@register("{kind}")
@dataclass(frozen=True)
class Bent(Op):
    how: Literal["relu", "tanh"] = "relu"

    def infer(self, x: TensorSpec) -> TensorSpec:
        return {result}

    def build(self, layers, x):
        return layers.ReLU() if self.how == "relu" else layers.Tanh()


def space(pick: Pick, *, classes: int = 10, input: tuple[int, int, int] = (1, 8, 8)) -> Genotype:
    b = Builder(input)
    return b.genotype(b(Linear(classes), b(Flatten(), b(GlobalAvgPool2d(), b(Bent(pick("how", ["relu", "tanh"])), b.input)))))
"""


def test_no_trial_of_a_space_with_a_literal_field_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "bent.py"
    file.write_text(SPACE.format(kind="bent", result="x"))
    run = search(load_space(str(file)), Random(), Formula(), trials=2, out=tmp_path / "run")
    assert [trial.failure for trial in run.trials] == [None, None]
    hows = {run.genotype(trial.number).nodes[0].op.how for trial in run.trials}  # type: ignore[attr-defined]
    assert hows == {"relu", "tanh"}
    genotype = run.genotype(0)
    assert set_field(genotype, "bent", "how", "tanh").nodes[0].op.how == "tanh"  # type: ignore[attr-defined]
    with pytest.raises(GenotypeError, match='how="sinh" has the wrong type, expected one of relu, tanh'):
        Genotype.from_json(genotype.to_json().replace('"relu"', '"sinh"').replace('"tanh"', '"sinh"'))


def test_a_broken_op_stops_a_search_before_its_first_trial(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(SPACE.format(kind="broken", result="None"))
    with pytest.raises(SpaceError, match=r"broken\.py': node 'broken': broken: infer returns None"):
        load_space(str(file)).sample(np.random.default_rng(0))
    with pytest.raises(SpaceError, match="infer returns None"):
        search(load_space(str(file)), Random(), Formula(), trials=2, out=tmp_path / "run")


def test_a_value_knows_its_builder() -> None:
    a, b = Builder((3, 8, 8)), Builder((3, 8, 8))
    foreign = a(o.Conv2d(16), a.input)
    b(o.Conv2d(4), b.input)
    one_line = "reads a value of another builder, of shape 16x8x8; use values of this one"
    for wrong in (lambda: b(o.Conv2d(8), foreign), lambda: b(o.Concat(), b.input, foreign), lambda: b.genotype(foreign)):
        with pytest.raises(GenotypeError, match=one_line):
            wrong()
    with pytest.raises(GenotypeError, match="the output reads a value of another builder"):
        b.genotype(b.input, a.input)


def test_params_are_the_same_before_and_after_json() -> None:
    b = Builder((3, 8, 8))
    genotype = b.genotype(b(o.Conv2d(8), b(o.Conv2d(16), b.input)))
    assert analyse(Genotype.from_json(genotype.to_json())).params == analyse(genotype).params


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (lambda b: b(o.Concat(), [b.input, b.input]), "node 'concat' is given a list of values; give them one by one"),
        (lambda b: b(o.ReLU(), [b.input]), "node 'relu' is given a list of values"),
        (lambda b: b(o.ReLU(), (b.input, b.input, b.input)), "node 'relu' is given a tuple of values"),
        (lambda b: b(o.ReLU(), 0), "node 'relu' reads '0', which is no value"),
        (lambda b: b(o.Add(), b.input, None), "node 'add' reads 'None', which is no value"),
        (lambda b: b.genotype([b.input]), "the output is given a list of values"),
    ],
)
def test_what_is_no_value_is_refused(given_: Any, message: str) -> None:
    with pytest.raises(GenotypeError, match=message):
        given_(Builder((3, 8, 8)))


def test_lists_become_tuples() -> None:
    assert hash(TensorSpec([3, 4, 4])) == hash(TensorSpec((3, 4, 4)))  # type: ignore[arg-type]
    listed: Any = Genotype([TensorSpec((3, 4, 4))], [Node(o.ReLU(), [0], "a")], [1])  # type: ignore[arg-type]
    plain = Genotype((TensorSpec((3, 4, 4)),), (Node(o.ReLU(), (0,), "a"),), (1,))
    assert listed == plain
    assert hash(listed) == hash(plain)
    for parts, message in [
        (((TensorSpec((3,)),), (Node(o.ReLU(), (0,), "a"),), (1.0,)), "output 1.0 is no value"),
        (((TensorSpec((3,)),), (Node(o.ReLU(), (0.0,), "a"),), (1,)), "node 'a': inputs must be numbers of values"),
        ((((3,),), (Node(o.ReLU(), (0,), "a"),), (1,)), r"inputs must be of TensorSpec, got '\(3,\)'"),
        (((TensorSpec((3,)),), (("relu",),), (1,)), "nodes must be of Node"),
        (((TensorSpec((3,)),), "ab", (1,)), "nodes must be a tuple"),
        (((TensorSpec((3,)),), (Node(o.ReLU(), (0,), 5),), (1,)), "a node's name must be a text"),  # type: ignore[arg-type]
    ]:
        with pytest.raises(GenotypeError, match=message):
            Genotype(*parts)  # type: ignore[arg-type]
