"""Functions that propose networks, as a user would write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsearch.spaces.space import Choices, Space
from archsearch.strategies.proposer import History

asked: list[History] = []
"""With what the functions were called."""


def step(history: History, space: Space, rng: np.random.Generator) -> Choices:
    """The best so far with one choice made anew, or another one each time that it is refused."""
    asked.append(history)
    done = [trial for trial in history.trials if trial.values is not None]
    if not done:
        return {}
    best = dict(min(done, key=lambda trial: trial.values or ()).choices)
    if best:
        del best[sorted(best)[int(rng.integers(len(best)))]]
    return best


def never_right(history: History, space: Space, rng: np.random.Generator) -> dict[str, Any]:
    """Proposes what is not there."""
    asked.append(history)
    return {"widht": 1} if len(history.refused) % 2 else {"width": 99}


def broken(history: History, space: Space, rng: np.random.Generator) -> Choices:
    raise KeyError(space.source)


def no_dict(history: History, space: Space, rng: np.random.Generator) -> Any:
    return ["width", 1]


def no_option(history: History, space: Space, rng: np.random.Generator) -> Any:
    return {"width": [1]}
