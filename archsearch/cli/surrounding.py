"""`around`: a space made from a network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from math import prod
from pathlib import Path

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_table, print_text
from archsearch.cli.options import parse_pairs
from archsearch.cli.targets import find_network, load_ops
from archsearch.network.genotype import Genotype
from archsearch.spaces.around import Variety, plan_of, space_source
from archsearch.spaces.around.choices import Choice

EXACT = 1_000_000


def around_command(
    target: str, out: Path | None, shape: str | None, settings: Sequence[str], ops: list[str], force: bool, json: bool
) -> None:
    """Write the file of a space around a network, and say what it can choose; without a file to write, print it."""
    load_ops(ops)
    genotype = find_given(target, shape)
    variety = Variety(**parse_pairs(settings, asdict(Variety()), "around"))
    folder = Path() if out is None else out.parent
    choices = [choice for choice in plan_of(genotype, variety).choices if len(choice.options) > 1]
    if not choices:
        raise WrongUseError(f"nothing in {target} can vary with these settings; allow more with --set")
    text = space_source(genotype, target, variety, [os.path.relpath(file, folder) for file in ops])
    if out is None and not json:
        print_text(text.rstrip("\n"))
        return
    if out is not None:
        write_anew(out, text, force)
    report(out, choices, json)


def find_given(target: str, shape: str | None) -> Genotype:
    """The network that a target stands for. Raises WrongUseError."""
    if target.endswith(".py"):
        how = f"`archsearch import {target}:make --input C,H,W --out FILE` writes that of a module"
        raise WrongUseError(f"{target} is Python, and a space is made around a network: {how}; a space is searched as it is")
    return find_network(target, shape)


def report(out: Path | None, choices: list[Choice], json: bool) -> None:
    """Say what a space chooses among."""
    size = prod(len(choice.options) for choice in choices)
    if json:
        rows = [{"name": c.name, "kind": c.kind, "options": c.options, "given": c.given} for c in choices]
        print_json({"file": str(out) if out else None, "size": size, "choices": rows})
        return
    print_table(
        ["Choice", "Options", "As given"],
        [[c.name, ", ".join(map(str, c.options)), str(c.given)] for c in choices],
        left=2,
        prose=("Options",),
    )
    print_text(f"\n{size:,} networks" if size < EXACT else f"\n{size:.1e} networks")
    print_text(f"`archsearch space {out}` shows what they cost, `archsearch search {out} --data ...` searches them")


def write_anew(path: Path, text: str, force: bool) -> None:
    """Write a Python file that is not there yet, or with `force` in the place of one. Raises WrongUseError."""
    if path.suffix != ".py":
        raise WrongUseError(f"{path} is to be a Python file; give --out a name that ends in .py")
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise WrongUseError(f"{path} exists, and may hold edits of yours; give another --out, or --force") from None
    except OSError as error:
        raise WrongUseError(f"{path}: {error.strerror}; give another --out") from error
