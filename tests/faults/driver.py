"""A search in a process of its own, begun or gone on with: `python -m tests.faults.driver FOLDER '{"trials": 40, ...}'`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from archsearch.cli import explain
from archsearch.runs.placement import Placement
from archsearch.runs.search import resume
from archsearch.strategies import Evolution
from tests.evaluators import Formula
from tests.faults.evaluators import Unruly
from tests.runs import small_search, small_space

JUMPS = (-1e9, 3600.0, 1e9, -3600.0)


def jumping_clock() -> None:
    """From here on the clock of the wall jumps by hours and years whenever it is read, as one that is set does."""
    true, read = time.time, iter(range(10**9))
    time.time = lambda: true() + JUMPS[next(read) % len(JUMPS)]


def main(folder: Path, options: dict[str, Any]) -> int:
    strategy, seconds = Evolution(population=10, tournament=4), options.pop("seconds", 0.0)
    evaluator = Unruly(seconds) if options.pop("unruly", False) else Formula(seconds)
    placement = Placement("ray" if options.pop("ray", False) else "processes")
    if options.pop("jumping", False):
        jumping_clock()
    try:
        if (folder / "run.json").is_file():
            again = {name: options[name] for name in ("trials", "workers", "retry_failed") if name in options}
            resume(folder, small_space(), strategy, evaluator, placement=placement, **again)
        else:
            small_search(folder, strategy, evaluator, placement=placement, **{"workers": 1, **options})
    except Exception as error:  # as the command line does
        return explain(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
