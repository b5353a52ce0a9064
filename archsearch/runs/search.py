"""The loop: replay, ask, check, evaluate, record, tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from archsearch.analysis import Budget, Device
from archsearch.evaluators.base import Evaluator, EvaluatorError, check_evaluator, has, said, setting_of
from archsearch.fidelity import Fidelity, FidelityError
from archsearch.runs.executors import start_executor
from archsearch.runs.extending import Wish, extend
from archsearch.runs.identity import METHODS, check_same, identity, load_method
from archsearch.runs.loop import Loop
from archsearch.runs.objectives import check_objectives
from archsearch.runs.placement import Placement
from archsearch.runs.proposal import Proposer, SearchError, problem_of
from archsearch.runs.record import Foresight, Prefilter, Record, versions
from archsearch.runs.restoring import Parts
from archsearch.runs.standing import Standing
from archsearch.runs.store import Run, Store, open_run
from archsearch.runs.warming import warm_of, warm_up
from archsearch.spaces.space import Space
from archsearch.strategies import Foreseeing, Random, Strategy
from archsearch.supernets import SupernetSearch
from archsearch.support.spawning import refuse_unguarded
from archsearch.trial import Objective, Trial

__all__ = ["METHODS", "load_method", "resume", "search"]


def search(
    space: Space, strategy: Strategy | SupernetSearch, evaluator: Evaluator, *, objectives: Sequence[str | Objective] = ("error", "macs"),
    budget: Budget | None = None, trials: int = 100, seed: int = 0, out: str | PathLike[str], workers: int = 1,
    timeout_s: float | None = None, fidelity: Fidelity | None = None, prefilter: Prefilter | None = None, inherit: bool = False,
    latency_device: Device | None = None, placement: Placement | None = None, warm: Sequence[Trial] = (),
    foresight: Foresight | None = None, progress: Callable[[Standing], None] | None = None,
) -> Run:  # fmt: skip
    """Search a space and record every trial in the folder `out`; at the end the front is tested on data that the search never saw.

    Args:
        space: What `load_space` gives.
        strategy: One of archsearch.strategies, or any object with ask and tell; or one of archsearch.supernets, which trains by itself.
        evaluator: Genotype -> metrics; `error` among them, as a fraction.
        objectives: Metrics to minimise (`max:NAME` to maximise): what the evaluator measures, or a cost.
        budget: Hard limits; what is over never reaches the evaluator.
        trials: Networks to evaluate; equal ones (isomorphic genotypes) are evaluated once.
        seed: Trial k draws from `default_rng([seed, k])`; with the same seed and number of workers a run repeats exactly.
        out: A folder that does not exist yet, or is empty.
        workers: Processes that evaluate side by side; 0 evaluates in this process.
        timeout_s: Limit for one evaluation in seconds.
        fidelity: An option of the evaluator and its rising values: the best networks climb, and the front is of those on the top rung.
        prefilter: Of several proposals only the one that zero-cost proxies find best is evaluated.
        inherit: Networks begin with the weights of the most similar one before, as far as they fit; the front is trained anew in the end.
        latency_device: What latency is predicted for, of one sample: it is known before training, and what is far over its limit refused.
        placement: Where the workers run; processes of this machine when not given.
        foresight: Before the first trial the strategy's model learns what zero-cost proxies say of so many random networks.
        warm: Trials of before, such as `archsearch.optuna.read_study` gives, which the strategy hears of first; the run keeps them.
        progress: Called at the beginning, after every trial, and when an evaluation begins or has done an epoch.

    Raises:
        SearchError: no network fits the budget, or an objective is never measured. EvaluatorError: the evaluator is none.
        StoreError: `out` exists or cannot be written.
    """
    refuse_unguarded()
    parts, limits = Parts(space, strategy, evaluator), budget or Budget()
    asked: dict[str, Any] = {"trials": trials, "seed": seed, "workers": workers, "timeout_s": timeout_s}
    asked |= {"fidelity": fidelity, "prefilter": prefilter, "inherit": inherit, "latency_device": latency_device}
    asked |= {"placement": placement or Placement(), "warm": warm, "foresight": foresight}
    record = recorded(parts, objectives, budget=limits, lookahead=lookahead(workers), **asked)
    return go(Store.create(Path(out), record), record, parts, progress)


def recorded(parts: Parts, objectives: Sequence[str | Objective], **asked: Any) -> Record:
    """The record of a search. Raises SearchError or EvaluatorError for one that cannot be, or could not be read back."""
    check_numbers(asked["trials"], asked["workers"], asked["seed"], asked["timeout_s"])
    check_placement(asked["workers"], asked.get("placement", Placement()))
    check_evaluator(parts.evaluator)
    wanted = tuple(o if isinstance(o, Objective) else Objective.parse(o) for o in objectives)
    check_objectives(wanted, parts.evaluator, asked.get("latency_device"))
    if asked.get("warm") and isinstance(parts.strategy, SupernetSearch):
        raise SearchError("a supernet trains all networks together, so trials of before are nothing for it; leave them out")
    check_thrift(parts, asked.get("fidelity"), asked.get("prefilter"), bool(asked.get("inherit")), asked.get("foresight"))
    asked["warm"] = warm_of(asked.get("warm", ()), wanted)
    record = Record(**identity(*parts), objectives=wanted, versions=versions(), **asked)
    check_record(record)
    return record


def check_thrift(
    parts: Parts, fidelity: Fidelity | None, prefilter: Prefilter | None, inherit: bool, foresight: Foresight | None = None
) -> None:
    """Raise SearchError for what saves trainings, where the evaluator knows nothing of it, or a supernet trains by itself."""
    judge = parts.evaluator
    foretells = has(judge, "foretell")
    able = {"a fidelity": True, "a prefilter": foretells, "inheritance of weights": said(judge, "inherits"), "foresight": foretells}
    for words in [words for words, wanted in zip(able, (fidelity, prefilter, inherit, foresight), strict=True) if wanted]:
        if isinstance(parts.strategy, SupernetSearch):
            raise SearchError(f"a supernet trains all networks together, so {words} is nothing for it; leave it out")
        if not able[words]:
            raise SearchError(f"evaluator {type(judge).__name__} knows nothing of {words}; leave it out, or use train")
    if foresight is not None and not isinstance(parts.strategy, Foreseeing):
        raise SearchError(f"strategy {type(parts.strategy).__name__} learns nothing from proxies; use auto, graph_gp or predictor")
    if fidelity is not None:
        check_fidelity(fidelity, judge)
    if fidelity is not None and fidelity.option == "width" and inherit:
        raise SearchError("networks of other widths have other weights: give rungs of width, or inheritance, not both")


def check_fidelity(fidelity: Fidelity, evaluator: Evaluator) -> None:
    """Raise SearchError for rungs that the evaluator does not take, or on which its data would be others."""
    try:
        fidelity.check(evaluator)
    except FidelityError as error:
        raise SearchError(str(error)) from error
    low, high = (fidelity.of(evaluator, rung) for rung in (0, fidelity.top))
    if setting_of(low) != setting_of(high) or marks_of(low) != marks_of(high):
        raise SearchError(f"with another {fidelity.option} the data are others, so it cannot be a fidelity; epochs, fraction or width can")


def marks_of(evaluator: Evaluator) -> Mapping[str, Any]:
    """What tells the data of an evaluator from others; nothing where it does not say."""
    judge: Any = evaluator
    return judge.describe().fingerprint if has(evaluator, "describe") else {}


def check_record(record: Record) -> None:
    """Raise SearchError, before anything is written, for a record that would not come back as it is."""
    try:
        back = Record.from_json(record.to_json())
    except ValueError as error:
        raise SearchError(f"this search cannot be recorded: {error}") from error
    for name, value in vars(record).items():
        if getattr(back, name) != value:
            raise SearchError(
                f"this search cannot be recorded: {name} {str(value)[:100]} would come back as {str(getattr(back, name))[:100]}"
            )


def check_numbers(trials: int, workers: int, seed: int, timeout_s: float | None) -> None:
    """Raise SearchError for numbers that no search can have."""
    if trials < 1 or workers < 0 or seed < 0:
        raise SearchError(f"trials={trials} must be at least 1, workers={workers} and seed={seed} at least 0")
    if timeout_s is not None and workers == 0:
        raise SearchError("a time limit needs a worker to end: give workers=1 or more, or no timeout")


def check_placement(workers: int, placement: Placement) -> None:
    """Raise SearchError for workers elsewhere of which there are none."""
    if workers == 0 and placement.executor != "processes":
        raise SearchError(f"workers=0 evaluates in this process; give 1 or more with executor {placement.executor}")


def lookahead(workers: int) -> int:
    """How many trials may be under way at once: one with one worker, so that each proposal knows all trials before it.

    With more workers enough are ahead that none waits for long. Which trials a proposal knows depends on its number, and on which rungs
    the steps before it were, never on timing: that is why a run repeats with any number of workers.
    """
    return 1 if workers <= 1 else 2 * workers


def resume(
    out: str | PathLike[str], space: Space, strategy: Strategy | SupernetSearch, evaluator: Evaluator, *, trials: int | None = None,
    budget: Budget | None = None, objectives: Sequence[str | Objective] = (), workers: int | None = None, retry_failed: bool = False,
    placement: Placement | None = None,
    progress: Callable[[Standing], None] | None = None,
) -> Run:  # fmt: skip
    """Go on with the run in `out` as if it had never stopped, with the same space, strategy (fresh) and evaluator.

    `trials` may be raised, `budget` replaces the limits, and `objectives` come to those that the run has: all trials are valued by them,
    by what was recorded of them. What held before, and until which trial, is recorded, so that the run still repeats. `workers` changes how
    many evaluate at once, and not what is proposed unless it is more than the run has trials under way: then so many are from the next
    new trial on, which is recorded, too. They may be on another `placement`, which decides no result. With `retry_failed`, trials that
    failed are evaluated again first, and what they come to now takes the place of the failure.

    Raises:
        SearchError: space, strategy, evaluator or data are not those that the run began with, or it cannot be extended so.
        StoreError: no run there, or another process is writing it.
    """
    refuse_unguarded()
    folder = Path(out)
    record = open_run(folder).record
    if retry_failed and isinstance(strategy, SupernetSearch):
        raise SearchError(f"{folder}: a supernet's points come from one training, none can be tried again; begin a new run")
    now = same_parts(folder, record, Parts(space, strategy, evaluator))
    store = Store(folder)
    try:
        record = continued(store, Wish(trials, budget, objectives), evaluator, now, workers, placement)
        store.write_record(record)
    except BaseException:
        store.close()
        raise
    return go(store, record, Parts(space, strategy, evaluator), progress, retry_failed)


def continued(
    store: Store, wish: Wish, evaluator: Evaluator, now: Mapping[str, Any], workers: int | None, placement: Placement | None
) -> Record:
    """The record of a run that goes on, as it is wished, with the parts that it has `now`, and workers elsewhere. Raises SearchError."""
    run = open_run(store.folder)  # what it holds now that nobody else writes it
    record = replace(extend(store, run, wish, evaluator), **now)
    record = replace(record, placement=placement or record.placement)
    record = widened(record, record.workers if workers is None else workers, run)
    check_placement(record.workers, record.placement)
    check_record(record)
    return record


def widened(record: Record, workers: int, run: Run) -> Record:
    """The record with so many workers, and enough evaluations under way for them from the first one that nobody has decided yet."""
    steps = [trial.number for trial in run.trials] if record.fidelity is None else [placed.step for placed in run.steps]
    first = max(steps, default=-1) + 1
    record = replace(record, workers=workers)
    if workers <= record.ahead(first):
        return record
    if first == 0:
        return replace(record, lookahead=lookahead(workers), widened=())
    before = tuple(pair for pair in record.widened if pair[0] < first)
    return replace(record, widened=(*before, (first, lookahead(workers))))


def same_parts(folder: Path, record: Record, parts: Parts) -> dict[str, Any]:
    """Space, strategy, evaluator and data, with the places where they are now, as fields of a record. Raises SearchError for others."""
    try:
        check_evaluator(parts.evaluator)
        now = identity(*parts)
    except EvaluatorError:
        raise
    except ValueError as error:
        raise SearchError(f"{folder}: {' '.join(str(error).split())[:180]}; data elsewhere: say by --data where they are now") from error
    check_same(folder, record, now)
    return now


def go(store: Store, record: Record, parts: Parts, progress: Callable[[Standing], None] | None, retry_failed: bool = False) -> Run:
    """Run the loop to its end, whatever was recorded before, and let go of workers and folder; a start that fails leaves nothing."""
    space, strategy, evaluator = parts
    try:
        run = open_run(store.folder)
        executor = start_executor(record, evaluator)
        asked, supernet = (Random(), strategy) if isinstance(strategy, SupernetSearch) else (strategy, None)
        try:
            problem = problem_of(record, space, evaluator)
            problem.constants |= supernet is not None  # it trains what it comes to, whatever that is
            proposer = Proposer(problem, asked, record.seed)
            warm_up(proposer, record.warm, record.top)
            Loop(store, record, proposer, evaluator, executor, run, progress, supernet, retry_failed).run()
        finally:
            executor.close()
    except SearchError:
        store.take_back(keep_checkpoint=False)  # the same search would end so again
        raise
    except BaseException:  # Ctrl-C as well: what never began stands in nobody's way
        store.take_back()
        raise
    finally:
        store.close()
    return open_run(store.folder)
