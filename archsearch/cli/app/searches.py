"""Commands that search, and what belongs to a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from archsearch.cli.app.arguments import (
    DATA,
    EXPORTED,
    EXPORTS,
    SPACE,
    Address,
    Channels,
    CpusPerTrial,
    Dashboard,
    DataDir,
    Device,
    Engine,
    EvaluatorSet,
    Executor,
    Fidelity,
    Folder,
    Force,
    Foresight,
    GpusPerTrial,
    Inherit,
    Json,
    LatencyDevice,
    MaxLatency,
    MaxMacs,
    MaxMemory,
    MaxParams,
    MaxTrainingMemory,
    MoreObjectives,
    Objective,
    Ops,
    Prefilter,
    Quiet,
    Schedule,
    Setting,
    Size,
    StrategySet,
    WarmStart,
    limits_of,
)

EXPLAINED = "RUN:TRIAL, a run's folder (its best network), a folder of model files, or a genotype file with --weights."


def search(
    space: Annotated[str, typer.Argument(help=SPACE, show_default=False)],
    data: Annotated[str | None, typer.Option(help=f"{DATA} (default: the evaluator's; digits for train)")] = None,
    data_dir: DataDir = "", size: Size = 0, channels: Channels = 0,
    strategy: Annotated[str, typer.Option(help="How to search (see `strategies`), or file.py:Class of your own.")] = "auto",
    trials: Annotated[int, typer.Option(min=1, help="Networks to train.")] = 40,
    objective: Objective = None,
    max_params: MaxParams = None, max_macs: MaxMacs = None, max_memory: MaxMemory = None, max_training_memory: MaxTrainingMemory = None,
    max_latency: MaxLatency = None, latency_device: LatencyDevice = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that train side by side; 0 trains in this one.")] = 1,
    executor: Executor = None, address: Address = "", cpus_per_trial: CpusPerTrial = 1, gpus_per_trial: GpusPerTrial = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and workers repeat a run exactly.")] = 0,
    setting: Setting = None,
    strategy_set: StrategySet = None,
    evaluator: Annotated[str, typer.Option(help="How to judge a network.")] = "train",
    evaluator_set: EvaluatorSet = None, device: Device = None, engine: Engine = None,
    fidelity: Fidelity = "auto", schedule: Schedule = "asha", prefilter: Prefilter = "", inherit: Inherit = False,
    warm_start: WarmStart = "", foresight: Foresight = "",
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="Limit for one network.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of the run. (default: results/SPACE-DATA-SEED)")] = None,
    dashboard: Dashboard = False, quiet: Quiet = False, json: Json = False,
) -> None:  # fmt: skip
    """Search a space: train networks within the budget, then write the front, a report and a model file."""
    from archsearch.cli.placing import Where
    from archsearch.cli.searching import Plan, Terms, search_command

    options = (setting or [], strategy_set or [], evaluator_set or [])
    plan = Plan(space, data, strategy, evaluator, *options, data_dir, device or "", size, channels, engine or "")
    limits, wanted = limits_of(max_params, max_macs, max_memory, max_training_memory), objective or ["error", "macs"]
    where = Where(workers, executor, address, cpus_per_trial, gpus_per_trial)
    terms = Terms(
        limits, max_latency, wanted, trials, seed, where, timeout, fidelity, schedule, prefilter, inherit, latency_device, warm_start,
        foresight,
    )  # fmt: skip
    search_command(plan, terms, out, quiet, json, dashboard)


def resume(
    run: Folder,
    trials: Annotated[int | None, typer.Option(min=1, help="Go on to so many trials.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that train side by side.")] = None,
    executor: Executor = None,
    address: Address = "",
    cpus_per_trial: CpusPerTrial = 1,
    gpus_per_trial: GpusPerTrial = 0,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try trials that failed again, before any new one.")] = False,
    objective: MoreObjectives = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_memory: MaxMemory = None,
    max_training_memory: MaxTrainingMemory = None,
    max_latency: MaxLatency = None,
    data: Annotated[str, typer.Option(metavar="PATH", help="Where the data are now; others are refused.")] = "",
    data_dir: DataDir = "",
    space: Annotated[str, typer.Option(metavar="FILE", help="Where the file of a space of your own is now; it must be the same.")] = "",
    strategy: Annotated[str, typer.Option(metavar="FILE", help="Likewise of a strategy of your own.")] = "",
    evaluator: Annotated[str, typer.Option(metavar="FILE", help="Likewise of an evaluator of your own.")] = "",
    evaluator_set: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="Where else an evaluator looks now, such as supernet=FOLDER.")
    ] = None,
    dashboard: Dashboard = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Go on with a run as if it had never stopped, or extend it: more trials or objectives, other limits (`none` lifts one of a cost).

    Files of your own are run as Python: resume only what you trust.
    """
    from archsearch.cli.placing import Where
    from archsearch.cli.searching import More, read_places, resume_command

    where = [*([f"data={data}"] if data else []), *([f"data_dir={data_dir}"] if data_dir else []), *(evaluator_set or [])]
    places = read_places(space, strategy, evaluator, where)
    limits = limits_of(max_params, max_macs, max_memory, max_training_memory)
    on = Where(workers, executor, address, cpus_per_trial, gpus_per_trial)
    resume_command(run, More(trials, on, retry_failed, limits, max_latency, objective or []), places, quiet, json, dashboard)


