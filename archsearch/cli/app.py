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
MaxParams = Annotated[str | None, typer.Option(metavar="COUNT", help="Hard limit on parameters, such as 50k.")]
MaxMacs = Annotated[str | None, typer.Option(metavar="COUNT", help="Hard limit on multiply-adds a sample, such as 5M.")]
MaxMemory = Annotated[str | None, typer.Option(metavar="BYTES", help="Hard limit on the peak of inference, one sample, such as 64MB.")]
MaxTrainingMemory = Annotated[str | None, typer.Option(metavar="BYTES", help="Hard limit on the peak of a training step.")]
Setting = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Setting of the space; repeat for several.")]
SPACE = "A space by name (see `spaces`), or your own file.py."
DATA = "Data set by name, an .npz with images and labels or masks, or a folder of images."
DataDir = Annotated[str, typer.Option(metavar="FOLDER", help="Where the files of fashion-mnist or mnist lie.")]
NETWORK = "A network of the zoo (see `zoo`), RUN:TRIAL, or a file with a genotype."
Ops = Annotated[list[str] | None, typer.Option("--ops", metavar="FILE", help="Python file that registers ops of your own; it is run.")]


def limits_of(params: str | None, macs: str | None, memory: str | None, training_memory: str | None) -> dict[str, str | None]:
    """Limits on known costs, as they were written."""
    return {"params": params, "macs": macs, "memory_bytes": memory, "training_memory_bytes": training_memory}


