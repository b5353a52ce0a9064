"""Does the exported folder compute what the network computes, in a process that has no archsearch?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, fx

from archsearch.exporters.base import ExportError
from archsearch.network.genotype import Genotype

BATCH = 2
TOLERANCE = 1e-5
SECONDS = 600
SCRIPT = """
import sys
for name in ("archsearch", "safetensors"):
    assert name not in sys.modules
    sys.modules[name] = None
sys.dont_write_bytecode = True
sys.path.insert(0, ".")
import torch
import model
with torch.inference_mode():
    torch.save(model.load()(*torch.load(sys.argv[1], weights_only=True)), sys.argv[2])
"""


def verify(folder: Path, genotype: Genotype, network: fx.GraphModule) -> None:
    """Run `model.py` on a random batch in a fresh, isolated process and compare with the network to 1e-5.

    Raises:
        ExportError: it fails, or what it computes differs; the message says what.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = tuple(torch.randn(BATCH, *spec.shape, generator=generator) for spec in genotype.inputs)
    with torch.inference_mode():
        wanted = as_tuple(network(*inputs))
    with tempfile.TemporaryDirectory() as scratch:
        given, made = Path(scratch, "inputs.pt"), Path(scratch, "outputs.pt")
        torch.save(inputs, given)
        run(folder, given, made)
        found = as_tuple(torch.load(made, weights_only=True))
    compare(found, wanted)


def as_tuple(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Outputs of a network, of which there may be one."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


def run(folder: Path, given: Path, made: Path) -> None:
    """Run the exported network on stored inputs. Raises ExportError with the last line of what went wrong."""
    command = [sys.executable, "-I", "-c", SCRIPT, str(given), str(made)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ExportError(f"the exported model.py did not finish within {SECONDS} seconds; export with check=False") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ExportError(f"the exported model.py does not run on its own: {lines[-1]}")


def compare(found: tuple[Tensor, ...], wanted: tuple[Tensor, ...]) -> None:
    """Raise ExportError unless every output agrees to 1e-5 of its own largest value."""
    shapes = [[tuple(tensor.shape) for tensor in outputs] for outputs in (found, wanted)]
    if shapes[0] != shapes[1]:
        raise ExportError(f"the exported model.py gives outputs of shape {shapes[0]}, the network {shapes[1]}")
    for position, (ours, theirs) in enumerate(zip(wanted, found, strict=True)):
        bound = TOLERANCE * float(ours.nan_to_num(0, 0, 0).abs().max())
        if not torch.allclose(theirs, ours, rtol=0, atol=bound, equal_nan=True):
            gap = float((ours - theirs).abs().max())
            raise ExportError(
                f"output {position} of the exported model.py differs from the network's by up to {gap:.3g}, allowed are {bound:.3g}"
            )
