"""Does what was written compute what the network computes? Each format in its engine, in a fresh process, for several sizes of batch."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archsearch.exporters.base import ExportError, Format, Material
from archsearch.support.packages import named
from archsearch.tasks import answers

Arrays = Sequence[NDArray[Any]]
BATCHES = (1, 2, 5)
SECONDS = 600
TELLING = 10
"""Outputs of several inputs are apart by more than so many times what is allowed, else a check says little."""
HARNESS = """
import sys
for name in {without}:
    sys.modules[name] = None
sys.dont_write_bytecode = True
sys.path.insert(0, ".")
import numpy
{loading}
with numpy.load(sys.argv[1]) as given:
    inputs = {{}}
    for key in given.files:
        batch, place = map(int, key.split("_"))
        inputs.setdefault(batch, {{}})[place] = given[key]
made = {{}}
for batch, arrays in inputs.items():
    for place, output in enumerate(run(*(arrays[place] for place in sorted(arrays)))):
        made[f"{{batch}}_{{place}}"] = output
numpy.savez(sys.argv[2], **made)
"""
"""What the fresh process runs; arrays go by `BATCH_PLACE`."""


@dataclass(frozen=True)
class Check:
    """What came out: the largest difference over all outputs and batches as a share of the output's largest value, and what is allowed.

    `hollow`: an output hardly depends on the inputs, as where the signal of an untrained network dies away, so that the check says little.
    """

    format: str
    engine: str
    batches: tuple[int, ...]
    difference: float
    allowed: float
    hollow: bool = False

    def __str__(self) -> str:
        if not self.batches:
            return f"{self.format}: read back by {self.engine}, the same"
        sizes = ", ".join(map(str, self.batches))
        found = f"{self.format}: differs by {self.difference:.1e} in {self.engine} (batches of {sizes}; allowed {self.allowed:.0e})"
        return f"{found}; outputs hardly depend on the inputs, so that this says little" if self.hollow else found

    def to_dict(self) -> dict[str, Any]:
        """The check as plain data."""
        return {**asdict(self), "batches": list(self.batches)}


def verify(folder: Path, material: Material, name: str, form: Format) -> Check | None:
    """Check what a format wrote into a folder; None where there is nothing to be read or run.

    Raises:
        ExportError: it does not run, or what it computes differs; the message says what.
    """
    if form.reread is not None:
        form.reread(material, folder)
        return Check(name, named(form.engine), (), 0.0, 0.0)
    if not form.loading:
        return None
    inputs = inputs_of(material)
    found = computed(folder, form, inputs)
    network = material.whole if form.whole else material.network
    wanted = {batch: outputs_of(network, arrays) for batch, arrays in inputs.items()}
    worst = max(difference(form.files[0], found[batch], wanted[batch], form.allowed) for batch in inputs)
    return Check(name, named(form.engine), BATCHES, worst, form.allowed, is_hollow(wanted[max(inputs)], form.allowed))


def is_hollow(outputs: Arrays, allowed: float) -> bool:
    """Whether some output of a batch of several is nearly the same for all of them: apart by no more than ten times what is allowed."""
    for output in outputs:
        values = np.where(np.isfinite(output), output, 0).astype(np.float64)
        if np.ptp(values, axis=0).max(initial=0.0) <= TELLING * allowed * np.abs(values).max(initial=0.0):
            return True
    return False


def inputs_of(material: Material) -> dict[int, list[NDArray[Any]]]:
    """Random inputs by size of batch: as images are, in [0, 1], where they are normalised inside."""
    draw = torch.Generator().manual_seed(0)
    make = torch.rand if material.inside else torch.randn
    return {batch: [make(batch, *shape, generator=draw).numpy() for shape in material.shapes] for batch in BATCHES}


@torch.inference_mode()
def outputs_of(network: torch.nn.Module, arrays: Arrays) -> list[NDArray[Any]]:
    """What a network in torch makes of arrays, one for each of its outputs."""
    return [output.numpy() for output in answers(network(*map(torch.from_numpy, arrays)))]


def computed(folder: Path, form: Format, inputs: Mapping[int, Arrays]) -> dict[int, list[NDArray[Any]]]:
    """What the files make of these inputs, in a fresh process. Raises ExportError with the last line of what went wrong."""
    with tempfile.TemporaryDirectory() as scratch:
        given, made = Path(scratch, "inputs.npz"), Path(scratch, "outputs.npz")
        np.savez(given, **{f"{batch}_{place}": array for batch, arrays in inputs.items() for place, array in enumerate(arrays)})  # type: ignore[arg-type]
        run(folder, form, given, made)
        with np.load(made) as read:
            return {batch: [read[f"{batch}_{place}"] for place in range(len(read.files) // len(inputs))] for batch in inputs}


def run(folder: Path, form: Format, given: Path, made: Path) -> None:
    """Run the files on stored inputs. Raises ExportError with the last line of what went wrong."""
    script = HARNESS.format(without=form.without, loading=form.loading)
    command = [sys.executable, "-I", "-c", script, str(given), str(made)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ExportError(f"the exported {form.files[0]} did not finish within {SECONDS} seconds; export with check=False") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ExportError(f"the exported {form.files[0]} does not run on its own: {lines[-1][:300]}")


def difference(file: str, found: Arrays, wanted: Arrays, allowed: float) -> float:
    """The largest difference as a share of each output's largest value. Raises ExportError where it is over what is allowed."""
    shapes = [[tuple(array.shape) for array in outputs] for outputs in (found, wanted)]
    if shapes[0] != shapes[1]:
        raise ExportError(f"the exported {file} gives outputs of shape {shapes[0]}, the network {shapes[1]}")
    worst = 0.0
    for place, (theirs, ours) in enumerate(zip(found, wanted, strict=True)):
        plain = np.isfinite(ours)
        scale = float(np.abs(ours[plain]).max(initial=0.0))
        if not np.array_equal(theirs[~plain], ours[~plain], equal_nan=ours.dtype.kind == "f"):
            raise ExportError(f"output {place} of the exported {file} is finite where the network's is not, or the other way round")
        gap = float(np.abs(theirs[plain].astype(np.float64) - ours[plain]).max(initial=0.0))
        if not gap <= allowed * scale:
            raise ExportError(
                f"output {place} of the exported {file} differs from the network's by up to {gap:.3g}, allowed are {allowed * scale:.3g}"
            )
        worst = max(worst, gap / scale if scale else 0.0)
    return worst
