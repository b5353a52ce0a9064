"""Commands about spaces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.app.arguments import (
    DATA,
    NETWORK,
    SPACE,
    Channels,
    DataDir,
    Force,
    Json,
    MaxMacs,
    MaxMemory,
    MaxParams,
    MaxTrainingMemory,
    Ops,
    Quiet,
    Setting,
    Size,
    limits_of,
)


def spaces(
    space: Annotated[
        str | None, typer.Argument(help="One space by name, or your own file.py; all when left out.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the spaces: what they hold, how large they are, what can be set."""
    from archsearch.cli.showing import spaces_command

    spaces_command(space, json)


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
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to. (default: SPACE-samples)")] = None,
    force: Force = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Draw networks of a space that keep a budget, and write them as files."""
    from archsearch.cli.spaces import Drawing, sample_command

    drawing = Drawing(space, setting or [], limits_of(max_params, max_macs, max_memory, max_training_memory), seed, batch, optimizer)
    sample_command(drawing, count, tries, out, force, quiet, json)


def around(
    target: Annotated[str, typer.Argument(help=NETWORK, show_default=False)],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; ends in .py. (default: stdout)")] = None,
    input: Annotated[str | None, typer.Option(metavar="C,H,W", help="Another input for it, such as 3,64,64.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="What may vary: widths, kernels, depths, deeper, shortcuts, links, alike, keep."),
    ] = None,
    ops: Ops = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a space from a network: other widths, kernels, numbers of blocks and shortcuts, as a file to edit and search."""
    from archsearch.cli.surrounding import around_command

    around_command(target, out, input, setting or [], ops or [], force, json)


def supernet(
    space: Annotated[str, typer.Argument(help=SPACE, show_default=False)],
    data: Annotated[str, typer.Option(help=DATA)] = "digits",
    data_dir: DataDir = "",
    size: Size = 0,
    channels: Channels = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of training, every step another network.")] = 100,
    paths: Annotated[int, typer.Option(min=1, help="Random networks in a step.")] = 1,
    sandwich: Annotated[bool, typer.Option("--sandwich", help="With the largest and the smallest of some in each step.")] = False,
    check: Annotated[int, typer.Option(min=0, help="Networks trained alone, to see whether shared weights rank them right.")] = 20,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_memory: MaxMemory = None,
    max_training_memory: MaxTrainingMemory = None,
    setting: Setting = None,
    train_set: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the training, such as lr=0.01.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed trains the same.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to. (default: results/supernet-SPACE-DATA-SEED)")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train weights that all networks of a space share, and say whether to trust them; the same command goes on."""
    from archsearch.cli.sharing import Lesson, supernet_command

    lesson = Lesson(space, data, setting or [], train_set or [], epochs, paths, sandwich, seed, data_dir, size, channels)
    limits = limits_of(max_params, max_macs, max_memory, max_training_memory)
    supernet_command(lesson, limits, out, check, quiet, json)
