"""What is said of the controllers, their rewards, and how they learn."""

from __future__ import annotations

from itertools import product
from statistics import mean

import numpy as np
import pytest
import torch

from archsearch import Builder, Genotype, Pick
from archsearch.analysis import Budget
from archsearch.ops import Add, Linear
from archsearch.pareto import hypervolume
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.encoding import CLOSED, Encoding
from archsearch.spaces.space import Choices, Space
from archsearch.strategies import Problem, Reinforce
from archsearch.strategies.reinforce.controller import REACH, Controller, Draft, Independent, Recurrent, Shape
from archsearch.strategies.reinforce.learner import Learner, Rates
from archsearch.strategies.reinforce.reward import MARGIN, Rewards
from archsearch.strategies.reinforce.sequence import INPUT, NOTHING, Link, Script, link_of, pad
from archsearch.trial import Failure, Objective, Trial
from tests.runs import small_space

LINKS = {
    "kind1": ("a", "b", "c"), "1->2": (False, True), "0->2": (True, False),
    "kind2": ("a", "b"), "1->3": (True, False), "2->3": (False, True),
}  # fmt: skip
SCRIPT = Script(Encoding(LINKS))
SHAPE = Shape(units=6)


def rates(**changed: float | None) -> Rates:
    return Rates(**{"learning_rate": 0.01, "entropy": 0.0, "batch": 1, "epochs": 1, "queue": 0, **changed})


def everything(script: Script) -> list[Choices]:
    """All networks of a space in which no choice depends on another."""
    options = script.encoding.options
    return [dict(zip(options, values, strict=True)) for values in product(*options.values())]


def controllers(script: Script = SCRIPT, **shape: float) -> list[Controller]:
    made = [Recurrent(script, Shape(**{"units": 6, **shape}), seed=1), Independent(script, Shape(**shape))]
    with torch.no_grad():
        for controller in made:
            for weights in controller.parameters():
                weights += torch.randn(weights.shape, generator=torch.Generator().manual_seed(3))
    return made


def of(controller: Controller, *networks: Choices) -> torch.Tensor:
    return controller.log_probabilities(pad([controller.script.steps(choices) for choices in networks]))[0]


@pytest.mark.parametrize("controller", controllers(), ids=lambda controller: type(controller).__name__)
def test_networks_that_can_be_written_have_all_the_probability(controller: Controller) -> None:
    assert of(controller, *everything(SCRIPT)).exp().sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("controller", controllers(), ids=lambda controller: type(controller).__name__)
def test_reading_and_writing_agree(controller: Controller) -> None:
    rows = 400
    draft, rng = Draft(rows), np.random.default_rng(0)
    log, taken = torch.zeros(rows), []
    for column in range(len(LINKS)):
        before = Draft(rows, dict(draft.reached), list(draft.seen), draft.state, draft.last)
        with torch.no_grad():
            distribution = torch.log_softmax(
                controller.next_logits(before, column).masked_fill(~controller.offered[column], -torch.inf), -1
            )
        taken.append(controller.write(draft, column, rng, 1.0))
        log += distribution.gather(1, torch.as_tensor(taken[-1])[:, None])[:, 0]
    networks = [SCRIPT.encoding.choices(row) for row in np.stack(taken, 1)]
    assert of(controller, *networks).detach().numpy() == pytest.approx(log.numpy(), abs=1e-4)
    likeliest = max(everything(SCRIPT), key=lambda choices: of(controller, choices).item())
    share = sum(network == likeliest for network in networks) / rows
    assert share == pytest.approx(of(controller, likeliest).exp().item(), abs=0.08)


def test_choices_that_are_closed_and_options_that_are_not_on_offer_are_masked() -> None:
    for controller in controllers():
        short, longer = {"kind1": "b"}, {"kind1": "b", "kind2": "a"}
        together = of(controller, short, longer)
        assert together[0].item() == pytest.approx(of(controller, short)[0].item(), abs=1e-5)  # what stands beside it changes nothing
        assert together[1] < together[0]
        columns = torch.arange(len(LINKS))[None]
        normal = controller._normal(torch.zeros(1, len(LINKS), SCRIPT.width), columns)
        assert normal.exp().sum(-1)[0].tolist() == pytest.approx([1.0] * len(LINKS))
        assert torch.isneginf(normal[0, 3, 2])  # kind2 has two options where kind1 has three


