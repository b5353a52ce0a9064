"""A search in a process of its own, to be killed: `python -m tests.killable FOLDER TRIALS SECONDS_PER_TRIAL WORKERS`."""

from __future__ import annotations

import sys
from pathlib import Path

from archsearch.runs.search import resume
from archsearch.strategies import Evolution
from tests.evaluators import Formula
from tests.runs import small_search, small_space


def main() -> None:
    out, trials, seconds, workers = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    strategy, evaluator = Evolution(population=10, tournament=4), Formula(seconds)
    if (out / "run.json").is_file():
        resume(out, small_space(), strategy, evaluator)
    else:
        small_search(out, strategy, evaluator, trials=trials, workers=workers)


if __name__ == "__main__":
    main()
