"""`around`: a space made from a network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from math import prod
from pathlib import Path

from archsearch.around import Variety, plan_of, space_source
from archsearch.around.choices import Choice
from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_table, print_text
from archsearch.cli.options import parse_pairs
from archsearch.cli.targets import find_network, load_ops

EXACT = 1_000_000


def around_command(target: str, out: Path | None, shape: str | None, settings: Sequence[str], ops: list[str], json: bool) -> None:
    """Write the file of a space around a network, and say what it can choose; without a file to write, print it."""
    load_ops(ops)
    genotype = find_network(target, shape)
    variety = Variety(**parse_pairs(settings, asdict(Variety()), "around"))
    folder = Path() if out is None else out.parent
    text = space_source(genotype, target, variety, [os.path.relpath(file, folder) for file in ops])
    if out is None and not json:
        print_text(text.rstrip("\n"))
        return
    choices = [choice for choice in plan_of(genotype, variety).choices if len(choice.options) > 1]
    if not choices:
        raise WrongUseError(f"nothing in {target} can vary with these settings; allow more with --set")
    if out is not None:
        write_anew(out, text)
    report(out, choices, json)


def report(out: Path | None, choices: list[Choice], json: bool) -> None:
    """Say what a space chooses among."""
    size = prod(len(choice.options) for choice in choices)
    if json:
        rows = [{"name": c.name, "kind": c.kind, "options": c.options, "given": c.given} for c in choices]
        print_json({"file": str(out) if out else None, "size": size, "choices": rows})
        return
    print_table(["Choice", "Options", "As given"], [[c.name, ", ".join(map(str, c.options)), str(c.given)] for c in choices], left=2)
    print_text(f"\n{size:,} networks" if size < EXACT else f"\n{size:.1e} networks")
    print_text(f"archsearch search {out} --data digits")


def write_anew(path: Path, text: str) -> None:
    """Write a Python file that is not there yet. Raises WrongUseError."""
    if path.suffix != ".py":
        raise WrongUseError(f"{path} is to be a Python file; give --out a name that ends in .py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise WrongUseError(f"{path} exists, and may hold edits of yours; give another --out") from None
    except OSError as error:
        raise WrongUseError(f"{path}: {error.strerror}; give another --out") from error
