"""`compare` and `tabulate`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer

from archsearch.cli import INTERRUPTED, WrongUseError
from archsearch.cli.console import print_json, print_table, print_text, remark
from archsearch.cli.judging import data_name, evaluator_of
from archsearch.cli.options import defaults_of, make, parse_pairs, parse_value
from archsearch.cli.progress import progress_bar
from archsearch.cli.searching import fit, read_objectives
from archsearch.evaluators.table import Table
from archsearch.runs.compare import BASELINE, Comparison, Match, Player, compare, is_part
from archsearch.runs.proposal import SearchError
from archsearch.runs.tabulate import tabulate
from archsearch.spaces.space import load_space
from archsearch.support.threads import cores, one_thread_each
from archsearch.tables import TableError


@dataclass(frozen=True)
class Contest:
    """Which strategies play on which table, how often and how long, in words."""

    table: str
    space: str | None
    strategies: Sequence[str]
    strategy_options: Sequence[str] = ()
    table_options: Sequence[str] = ()
    settings: Sequence[str] = ()
    objectives: Sequence[str] = ("error",)
    reference: str | None = None
    runs: int = 100
    trials: int = 200
    seed: int = 0
    workers: int | None = None

    def match(self) -> Match:
        """What is played on. Raises WrongUseError for what is no table, or does not say of which space it is."""
        table = self.table
        evaluator: Table = make("table", table, {table: Table}, self.table_options, data=table)
        try:
            name = self.space or evaluator.results().space
        except TableError as error:
            raise WrongUseError(str(error)) from error
        if not name:
            raise WrongUseError(f"table {table!r} does not say of which space it is; give --space")
        bare = load_space(name)
        fitted = fit(name, bare.settings, parse_pairs(self.settings, bare.settings, f"space {name!r}"), evaluator)
        return Match(name, fitted.settings, evaluator, read_objectives(self.objectives), self.trials)

    def players(self) -> dict[str, Player]:
        """Strategies with their options. Raises WrongUseError."""
        return players_of([name for part in self.strategies for name in part.split(",") if name], self.strategy_options)


def compare_command(contest: Contest, out: Path | None, quiet: bool, json: bool) -> None:
    """Play strategies on a table, print how they stand, and write the page."""
    from archsearch.report.of_comparison import report_comparison

    match, players, asked = contest.match(), contest.players(), contest.reference
    bound = None if asked is None else parse_value(asked, (0.0,), f"--reference {asked}")
    if is_part(match):
        remark(f"table {contest.table} holds a sample of {len(match.table.results().rows):,} networks: strategies are offered these alone")
    count = cores() if contest.workers is None else contest.workers
    with watched(quiet, "runs", "stopped; nothing was written") as tick:
        comparison = compare(match, players, runs=contest.runs, seed=contest.seed, workers=count, reference=bound, progress=tick)
    page = report_comparison(comparison, out or Path(f"comparison-{Path(contest.table).stem}.html"))
    if json:
        print_json({**comparison.to_json(), "page": str(page)})
    else:
        print_comparison(comparison)
        print_text(f"\nReport  {page}")
    warn(comparison)


@contextmanager
def watched(quiet: bool, what: str, stopped: str) -> Iterator[Callable[[Any], None] | None]:
    """A function to be called with the progress; on Ctrl-C say what became of the work, and end with 130."""
    try:
        with progress_bar(quiet, lambda at: what) as tick:
            yield tick
    except KeyboardInterrupt:
        remark(stopped)
        raise typer.Exit(INTERRUPTED) from None


def players_of(names: Sequence[str], pairs: Sequence[str]) -> dict[str, Player]:
    """Strategies with their options, given as NAME.OPTION=VALUE. Raises WrongUseError."""
    options: dict[str, list[str]] = {name: [] for name in dict.fromkeys([*names, BASELINE])}
    for pair in pairs:
        name = next((name for name in options if pair.startswith(f"{name}.")), None)
        if name is None:
            raise WrongUseError(f"{pair!r} must be NAME.OPTION=VALUE, with a NAME of --strategies: {', '.join(names)}")
        options[name].append(pair.removeprefix(f"{name}."))
    players = {}
    for name, given in options.items():
        try:
            maker = Player(name).maker()
            players[name] = Player(name, parse_pairs(given, defaults_of(maker), f"strategy {name!r}"))
            players[name].make()
        except SearchError as error:
            raise WrongUseError(str(error)) from error
    return players


def print_comparison(comparison: Comparison) -> None:
    """How all strategies stand at the end of their runs, the best first, and what they came to on the way."""
    from archsearch.report.of_comparison import factor, label, ranked, spread

    first, names = comparison.measures[0], ranked(comparison)
    rows = []
    for name in names:
        finals = [(comparison.final(name, measure), factor(comparison, measure)) for measure in comparison.measures]
        p = finals[0][0].p
        cells = [
            cell
            for final, scale in finals
            for cell in (spread(final.mean * scale, final.std * abs(scale)), f"{final.quartiles[1] * scale:.4g}")
        ]
        rows.append([name, *cells, "-" if p is None else f"{p:.2g}"])
    heads = [head for measure in comparison.measures for head in (label(comparison, measure), "median")]
    print_table(["Strategy", *heads, "p against random"], rows)
    stops = sorted({max(1, round(comparison.match.trials * share)) for share in (0.1, 0.25, 0.5, 0.75, 1)})
    scale = factor(comparison, first)
    print_text(f"\n{label(comparison, first)}: median (and quartiles) after so many trials")
    print_table(
        ["Strategy", *map(str, stops)], [[name, *(band(comparison.bands(name, first)[:, n - 1] * scale) for n in stops)] for name in names]
    )


def band(values: Iterable[float]) -> str:
    """A median with its quartiles."""
    low, middle, high = sorted(values)
    return f"{middle:.3g} ({low:.3g}-{high:.3g})"


def warn(comparison: Comparison) -> None:
    """Say which strategies had runs without any result, and where chance decided, since they asked for what the space does not have."""
    for name, player in comparison.players.items():
        empty = sum(not np.isfinite(run.values).all(axis=1).any() for run in comparison.played[name])
        if empty:
            remark(f"{name}: {empty} of {len(comparison.played[name])} runs came to no result: all of their networks failed")
        vain = comparison.refused(name).get("invalid", 0)
        if vain and player.own:
            reason = next(run.error for run in comparison.played[name] if run.error)
            remark(f"{name}: {vain:.0f} times a run it asked for no network of the space, the last time: {reason}")


@dataclass(frozen=True)
class Work:
    """What is trained into a table, how and how often, in words."""

    space: str
    data: str | None = None
    evaluator: str = "train"
    evaluator_options: Sequence[str] = ()
    settings: Sequence[str] = ()
    sample: int | None = None
    seeds: int = 3
    seed: int = 0


def tabulate_command(work: Work, out: Path | None, force: bool, quiet: bool, json: bool) -> None:
    """Train a small space, or a sample of one, into a table."""
    bare = load_space(work.space)
    chosen = parse_pairs(work.settings, bare.settings, f"space {work.space!r}")
    with one_thread_each():  # before torch is imported: on one thread equal seeds give equal tables
        fitted, judge = trainer(work.space, work.data, work.evaluator, work.evaluator_options, bare.settings, chosen)
        target = out or Path(f"{Path(work.space).stem}-{data_name(judge)}.npz")
        with watched(quiet, "trainings", "stopped; the same command goes on") as tick:
            table = tabulate(fitted, judge, target, sample=work.sample, seeds=work.seeds, seed=work.seed, overwrite=force, progress=tick)
    print_json({"table": str(table)}) if json else print_text(f"{table}: compare strategies on it with archsearch compare --table {table}")


def trainer(
    space: str, data: str | None, evaluator: str, options: Sequence[str], known: dict[str, Any], chosen: dict[str, Any]
) -> tuple[Any, Any]:
    """The space with its settings, and the evaluator. Raises WrongUseError."""
    judge = evaluator_of(evaluator, options, data)
    return fit(space, known, chosen, judge), judge
