"""Surveys of spaces against enumeration; samples within a budget; the page offline."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from archsearch import Budget, Builder, Genotype, Pick, SpaceError
from archsearch.analysis import COSTS, known_costs
from archsearch.cli import FAILED, INTERRUPTED, WrongUseError
from archsearch.cli.spaces import Drawing, blocks, sample_command, space_command
from archsearch.network.passes import canonicalise
from archsearch.ops import Conv2d, Flatten, Linear, ReLU
from archsearch.report.of_space import page
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.sampling import sample
from archsearch.spaces.space import Space
from archsearch.spaces.survey import Survey, survey
from archsearch.spaces.words import percent, share_text, size_text
from tests.test_report import Document, assert_offline, assert_policy_admits_its_scripts

WIDTHS = (4, 8, 12)
FILE = """
from archsearch import Builder, Genotype, Pick
from archsearch.ops import Conv2d, ReLU

runs = 0

def space(pick: Pick, *, widest: int = 40, last: int = 10**9) -> Genotype:
    global runs
    runs += 1
    if runs > last:
        raise KeyboardInterrupt
    b = Builder((1, 8, 8))
    return b.genotype(b(ReLU(), b(Conv2d(pick("width", range(1, widest + 1)), pick("kernel", [1, 3, 5])), b.input)))
