"""Many runs of several strategies side by side, and what they come to."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from multiprocessing import active_children, get_context
from typing import Any, NamedTuple

import numpy as np

from archsearch.analysis import COSTS
from archsearch.pareto import Points, attainment
from archsearch.runs.compare.playing import Match, Played, Player, play
from archsearch.runs.compare.quality import Floats, Goal, by_seconds, goal_of, measures
from archsearch.runs.proposal import SearchError
from archsearch.spaces.space import place
from archsearch.strategies import StrategyError
from archsearch.support.nearest import nearest
from archsearch.support.progress import Progress
from archsearch.support.spawning import GUARD, refuse_unguarded
from archsearch.support.threads import one_thread_each

BASELINE = "random"
QUARTILES = (0.25, 0.5, 0.75)
MOMENTS = 200
"""So many points of time are looked at."""
Job = tuple[str, int]
"""Name of a player and seed of a run."""


class Final(NamedTuple):
    """A measure at the end of all runs of a strategy; `p` of equal medians with random search, by the signed ranks of pairs of runs."""

    mean: float
    std: float
    quartiles: tuple[float, float, float]
    p: float | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs of strategies by name; run k of each drew from the same seed. The first of `names` of measures is what decides."""

    match: Match
    players: Mapping[str, Player]
    seed: int
    played: Mapping[str, Sequence[Played]]
    goal: Goal

    @cached_property
    def curves(self) -> dict[str, dict[str, Floats]]:
        """(runs, trials) by strategy and measure."""
        found = {}
        for name, runs in self.played.items():
            each = [measures(self.match, run, self.goal) for run in runs]
            found[name] = {measure: np.stack([curves[measure] for curves in each]) for measure in each[0]}
        return found

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures; those of the test part only where the table has them."""
        return tuple(
            measure for measure in self.curves[BASELINE] if any(np.isfinite(curves[measure]).any() for curves in self.curves.values())
        )

    def bands(self, name: str, measure: str) -> Floats:
        """(3, trials): quartiles over the runs after each trial."""
        return quartiles(self.curves[name][measure])

    @cached_property
    def moments(self) -> Floats:
        """Times from nothing to where half of the runs have ended; empty when the table has no seconds."""
        totals = [run.seconds.sum() for runs in self.played.values() for run in runs]
        return np.linspace(0, float(np.median(totals)), MOMENTS) if max(totals) > 0 else np.empty(0)

    def bands_by_seconds(self, name: str, measure: str) -> Floats:
        """(3, moments): quartiles over the runs after so many seconds of training, NaN while a quarter of them has no trial yet."""
        rows = zip(self.curves[name][measure], self.played[name], strict=True)
        return quartiles(np.stack([by_seconds(curve[: len(run.seconds)], run.seconds, self.moments) for curve, run in rows]))

    def surfaces(self, name: str) -> tuple[Floats, Points]:
        """Attainment surfaces of the quartiles, for two objectives: x, and (3, n) y."""
        runs = [run.truth[np.isfinite(run.truth).all(axis=1)] for run in self.played[name]]
        return attainment(runs, QUARTILES)

    def final(self, name: str, measure: str) -> Final:
        """A measure at the end."""
        ends = self.curves[name][measure][:, -1]
        low, middle, high = map(float, quartiles(ends[:, None])[:, 0])
        p = None if name == BASELINE else signed_ranks(ends, self.curves[BASELINE][measure][: len(ends), -1])
        std = float(ends.std()) if np.isfinite(ends).all() else float("nan")
        return Final(float(ends.mean()), std, (low, middle, high), p)

    def refused(self, name: str) -> dict[str, float]:
        """By reason, how much that a strategy asked for was refused, for each run."""
        total = sum((run.refused for run in self.played[name]), Counter[str]())
        return {reason: count / len(self.played[name]) for reason, count in sorted(total.items())}

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data; what is not finite as null."""
        strategies = {
            name: {
                "strategy": player.strategy,
                "options": dict(player.options),
                "trials": [len(run.seconds) for run in self.played[name]],
                "refused": self.refused(name),
                "final": {measure: self.final(name, measure)._asdict() for measure in self.measures},
                "quartiles": {measure: self.bands(name, measure) for measure in self.measures},
                "quartiles_by_seconds": {measure: self.bands_by_seconds(name, measure) for measure in self.measures if len(self.moments)},
            }
            for name, player in self.players.items()
        }
        found: dict[str, Any] = plain({
            "space": self.match.space, "settings": dict(self.match.settings), "table": asdict(self.match.table),
            "objectives": [str(objective) for objective in self.match.objectives], "runs": len(self.played[BASELINE]),
            "trials": self.match.trials, "seed": self.seed, "best_front": self.goal.points, "reference": self.goal.reference,
            "whole_table": self.goal.complete, "seconds": self.moments, "strategies": strategies,
        })  # fmt: skip
        return found


