"""`import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsearch.analysis import analyse
from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, remark
from archsearch.cli.designing import write_or_print
from archsearch.cli.targets import read_shape
from archsearch.units import prefixed

if TYPE_CHECKING:
    from archsearch.design.importer import Imported


def import_command(target: str, inputs: list[str], strict: bool, out: Path | None, export: Path | None, force: bool, json: bool) -> None:
    """Write the genotype of a module, and with `export` its model files with weights."""
    from archsearch.design.importer import import_file

    if not inputs:
        raise WrongUseError("give --input with the shape of one sample, such as --input 3,224,224; repeat it for several inputs")
    found = import_file(target, [read_shape(text) for text in inputs], strict)
    for line in found.remarks:
        remark(f"archsearch: {line}")
    if export is not None:
        export_imported(found, export, target, force)
    if out is not None or not (json or export):
        write_or_print(found.genotype, out, as_json=out is not None and out.suffix == ".json")
    facts = facts_of(found, out, export)
    if json:
        print_json(facts)
    else:
        remark(f"{target}: {facts['nodes']} nodes, {facts['params']:,} params, {prefixed(facts['macs'])} MACs; {written(out, export)}")


def facts_of(found: Imported, out: Path | None, export: Path | None) -> dict[str, Any]:
    """What was imported, as plain data."""
    genotype, analysis = found.genotype, analyse(found.genotype)
    shapes = {"inputs": [list(spec.shape) for spec in genotype.inputs], "outputs": list(found.outputs)}
    costs = {"nodes": len(genotype.nodes), "aten": len(found.borrowed), "params": analysis.params, "macs": analysis.macs}
    files = {"genotype": None if out is None else str(out), "export": None if export is None else str(export)}
    return {**shapes, **costs, **files, "remarks": list(found.remarks)}


def written(out: Path | None, export: Path | None) -> str:
    """Where things went, in words."""
    return " and ".join(str(path) for path in (out, export) if path is not None) or "give --out FILE or --export FOLDER to keep it"


def export_imported(found: Imported, folder: Path, target: str, force: bool) -> None:
    """Write the model files with the module's weights."""
    from archsearch.exporters import export_network

    export_network(found.genotype, folder, found.state, title=f"Imported from {Path(target).name}.", overwrite=force)
