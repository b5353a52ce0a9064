"""Commands about one network, or two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.app.arguments import NETWORK, Force, Json, Ops, Quiet


def show(
    target: Annotated[
        str, typer.Argument(help="A network of the zoo (see `zoo`), a run's folder, RUN:TRIAL, or a genotype file.", show_default=False)
    ],
    batch: Annotated[int, typer.Option(min=1, help="Samples at once, for the memory figures.")] = 1,
    input: Annotated[str | None, typer.Option(metavar="C,H,W", help="Another input for it, such as 3,64,64.")] = None,
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


def calibrate(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write. (default: device.json in the user's folder of settings)")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads of the CPU.")] = 1,
    on: Annotated[str, typer.Option(help="What to measure: cpu or cuda.")] = "cpu",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure this machine and describe it, so that `show --device FILE` estimates latency; some seconds."""
    from archsearch.cli.calibrating import calibrate_command

    calibrate_command(out, threads, on, quiet, json)


def zoo(
    pattern: Annotated[str | None, typer.Argument(help="Only networks with this in their name.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """List the networks that come with archsearch, each with its input, params and multiply-adds."""
    from archsearch.cli.designing import zoo_command

    zoo_command(pattern, json)


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
        Path | None, typer.Option(metavar="FILE", help="Where to: JSON if it ends in .json, else the text form. (default: stdout)")
    ] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Change a network: shapes follow where one answer is obvious, else it says why not. Order: set, replace, insert, remove, rename."""
    from archsearch.cli.designing import edit_command

    given = {"insert": insert, "remove": remove, "rename": rename}
    texts = [*(set_ or []), *(replace or []), *(f"{verb} {text}" for verb, found in given.items() for text in found or [])]
    edit_command(target, texts, out, ops or [], json)


def convert(
    target: Annotated[str, typer.Argument(help=NETWORK, show_default=False)],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to: JSON if it ends in .json, else the text form. (default: stdout, text)")
    ] = None,
    ops: Ops = None,
) -> None:
    """Write a network as JSON, or in the text form that people can read and type."""
    from archsearch.cli.designing import convert_command

    convert_command(target, out, ops or [])


def draw(
    target: Annotated[str, typer.Argument(help=NETWORK, show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to; ends in .svg, .png, .dot, .mmd or .html.")],
    cost: Annotated[str, typer.Option(help="What the colour shows: macs, params or memory.")] = "macs",
    depth: Annotated[int | None, typer.Option(min=0, help="Fold scopes below this depth. (default: what fits one screen)")] = None,
    input: Annotated[str | None, typer.Option(metavar="C,H,W", help="Another input for it, such as 3,64,64.")] = None,
    ops: Ops = None,
    json: Json = False,
) -> None:
    """Draw a network: scopes as boxes that fold, edges as wide as their bytes, colours for the share of a cost."""
    from archsearch.cli.drawing import draw_command

    draw_command(target, out, cost, depth, input, ops or [], json)


def import_(
    target: Annotated[
        str, typer.Argument(metavar="FILE.py:NAME", help="Function, class or module in a Python file; the file is run.", show_default=False)
    ],
    input: Annotated[
        list[str] | None, typer.Option(metavar="SHAPE", help="Shape of one sample, such as 3,224,224; one for each input.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON if it ends in .json, else the text form. (default: stdout)")
    ] = None,
    export: Annotated[Path | None, typer.Option(metavar="FOLDER", help="New folder for model files with the module's weights.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what no op of archsearch's own stands for.")] = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Bring a plain PyTorch module in: its genotype, and its weights."""
    from archsearch.cli.importing import import_command

    import_command(target, input or [], strict, out, export, force, json)
