"""Commands about tables of results, and strategies on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.app.arguments import DATA, SPACE, Force, Json, Quiet, Setting


def tabulate(
    space: Annotated[str, typer.Argument(help=SPACE, show_default=False)],
    data: Annotated[str | None, typer.Option(help=f"{DATA} (default: the evaluator's; digits for train)")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Train only so many networks, drawn at random. (default: all)")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each network.")] = 3,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of each training. (default: the evaluator's)")] = None,
    setting: Setting = None,
    evaluator: Annotated[str, typer.Option(help="How to judge a network.")] = "train",
    evaluator_set: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the evaluator, such as batch=64.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws and trains the same.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to. (default: SPACE-DATA.npz)")] = None,
    force: Force = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train the networks of a small space into a table, on which strategies are compared in seconds; the same command goes on."""
    from archsearch.cli.comparing import Work, tabulate_command

    options = [*(evaluator_set or []), *([f"epochs={epochs}"] if epochs is not None else [])]
    tabulate_command(Work(space, data, evaluator, options, setting or [], sample, seeds, seed), out, force, quiet, json)


def compare(
    table: Annotated[str, typer.Option(help="A table of results: small_cell-digits, or a file of your own (see `tabulate`).")] = (
        "small_cell-digits"
    ),
    strategies: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Strategies, parted by commas; file.py:Class for one of your own. (default: auto)"),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each strategy, with seeds of their own.")] = 100,
    trials: Annotated[int, typer.Option(min=1, help="Evaluations in a run.")] = 200,
    objective: Annotated[list[str] | None, typer.Option(help="Metric to minimise; repeat for several. (default: error)")] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="VALUES", help="Reference point of the hypervolume, such as 0.3,12. (default: the worst values)")
    ] = None,
    strategy_set: Annotated[
        list[str] | None, typer.Option(metavar="NAME.OPTION=VALUE", help="Option of a strategy, such as evolution.population=30.")
    ] = None,
    table_set: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the table, such as mean=yes.")] = None,
    space: Annotated[str | None, typer.Option(help="Space of the table, where the table does not say.")] = None,
    setting: Setting = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first run.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes side by side; 0 plays in this one. (default: one for each core)")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write the page. (default: comparison-TABLE.html)")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Play strategies side by side on a table of results, random always among them, and write a page that shows how they stand."""
    from archsearch.cli.comparing import Contest, compare_command

    contest = Contest(
        table, space, strategies or ["auto"], strategy_set or [], table_set or [], setting or [], objective or ["error"], reference, runs,
        trials, seed, workers,
    )  # fmt: skip
    compare_command(contest, out, quiet, json)