@pytest.mark.parametrize(("tanh", "temperature"), [(1.5, 1.0), (2.5, 5.0)])
def test_tanh_bounds_logits_and_temperature_flattens(tanh: float, temperature: float) -> None:
    for bounded, free in zip(controllers(tanh=tanh, temperature=temperature), controllers(), strict=True):
        raw = torch.tensor([[[-80.0, 0.3, 80.0]]])
        column = torch.zeros(1, 1, dtype=torch.long)
        expected = torch.log_softmax(tanh * torch.tanh(raw / temperature), -1)
        assert bounded._normal(raw, column).numpy() == pytest.approx(expected.numpy())
        assert bounded._normal(raw, column).exp().min() > np.exp(-2 * tanh) / 4
        assert free._normal(raw, column).exp().min() == 0


@pytest.mark.parametrize(("temperature", "heat"), [(1.0, 1.0), (4.0, 1.0), (1.0, 4.0), (2.0, 3.0)])
def test_options_are_drawn_as_often_as_temperature_and_heat_say(temperature: float, heat: float) -> None:
    controller, rows = Independent(SCRIPT, Shape(temperature=temperature)), 20_000
    raw = torch.tensor([2.0, 0.0, -3.0])
    with torch.no_grad():
        controller.table[0] = raw
    drawn = controller.write(Draft(rows), 0, np.random.default_rng(0), heat)
    expected = torch.softmax(raw / (temperature * heat), 0).numpy()
    assert np.bincount(drawn, minlength=3) / rows == pytest.approx(expected, abs=0.015)


def test_the_controller_is_that_of_the_paper() -> None:
    strategy = Reinforce()
    strategy.begin(Problem(Catalogue(small_space("cell")), (Objective("error"),), Budget(), 10))
    controller = strategy._learner.controller
    assert isinstance(controller, Recurrent)
    assert (controller.lstm.hidden_size, controller.lstm.num_layers) == (35, 2)
    weights = torch.cat([weights.detach().ravel() for weights in controller.parameters()])
    assert weights.abs().max() <= REACH == 0.08
    assert weights.std().item() == pytest.approx(REACH / 3**0.5, rel=0.05)
    assert strategy.rates.learning_rate == 6e-4
    ppo = Reinforce(method="ppo").rates
    assert (ppo.clip, ppo.learning_rate, ppo.entropy) == (0.2, 3.5e-4, 1e-5)
    assert strategy.rates.clip is None


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("0->2", (False, True), Link("", 2, (None, 0))),
        ("encoder/1->12", (True, False), Link("encoder/", 12, (1, None))),
        ("->3", (0, 2), Link("", 3, (0, 2))),
        ("cell/->2", (0, 1), Link("cell/", 2, (0, 1))),
        ("2->1", (False, True), None),
        ("0->2", ("none", "conv"), None),
        ("->2", (0, 2), None),
        ("->2", (False, True), None),
        ("width", (1, 2), None),
    ],
)
def test_links_are_known_by_their_names(name: str, options: tuple[object, ...], expected: Link | None) -> None:
    assert link_of(name, options) == expected


def test_a_link_reads_the_anchor_of_the_layer_that_it_reads() -> None:
    steps = SCRIPT.steps({"kind1": "a", "1->2": True, "0->2": False, "kind2": "b", "1->3": False, "2->3": True})
    assert steps.reads[0].tolist() == [NOTHING] * 3
    assert steps.reads[1].tolist() == [NOTHING, INPUT, NOTHING]  # no choice was made at layer 1
    assert steps.reads[2].tolist() == [INPUT, NOTHING, NOTHING]
    assert steps.reads[5].tolist() == [NOTHING, 1, NOTHING]  # layer 2 was reached at its first link
    controller = controllers()[0]
    assert isinstance(controller, Recurrent)
    tokens = controller.starts[torch.as_tensor(steps.columns)] + torch.as_tensor(steps.taken)
    start = torch.tensor([controller.embedding.num_embeddings - 1])
    states, _ = controller.lstm(controller.embedding(torch.cat([start, tokens[:-1]]))[None])
    found = controller.logits(pad([steps]))[0]
    score = controller.attention @ torch.tanh(controller.past(states[0, 1]) + controller.present(states[0, 5]))
    assert found[5, 1].item() == pytest.approx(score.item(), abs=1e-5)
    assert found[5, 0].item() == 0
    score = controller.attention @ torch.tanh(controller.past(controller.input) + controller.present(states[0, 4]))
    assert found[4, 0].item() == pytest.approx(score.item(), abs=1e-5)


