"""The command that trains one network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.app.arguments import DATA, NETWORK, Channels, DataDir, Device, Json, Ops, Quiet, Size


def train(
    target: Annotated[str, typer.Argument(help=f"{NETWORK} One of the zoo is built for the data.", show_default=False)],
    data: Annotated[str, typer.Option(help=DATA)] = "digits",
    data_dir: DataDir = "",
    size: Size = 0,
    channels: Channels = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Times through the training part.")] = 200,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Option of the training, such as lr=0.01; `evaluators train` lists them."),
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Weights to begin with (.safetensors); a head of another size is drawn anew."),
    ] = None,
    freeze: Annotated[
        list[str] | None, typer.Option(metavar="NAMES", help="Scopes or nodes that keep these weights, such as stem,stage1.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train so many times, for mean and deviation; the best is exported.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The (first) seed; the same one trains the same.")] = 0,
    device: Device = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads of the CPU; with one, equal seeds give equal bits.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to. (default: results/trained-NETWORK-DATA-SEED)")] = None,
    ops: Ops = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train one network to its end, test it, and write its model files; the same command goes on where it was stopped."""
    from archsearch.cli.training import Wish, train_command

    where = {"data_dir": data_dir, "size": size, "channels": channels, "epochs": epochs, "device": device or ""}
    names = [name for text in freeze or [] for name in text.split(",") if name]
    wish = Wish(target, data, where, options or [], pretrained, names, tuple(range(seed, seed + seeds)), threads)
    train_command(wish, out, ops or [], quiet, json)
