"""The commands. Bodies only pass on; what they call is imported when they run, so that `--help` is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from archsearch import __version__
from archsearch.cli.app.networks import calibrate, convert, diff, draw, edit, import_, lint, show, zoo
from archsearch.cli.app.searches import (
    dashboard,
    evaluators,
    explain,
    export,
    front,
    report,
    resume,
    search,
    strategies,
    study,
    watch,
)
from archsearch.cli.app.spaces import around, sample, space, spaces, supernet
from archsearch.cli.app.tables import compare, tabulate
from archsearch.cli.app.trainings import train


def print_version(asked: bool) -> None:
    """Print the version and end, where it is asked for."""
    if asked:
        print(f"archsearch {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="archsearch",
    help="Neural architecture search and design: hard budgets, a Pareto front, and model files that run on their own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=print_version)] = False,
) -> None:
    """Neural architecture search and design: hard budgets, a Pareto front, and model files that run on their own."""


for command in (
    search,
    resume,
    train,
    show,
    calibrate,
    zoo,
    lint,
    diff,
    edit,
    convert,
    draw,
    import_,
    around,
    strategies,
    evaluators,
    spaces,
    space,
    sample,
    supernet,
    tabulate,
    compare,
    front,
    watch,
    explain,
    report,
    dashboard,
    export,
    study,
):
    app.command(command.__name__.rstrip("_"))(command)
