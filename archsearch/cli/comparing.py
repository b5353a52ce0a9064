"""`compare` and `tabulate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from archsearch.cli import INTERRUPTED, WrongUseError
from archsearch.cli.console import print_json, print_table, print_text, progress_bar, remark
from archsearch.cli.options import defaults_of, make, parse_pairs, parse_value
from archsearch.cli.searching import fit, read_objectives
from archsearch.compare import BASELINE, Comparison, Match, Player, compare
from archsearch.evaluators import load_evaluator
from archsearch.evaluators.table import Table
from archsearch.evaluators.tabulate import tabulate
from archsearch.executor import ONE_THREAD, environment
from archsearch.space import load_space


def compare_command(
    table: str, space: str | None, strategies: Sequence[str], strategy_options: Sequence[str], runs: int, trials: int,
    objectives: Sequence[str], reference: str | None, settings: Sequence[str], table_options: Sequence[str],
    seed: int, workers: int, out: Path | None, quiet: bool, json: bool,
) -> None:  # fmt: skip
    """Play strategies on a table, print how they stand, and write the page."""
    from archsearch.report.of_comparison import report_comparison

    match = match_of(table, space, settings, table_options, objectives, trials)
    players = players_of([name for part in strategies for name in part.split(",") if name], strategy_options)
    bound = None if reference is None else parse_value(reference, (0.0,), f"--reference {reference}")
    with watched(quiet, "runs", "stopped; nothing was written") as tick:
        comparison = compare(match, players, runs=runs, seed=seed, workers=workers, reference=bound, progress=tick)
    page = out or Path(f"comparison-{Path(table).stem}.html")
    page.parent.mkdir(parents=True, exist_ok=True)
    report_comparison(comparison, page)
    if json:
        print_json({**comparison.to_json(), "page": str(page)})
    else:
        print_standings(comparison)
        print_text(f"\nReport  {page}")


@contextmanager
def watched(quiet: bool, what: str, stopped: str) -> Iterator[Callable[[Any], None] | None]:
    """A function to be called with the progress; on Ctrl-C say what became of the work, and end with 130."""
    try:
        with progress_bar(quiet, lambda at: what) as tick:
            yield tick
    except KeyboardInterrupt:
        remark(stopped)
        raise typer.Exit(INTERRUPTED) from None


def match_of(
    table: str, space: str | None, settings: Sequence[str], table_options: Sequence[str], objectives: Sequence[str], trials: int
) -> Match:
    """What is played on. Raises WrongUseError for objectives that the table does not hold."""
    evaluator: Table = make("table", table, {table: Table}, table_options, data=table)
    name = space or evaluator.results().space
    if not name:
        raise WrongUseError(f"table {table!r} does not say of which space it is; give --space")
    bare = load_space(name)
    fitted = fit(name, bare.settings, parse_pairs(settings, bare.settings, f"space {name!r}"), evaluator)
    return Match(name, fitted.settings, evaluator, read_objectives(objectives), trials)


def players_of(names: Sequence[str], pairs: Sequence[str]) -> dict[str, Player]:
    """Strategies with their options, given as NAME.OPTION=VALUE. Raises WrongUseError."""
    options: dict[str, list[str]] = {name: [] for name in dict.fromkeys([*names, BASELINE])}
    for pair in pairs:
        name, dot, rest = pair.partition(".")
        if not dot or name not in options:
            raise WrongUseError(f"{pair!r} must be NAME.OPTION=VALUE, with a NAME of --strategies: {', '.join(names)}")
        options[name].append(rest)
    players = {}
    for name, given in options.items():
        maker = type(Player(name).make())
        players[name] = Player(name, parse_pairs(given, defaults_of(maker), f"strategy {name!r}"))
    return players


def print_standings(comparison: Comparison) -> None:
    """All strategies at the end of their runs, the best first."""
    first = comparison.measures[0]
    order = sorted(comparison.players, key=lambda name: comparison.final(name, first).mean, reverse=first == "hypervolume")
    rows = []
    for name in order:
        row = [name]
        for measure in comparison.measures:
            final = comparison.final(name, measure)
            row += [f"{final.mean:.4g} ± {final.std:.2g}", f"{final.quartiles[1]:.4g}"]
        p = comparison.final(name, first).p
        rows.append([*row, "-" if p is None else f"{p:.2g}"])
    heads = [head for measure in comparison.measures for head in (f"{measure} (mean ± std)", "median")]
    print_table(["Strategy", *heads, "p against random"], rows)


def tabulate_command(
    space: str, data: str, out: Path, sample: int | None, seeds: int, epochs: int | None, evaluator: str,
    evaluator_options: Sequence[str], settings: Sequence[str], seed: int, quiet: bool, json: bool,
) -> None:  # fmt: skip
    """Train a small space, or a sample of one, into a table."""
    bare = load_space(space)
    chosen = parse_pairs(settings, bare.settings, f"space {space!r}")
    options = [*evaluator_options, *([f"epochs={epochs}"] if epochs is not None else [])]
    with environment(ONE_THREAD):  # before torch is imported: on one thread equal seeds give equal tables
        judge: Any = make("evaluator", evaluator, {evaluator: load_evaluator(evaluator)}, options, data=data)
        fitted = fit(space, bare.settings, chosen, judge)
        with watched(quiet, "trainings", "stopped; the same command goes on") as tick:
            table = tabulate(fitted, judge, out, sample=sample, seeds=seeds, seed=seed, progress=tick)
    print_json({"table": str(table)}) if json else print_text(f"{table}: compare strategies on it with archsearch compare --table {table}")
