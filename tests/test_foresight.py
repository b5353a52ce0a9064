"""Models that begin with what zero-cost proxies say of networks that nobody has evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from archsearch.analysis import Budget
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.table import Table
from archsearch.runs.proposal import SearchError
from archsearch.runs.record import Foresight
from archsearch.runs.search import resume, search
from archsearch.runs.store import open_run
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.space import load_space
from archsearch.strategies import Evolution, GraphGP, Predictor
from archsearch.strategies.base import Foretold, Problem
from archsearch.trial import EvaluationError, Objective
from tests.conftest import SHARED
from tests.runs import StoppedError, assert_same_run, made, small_search, small_space, stopping
from tests.test_filtering import EPOCHS, Foreseeing, filtered

CELLS, PROXIES = SHARED / "data" / "tabular" / "nasbench201.npz", ("synflow", "nwot")
PUBLISHED = SHARED / "data" / "tabular" / "nasbench201_zerocost.npz"
needs_cells = pytest.mark.skipif(not PUBLISHED.is_file(), reason="needs ../shared/data/tabular/nasbench201_zerocost.npz")


@lru_cache
def published() -> tuple[dict[str, int], np.ndarray]:
    with np.load(PUBLISHED, allow_pickle=False) as table:
        return {str(name): place for place, name in enumerate(table["proxies"])}, table["cifar10"]


@dataclass(frozen=True)
class Cells(Table):
    """NAS-Bench-201 with the published values of proxies; of a third of its cells there are none."""

    data: str = str(CELLS)
    columns: tuple[str, ...] = ("error=1-val200_cifar10/100",)

    def foretell(self, candidate: Candidate) -> dict[str, float]:
        names, values = published()
        found = {name: float(values[self.row_of(candidate.choices), names[name]]) for name in ("synflow", "nwot")}
        if not all(map(np.isfinite, found.values())):
            raise EvaluationError("rejected", "nobody published it")
        return {"synflow": found["synflow"], "naswot": found["nwot"]}


def accuracies() -> np.ndarray:
    with np.load(CELLS, allow_pickle=False) as table:
        return np.sort(table["val200_cifar10"])


@needs_cells
@pytest.mark.slow
@pytest.mark.parametrize("name", ["auto", "graph_gp", "predictor"])
def test_the_first_network_is_better_than_random_ones(name: str, tmp_path: Path) -> None:
    """Median of the share of all cells that are worse: half of random ones."""
    cells, found = accuracies(), []
    for seed in range(12):
        run = search(
            load_space("cell", cells=1), made(name), Cells(), objectives=["error"], trials=1, workers=0, seed=seed,
            out=tmp_path / str(seed), foresight=Foresight(40),
        )  # fmt: skip
        found.append(np.searchsorted(cells, 100 * (1 - run.trials[0].metrics["error"])) / len(cells))
        assert 15 <= len(run.record.foretold) < 40  # what proxies cannot judge is left out
    assert np.median(found) > 0.7


@needs_cells
@pytest.mark.parametrize("maker", [GraphGP, Predictor])
def test_a_model_ranks_networks_that_proxies_did_not_judge(maker: type[GraphGP] | type[Predictor]) -> None:
    catalogue, judge, rng, accuracy = Catalogue(load_space("cell", cells=1)), Cells(), np.random.default_rng(0), []
    entries = list({entry.fingerprint: entry for entry in (catalogue.draw(rng) for _ in range(200))}.values())
    for entry in entries:
        accuracy.append(-judge.metrics_of(entry.choices, 0)["error"])
    names, values = published()
    known = [entry for entry in entries if np.isfinite(values[judge.row_of(entry.choices), names["synflow"]])][:60]
    strategy = maker()
    strategy.begin(Problem(catalogue, (Objective("error"),), Budget(), 60))
    strategy.foresee([Foretold(entry, values[judge.row_of(entry.choices), names["nwot"]]) for entry in known])
    rest = [entry for entry in entries if entry not in known]
    if isinstance(strategy, GraphGP):
        assert strategy._prior is not None
        assert strategy._pool is not None
        supposed = strategy._prior.believe([strategy._pool.number(entry) for entry in rest])[0]
    else:
        assert strategy._prior is not None
        networks = [strategy._pool.network(entry.choices, rng) for entry in rest]
        supposed = strategy._prior.believe([network for network in networks if network is not None])[0]
    order = {entry.fingerprint: value for entry, value in zip(entries, accuracy, strict=True)}
    assert spearmanr(supposed, [-order[entry.fingerprint] for entry in rest]).statistic > 0.4


BOTH = [pytest.param("predictor", marks=pytest.mark.slow), pytest.param("graph_gp", marks=pytest.mark.slow)]


@pytest.mark.parametrize("calls", [1, 12])
@pytest.mark.parametrize("name", ["auto", *BOTH])
def test_a_run_with_foresight_repeats_and_goes_on_exactly(name: str, calls: int, tmp_path: Path) -> None:
    options = {"foresight": Foresight(12), "fidelity": EPOCHS, "workers": 0, "evaluator": Foreseeing(), "trials": 14}
    filtered(tmp_path / "whole", made(name), **options)
    with pytest.raises(StoppedError, match="stopped by the test"):
        filtered(tmp_path / "broken", made(name), progress=stopping(calls), **options)
    if not (tmp_path / "broken").exists():
        return  # it ended before anything was asked
    resume(tmp_path / "broken", small_space(), made(name), Foreseeing())
    assert_same_run(tmp_path / "broken", tmp_path / "whole")
    kept = [open_run(tmp_path / folder).record.foretold for folder in ("broken", "whole")]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 12


def test_without_it_nothing_is_asked(tmp_path: Path) -> None:
    run = filtered(tmp_path / "run", made("graph_gp"), trials=3)
    assert (run.record.foresight, run.record.foretold) == (None, ())


def test_a_strategy_without_a_model_and_an_evaluator_without_proxies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="strategy Evolution learns nothing from proxies; use auto, graph_gp or predictor"):
        filtered(tmp_path / "run", Evolution(), foresight=Foresight(12))
    with pytest.raises(SearchError, match="evaluator Formula knows nothing of foresight; leave it out, or use train"):
        small_search(tmp_path / "run", GraphGP(), foresight=Foresight(12))
    for text, words in [
        ("ten", "foresight 'ten' must be a number of networks"),
        ("3", "foresight=3 must be a number of networks from 10 to 1000"),
    ]:
        with pytest.raises(ValueError, match=words):
            Foresight.parse(text)