def report(
    run: Folder,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write the page. (default: RUN/report.html)")] = None,
    json: Json = False,
) -> None:
    """Write a run's report: one HTML page that opens offline."""
    from archsearch.cli.showing import report_command

    report_command(run, out, json)


def front(
    run: Folder,
    x: Annotated[str, typer.Option(metavar="METRIC", help="Metric to the right. (default: the second objective)")] = "",
    y: Annotated[str, typer.Option(metavar="METRIC", help="Metric upwards. (default: the first objective)")] = "",
    json: Json = False,
) -> None:
    """Print a run's front as a table, and all its networks as a scatter of characters."""
    from archsearch.cli.front import front_command

    front_command(run, x, y, json)


def watch(
    run: Folder,
    every: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How often to look, at most.")] = 2.0,
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for every change.")] = False,
) -> None:
    """Follow a run that another process writes, until it ends; Ctrl-C stops watching."""
    from archsearch.cli.watching import watch_command

    watch_command(run, every, json)


def explain(
    target: Annotated[str, typer.Argument(help=EXPLAINED, show_default=False)],
    images: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Images of your own, PNG, JPEG or TIFF. (default: the network's validation part)")
    ] = None,
    data: Annotated[str, typer.Option(metavar="PATH", help="Where the data of its training are now; others are refused.")] = "",
    data_dir: DataDir = "",
    weights: Annotated[Path | None, typer.Option(metavar="FILE", help="Weights of a genotype (.safetensors).")] = None,
    mean: Annotated[str, typer.Option(metavar="NUMBERS", help="Mean of each channel, where nothing says it; 0.48,0.46,0.41.")] = "",
    std: Annotated[str, typer.Option(metavar="NUMBERS", help="Likewise the standard deviation.")] = "",
    classes: Annotated[str, typer.Option(metavar="NAMES", help="Names of the classes, where nothing says them; cat,dog.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="Images that are looked at in detail.")] = 12,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write the page. (default: beside the network)")] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Explain a trained network: its mistakes, what its answers hang on, what its layers hold; a page that opens offline."""
    from archsearch.cli.explaining import Wish, explain_command

    places = {name: place for name, place in (("data", data), ("data_dir", data_dir)) if place}
    explain_command(Wish(target, images, places, weights, mean, std, classes, limit), out, ops or [], json)


def dashboard(
    root: Annotated[Path, typer.Argument(metavar="RUN|FOLDER", help="Folder of a run, or one that holds runs.", show_default=False)],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any that is free.")] = 8421,
    host: Annotated[
        str, typer.Option(help="Address to listen on; elsewhere than on this machine the token that is printed is asked for.")
    ] = "127.0.0.1",
) -> None:
    """Serve the page of a run, or a list of runs, on this machine; it follows what is still running. Ctrl-C ends it."""
    from archsearch.cli.serving import dashboard_command

    dashboard_command(root, host, port)


def export(
    target: Annotated[str, typer.Argument(help=EXPORTED, show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "--to", metavar="FOLDER", help="Where to. (default: RUN/export/TRIAL)")] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,...", help=f"{EXPORTS} (default: the first five)"),
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="The whole front, a folder for each trial.")] = False,
    with_preprocessing: Annotated[
        bool, typer.Option("--with-preprocessing", help="onnx, openvino, pt2 and ncnn take images in [0, 1] and normalise them.")
    ] = False,
    fold_batch_norm: Annotated[
        bool, typer.Option("--fold-batch-norm", help="Write batch norms into the weights of what comes before them.")
    ] = False,
    quantize: Annotated[
        Literal["int8"] | None, typer.Option(help="Also an ONNX file in int8, calibrated on the run's training images, and what it loses.")
    ] = None,
    ops: Ops = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a network as files for torch or other engines, each checked in its engine in a fresh process."""
    from archsearch.cli.exporting import Wish, export_command

    export_command(target, out, Wish(format or [], all, with_preprocessing, fold_batch_norm, quantize or ""), ops or [], force, json)


def study(
    run: Folder,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="SQLite file of Optuna, new or one with other studies.")],
    name: Annotated[str, typer.Option(help="Of the study. (default: that of the run's folder)")] = "",
    json: Json = False,
) -> None:
    """Write a run as a study of Optuna, which optuna-dashboard opens."""
    from archsearch.cli.studying import study_command

    study_command(run, to, name, json)


def strategies(
    strategy: Annotated[str | None, typer.Argument(help="One by name, or file.py:Class; all when left out.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the strategies with their options and defaults."""
    from archsearch.cli.listing import strategies_command

    strategies_command(strategy, json)


def evaluators(
    evaluator: Annotated[str | None, typer.Argument(help="One by name, or file.py:Class; all when left out.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the evaluators with their options and defaults."""
    from archsearch.cli.listing import evaluators_command

    evaluators_command(evaluator, json)
