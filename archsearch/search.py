"""The loop: replay, ask, check, evaluate, record, tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from archsearch.analysis import COSTS, Budget
from archsearch.evaluators import EVALUATORS
from archsearch.evaluators.base import Evaluator
from archsearch.executor import Executor, Inline, Processes
from archsearch.loop import Loop, Progress, checkpoint_file
from archsearch.ops.base import nearest
from archsearch.parts import name_of, own_files
from archsearch.proposal import Proposer, SearchError
from archsearch.record import Record, options_of, space_digest, versions
from archsearch.space import Space
from archsearch.store import Run, Store, open_run
from archsearch.strategies import STRATEGIES, Random, Strategy, load_strategy
from archsearch.supernets import SUPERNETS, Supernet, load_supernet
from archsearch.trial import Objective

METHODS = {**STRATEGIES, **SUPERNETS}
"""What a search can go by, by name: strategies, and supernets, which train by themselves."""


def load_method(name: str) -> Callable[..., Strategy | Supernet]:
    """The class of a strategy or a supernet search. Raises as `parts.load_part`."""
    if name in SUPERNETS:
        return load_supernet(name)
    if name not in METHODS and ".py:" not in name:
        raise ValueError(f"unknown strategy {name!r}; {nearest(name, sorted(METHODS))}; or give one of your own as file.py:Class")
    return load_strategy(name)


def search(
    space: Space,
    strategy: Strategy | Supernet,
    evaluator: Evaluator,
    *,
    objectives: Sequence[str | Objective] = ("error", "macs"),
    budget: Budget | None = None,
    trials: int = 100,
    seed: int = 0,
    out: str | PathLike[str],
    workers: int = 1,
    timeout_s: float | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Search a space and record every trial in the folder `out`; at the end the front is tested on data that the search never saw.

    Args:
        space: What `load_space` gives.
        strategy: One of archsearch.strategies, or any object with ask and tell; or one of archsearch.supernets, which trains by itself.
        evaluator: Genotype -> metrics; `error` among them, as a fraction.
        objectives: Metrics to minimise (`max:NAME` to maximise): what the evaluator measures, params, macs, memory, training_memory.
        budget: Hard limits; what is over never reaches the evaluator.
        trials: Networks to evaluate; equal ones (isomorphic genotypes) are evaluated once.
        seed: Trial k draws from `default_rng([seed, k])`; with the same seed and number of workers a run repeats exactly.
        out: A folder that does not exist yet, or is empty.
        workers: Processes that evaluate side by side; 0 evaluates in this process.
        timeout_s: Limit for one evaluation in seconds.
        progress: Called at the beginning and after every trial.

    Raises:
        SearchError: no network of the space fits the budget, or an objective is never measured.
        StoreError: `out` exists or cannot be written.
    """
    if trials < 1 or workers < 0 or seed < 0:
        raise SearchError(f"trials={trials} must be at least 1, workers={workers} and seed={seed} at least 0")
    wanted = tuple(o if isinstance(o, Objective) else Objective.parse(o) for o in objectives)
    check_objectives(wanted, evaluator)
    parts = identity(space, strategy, evaluator)
    record = Record(
        **parts, objectives=wanted, budget=budget or Budget(), trials=trials, seed=seed, workers=workers,
        lookahead=lookahead(workers), timeout_s=timeout_s, versions=versions(),
    )  # fmt: skip
    store = Store.create(Path(out), record)
    checkpoint_file(store).unlink(missing_ok=True)  # of a run that was taken back
    return go(store, record, space, strategy, evaluator, progress)


def check_objectives(objectives: Sequence[Objective], evaluator: Evaluator) -> None:
    """Raise SearchError when there is no objective, one that nobody computes or measures, or one measured on the test part."""
    if getattr(evaluator, "sees_test", False):
        raise SearchError("this evaluator measures on the test part, which a search must not see; leave its option final out")
    if not objectives:
        raise SearchError("a search needs at least one objective, such as error")
    known = [*COSTS, *evaluator.metrics]
    for objective in objectives:
        if objective.metric not in known:
            raise SearchError(f"objective {objective.metric!r} is not measured; {nearest(objective.metric, known)}")


def identity(space: Space, strategy: Strategy | Supernet, evaluator: Evaluator) -> dict[str, Any]:
    """What must stay the same from the beginning of a run to its end: fields of its record."""
    return {
        "space": space.source,
        "settings": space.settings,
        "space_sha256": space_digest(space.source),
        "strategy": name_of(strategy, METHODS),
        "strategy_options": options_of(strategy),
        "evaluator": name_of(evaluator, EVALUATORS),
        "evaluator_options": options_of(evaluator),
    }


def lookahead(workers: int) -> int:
    """How many trials may be under way at once: one with one worker, so that each proposal knows all trials before it.

    With more workers enough are ahead that none waits for long. Which trials a proposal knows depends on its number
    alone, never on timing: that is why a run repeats with any number of workers.
    """
    return 1 if workers <= 1 else 2 * workers


def resume(
    out: str | PathLike[str],
    space: Space,
    strategy: Strategy | Supernet,
    evaluator: Evaluator,
    *,
    trials: int | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Go on with the run in `out` as if it had never stopped, with the same space, strategy (fresh) and evaluator.

    `trials` may be raised; `workers` changes how many evaluate at once, not what is proposed.

    Raises:
        SearchError: space, strategy or evaluator are not those that the run began with.
        StoreError: no run there, or another process is writing it.
    """
    record = open_run(out).record
    for what, now in identity(space, strategy, evaluator).items():
        before = getattr(record, what)
        if now == before:
            continue
        if what == "space_sha256":
            raise SearchError(f"{out}: the file of space {record.space} has changed since the run began; put it back, or begin a new run")
        raise SearchError(f"{out}: the run began with {what} {before}, now given {now}; resume with the same")
    record = replace(record, trials=max(record.trials, trials or 0), workers=record.workers if workers is None else workers)
    store = Store(Path(out))
    store.write_record(record)
    return go(store, record, space, strategy, evaluator, progress)


def go(
    store: Store,
    record: Record,
    space: Space,
    strategy: Strategy | Supernet,
    evaluator: Evaluator,
    progress: Callable[[Progress], None] | None,
) -> Run:
    """Run the loop to its end, whatever was recorded before, and let go of workers and folder."""
    try:
        run = open_run(store.folder)
        executor = start_executor(record, evaluator)
        asked, supernet = (Random(), strategy) if isinstance(strategy, Supernet) else (strategy, None)
        try:
            Loop(store, record, Proposer(record, space, asked, evaluator), executor, run, progress, supernet).run()
        finally:
            executor.close()
    except SearchError:
        store.forget_empty()  # a search that never began stands in nobody's way
        raise
    finally:
        store.close()
    return open_run(store.folder)


def start_executor(record: Record, evaluator: Evaluator) -> Executor:
    """The executor that a run asks for."""
    if record.workers == 0:
        return Inline(evaluator)
    return Processes(evaluator, record.workers, record.timeout_s, files=own_files(record.space, record.evaluator))
