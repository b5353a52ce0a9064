"""What an imported network can be taken through: python -m benchmarks.importing.onward LIBRARY NAME prints a line of JSON.

`show`, `lint`, `draw`, `diff` with itself, `export` (which compares in a fresh process) and `around`, as commands on the genotype's file,
and 20 samples of the space around it, compiled and run.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from archsearch import Genotype, compile_network, load_space
from archsearch.cli import run
from archsearch.design.importer import imported
from benchmarks.importing.families import LIBRARIES, prepare
from benchmarks.importing.one import fitting

SAMPLES, TRIES = 20, 400


def commands(folder: Path) -> dict[str, list[str]]:
    """The commands by name, on net.json there."""
    net = str(folder / "net.json")
    return {
        "show": ["show", net],
        "lint": ["lint", net],
        "draw": ["draw", net, "--out", str(folder / "net.svg")],
        "diff": ["diff", net, net],
        "export": ["export", net, "--out", str(folder / "exported")],
        "around": ["around", net, "--out", str(folder / "near.py")],
    }


def failed(command: list[str]) -> str:
    """What goes wrong with a command; nothing where it does not."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = run(command)
    except Exception as error:  # what no command may end in
        return f"{type(error).__name__}: {error}"[:200]
    return "" if not code else said.getvalue().strip()[-200:] or f"exit {code}"


def samples_failed(space_file: Path) -> str:
    """What goes wrong with so many networks of the space; nothing where they all run."""
    space, rng, tried = load_space(str(space_file)), np.random.default_rng(0), 0
    for _ in range(SAMPLES):
        genotype: Genotype | None = None
        while genotype is None:
            tried += 1
            if tried > TRIES:
                return f"fewer than {SAMPLES} networks in {TRIES} draws"
            with contextlib.suppress(ValueError):  # a choice that is no network: a search asks again
                genotype = space.sample(rng).genotype
        network = compile_network(genotype).eval()
        with torch.no_grad():
            network(*[torch.zeros(1, *spec.shape) for spec in genotype.inputs])
    return ""


def tried(library: str, name: str) -> dict[str, str]:
    """What failed, by command."""
    torch.manual_seed(0)
    module, given = LIBRARIES[library][1](name)
    found = imported(module.eval(), torch.zeros(2, *fitting(module, given)))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "net.json").write_text(found.genotype.to_json())
        wrong = {named: said for named, command in commands(folder).items() if (said := failed(command))}
        if "around" not in wrong:
            try:
                said = samples_failed(folder / "near.py")
            except Exception as error:  # a sample that is no network
                said = f"{type(error).__name__}: {error}"[:200]
            wrong |= {"samples": said} if said else {}
    return wrong


def main() -> None:
    """Print the line."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    prepare()
    library, name = sys.argv[1:]
    print(json.dumps({"library": library, "name": name, "failed": tried(library, name)}))


if __name__ == "__main__":
    main()