"""


def regular(pick: Pick) -> Genotype:
    """18 choices, of which the 6 with a width of 12 and no bias lead to no network, and the activation costs nothing."""
    b = Builder((1, 8, 8))
    width, bias, active = pick("width", WIDTHS), pick("bias", [True, False]), pick("active", ["no", "<yes>", "more"])
    if width == 12 and not bias:
        raise ValueError("12 wide needs a bias")
    x = b(Conv2d(width, bias=bias), b.input)
    return b.genotype(x if active == "no" else b(ReLU(), x))


def conditional(pick: Pick) -> Genotype:
    """Depths 1 and 2, with a width for each layer."""
    b = Builder((4,))
    x = b.input
    for layer in range(pick("depth", [1, 2])):
        x = b(Linear(pick(f"width{layer}", [2, 64])), b(Flatten(), x))
    return b.genotype(x)


def broken(pick: Pick) -> Genotype:
    raise RuntimeError(f"no {pick('x', [1, 2])}")


def never(pick: Pick) -> Genotype:
    raise ValueError(f"{pick('x', [1, 2])} is too little")


REGULAR = Space("regular", regular, {})
CONDITIONAL = Space("conditional", conditional, {})


def all_costs(space: Space, cost: str) -> list[float]:
    return [entry.costs[cost] for entry in Catalogue(space).walk()]


def test_a_small_space_is_looked_at_whole() -> None:
    found = survey(REGULAR)
    assert found.whole
    assert len(found.drawn) == REGULAR.size() == 18
    assert found.invalid == ("12 wide needs a bias",) * 3
    assert found.different == 10
    for cost in COSTS:
        values, spread = all_costs(REGULAR, cost), found.spread(cost)
        assert sorted(values) == sorted(found.values(cost))
        assert (spread.least, spread.most, spread.mean) == (min(values), max(values), pytest.approx(np.mean(values)))
        assert spread.quantiles == tuple(np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]))
        assert found.cheapest(cost).costs[cost] == min(values)
        assert found.dearest(cost).costs[cost] == max(values)
        bars = found.histogram(cost)
        assert sum(bars.counts) == sum(bars.within) == len(values)
        assert (bars.edges[0], bars.edges[-1]) == (min(values), max(values))


def test_a_larger_one_is_drawn_as_a_search_draws() -> None:
    found = survey(REGULAR, samples=12, seed=3)
    assert not found.whole
    for number, draw in enumerate(found.drawn):
        rng = np.random.default_rng([3, number])
        if isinstance(draw, str):
            with pytest.raises(ValueError, match=draw):
                REGULAR.sample(rng)
            continue
        genotype, choices = REGULAR.sample(rng)
        assert draw.choices == choices
        assert draw.costs == known_costs(canonicalise(genotype))
    assert survey(REGULAR, samples=12, seed=3).drawn == found.drawn != survey(REGULAR, samples=12, seed=4).drawn


def test_conditional_spaces_are_drawn_and_their_size_is_estimated() -> None:
    found = survey(CONDITIONAL, samples=400)
    assert not found.whole
    assert found.different == len({entry.fingerprint for entry in Catalogue(CONDITIONAL).walk()}) == 6
    assert Counter(entry.choices["depth"] for entry in found.entries)[1] == pytest.approx(200, abs=40)
    assert size_text(CONDITIONAL).startswith("about ")
    assert size_text(REGULAR) == "18"


def test_the_share_within_a_budget_comes_with_its_certainty() -> None:
    limit = 50
    inside = sum(params <= limit for params in all_costs(REGULAR, "params"))
    found = survey(REGULAR, budget=Budget(params=limit))
    assert len(found.fitting) == inside == 6
    assert found.share(inside) == (6 / 18, 0.0)
    assert share_text(found, inside) == ("33.3%", "6 of 18")
    drawn = survey(REGULAR, samples=17, budget=Budget(params=limit))
    share, margin = drawn.share(len(drawn.fitting))
    assert margin == pytest.approx(1.96 * math.sqrt(share * (1 - share) / 17))
    assert share_text(drawn, 0) == ("under 18%", "0 of 17")
    assert sum(drawn.histogram("params").within) == len(drawn.fitting)
    assert [percent(share) for share in (0, 1e-9, 0.001, 0.25, 0.333, 1)] == ["0%", "<0.1%", "0.1%", "25%", "33.3%", "100%"]


def test_influence_is_the_share_of_variance_that_a_choice_explains() -> None:
    found = survey(REGULAR)
    logarithms = np.log(found.values("params"))
    widths = np.array([entry.choices["width"] for entry in found.entries])
    between = sum((widths == width).mean() * (logarithms[widths == width].mean() - logarithms.mean()) ** 2 for width in WIDTHS)
    assert found.influence("width", "params") == pytest.approx(between / logarithms.var())
    assert found.influence("active", "params") == pytest.approx(0)
    assert found.influence("nothing", "params") == 0
    layers = survey(CONDITIONAL, samples=400)
    assert layers.influence("width1", "params") > 0.2


def test_a_wide_spread_has_bins_that_grow_by_a_factor() -> None:
    bars = survey(CONDITIONAL, samples=50).histogram("params", 8)
    assert bars.logarithmic
    assert np.allclose(np.diff(np.log(bars.edges)), np.log(bars.edges[-1] / bars.edges[0]) / 8)
    assert not survey(REGULAR).histogram("params").logarithmic
    same = Survey(REGULAR, survey(REGULAR).drawn[:1]).histogram("macs")
    assert same.counts == (1,)


def test_a_broken_space_is_an_error_and_no_invalid_network() -> None:
    with pytest.raises(SpaceError, match=r"RuntimeError: no [12]"):
        survey(Space("broken", broken, {}))
    with pytest.raises(ValueError, match="samples=0 must be at least 1"):
        survey(REGULAR, samples=0)


def test_samples_differ_and_keep_the_budget() -> None:
    budget = Budget(params=90)
    found = sample(REGULAR, 5, budget, seed=1)
    assert len({one.fingerprint for one in found}) == 5
    for one in found:
        assert known_costs(one.genotype) == one.costs
        assert one.costs["params"] <= 90
        assert canonicalise(REGULAR.resolve(one.choices, np.random.default_rng(0)).genotype) == one.genotype
    assert sample(REGULAR, 5, budget, seed=1) == found
    assert sample(REGULAR, 2, budget, seed=1) == found[:2]
    assert sample(REGULAR, 2, budget, seed=2) != found[:2]


@pytest.mark.parametrize(("budget", "count"), [(Budget(params=1), 0), (Budget(params=36), 2), (Budget(), 10)])
def test_sampling_ends_where_the_budget_leaves_no_more(budget: Budget, count: int) -> None:
    assert len(sample(REGULAR, 100, budget, tries=200)) == count


def test_sampling_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="n=0 and tries=2000 must be at least 1"):
        sample(REGULAR, 0)


@pytest.mark.parametrize(
    "found",
    [
        survey(REGULAR),
        survey(REGULAR, samples=15, budget=Budget(params=50, macs=4000), batch=8, optimizer="adam"),
        survey(CONDITIONAL, samples=40, budget=Budget(params=1)),
        survey(Space("never", never, {})),
        Survey(REGULAR, survey(REGULAR).drawn[:3], asked=18),
    ],
    ids=["whole", "budget", "nothing fits", "nothing valid", "interrupted"],
)
def test_the_page_is_offline_in_every_state(found: Survey) -> None:
    text = page(found)
    assert_offline(text)
    assert_policy_admits_its_scripts(text)
    assert text == page(found)
    charts = json.loads(Document(text).script("figures"))["figures"] if found.entries else {}
    assert set(charts) == ({f"cost-{cost}" for cost in COSTS} | {"trade"} if found.entries else set())
    assert {trace["type"] for figure in charts.values() for trace in figure["data"]} <= {"scatter"}
    assert "<yes>" not in text
    assert (">3 of 18 draws<" in text) == (found.asked == 18 and len(found.drawn) == 3)
    assert ("No draw led to a network." in text) == (not found.entries)


def test_the_page_says_what_was_found() -> None:
    text = page(survey(REGULAR, budget=Budget(params=50)))
    for words in (
        "6 of 18",
        "33.3%",
        "12 wide needs a bias",
        "3 of 18 draws led to no network",
        "params \u2264 50",
        "least params",
        "no, &lt;yes&gt;, more",
    ):
        assert words in text, words


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return str(path)


def given(space: str, params: str | None = None, *settings: str) -> Drawing:
    return Drawing(space, settings, {"params": params}, 0, 1, "sgd")


def test_the_command_shows_a_space(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space_command(given(file, "100"), 2000, tmp_path / "page.html", quiet=True, json=False)
    text = capsys.readouterr().out
    assert "120 networks of 2 choices; all looked at: 120 different, 0% invalid" in text
    assert "are within params \u2264 100 (" in text
    assert "\u2588" in text
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")
    space_command(given(file), 50, None, quiet=True, json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["draws"], told["size"], told["whole"], told["page"]) == (50, 120, False, None)
    assert told["choices"]["kernel"] == [1, 3, 5]
    assert set(told["costs"]) == set(COSTS)
    assert sum(told["costs"]["params"]["histogram"]["counts"]) == 50


def test_ctrl_c_shows_what_was_drawn_until_then(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stop:
        space_command(given(file, None, "last=230"), 1000, None, quiet=True, json=False)  # 200 runs find out its size
    assert stop.value.exit_code == INTERRUPTED
    told = capsys.readouterr()
    assert "30 drawn" in told.out
    assert told.err == "stopped after 30 of 120 draws\n"


def test_samples_are_files_with_their_choices_beside_them(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample_command(given(file, "100"), 3, 2000, tmp_path / "out", force=False, quiet=True, json=True)
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [Path(one["file"]).name for one in told] == ["mine-000.json", "mine-001.json", "mine-002.json"]
    for one in told:
        network = Genotype.from_json(Path(one["file"]).read_text())
        beside = json.loads(Path(one["file"]).with_suffix(".choices.json").read_text())
        assert known_costs(network) == one["costs"] == beside["costs"]
        assert beside["costs"]["params"] <= 100
        assert beside["choices"] == one["choices"]
        assert beside["fingerprint"] == network.fingerprint
    with pytest.raises(WrongUseError, match=r"mine-000\.json exists; give another folder with --out, or --force"):
        sample_command(given(file), 1, 2000, tmp_path / "out", force=False, quiet=True, json=True)


def test_too_tight_a_budget_ends_with_a_clear_line(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stop:
        sample_command(given(file, "4"), 5, 100, tmp_path / "out", force=False, quiet=True, json=False)
    assert stop.value.exit_code == FAILED
    told = capsys.readouterr()
    assert told.err.startswith("archsearch: found 2 of 5 networks within params \u2264 4: 100 draws in a row brought no further one; raise")
    assert told.err.count("\n") == 1
    assert len(list((tmp_path / "out").glob("mine-00?.json"))) == 2


def test_ctrl_c_leaves_the_samples_that_are_written(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stop:
        sample_command(given(file, None, "last=203"), 50, 100, tmp_path / "out", force=False, quiet=True, json=False)
    assert stop.value.exit_code == INTERRUPTED
    assert capsys.readouterr().err == "stopped after 3 of 50 networks\n"
    assert len(list((tmp_path / "out").glob("mine-00?.json"))) == 3


def test_wrong_use_is_one_line(file: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="unknown optimizer 'adamm'; did you mean adam"):
        Drawing(file, (), {}, 0, 1, "adamm").parts()
    with pytest.raises(WrongUseError, match="has no setting 'wide'; did you mean widest"):
        given(file, None, "wide=3").parts()
    with pytest.raises(WrongUseError, match="'many' must be a number"):
        given(file, "many").parts()
    with pytest.raises(WrongUseError, match="give another folder with --out"):
        sample_command(given(file), 1, 10, Path(file) / "x", force=False, quiet=True, json=True)


def test_blocks_are_as_high_as_counts() -> None:
    assert blocks([0, 1, 50, 100]).rstrip() == " \u2581\u2584\u2588"