@app.command()
def search(
    space: Annotated[str, typer.Argument(help=SPACE, show_default=False)],
    data: Annotated[str, typer.Option(help=DATA)] = "digits",
    data_dir: DataDir = "",
    strategy: Annotated[str, typer.Option(help="How to search: see the README, or file.py:Class of your own.")] = "auto",
    trials: Annotated[int, typer.Option(min=1, help="Networks to train.")] = 40,
    objective: Annotated[
        list[str] | None, typer.Option(help="Metric to minimise, or max:NAME; repeat for several. [default: error, macs]")
    ] = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_memory: MaxMemory = None,
    max_training_memory: MaxTrainingMemory = None,
    max_latency: Annotated[
        float | None, typer.Option(metavar="MS", help="Hard limit on one forward pass, measured before training.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that train side by side; 0 trains in this one.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and workers repeat a run exactly.")] = 0,
    setting: Setting = None,
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

    limits = limits_of(max_params, max_macs, max_memory, max_training_memory)
    plan = Plan(space, data, strategy, evaluator, setting or [], strategy_set or [], evaluator_set or [], data_dir)
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
    target: Annotated[
        str, typer.Argument(help="A network of the zoo (see `zoo`), a run's folder, RUN:TRIAL, or a genotype file.", show_default=False)
    ],
    batch: Annotated[int, typer.Option(min=1, help="Samples at once, for the memory figures.")] = 1,
    input: Annotated[str | None, typer.Option(metavar="C,H,W", help="Input of a network of the zoo, such as 3,64,64.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Fold scopes below this depth into one row with their sums.")] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Most first: params, macs, output_bytes, live_bytes or seconds.")
    ] = None,
    device: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Description of a device (see `calibrate`): its latency is estimated as well.")
    ] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Show a run's front, or what a network costs, node by node."""
    from archsearch.cli.showing import Look, show_command

    show_command(target, Look(batch, input, depth, sort, device), ops or [], json)


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
def zoo(
    pattern: Annotated[str | None, typer.Argument(help="Only networks with this in their name.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the networks that come with archsearch, each with its input, params and multiply-adds."""
    from archsearch.cli.designing import zoo_command

    zoo_command(pattern, json)


@app.command()
def lint(
    target: Annotated[str | None, typer.Argument(help=f"{NETWORK} Without one the rules are listed.", show_default=False)] = None,
    object_size: Annotated[
        str | None, typer.Option("--object", metavar="PIXELS", help="Size of what is to be seen, such as 64 or 64x32.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULE", help="Leave a rule out; repeat for several.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Check a network by the rules of thumb of design: each finding with its place, its reason and a fix."""
    from archsearch.cli.linting import lint_command

    lint_command(target, object_size, ignore or [], strict, ops or [], json)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(help=NETWORK, show_default=False)],
    second: Annotated[str, typer.Argument(help="The other network.", show_default=False)],
    batch: Annotated[int, typer.Option(min=1, help="Samples at once, for the memory figures.")] = 1,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Compare two networks: nodes added, removed, changed, and what that does to every cost."""
    from archsearch.cli.designing import diff_command

    diff_command(first, second, batch, ops or [], json)


@app.command()
def edit(
    target: Annotated[str, typer.Argument(help=NETWORK, show_default=False)],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NODE.FIELD=VALUE", help="Change a field.")] = None,
    replace: Annotated[list[str] | None, typer.Option(metavar="NODE=OP(...)", help="Put another op in a node's place.")] = None,
    insert: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="`[NAME:] OP after V`, `before N`, or `between V and N`.")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Take out a node or a scope; `NAME keeping V`.")] = None,
    rename: Annotated[list[str] | None, typer.Option(metavar="A to B", help="Give a node or a scope another name.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to: JSON if it ends in .json, else the text form. [default: stdout]")
    ] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Change a network: shapes follow where one answer is obvious, else it says why not. Order: set, replace, insert, remove, rename."""
    from archsearch.cli.designing import edit_command

    given = {"insert": insert, "remove": remove, "rename": rename}
    texts = [*(set_ or []), *(replace or []), *(f"{verb} {text}" for verb, found in given.items() for text in found or [])]
    edit_command(target, texts, out, ops or [], json)


@app.command()
def convert(
    target: Annotated[str, typer.Argument(help=NETWORK, show_default=False)],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to: JSON if it ends in .json, else the text form. [default: stdout, text]")
    ] = None,
    ops: Ops = None,
) -> None:
    """Write a network as JSON, or in the text form that people can read and type."""
    from archsearch.cli.designing import convert_command

    convert_command(target, out, ops or [])


@app.command()
def draw(
    target: Annotated[str, typer.Argument(help=NETWORK, show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to; ends in .svg, .png, .dot, .mmd or .html.")],
    cost: Annotated[str, typer.Option(help="What the colour shows: macs, params or memory.")] = "macs",
    depth: Annotated[int | None, typer.Option(min=0, help="Fold scopes below this depth. [default: what fits one screen]")] = None,
    input: Annotated[str | None, typer.Option(metavar="C,H,W", help="Input of a network of the zoo, such as 3,64,64.")] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Draw a network: scopes as boxes that fold, edges as wide as their bytes, colours for the share of a cost."""
    from archsearch.cli.drawing import draw_command

    draw_command(target, out, cost, depth, input, ops or [], json)


@app.command(name="import")
def import_(
    target: Annotated[
        str, typer.Argument(metavar="FILE.py:NAME", help="Function, class or module in a Python file; the file is run.", show_default=False)
    ],
    input: Annotated[
        list[str] | None, typer.Option(metavar="SHAPE", help="Shape of one sample, such as 3,224,224; one for each input.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON if it ends in .json, else the text form. [default: stdout]")
    ] = None,
    export: Annotated[Path | None, typer.Option(metavar="FOLDER", help="New folder for model files with the module's weights.")] = None,
    json: Json = False,
) -> None:
    """Bring a plain PyTorch module in: its genotype, and its weights."""
    from archsearch.cli.importing import import_command

    import_command(target, input or [], out, export, json)


@app.command()
def around(
    target: Annotated[str, typer.Argument(help=NETWORK, show_default=False)],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; ends in .py. [default: stdout]")] = None,
    input: Annotated[str | None, typer.Option(metavar="C,H,W", help="Input of a network of the zoo, such as 3,64,64.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="What may vary: widths, kernels, depths, deeper, shortcuts, links, alike, keep."),
    ] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Make a space from a network: other widths, kernels, numbers of blocks and shortcuts, as a file to edit and search."""
    from archsearch.cli.surrounding import around_command

    around_command(target, out, input, setting or [], ops or [], json)


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
def space(
    space: Annotated[str, typer.Argument(help=SPACE, show_default=False)],
    samples: Annotated[int, typer.Option(min=1, help="Networks to draw; a small space is walked whole.")] = 2000,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_memory: MaxMemory = None,
    max_training_memory: MaxTrainingMemory = None,
    setting: Setting = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same networks.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Samples in a training batch, for the training memory.")] = 1,
    optimizer: Annotated[str, typer.Option(help="sgd, momentum, adam or adamw, likewise.")] = "sgd",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with the figures as well.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Show what a space holds: choices, size, the spread of costs, the share within a budget, the cheapest and the dearest."""
    from archsearch.cli.spaces import Drawing, space_command

    drawing = Drawing(space, setting or [], limits_of(max_params, max_macs, max_memory, max_training_memory), seed, batch, optimizer)
    space_command(drawing, samples, html, quiet, json)


@app.command()
def sample(
    space: Annotated[str, typer.Argument(help=SPACE, show_default=False)],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Networks to write.")] = 5,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_memory: MaxMemory = None,
    max_training_memory: MaxTrainingMemory = None,
    setting: Setting = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same networks.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Samples in a training batch, for the training memory.")] = 1,
    optimizer: Annotated[str, typer.Option(help="sgd, momentum, adam or adamw, likewise.")] = "sgd",
    tries: Annotated[int, typer.Option(min=1, help="Networks to draw for each before giving up.")] = 2000,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to. [default: SPACE-samples]")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Draw networks of a space that keep a budget, and write them as files."""
    from archsearch.cli.spaces import Drawing, sample_command

    drawing = Drawing(space, setting or [], limits_of(max_params, max_macs, max_memory, max_training_memory), seed, batch, optimizer)
    sample_command(drawing, count, tries, out, quiet, json)


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