def compare(
    match: Match,
    players: Mapping[str, Player],
    *,
    runs: int = 100,
    seed: int = 0,
    workers: int = 0,
    pool: Executor | None = None,
    reference: Sequence[float] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Comparison:
    """Run every strategy `runs` times, with seeds from `seed` on, and random search beside them.

    `workers` processes share the runs, or those of a `pool` that several comparisons use; 0 plays them here: the result is the same.
    `reference` is the point, in metrics, that bounds the hypervolume.

    Raises:
        SearchError: a strategy that cannot be made or fails, an objective that is not known, or a space without valid networks.
        TableError: no such table.
    """
    check(match, runs, reference)
    everyone = {**players, BASELINE: players.get(BASELINE, Player(BASELINE))}
    for player in everyone.values():
        player.make()  # what is wrong with it is said before anything slow begins
    counts = {name: min(runs, player.runs or runs) if name != BASELINE else runs for name, player in everyone.items()}
    jobs = [(name, seed + number) for name in everyone for number in range(counts[name])]
    found: dict[Job, Played] = {}
    shared = processes(workers) if pool is None and workers else nullcontext(pool)
    with shared as executor, closing(played_all(match, everyone, jobs, executor)) as results:
        for job, played in results:
            found[job] = played
            if progress is not None:
                progress(Progress(len(found), len(jobs)))
    if not any(np.isfinite(run.truth).all(axis=1).any() for run in found.values()):
        raise SearchError(f"table {match.table.data} holds none of the networks that were asked for; is it of space {match.space}?")
    ordered = {name: [found[name, seed + number] for number in range(counts[name])] for name in everyone}
    goal = goal_of(match, [run for one in ordered.values() for run in one], reference)
    return Comparison(match, everyone, seed, ordered, goal)


def check(match: Match, runs: int, reference: Sequence[float] | None) -> None:
    """Raise SearchError for what cannot be compared."""
    if runs < 1 or match.trials < 1:
        raise SearchError(f"runs={runs} and trials={match.trials} must be at least 1")
    if reference is not None and len(reference) != len(match.objectives):
        raise SearchError(f"the reference point has {len(reference)} values, one for each of {len(match.objectives)} objectives is needed")
    known = [*COSTS, *match.table.metrics]
    for objective in match.objectives:
        if objective.metric not in known:
            raise SearchError(f"the table has no metric {objective.metric!r}; {nearest(objective.metric, known)}")


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """So many processes for comparisons, each with one thread; what they know of a space stays from one comparison to the next.

    On an error, Ctrl-C among them, they end at once.
    """
    refuse_unguarded()
    others = set(active_children())
    with one_thread_each():
        pool = ProcessPoolExecutor(count, get_context("spawn"))
        try:
            yield pool
        except BaseException:
            for child in set(active_children()) - others:
                child.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Processes that are started inside never see Ctrl-C, which is for the one that waits for them; here it comes through afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def played_all(
    match: Match, players: Mapping[str, Player], jobs: Sequence[Job], pool: Executor | None
) -> Generator[tuple[Job, Played], None, None]:
    """Every run, as it comes."""
    if pool is None:
        for name, seed in jobs:
            yield (name, seed), play_one(match, players[name], seed)
        return
    try:
        with interrupts_held():
            waiting = {pool.submit(play_one, match, players[name], seed): (name, seed) for name, seed in jobs}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    except BrokenProcessPool as error:
        hint = f"with less memory in use, or workers=0, try again; in a script, {GUARD}"
        raise SearchError(f"a process of the comparison died; {hint}") from error


def play_one(match: Match, player: Player, seed: int) -> Played:
    """One run, from plain data that another process understands. Raises SearchError when a user's own strategy fails."""
    try:
        return play(match, player.make(), seed)
    except (SearchError, StrategyError):
        raise
    except Exception as error:
        if not player.own:
            raise
        raise SearchError(f"strategy {player.strategy!r} fails{place(error)}: {type(error).__name__}: {error}") from error


def quartiles(rows: Floats) -> Floats:
    """(3, n): quartiles of every column, each a value that is there; infinite ones are the worst."""
    return np.quantile(rows, QUARTILES, axis=0, method="nearest")


def signed_ranks(a: Floats, b: Floats) -> float | None:
    """The p of the two-sided Wilcoxon test of pairs; 1 when all are equal, None when values are missing."""
    if not (np.isfinite(a) & np.isfinite(b)).all():
        return None
    if (a == b).all():
        return 1.0
    from scipy.stats import wilcoxon  # slow to import: only now

    return float(wilcoxon(a, b).pvalue)


def plain(data: Any) -> Any:
    """Data for JSON: arrays as lists, what is not finite as None."""
    if isinstance(data, np.ndarray):
        return plain(data.tolist())
    if isinstance(data, dict):
        return {name: plain(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    return None if isinstance(data, float) and not np.isfinite(data) else data
