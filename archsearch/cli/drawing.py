"""`draw`."""

from __future__ import annotations

from pathlib import Path

from archsearch.cli.console import print_json, print_text
from archsearch.cli.targets import find_network, load_ops
from archsearch.design.drawing import write_drawing


def draw_command(target: str, out: Path, cost: str, depth: int | None, shape: str | None, ops: list[str], json: bool) -> None:
    """Draw a network into a file."""
    load_ops(ops)
    genotype = find_network(target, shape)
    path = write_drawing(genotype, out, cost=cost, depth=depth, title=Path(target).name)
    print_json({"drawing": str(path)}) if json else print_text(str(path))
