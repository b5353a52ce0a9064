"""From asks to networks worth evaluating: valid, new and within the budget, ten thousand times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from archsearch import layers
from archsearch.analysis import Budget, analyse
from archsearch.network.genotype import Genotype
from archsearch.runs.proposal import Proposer, Refused, problem_of
from archsearch.runs.record import Record
from archsearch.spaces.space import Choices, Space, SpaceError, load_space
from archsearch.strategies import Evolution, Random, Strategy
from archsearch.trial import Objective, Trial
from tests.evaluators import Formula
from tests.runs import small_search, small_space

BUDGETS = {
    "cell": Budget(params=9_000, macs=250_000, memory_bytes=80_000, training_memory_bytes=600_000),
    "chain": Budget(params=9_000, macs=400_000, memory_bytes=80_000, training_memory_bytes=600_000),
}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return small_search(tmp_path_factory.mktemp("run") / "run", trials=1, objectives=("error",)).record


def params_by_torch(genotype: Genotype) -> int:
    specs = genotype.specs
    with torch.device("meta"):
        modules = [node.op.build(layers, *(specs[i] for i in node.inputs)) for node in genotype.nodes]
    return sum(p.numel() for module in modules for p in module.parameters())


def proposer_of(record: Record, space: Space, strategy: Strategy) -> Proposer:
    return Proposer(problem_of(record, space, Formula()), strategy, record.seed)


@pytest.mark.parametrize("most", [1000, pytest.param(4_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["chain", "cell"])
def test_of_thousands_of_asks_nothing_invalid_known_or_over_budget_comes_through(name: str, most: int, record: Record) -> None:
    budget, strategy = BUDGETS[name], Evolution(population=50, tournament=5)
    proposer = proposer_of(replace(record, budget=budget), small_space(name), strategy)
    asks, fingerprints = 0, set()
    for number in range(most):
        proposal = proposer.propose(number)
        if isinstance(proposal, Refused):
            break
        assert proposal.refusals["invalid"] == 0
        asks += 1 + proposal.refusals.total()
        genotype = proposal.genotype
        single, training = analyse(genotype), analyse(genotype, 8)
        assert single.params <= budget.params
        assert single.macs <= budget.macs
        assert single.inference_peak_bytes <= budget.memory_bytes
        assert training.training_peak_bytes <= budget.training_memory_bytes
        assert genotype.fingerprint not in fingerprints
        fingerprints.add(genotype.fingerprint)
        if number % 25 == 0:
            assert params_by_torch(genotype) == single.params
        error = 1 / (1 + single.params)
        strategy.tell(Trial(number, proposal.choices, genotype.fingerprint, {"error": error}, (error,)))
        if asks >= most:
            break
    assert asks >= most
    assert len(fingerprints) > most // 10


def test_what_is_refused_is_counted_by_reason(record: Record) -> None:
    proposer = proposer_of(replace(record, budget=Budget(params=6_000)), small_space(), Random())
    reasons = {reason for number in range(60) for reason in proposer.propose(number).refusals}
    assert reasons == {"duplicate", "over params"}


class Listed:
    """Asks for what stands in a list."""

    def __init__(self, *asked: Choices) -> None:
        self.asked = iter(asked)

    def ask(self, rng: np.random.Generator) -> Choices:
        return next(self.asked)

    def tell(self, trial: Trial) -> None: ...


def test_every_refusal_counts_once(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "half.py"
    file.write_text(
        "from archsearch import Builder\nfrom archsearch.ops import Flatten, Linear\n"
        "def space(pick):\n    b = Builder((1, 8, 8))\n    x = b.input if pick('image', [True, False]) else b(Flatten(), b.input)\n"
        "    return b.genotype(b(Linear(pick('width', [1, 2, 3])), x))\n"
    )
    wrong, one, two, three = {"image": True}, *({"image": False, "width": width} for width in (1, 2, 3))
    strategy = Listed(wrong, wrong, one, one, three, wrong, one, three, two)
    proposer = proposer_of(replace(record, budget=Budget(params=150)), load_space(str(file)), strategy)
    first, second = proposer.propose(0), proposer.propose(1)
    assert not isinstance(first, Refused)
    assert not isinstance(second, Refused)
    assert (first.choices, first.refusals) == (one, {"invalid": 2})
    assert (second.choices, second.refusals) == (two, {"duplicate": 2, "over params": 2, "invalid": 1})


def test_a_space_without_a_valid_network_says_why(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "from archsearch import Builder\nfrom archsearch.ops import Linear\n"
        "def space(pick):\n    b = Builder((1, 8, 8))\n    return b.genotype(b(Linear(pick('width', [1, 2])), b.input, name='fc'))\n"
    )
    with pytest.raises(SpaceError, match=r"no valid network in 1000 tries; the last error: node 'fc': linear needs a vector"):
        proposer_of(record, load_space(str(file)), Random())


def test_every_proposal_depends_on_its_number_alone(record: Record) -> None:
    alone = proposer_of(record, small_space(), Random()).propose(7)
    other = proposer_of(record, small_space(), Random())
    other.propose(3)
    assert not isinstance(alone, Refused)
    assert other.propose(7) == alone
    assert np.isfinite(list(alone.costs.values())).all()
    assert Objective("params").value(alone.costs) == alone.costs["params"]
