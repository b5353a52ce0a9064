"""Exported source of every network of the zoo: lines, time, and whether it computes the same: `python -m benchmarks.exported`.

With `--folder` an export of a CIFAR-size network is timed, with the checks in fresh processes, and of all formats.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from archsearch import Genotype, zoo
from archsearch.exporters import FORMATS, Material, export_network, gather, source_text
from archsearch.exporters.network import STANDARD
from archsearch.spaces.space import load_space
from archsearch.tasks import answers
from benchmarks.settled import settled
from benchmarks.timing import show

SIDES = (32, 48, 64, 96, 128, 160, 224, 299, 331, 512)
"""Inputs that a network of the zoo is tried at, the smallest that it takes counts."""


class Row(NamedTuple):
    """One network: nodes, lines of the source, seconds to write it, and the largest difference of an output."""

    name: str
    nodes: int
    lines: int
    seconds: float
    gap: float


def smallest(name: str) -> Genotype:
    """A network of the zoo at the smallest input that it takes; as it is where it does not take another."""
    whole = zoo.build(name)
    if len(whole.inputs) == 1 and len(whole.inputs[0].shape) == 3:
        for side in (side for side in SIDES if side < whole.inputs[0].shape[1]):
            try:
                return zoo.build(name, input=(whole.inputs[0].shape[0], side, side))
            except (TypeError, ValueError):
                continue
    return whole


def module_in(folder: Path) -> ModuleType:
    """`model.py` of a folder, loaded."""
    spec = spec_from_file_location("exported_model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def module_of(text: str) -> ModuleType:
    """A source, loaded from a file as by whoever is given it."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "model.py").write_text(text, encoding="utf-8")
        return module_in(Path(scratch))


def loaded(text: str, material: Material) -> nn.Module:
    """The network of a source, with its weights."""
    network: nn.Module = module_of(text).Network()
    network.load_state_dict(dict(material.state))
    return network.eval()


def row(name: str) -> Row:
    """What one network comes to."""
    genotype = smallest(name)
    material = gather(genotype, settled(genotype).state_dict())
    start = time.perf_counter()
    text = source_text(material)
    seconds = time.perf_counter() - start
    batch = [torch.randn(2, *spec.shape) for spec in genotype.inputs]
    with torch.inference_mode():
        pairs = zip(answers(loaded(text, material)(*batch)), answers(material.network(*batch)), strict=True)
        gap = max(float((ours - theirs).abs().nan_to_num().max()) for ours, theirs in pairs)
    return Row(name, len(genotype.nodes), len(text.splitlines()), seconds, gap)


def time_folder() -> None:
    """An export of a CIFAR-size network of space `cell`, with and without the checks."""
    genotype = load_space("cell").sample(np.random.default_rng(0)).genotype
    usual, taken = ", ".join(STANDARD), dict[str, float]()
    ways: dict[str, tuple[Sequence[str], bool]] = {
        f"{usual}, the first": (STANDARD, False),
        usual: (STANDARD, False),
        f"{usual}, checked": (STANDARD, True),
        f"all {len(FORMATS)} formats, checked": (tuple(FORMATS), True),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, (formats, check)) in enumerate(ways.items()):
            start = time.perf_counter()
            export_network(genotype, Path(scratch, str(number)), formats=formats, check=check)
            taken[name] = time.perf_counter() - start
    show("Export of a CIFAR-size network", ["files", "seconds"], [[name, f"{seconds:.2f}"] for name, seconds in taken.items()])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", action="store_true", help="time the export of a folder instead")
    if parser.parse_args().folder:
        time_folder()
    else:
        table()


def table() -> None:
    """Every network of the zoo."""
    rows = [row(name) for name in zoo.names()]
    show(
        "Exported source of the zoo",
        ["network", "nodes", "lines", "seconds", "largest difference"],
        [[r.name, str(r.nodes), str(r.lines), f"{r.seconds:.2f}", f"{r.gap:.2g}"] for r in rows],
    )
    lines, gap = [r.lines for r in rows], max(r.gap for r in rows)
    print(f"{len(rows)} networks: {median(lines):.0f} lines in the median, {min(lines)} to {max(lines)}; largest difference {gap:.2g}")
    if gap:
        raise SystemExit("exported source must compute what the network computes")


if __name__ == "__main__":
    main()
