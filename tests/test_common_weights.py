"""Nodes that use the weights of another node: one module, called several times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archsearch import Builder, Genotype, GenotypeError, Node, TensorSpec, Value, analyse, compile_network
from archsearch import ops as o
from archsearch.analysis.population import Population, analyse_population
from archsearch.design.diff import diff
from archsearch.design.drawing import draw
from archsearch.design.edit import EditError, remove, rename, set_field
from archsearch.design.importer import imported
from archsearch.design.importer.ledger import Ledger, TakenError
from archsearch.design.importer.place import Place
from archsearch.design.lint import lint
from archsearch.exporters import export_network
from archsearch.network.isomorphism import common
from archsearch.network.morphisms import MorphismError, widen
from archsearch.network.passes import canonicalise, drop_dead
from archsearch.network.text_form import from_text, to_text
from archsearch.sharing import Bank
from archsearch.spaces.around import variation
from archsearch.spaces.space import Pick
from tests.meta_tracker import inference, training_step
from tests.networks_of_examples import KINDS

CONV = o.Conv2d(4, 3)


def siamese(apart: bool = False, names: tuple[str, str] = ("left", "right")) -> Genotype:
    """Two images through one convolution and one norm (or two of each), compared."""
    b = Builder((3, 8, 8), (3, 8, 8))
    sides = []
    for image, name in zip(b.inputs, names, strict=True):
        first = sides[0] if sides and not apart else (None, None)
        conv = b(o.Conv2d(4, 3, bias=False), image, name=f"{name}_conv", weights=first[0])
        norm = b(o.BatchNorm2d(), conv, name=f"{name}_norm", weights=first[1])
        sides.append((conv, norm))
    pooled = b(o.GlobalAvgPool2d(), b(o.Mul(), sides[0][1], sides[1][1]))
    return b.genotype(b(o.Linear(3), b(o.Flatten(), pooled), name="head"))


def unrolled(times: int = 3) -> Genotype:
    """One convolution, so many times in a row."""
    b = Builder((4, 8, 8))
    x = first = b(CONV, b.input, name="step")
    for _ in range(times - 1):
        x = b(CONV, b(o.ReLU(), x), weights=first)
    return b.genotype(x)


def scales() -> Genotype:
    """One head on images of two sizes, of two outputs."""
    b = Builder((4, 8, 8))
    small = b(o.MaxPool2d(2), b.input)
    head = b(o.Conv2d(6, 3), b.input, name="head")
    return b.genotype(head, b(o.Conv2d(6, 3), small, name="head_small", weights=head))


@pytest.mark.parametrize("genotype", [siamese(), unrolled(), scales()], ids=["siamese", "unrolled", "scales"])
def test_they_are_one_module_with_the_costs_that_torch_has(genotype: Genotype) -> None:
    network = compile_network(genotype, 0)
    shapes = [spec.shape for spec in genotype.inputs]
    for batch in (1, 3):
        for optimizer in ("sgd", "adam"):
            forward, step = inference(network, shapes, batch), training_step(network, shapes, batch, optimizer)
            found = analyse(genotype, batch, optimizer=optimizer)
            assert found.params == sum(p.numel() for p in network.parameters())
            assert found.buffers == sum(b.numel() for b in network.buffers())
            assert (found.inference_peak_bytes, found.training_peak_bytes, found.saved_bytes) == (forward.peak, step.peak, step.saved)


def test_gradients_of_all_uses_add_up() -> None:
    network = compile_network(unrolled(2), 0)
    x = torch.rand(2, 4, 8, 8)
    conv = network.get_submodule("step")
    torch.testing.assert_close(network(x), conv(torch.relu(conv(x))))
    network(x).sum().backward()
    wanted = torch.autograd.grad(conv(torch.relu(conv(x))).sum(), list(conv.parameters()))
    torch.testing.assert_close([p.grad for p in network.parameters()], list(wanted))


def test_every_output_counts_the_weights_that_it_needs_and_adds_them_once() -> None:
    one, other = analyse(scales()).exits
    assert (one.params, one.added_params, other.params, other.added_params) == (222, 222, 222, 0)


def test_json_and_text_give_the_same_back() -> None:
    for genotype in (siamese(), unrolled(), scales()):
        assert Genotype.from_json(genotype.to_json()) == genotype
        assert from_text(to_text(genotype)) == genotype
    assert "conv2d(4) weights step" in to_text(unrolled())
    assert '"weights"' not in siamese(apart=True).to_json()


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([Node(CONV, (0,), "a", "b")], "uses the weights of 'b', which is no node"),
        ([Node(CONV, (0,), "a", "a")], "which uses those of 'a'"),
        ([Node(CONV, (0,), "a", "b"), Node(CONV, (1,), "b")], "which comes later"),
        ([Node(CONV, (0,), "a"), Node(o.Conv2d(4, 1), (1,), "b", "a")], "it is conv2d(channels=4, kernel=1), that one conv2d"),
        ([Node(o.Conv2d(6), (0,), "a"), Node(o.Conv2d(6), (1,), "b", "a")], "has other weights than at 4x8x8"),
        ([Node(CONV, (0,), "a"), Node(CONV, (1,), "b", "a"), Node(CONV, (2,), "c", "b")], "'b', which uses those of 'a'"),
        ([Node(o.ReLU(), (0,), "a"), Node(o.ReLU(), (1,), "b", "a")], "'a', which has none"),
        ([Node(CONV, (0,), "a", 3)], "must be a text"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(nodes: list[Node], message: str) -> None:
    with pytest.raises(GenotypeError, match=message.replace("(", r"\(").replace(")", r"\)")):
        Genotype((TensorSpec((4, 8, 8)),), tuple(nodes), (1,))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_op_with_weights_can_be_used_twice(kind: str) -> None:
    """Costs as torch has them; the peak of training is no less, and only a little more where an op makes the gradients of parts in turn."""
    for op, shapes in KINDS[kind]:
        b = Builder(*shapes, *shapes)
        one = b(op, *b.inputs[: len(shapes)])
        if analyse(b.genotype(one)).params == 0:
            continue
        genotype = b.genotype(one, b(op, *b.inputs[len(shapes) :], weights=one))
        network, sizes = compile_network(genotype, 0), [spec.shape for spec in genotype.inputs]
        forward, step, found = (
            inference(network, sizes, 3),
            training_step(network, sizes, 3, "adam"),
            analyse(genotype, 3, optimizer="adam"),
        )
        assert found.params == sum(p.numel() for p in network.parameters())
        assert (found.inference_peak_bytes, found.saved_bytes) == (forward.peak, step.saved)
        assert step.peak <= found.training_peak_bytes <= 1.15 * step.peak


def test_an_op_whose_weights_hang_on_the_size_shares_none_between_sizes() -> None:
    b = Builder((4, 8, 8))
    tokens = b(o.Tokens(), b.input)
    table = b(o.PositionEmbedding(), tokens)
    assert b.genotype(b(o.PositionEmbedding(), table, weights=table)).holders == {2: 1}
    small = b(o.PositionEmbedding(), b(o.Tokens(), b(o.MaxPool2d(2), b.input)), weights=table)
    with pytest.raises(GenotypeError, match="has other weights than at"):
        b.genotype(small)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv2d(4) weights", "expected the name of the node whose weights it uses, got the end of the line"),
        ("conv2d(4) weights nobody", "'nobody' is no input and not made before this line"),
        ("conv2d(4) weights x", "uses the weights of 'x', an input, which has none"),
        ("conv2d(5) weights a", "uses the weights of 'a', but it is conv2d"),
        ("relu weights ^", r"expected the name of the node whose weights it uses, got '\^'"),
    ],
)
def test_a_text_that_names_no_such_weights_gets_one_line(text: str, message: str) -> None:
    with pytest.raises(GenotypeError, match=message) as error:
        from_text(f"input x: 4x8x8\na: conv2d(4)\n{text}\noutput a\n")
    assert "\n" not in str(error.value)


def test_isomorphic_networks_share_weights_in_the_same_places() -> None:
    same = siamese(names=("b", "a"))
    assert same.fingerprint == siamese().fingerprint == canonicalise(same).fingerprint
    assert siamese(apart=True).fingerprint != siamese().fingerprint
    assert canonicalise(canonicalise(same)) == canonicalise(same)
    seen = set()
    for groups in ("aabb", "abab", "abba", "aaaa", "abcd", "aaab"):  # two chains of two convolutions, summed
        b = Builder((4, 8, 8))
        held: dict[str, Value] = {}
        ends = []
        for chain in (groups[:2], groups[2:]):
            x = b.input
            for group in chain:
                x = b(CONV, x, weights=held.get(group))
                held.setdefault(group, x)
            ends.append(x)
        seen.add(b.genotype(b(o.Add(), *ends)).fingerprint)
    assert len(seen) == 6


def test_branches_of_a_sum_may_change_places_with_what_they_share() -> None:
    """Which of two equal branches shares its weights with a third node is told, not how they are written."""

    def network(first: bool) -> Genotype:
        b = Builder((4, 8, 8))
        convs = [b(CONV, b.input), b(CONV, b.input)]
        total = b(o.Add(), *[b(o.Sigmoid(), x) for x in convs])
        return b.genotype(b(CONV, total, weights=convs[0 if first else 1]))

    assert network(first=True).fingerprint == network(first=False).fingerprint


def test_a_node_has_the_weights_for_itself_when_the_others_are_dead() -> None:
    b = Builder((4, 8, 8))
    dead = b(CONV, b.input, name="dead")
    second = b(CONV, b(o.ReLU(), b.input), name="second", weights=dead)
    third = b(CONV, b(o.Tanh(), second), name="third", weights=dead)
    for living in (drop_dead(b.genotype(third)), canonicalise(b.genotype(third))):
        assert [(node.name, node.weights) for node in living.nodes if node.op == CONV] == [("second", ""), ("third", "second")]
        assert analyse(living).params == sum(p.numel() for p in compile_network(living).parameters()) == 148
    alone = drop_dead(b.genotype(second))
    assert not alone.holders
    assert analyse(alone).params == 148


def test_an_op_with_shared_weights_is_not_rewritten_where_shapes_would_allow_it() -> None:
    b = Builder((4, 1, 1), (4, 8, 8))
    first = b(o.Conv2d(4, 3), b.inputs[0], name="first")
    genotype = b.genotype(first, b(o.Conv2d(4, 3), b.inputs[1], name="second", weights=first))
    assert {node.op for node in canonicalise(genotype).nodes} == {o.Conv2d(4, 3)}


def test_exported_source_has_the_module_once(tmp_path: Path) -> None:
    for number, genotype in enumerate((siamese(), unrolled(), scales())):
        state = dict(compile_network(genotype, 1).state_dict())
        folder = export_network(genotype, tmp_path / str(number), state)  # checked in a process of its own
        assert (folder / "model.py").read_text().count("nn.Conv2d(") == 1


def test_a_drawing_marks_them_alike() -> None:
    picture = draw(siamese()).decode()
    assert (picture.count("weights A"), picture.count("weights B")) == (2, 2)
    assert "weights A" not in draw(siamese(apart=True)).decode()


def test_a_difference_in_whose_weights_are_used_is_told() -> None:
    assert not diff(siamese(), siamese(names=("left", "right"))).changed
    names = [change.name for change in diff(siamese(apart=True), siamese()).changed]
    assert sorted(names) == ["right_conv", "right_norm"]
    assert diff(siamese(apart=True), siamese()).changed[0].after.endswith("weights left_conv")


def test_edits_change_all_uses_together() -> None:
    wider = set_field(siamese(), "right_conv", "channels", 6)
    assert {node.op.channels for node in wider.nodes if isinstance(node.op, o.Conv2d)} == {6}
    assert wider.holders == siamese().holders
    named = rename(siamese(), "left_conv", "first")
    assert next(node.weights for node in named.nodes if node.name == "right_conv") == "first"
    shorter = remove(unrolled(), "step")
    assert analyse(shorter).params == analyse(unrolled()).params == 148
    with pytest.raises(EditError, match="share weights"):
        set_field(unrolled(), "step", "channels", 6)


def test_lint_tells_equal_uses_of_one_value_and_no_others() -> None:
    b = Builder((4, 8, 8))
    first = b(CONV, b.input, name="first")
    again = b(CONV, b.input, name="again", weights=first)
    other = b(CONV, b.input, name="other")
    genotype = b.genotype(b(o.Concat(), first, again, other))
    assert [found.where for found in lint(genotype) if found.rule == "duplicate-node"] == ["again"]


def test_widening_stops_at_them() -> None:
    state = compile_network(siamese(), 0).state_dict()
    with pytest.raises(MorphismError, match="in common"):
        widen(siamese(), state, "left_conv", 8, np.random.default_rng(0))


def test_a_bank_gives_them_one_module() -> None:
    bank = Bank()
    network = bank.network(siamese())
    assert sum(p.numel() for p in network.parameters()) == analyse(siamese()).params
    state = {name: torch.rand_like(p) if p.is_floating_point() else p for name, p in network.state_dict().items()}
    network.load_state_dict(state)
    plain = compile_network(siamese())
    plain.load_state_dict(state)
    pair = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(network.eval()(*pair), plain.eval()(*pair))


def test_a_population_varies_them_together() -> None:
    widths = [4, 6, 8]
    both = {"left_conv:channels": widths, "right_conv:channels": widths}
    population = Population(siamese(), both)
    found = analyse_population(population, 2)
    for number in range(3):
        one = analyse(population.genotype(number), 2)
        assert (found.params[number], found.training_peak_bytes[number]) == (one.params, one.training_peak_bytes)
        assert found.inference_peak_bytes[number] == one.inference_peak_bytes
    with pytest.raises(ValueError, match="vary both"):
        Population(siamese(), {"left_conv:channels": widths})


def test_networks_around_keep_what_is_shared() -> None:
    with_stem = Builder((3, 16, 16))
    x = with_stem(o.ReLU(), with_stem(o.Conv2d(8, 3), with_stem.input, name="stem"))
    first = with_stem(o.Conv2d(8, 3), x, name="shared")
    for number in range(2):
        x = with_stem(o.ReLU(), with_stem(o.Conv2d(8, 3), x, name=f"again{number}", weights=first))
        x = with_stem(o.Conv2d(12, 3), x, name=f"free{number}")
        x = with_stem(o.Conv2d(8, 3), x, name=f"back{number}")
    network = with_stem.genotype(with_stem(o.Flatten(), with_stem(o.GlobalAvgPool2d(), x)))
    widths = set()
    for seed in range(20):
        genotype = variation(network, Pick({}, np.random.default_rng(seed)), links=True)
        assert len(common(genotype.nodes)) >= 2
        assert {node.op for node in genotype.nodes if node.name.startswith(("shared", "again"))} == {o.Conv2d(8, 3)}
        widths.update(node.op.channels for node in genotype.nodes if node.name == "free0")
        compile_network(genotype)
    assert len(widths) > 1


class Twice(nn.Module):
    """Uses a convolution and a norm at two sizes, and a map and a norm twice in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.map = nn.Linear(4, 4)
        self.plain = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.plain(self.plain(x))
        large = torch.relu(self.norm(self.conv(x))).mean((2, 3))
        small = torch.relu(self.norm(self.conv(nn.functional.max_pool2d(x, 2)))).mean((2, 3))
        return self.map(torch.relu(self.map(large + small)))


