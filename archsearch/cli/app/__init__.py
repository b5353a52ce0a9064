"""The commands. Bodies only pass on; what they call is imported when they run, so that `--help` is quick."""

from __future__ import annotations

import typer

from archsearch.cli.app.networks import calibrate, convert, diff, draw, edit, import_, lint, show, zoo
from archsearch.cli.app.searches import export, report, resume, search
from archsearch.cli.app.spaces import around, sample, space, spaces, supernet
from archsearch.cli.app.tables import compare, tabulate

app = typer.Typer(
    name="archsearch",
    help="Neural architecture search and design: hard budgets, a Pareto front, and model files that run on their own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    search,
    resume,
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
    spaces,
    space,
    sample,
    supernet,
    tabulate,
    compare,
    report,
    export,
):
    app.command(command.__name__.rstrip("_"))(command)