@pytest.mark.parametrize("clip", [None, 0.2])
@pytest.mark.parametrize("kind", [0, 1])
def test_a_network_better_than_usual_becomes_likelier(kind: int, clip: float | None) -> None:
    good, bad = everything(SCRIPT)[5], everything(SCRIPT)[40]
    controller = controllers()[kind]
    before = of(controller, good, bad).detach()
    learner = Learner(controller, rates(clip=clip, epochs=3))
    learner.learn([SCRIPT.steps(good), SCRIPT.steps(bad)], [1.0, -1.0], [])
    after = of(controller, good, bad).detach()
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_the_gradient_is_that_of_the_expected_reward() -> None:
    controller = controllers()[1]
    networks = everything(SCRIPT)
    rewards = torch.tensor(np.random.default_rng(0).random(len(networks)), dtype=torch.float32)
    (exact,) = torch.autograd.grad((of(controller, *networks).exp() * rewards).sum(), controller.parameters())
    drawn = np.random.default_rng(1).choice(len(networks), 20_000, p=normed(of(controller, *networks)))
    counts = torch.as_tensor(np.bincount(drawn, minlength=len(networks)) / len(drawn), dtype=torch.float32)
    learner = Learner(controller, rates())
    gains = (rewards - rewards.mean()) * counts * len(networks)
    (found,) = torch.autograd.grad(learner._gain(of(controller, *networks), torch.zeros(0), gains), controller.parameters())
    assert found.flatten().tolist() == pytest.approx(exact.flatten().tolist(), abs=0.01)


def normed(log: torch.Tensor) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    shares = log.detach().double().exp().numpy()
    return shares / shares.sum()


@pytest.mark.parametrize(
    ("moved", "gain", "slope"), [(0.0, 1.0, 1.0), (0.3, 1.0, 0.0), (0.3, -1.0, -1.35), (-0.3, 1.0, 0.74), (-0.3, -1.0, 0.0)]
)
def test_ppo_clips_ratios_that_went_far_enough(moved: float, gain: float, slope: float) -> None:
    log = torch.tensor([moved], requires_grad=True)
    Learner(controllers()[1], rates(clip=0.2))._gain(log, torch.zeros(1), torch.tensor([gain])).backward()
    assert log.grad is not None
    assert log.grad.item() == pytest.approx(slope, abs=0.01)


def test_entropy_is_rewarded_and_the_queue_made_likelier() -> None:
    network = everything(SCRIPT)[7]
    for controller in controllers():
        steps = SCRIPT.steps(network)
        before = controller.log_probabilities(pad([steps]))[1].item()
        Learner(controller, rates(entropy=10.0, epochs=5)).learn([steps], [0.0], [])
        assert controller.log_probabilities(pad([steps]))[1].item() > before
        before = of(controller, network).item()
        Learner(controller, rates(epochs=5)).learn([SCRIPT.steps(everything(SCRIPT)[50])], [0.0], [steps])
        assert of(controller, network).item() > before


def problem(space: Space, *objectives: str, budget: Budget | None = None) -> Problem:
    return Problem(Catalogue(space), tuple(map(Objective.parse, objectives)), budget or Budget(), 100)


def test_the_reward_of_two_objectives_is_accuracy_times_costs_to_a_power() -> None:
    cell = small_space("cell")
    rewards = Rewards(problem(cell, "error", "params", budget=Budget(params=1000)), "product", -0.07)
    rewards.add((0.2, 500.0))
    rewards.add((0.1, 2000.0))
    assert rewards.all() == pytest.approx([0.8 * 0.5**-0.07, 0.9 * 2**-0.07])
    assert rewards.best(1) == [1]
    free = Rewards(problem(cell, "max:accuracy", "latency_ms"), "product", -0.5)
    for values in ((-0.8, 1.0), (-0.8, 4.0), (-0.9, 16.0)):
        free.add(values)
    assert free.all() == pytest.approx([0.8 * 2, 0.8, 0.9 / 2])  # without a limit the median is the target


