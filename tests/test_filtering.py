"""Filters before the training, and weights that networks begin with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archsearch import Budget, Fidelity
from archsearch.evaluators.base import Candidate, Report
from archsearch.evaluators.train import Train
from archsearch.network.compiler import compile_network
from archsearch.runs.filtering import apart, most_similar
from archsearch.runs.proposal import SearchError
from archsearch.runs.record import Prefilter
from archsearch.runs.search import resume, search
from archsearch.runs.store import Run, Store, open_run
from archsearch.spaces.catalogue import Catalogue
from archsearch.strategies import Evolution, Random
from archsearch.supernets import load_supernet_search
from archsearch.trial import Trial
from tests.evaluators import Formula, Rising
from tests.runs import StoppedError, assert_same_run, made, small_search, small_space, stopping

BEST_OF_FIVE = Prefilter(5)
EPOCHS = Fidelity("epochs", (1, 3, 9))


@dataclass(frozen=True)
class Foreseeing(Rising):
    """Says beforehand how many params a network has, and whose weights it begins with."""

    inherits = True

    def foretell(self, candidate: Candidate) -> dict[str, float]:
        whole = self.__class__.__mro__[2].evaluate(self, Candidate(0, candidate.genotype, 0), lambda *_: False)
        return dict.fromkeys(candidate.proxies, -whole["error"])

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        found = super().evaluate(candidate, report)
        if candidate.parent is None:
            return found
        assert candidate.parent.weights.read_text().split()[0] == candidate.parent.genotype.fingerprint
        return {**found, "inherited": 0.5}


def filtered(out: Path, strategy: object = None, **options: object) -> Run:
    return small_search(out, strategy, **{"evaluator": Foreseeing(epochs=3), "trials": 16, **options})  # type: ignore[arg-type]


# Filters


def test_of_several_proposals_the_best_by_proxies_is_evaluated(tmp_path: Path) -> None:
    one = filtered(tmp_path / "one", Random(), objectives=["error"])
    five = filtered(tmp_path / "five", Random(), objectives=["error"], prefilter=BEST_OF_FIVE)
    assert len(five.trials) == 16
    assert len({trial.fingerprint for trial in five.trials}) == 16
    errors = [sum(trial.metrics["error"] for trial in run.trials) / 16 for run in (one, five)]
    assert errors[1] < errors[0]
    assert all(trial.metrics["foretold_synflow"] < 0 for trial in five.trials)
    assert five.refusals["not the best by proxies"] == 16 * 4
    assert not any(name.startswith("foretold") for trial in one.trials for name in trial.metrics)


LONG = [("evolution", 2), *((name, workers) for name in ("auto", "reinforce") for workers in (0, 2))]


@pytest.mark.parametrize(("name", "workers"), [("evolution", 0), *(pytest.param(*each, marks=pytest.mark.slow) for each in LONG)])
def test_a_filtered_run_repeats_and_goes_on_exactly(name: str, workers: int, tmp_path: Path) -> None:
    options = {"prefilter": BEST_OF_FIVE, "inherit": True, "fidelity": EPOCHS, "workers": workers, "evaluator": Foreseeing()}
    filtered(tmp_path / "whole", made(name), **options)
    with pytest.raises(StoppedError, match="stopped by the test"):
        filtered(tmp_path / "broken", made(name), progress=stopping(30), **options)
    assert len(open_run(tmp_path / "broken").steps) < len(open_run(tmp_path / "whole").steps)
    resume(tmp_path / "broken", small_space(), made(name), Foreseeing())
    assert_same_run(tmp_path / "whole", tmp_path / "broken")


def test_a_filter_by_real_proxies_foretells_where_networks_train(tmp_path: Path) -> None:
    run = search(
        small_space(), Random(), Train(epochs=1), out=tmp_path / "run", trials=3, workers=1, prefilter=Prefilter(3, ("params", "synflow"))
    )
    assert [sorted(name for name in trial.metrics if name.startswith("foretold")) for trial in run.trials] == [
        ["foretold_params", "foretold_synflow"]
    ] * 3
    assert all(trial.metrics["foretold_params"] == trial.metrics["params"] for trial in run.trials)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1", "prefilter=1 must be a number of proposals from 2 to"),
        ("ten", "prefilter 'ten' must be a number of proposals, such as 10"),
        ("10:synflo", "unknown proxy 'synflo'; did you mean synflow"),
        ("10:synflow,synflow", "is given twice"),
    ],
)
def test_a_filter_that_cannot_be_is_one_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Prefilter.parse(text)
    assert Prefilter.parse("10:naswot,params") == Prefilter(10, ("naswot", "params"))


def test_what_evaluator_or_supernet_know_nothing_of_is_refused(tmp_path: Path) -> None:
    for options, words in [({"prefilter": BEST_OF_FIVE}, "a prefilter"), ({"inherit": True}, "inheritance of weights")]:
        with pytest.raises(SearchError, match=f"evaluator Formula knows nothing of {words}; leave it out, or use train"):
            small_search(tmp_path / "run", evaluator=Formula(), **options)
        with pytest.raises(SearchError, match=f"a supernet trains all networks together, so {words} is nothing for it"):
            search(small_space("fabric"), load_supernet_search("fabric")(), Train(), out=tmp_path / "run", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


# Inheritance


def test_the_most_similar_network_is_the_parent() -> None:
    def told(number: int, value: float, **choices: int) -> Trial:
        return Trial(number, dict(choices), "", {}, (value,))

    known = [told(0, 0.5, a=1, b=1, c=1, d=1), told(1, 0.1, a=2, b=2, c=2, d=2), told(2, 0.4, a=1, b=1, c=2, d=2)]
    assert most_similar({"a": 1, "b": 1, "c": 1, "d": 2}, known) == known[2]  # as near as the first, and better
    assert most_similar({"a": 1, "b": 1, "c": 1, "d": 1}, known) == known[0]
    assert most_similar({"a": 3, "b": 3, "c": 3, "d": 1}, known) is None
    assert most_similar({"a": 1}, []) is None
    assert apart({"a": 1}, {"a": 1, "b": 2}) == 0.5
    assert apart({}, {}) == 0


def test_children_begin_with_weights_and_the_front_is_trained_anew(tmp_path: Path) -> None:
    run = search(
        small_space(), Evolution(population=3, tournament=2), Train(epochs=2), out=tmp_path / "run", trials=8, workers=0, inherit=True
    )
    shares = [trial.metrics.get("inherited", 0.0) for trial in run.trials]
    assert shares[0] == 0
    assert sum(share > 0.3 for share in shares) >= 3
    for trial in run.front():
        assert {"error", "inherited_error"} <= run.tests[trial.number].keys()
        weights = run.weights(trial.number)
        assert weights is not None
        assert load_file(weights).keys() == compile_network(run.genotype(trial.number)).state_dict().keys()
    kept = {path.name for path in (run.folder / "weights").iterdir()}
    assert kept == {f"{trial.number:06d}.safetensors" for trial in run.front()}
    child = next(trial for trial in run.trials if trial.metrics.get("inherited", 0) > 0.8)
    assert child.curve[0]["train_loss"] < run.trials[0].curve[0]["train_loss"]


@dataclass(frozen=True)
class Telling(Foreseeing):
    """Tells back what a candidate is said to have inherited; where there is such a file, it is out of memory on the top rung."""

    full: Path = Path()

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        found = super().evaluate(candidate, report)
        if candidate.rung is None:
            return found
        if candidate.rung.top and self.full.is_file():
            raise MemoryError
        return {**found, "told": candidate.rung.inherited}


def test_what_climbs_is_told_what_it_inherited_and_keeps_it_if_it_fails(tmp_path: Path) -> None:
    full = tmp_path / "full"
    options = {"inherit": True, "fidelity": EPOCHS, "evaluator": Telling(epochs=3, full=full), "workers": 0}
    whole = filtered(tmp_path / "whole", **options)
    top = [trial for _, _, trial in whole.steps if trial.rung == EPOCHS.top]
    assert 0.5 in {trial.metrics["told"] for trial in top}
    assert all(trial.metrics["told"] == trial.metrics.get("inherited", 0.0) for trial in top)
    full.touch()
    failed = [trial for trial in filtered(tmp_path / "run", **options).trials if trial.failure is not None]
    assert 0.5 in {trial.metrics.get("inherited", 0.0) for trial in failed}


def test_what_was_inherited_is_known_on_every_rung(tmp_path: Path) -> None:
    fidelity = Fidelity("epochs", (1, 2))
    run = search(
        small_space(), Evolution(population=3, tournament=2), Train(), out=tmp_path / "run", trials=6, workers=1, inherit=True,
        fidelity=fidelity, objectives=["error"],
    )  # fmt: skip
    shares: dict[int, set[float]] = defaultdict(set)
    for _, _, trial in run.steps:
        shares[trial.number].add(trial.metrics.get("inherited", 0.0))
    climbed = {trial.number for _, _, trial in run.steps if trial.rung == 1}
    assert all(len(found) == 1 for found in shares.values())
    assert any(max(shares[number]) > 0.3 for number in climbed)


def test_a_run_that_ends_between_a_new_training_and_its_record_has_both_figures_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights that were inherited stay until the test is recorded, so that their error is measured again, not that of the new ones."""
    options = {"inherit": True, "evaluator": Train(epochs=1), "trials": 4, "objectives": ["error"]}
    filtered(tmp_path / "whole", Evolution(population=2, tournament=1), **options)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "add_test", stopping(1))
        with pytest.raises(StoppedError, match="stopped by the test"):
            filtered(tmp_path / "broken", Evolution(population=2, tournament=1), **options)
    assert any("retrained" in path.name for path in (tmp_path / "broken" / "weights").iterdir())
    resume(tmp_path / "broken", small_space(), Evolution(population=2, tournament=1), Train(epochs=1))
    assert_same_run(tmp_path / "whole", tmp_path / "broken")
    files = [{path.name: path.read_bytes() for path in (tmp_path / name / "weights").iterdir()} for name in ("whole", "broken")]
    assert files[0] == files[1]


# Networks that see nothing


def test_networks_that_see_nothing_of_the_input_are_not_trained(tmp_path: Path) -> None:
    space, rng = small_space(), np.random.default_rng(0)
    catalogue = Catalogue(space)
    drawn = [catalogue.draw(rng) for _ in range(400)]
    blind = [entry for entry in drawn if entry.constant]
    assert 2 < len(blind) < 100
    for entry in [*drawn[:40], *blind]:
        network = compile_network(catalogue.genotype(entry)).eval()
        one, other = (network(torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(seed))) for seed in (1, 2))
        assert torch.equal(one, other) == entry.constant
    small = Budget(params=5000)
    run = search(space, Random(), Train(epochs=1), out=tmp_path / "run", trials=6, workers=0, budget=small)
    assert run.refusals["constant"] > 0
    assert not any(catalogue.look_up(trial.choices).constant for trial in run.trials)
    assert small_search(tmp_path / "other", Random(), Formula(), trials=40).refusals["constant"] == 0
