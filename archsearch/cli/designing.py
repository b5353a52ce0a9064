"""`zoo`, `diff`, `edit` and `convert`: networks without any search."""

from __future__ import annotations

import inspect
from pathlib import Path

from archsearch.analysis import analyse
from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_table, print_text
from archsearch.cli.targets import find_network, load_ops, write_genotype
from archsearch.design.diff import diff
from archsearch.design.edit import apply, parse_edit
from archsearch.network.genotype import Genotype
from archsearch.network.text_form import to_text
from archsearch.units import prefixed, unit
from archsearch.zoo import build, names, networks


def zoo_command(pattern: str | None, json: bool) -> None:
    """List networks with their costs."""
    chosen = [name for name in names() if pattern is None or pattern.lower() in name]
    if not chosen:
        raise WrongUseError(f"no network's name has {pattern!r} in it; `archsearch zoo` lists all")
    found = [(name, build(name)) for name in chosen]
    rows = [describe(name, genotype) for name, genotype in found]
    if json:
        print_json(rows)
        return
    cells = [[str(row["name"]), str(row["input"]), str(row["about"]), f"{row['params']:,}", prefixed(float(row["macs"]))] for row in rows]
    print_table(["Network", "Input", "About", "Params", "MACs"], cells, left=3, prose=("About",))


def describe(name: str, genotype: Genotype) -> dict[str, str | int]:
    """One network of the zoo in a line: its input, its costs, and where it comes from."""
    analysis, make = analyse(genotype), networks()[name]
    about = inspect.getdoc(getattr(make, "func", make)) or ""
    shape = " + ".join(map(str, genotype.inputs))
    return {"name": name, "input": shape, "params": analysis.params, "macs": analysis.macs, "about": about.split("\n")[0]}


def diff_command(first: str, second: str, batch: int, ops: list[str], json: bool) -> None:
    """Show what is different between two networks."""
    load_ops(ops)
    found = diff(find_network(first), find_network(second), batch)
    if json:
        print_json(found.to_dict())
        return
    rows = [[row.what, row.name, row.before, row.after] for row in found.rows()]
    if rows:
        print_table(["What", "Node", "Before", "After"], rows, left=4, prose=("Before", "After"))
    else:
        print_text("the networks are equal in structure")
    print_text("")
    costs = [[unit(c.name).label, *(amount(c.name, value) for value in (c.before, c.after, c.difference))] for c in found.costs]
    print_table(["Cost", "Before", "After", "Difference"], costs)
    print_text(f"Memory is for a batch of {found.batch} in {found.dtype}, of training with {found.optimizer}.")


def amount(name: str, value: int | tuple[int, int]) -> str:
    """A cost with its unit; a field as height x width."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else unit(name).text(value)


def edit_command(target: str, edits: list[str], out: Path | None, ops: list[str], json: bool) -> None:
    """Change a network and write it."""
    load_ops(ops)
    before = find_network(target)
    after = apply(before, [parse_edit(text) for text in edits])
    write_or_print(after, out, as_json=out is None or out.suffix == ".json")
    if out is not None and json:
        print_json(diff(before, after).to_dict())
    elif out is not None:
        print_text(f"{diff(before, after)}\n\n{out}")


def convert_command(target: str, out: Path | None, ops: list[str]) -> None:
    """Write a network as JSON or in the text form, by the ending of the file; to stdout in the text form."""
    load_ops(ops)
    write_or_print(find_network(target), out, as_json=out is not None and out.suffix == ".json")


def write_or_print(genotype: Genotype, out: Path | None, as_json: bool) -> None:
    """A genotype into a file, or to stdout."""
    text = genotype.to_json() if as_json else to_text(genotype)
    if out is None:
        print_text(text.rstrip("\n"))
    else:
        write_genotype(genotype, out, text)