def test_the_reward_by_hypervolume_is_what_a_trial_adds() -> None:
    rewards = Rewards(problem(small_space("cell"), "error", "params"), "hypervolume")
    for values in ((0.5, 100.0), (0.3, 300.0), (0.6, 400.0), (0.4, 150.0)):
        rewards.add(values)
    found = rewards.all()
    assert found[2] == 0  # dominated when it came
    scaled = (np.array([(0.5, 100.0), (0.3, 300.0), (0.4, 150.0)]) - (0.3, 100.0)) / (0.3, 300.0)
    bound = (1 + MARGIN,) * 2
    assert found[3] == pytest.approx(hypervolume(scaled, bound) - hypervolume(scaled[:2], bound))
    assert sorted(rewards.best(3)) == [0, 1, 3]


def told(strategy: Reinforce, values: list[float | None]) -> list[float | None]:
    """The advantage of each of some trials."""
    strategy.begin(problem(small_space("cell"), "error"))
    found = []
    for number, value in enumerate(values):
        failure = Failure("crashed", "x") if value is None else None
        found.append(strategy._advantage(Trial(number, {}, str(number), {}, None if value is None else (value,), failure)))
    return found


def test_the_baseline_is_a_moving_average_of_rewards() -> None:
    strategy = Reinforce(baseline="average", decay=0.9)
    assert told(strategy, [0.5, 0.3, None]) == pytest.approx([0.0, 0.2, -0.5 + 0.48])  # rewards -0.5, -0.3, and the worst
    assert told(Reinforce(), [None, 0.5, 0.3, 0.4, None]) == [None, 0.0, 0.5, 0.0, pytest.approx(-2 / 3)]


def layered(pick: Pick) -> Genotype:
    """Layers with skip connections among them, and a depth that opens them."""
    b = Builder((4,))
    values = [b.input]
    for layer in range(1, pick("depth", [2, 3, 4]) + 1):
        reads = [values[i] for i in range(layer - 1) if pick(f"{i}->{layer}", [False, True])]
        x = b(Linear(4, bias=pick(f"bias{layer}", [False, True])), values[-1])
        values.append(b(Add(), x, *reads) if reads else x)
    return b.genotype(values[-1])


@pytest.mark.parametrize("options", [{}, {"method": "ppo"}, {"controller": "independent"}, {"baseline": "average", "tanh": 2.5}], ids=str)
@pytest.mark.parametrize("space", [small_space("cell"), Space("layered", layered, {})], ids=lambda space: space.source)
def test_it_comes_to_write_what_pays(space: Space, options: dict[str, object]) -> None:
    strategy, asking = Reinforce(**options), problem(space, "error")
    strategy.begin(asking)
    errors = []
    for number in range(160):
        choices = space.resolve(strategy.ask(np.random.default_rng([2, number])), np.random.default_rng(number)).choices
        wanted = sum(value in (True, "skip_connect") for value in choices.values())
        errors.append(1 - wanted / 10)
        strategy.tell(Trial(number, choices, str(number), {}, (errors[-1],)))
    assert mean(errors[-30:]) < mean(errors[:20]) - 0.04


def test_who_asks_again_for_the_same_trial_in_vain_is_answered_at_once() -> None:
    space = small_space("cell")
    strategy, asking = Reinforce(controller="independent"), problem(space, "error", budget=Budget(params=1))
    strategy.begin(asking)
    rng = np.random.default_rng(0)
    assert strategy.ask(rng) == {}
    state = rng.bit_generator.state
    assert strategy.ask(rng) == {}
    assert rng.bit_generator.state == state  # nothing was drawn
    strategy.ask(other := np.random.default_rng(1))
    assert other.bit_generator.state != np.random.default_rng(1).bit_generator.state


def test_trials_without_choices_or_results_teach_nothing() -> None:
    strategy = Reinforce()
    strategy.begin(problem(small_space("cell"), "error"))
    first = strategy.ask(np.random.default_rng(0))
    strategy.tell(Trial(0, first, "0", {}, None, Failure("crashed", "x")))
    strategy.tell(Trial(1, {}, "1", {}, (0.5,)))
    assert strategy.ask(np.random.default_rng(0)) == first
    assert SCRIPT.encoding.places({}).tolist() == [CLOSED] * len(LINKS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"controller": "gru"}, "controller='gru' must be one of lstm, independent"),
        ({"method": "trpo"}, "method='trpo' must be one of reinforce, ppo"),
        ({"reward": "sum"}, "reward='sum' must be one of product, hypervolume"),
        ({"baseline": "none"}, "baseline='none' must be one of rank, average"),
        ({"units": 0}, "units=0 must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be over 0"),
        ({"decay": 1.0}, "decay=1.0 must be at least 0 and under 1"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Reinforce(**options)
