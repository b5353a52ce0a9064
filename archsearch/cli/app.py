"""The commands. Bodies only pass on; what they call is imported when they run, so that `--help` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="archsearch",
    help="Neural architecture search and design: hard budgets, a Pareto front, and model files that run on their own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Folder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Ops = Annotated[list[str] | None, typer.Option("--ops", metavar="FILE", help="Python file that registers ops of your own; it is run.")]


@app.command()
def search(
    space: Annotated[str, typer.Argument(help="A space by name (see `spaces`), or your own file.py.", show_default=False)],
    data: Annotated[str, typer.Option(help="Data set by name, or images.npz with arrays images and labels.")] = "digits",
    strategy: Annotated[str, typer.Option(help="How to search: evolution or random.")] = "evolution",
    trials: Annotated[int, typer.Option(min=1, help="Networks to train.")] = 40,
    objective: Annotated[
        list[str] | None, typer.Option(help="Metric to minimise, or max:NAME; repeat for several. [default: error, macs]")
    ] = None,
    max_params: Annotated[str | None, typer.Option(metavar="COUNT", help="Hard limit on parameters, such as 50k.")] = None,
    max_macs: Annotated[str | None, typer.Option(metavar="COUNT", help="Hard limit on multiply-adds a sample, such as 5M.")] = None,
    max_memory: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Hard limit on the peak of inference, one sample, such as 64MB.")
    ] = None,
    max_training_memory: Annotated[str | None, typer.Option(metavar="BYTES", help="Hard limit on the peak of a training step.")] = None,
    max_latency: Annotated[
        float | None, typer.Option(metavar="MS", help="Hard limit on one forward pass, measured before training.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that train side by side; 0 trains in this one.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and workers repeat a run exactly.")] = 0,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Setting of the space; repeat for several.")
    ] = None,
    strategy_set: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the strategy, such as population=30.")
    ] = None,
    evaluator: Annotated[str, typer.Option(help="How to judge a network.")] = "train",
    evaluator_set: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the evaluator, such as epochs=20.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="Limit for one network.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of the run. [default: results/SPACE-DATA-SEED]")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Search a space: train networks within the budget, then write the front, a report and a model file."""
    from archsearch.cli.searching import Plan, search_command

    limits = {"params": max_params, "macs": max_macs, "memory_bytes": max_memory, "training_memory_bytes": max_training_memory}
    plan = Plan(space, data, strategy, evaluator, setting or [], strategy_set or [], evaluator_set or [])
    search_command(plan, limits, max_latency, objective or ["error", "macs"], trials, seed, workers, timeout, out, quiet, json)


@app.command()
def resume(
    run: Folder,
    trials: Annotated[int | None, typer.Option(min=1, help="Go on to so many trials.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that train side by side.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Go on with a run as if it had never stopped. A space of your own is run as Python: resume only what you trust."""
    from archsearch.cli.searching import resume_command

    resume_command(run, trials, workers, quiet, json)


@app.command()
def show(
    target: Annotated[str, typer.Argument(help="A run's folder, RUN:TRIAL, or a genotype.json.", show_default=False)],
    batch: Annotated[int, typer.Option(min=1, help="Samples at once, for the memory figures.")] = 1,
    device: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Description of a device (see `calibrate`): its latency is estimated as well.")
    ] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Show a run's front, or what a network costs, node by node."""
    from archsearch.cli.showing import show_command

    show_command(target, batch, device, ops or [], json)


@app.command()
def calibrate(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write. [default: device.json in the user's folder of settings]")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads of the CPU.")] = 1,
    on: Annotated[str, typer.Option(help="What to measure: cpu or cuda.")] = "cpu",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure this machine and describe it, so that `show --device FILE` estimates latency; some seconds."""
    from archsearch.cli.calibrating import calibrate_command

    calibrate_command(out, threads, on, quiet, json)


@app.command()
def spaces(
    space: Annotated[
        str | None, typer.Argument(help="One space by name, or your own file.py; all when left out.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the spaces: what they hold, how large they are, what can be set."""
    from archsearch.cli.showing import spaces_command

    spaces_command(space, json)


@app.command()
def report(
    run: Folder,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write the page. [default: RUN/report.html]")] = None,
    json: Json = False,
) -> None:
    """Write a run's report: one HTML page that opens offline."""
    from archsearch.cli.showing import report_command

    report_command(run, out, json)


@app.command()
def export(
    target: Annotated[str, typer.Argument(help="A run's folder (its best network), RUN:TRIAL, or a genotype.json.", show_default=False)],
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to. [default: RUN/export/TRIAL]")] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Write a network as files that need torch alone, and check them in a fresh process."""
    from archsearch.cli.exporting import export_command

    export_command(target, out, ops or [], json)