def test_a_module_that_uses_weights_twice_comes_in(tmp_path: Path) -> None:
    module = Twice().train()
    for _ in range(3):
        module(torch.randn(4, 3, 8, 8))
    found = imported(module.eval(), torch.zeros(2, 3, 8, 8), strict=True)
    assert not found.remarks
    assert analyse(found.genotype).params == sum(p.numel() for p in module.parameters())
    assert len(found.genotype.holders) == 4
    x = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(found.network()(x), module(x))
    again = imported(found.network(), torch.zeros(2, 3, 8, 8), strict=True)
    assert again.genotype.fingerprint == found.genotype.fingerprint


def test_elements_that_two_nodes_share_stay_in_use_when_one_of_them_is_given_up() -> None:
    ledger = Ledger([("weight", torch.zeros(3, 2)), ("bias", torch.zeros(3))])
    weight = ledger.parameter("weight", torch.zeros(3, 2))
    ledger.take(weight, Place("first"))
    takes = ledger.takes
    ledger.use(weight, Place("second"))
    ledger.give_back(takes)
    with pytest.raises(TakenError, match="weights of weight are used here and at module 'first'"):
        ledger.take(weight, Place("third"))
    ledger.give_back(0)
    assert ledger.unused() == {"weight": 6, "bias": 3}
