"""A supernet search in a process of its own, to be killed: `python -m tests.killable_supernet FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from archsearch.runs.search import resume
from archsearch.supernets.fabric import Fabric
from tests.test_supernets import TRAIN, pruned, small_fabric


def main() -> None:
    out = Path(sys.argv[1])
    if (out / "run.json").is_file():
        resume(out, small_fabric(), Fabric(tune=1), TRAIN)
    else:
        pruned(out)


if __name__ == "__main__":
    main()
