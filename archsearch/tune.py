"""Spaces, strategies and evaluators for Ray Tune: a searcher and a trainable, for whatever schedulers and stoppers a Tuner has."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import numpy as np

try:
    from ray import tune
    from ray.tune.search import Searcher
except ModuleNotFoundError as error:
    raise ModuleNotFoundError('archsearch.tune needs Ray Tune; install it with: pip install "archsearch[ray]"') from error

from archsearch.analysis import COSTS, Budget, known_costs
from archsearch.data import Data, Wanted, load_data, provide
from archsearch.data.description import description_of
from archsearch.evaluators import EVALUATORS
from archsearch.evaluators.base import Candidate, Evaluator, checkpoint_of, said
from archsearch.network.passes import canonicalise
from archsearch.runs.cluster import evaluator_kit
from archsearch.runs.kit import Kit, pack, unpack
from archsearch.runs.proposal import Proposer, Refused
from archsearch.runs.worker import numbers
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.space import Choices, Space, SpaceError, find_space
from archsearch.strategies import Problem, Strategy
from archsearch.support.parts import name_of, own_files
from archsearch.support.reading import NUMBER, SCALAR, TEXT, at, each, fields, formatted, holding, maybe, named, parse, read_text
from archsearch.support.seeds import seed_of
from archsearch.trial import Failure, Objective, Trial, finite, to_json

FORMAT = "archsearch.tune/1"
SEED = "archsearch/seed"
"""What a trial's seed is called in its configuration; no choice has a name that begins so."""
REPORTS = "reports"
"""How many reports a trial had made when it kept its place, and of which training."""
OUTCOME = holding({"trial_id": TEXT, "metrics": maybe(named(NUMBER))})
FIELDS = {"suggested": each(holding({"trial_id": TEXT, "choices": named(SCALAR)})), "told": each(OUTCOME)}
"""What a saved searcher holds: what was suggested, in order; what came out, as it was heard, of a failure nothing."""


class StrategySearcher(Searcher):  # type: ignore[misc]
    """A strategy as a searcher of Ray Tune: it suggests the choices of networks of a space, within a budget, none of them twice.

    A configuration holds the choices by name, flat although names hold `/`, and the seed of the trial. When the space has nothing
    further to offer the experiment ends. What Tune says of trials that were never suggested, or a second time, is not heard.

    Args:
        space: What `load_space` gives.
        strategy: One of archsearch.strategies, or any object with ask and tell.
        budget: Hard limits on known costs; what is over is never suggested.
        objectives: Metrics to minimise (`max:NAME` to maximise); when not given, metric and mode of the TuneConfig, which Tune tells a
            searcher only where the Tuner has a `param_space`, else `error`.
        trials: How many are planned, for strategies that plan.
        seed: Suggestion k draws from `default_rng([seed, k])`.
        batch: Samples in a training batch, for limits on training memory.
        optimizer: The optimiser likewise, as `analyse` names it.
    """

    def __init__(
        self, space: Space, strategy: Strategy, budget: Budget | None = None, *, objectives: Sequence[str | Objective] | None = None,
        trials: int = 100, seed: int = 0, batch: int = 1, optimizer: str = "sgd",
    ) -> None:  # fmt: skip
        super().__init__()
        self._metric: str | None = None
        self._mode: str | None = None
        self._space, self._strategy, self._limits = space, strategy, budget or Budget()
        self._objectives = tuple(o if isinstance(o, Objective) else Objective.parse(o) for o in objectives or ())
        self._numbers = (trials, seed, batch, optimizer)
        self._reset()

    def _reset(self) -> None:
        self._proposer: Proposer | None = None
        self._suggested: dict[str, Choices] = {}
        self._told: dict[str, dict[str, float] | None] = {}

    def set_search_properties(self, metric: str | None, mode: str | None, config: Mapping[str, Any], **spec: Any) -> bool:
        """Take metric and mode; what the Tuner's `param_space` would draw is refused, for the space draws."""
        self._metric, self._mode = metric or self._metric, mode or self._mode
        return False

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """Choices of the next network and its seed, or that there is none. Raises SearchError as a search does."""
        proposer, number = self._ready(), len(self._suggested)
        pending = [choices for other, choices in self._suggested.items() if other not in self._told]
        chosen = proposer.choose(number, pending)
        if isinstance(chosen, Refused):
            return str(Searcher.FINISHED)
        self._suggested[trial_id] = chosen.entry.choices
        return {**chosen.entry.choices, SEED: seed_of(self._numbers[1], number)}

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Tell the strategy what a trial came to, once. Raises ValueError when an objective is none of what the trial reported."""
        if trial_id not in self._suggested or trial_id in self._told:
            return
        if error or result is None:
            self._tell(trial_id, None)
            return
        goals = [objective.metric for objective in self._ready().problem.objectives]
        missing = next((goal for goal in goals if goal not in result and goal not in COSTS), None)
        if missing is not None:
            raise ValueError(f"trial {trial_id} reported no {missing}; say by objectives=(...) what of its results is to be minimised")
        self._tell(trial_id, {name: float(value) for name, value in result.items() if is_number(value)})

    def _tell(self, trial_id: str, metrics: dict[str, float] | None) -> None:
        self._told[trial_id] = metrics
        proposer, choices = self._ready(), self._suggested[trial_id]
        entry = proposer.problem.catalogue.look_up(choices)
        every = {**entry.costs, **(metrics or {})}
        lacking = [objective.metric for objective in proposer.problem.objectives if objective.metric not in every]
        failure = None
        if metrics is None:
            failure = Failure("crashed", "the trial ended with an error")
        elif lacking:
            failure = Failure("rejected", f"no finite {lacking[0]} was reported")
        values = None if failure else tuple(float(objective.value(every)) for objective in proposer.problem.objectives)
        number = list(self._suggested).index(trial_id)
        proposer.strategy.tell(Trial(number, choices, entry.fingerprint, every, values, failure))

    def _ready(self) -> Proposer:
        if self._proposer is None:
            trials, seed, batch, optimizer = self._numbers
            goals = self._objectives or (Objective(self._metric or "error", self._mode == "max"),)
            problem = Problem(Catalogue(self._space, batch, optimizer), goals, self._limits, trials)
            self._proposer = Proposer(problem, deepcopy(self._strategy), seed)
        return self._proposer

    def save(self, checkpoint_path: str) -> None:
        """Write what was suggested and told, as JSON."""
        suggested = [{"trial_id": name, "choices": choices} for name, choices in self._suggested.items()]
        told = [{"trial_id": name, "metrics": metrics} for name, metrics in self._told.items()]
        Path(checkpoint_path).write_text(to_json({"format": FORMAT, "suggested": suggested, "told": told}), encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Go on from what `save` wrote, by telling the strategy again. Raises ValueError for a file that is none, or of another space."""
        path = Path(checkpoint_path)
        try:
            data = parse(read_text(path))
            formatted(data, FORMAT)
            read = fields(data, FIELDS, "the searcher")
            self._reset()
            for one in read["suggested"]:
                entry = self._ready().problem.catalogue.look_up(one["choices"])
                self._ready().seen.add(entry.fingerprint)
                self._suggested[one["trial_id"]] = entry.choices
            for one in read["told"]:
                if one["trial_id"] not in self._suggested:
                    raise ValueError(f"trial {one['trial_id'][:40]} was told and never suggested")
                self._tell(one["trial_id"], one["metrics"])
        except (OSError, ValueError) as error:
            raise ValueError(at(path, str(error), "saved searcher")) from error

    def __getstate__(self) -> dict[str, Any]:
        """All but what came of it, which `save` keeps: a Tuner stores the searcher as it is before it begins."""
        kit = pack((self._space, self._strategy), mains_of(self._space, self._strategy))
        return {"kit": kit, "terms": (self._limits, self._objectives, self._numbers), "properties": (self._metric, self._mode)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._space, self._strategy = unpack(state["kit"], sent())
        self._limits, self._objectives, self._numbers = state["terms"]
        self._metric, self._mode = state["properties"]
        self._reset()


def trainable(space: Space, evaluator: Evaluator) -> Callable[[dict[str, Any]], None]:
    """What a Tuner runs: the network of a configuration's choices is evaluated, and every epoch reported with the known costs.

    Data, and users' own files, are sent by Ray. After the epochs there is one report more, of the final metrics, which has a checkpoint
    with `genotype.json`, and `weights.safetensors` where the evaluator keeps weights. A trial that its scheduler puts down, as HyperBand
    does, goes on from what its evaluator last kept in `candidate.checkpoint`, `Train` once a minute, else it begins again. What a
    configuration lacks is drawn by its seed.
    """
    places = dict(description_of(evaluator).places)
    kit, wanted = evaluator_kit(evaluator, mains_of(space, evaluator), places)
    data = None if wanted is None else load_data(*wanted)
    given = tune.with_parameters(train, judge=kit, space=pack(space, mains_of(space)), wanted=wanted, data=data)
    found: Callable[[dict[str, Any]], None] = given
    return found


def train(config: dict[str, Any], judge: Kit, space: Kit, wanted: Wanted | None, data: Data | None) -> None:
    """One trial of Ray Tune. Raises EvaluationError, or what a user's evaluator raises, which ends the trial as failed."""
    if wanted is not None and data is not None:
        provide(wanted, data)
    evaluator, seed = unpack(judge, sent()), config.get(SEED, 0)
    resolved = unpack(space, sent()).resolve(config, np.random.default_rng(seed))
    genotype = canonicalise(resolved.genotype)
    costs = known_costs(genotype, said(evaluator, "batch"), said(evaluator, "optimizer"))
    with TemporaryDirectory(prefix="archsearch-") as name:
        results = Path(name) / "results"
        results.mkdir()
        (results / "genotype.json").write_text(genotype.to_json(), encoding="utf-8")
        candidate = Candidate(0, genotype, seed, results / "weights.safetensors", choices=resolved.choices)
        place = Place(checkpoint_of(results / "weights.safetensors"), Path(name) / "place", f"{genotype.fingerprint} {seed}")

        def report(epoch: int, metrics: dict[str, float]) -> bool:
            place.report({**costs, **numbers(metrics)})
            return False

        found = numbers(evaluator.evaluate(candidate, report))
        if not finite(found):
            raise ValueError(f"metrics are not finite: {found}")
        tune.report({**costs, **found}, checkpoint=tune.Checkpoint.from_directory(str(results)))


class Place:
    """Where a training is: `file` is what the evaluator keeps to go on from, which goes along with the next report when it is new.

    A trial that a scheduler put down and takes up again goes on from there; what it reports a second time is not heard. One that kept
    nothing begins again, as Tune then counts; so does one that a scheduler gave the place of another training than `of` which it is.
    """

    def __init__(self, file: Path, folder: Path, of: str) -> None:
        self._file, self._folder, self._of = file, folder, of
        folder.mkdir()
        self._made = self._before = 0
        self._sent = 0.0
        last = tune.get_checkpoint()
        if last is not None:
            with last.as_directory() as kept:
                self._take_up(Path(kept))

    def _take_up(self, kept: Path) -> None:
        if not (kept / REPORTS).is_file():
            return
        made, _, of = (kept / REPORTS).read_text(encoding="ascii").partition(" ")
        if of == self._of:
            shutil.copyfile(kept / self._file.name, self._file)
            self._before, self._sent = int(made), self._file.stat().st_mtime

    def report(self, metrics: dict[str, float]) -> None:
        """Tell Tune of an epoch that it has not heard of."""
        self._made += 1
        if self._made <= self._before:
            return
        kept = None
        if self._file.is_file() and self._file.stat().st_mtime != self._sent:
            self._sent = self._file.stat().st_mtime
            shutil.copyfile(self._file, self._folder / self._file.name)
            (self._folder / REPORTS).write_text(f"{self._made} {self._of}", encoding="ascii")
            kept = tune.Checkpoint.from_directory(str(self._folder))
        tune.report(metrics, checkpoint=kept)


@cache
def sent() -> Path:
    """The folder of what this process was sent, gone with it: a process that is used for several trials runs users' files once."""
    folder = mkdtemp(prefix="archsearch-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def mains_of(*parts: object) -> tuple[str, ...]:
    """The Python files that have to be run before these parts can be made elsewhere."""
    files = []
    for part in parts:
        if isinstance(part, Space):
            try:
                files.append(str(find_space(part.source)[0].resolve()))
            except SpaceError:
                continue  # a function that is in no file
        else:
            files += own_files(name_of(part, EVALUATORS))
    return tuple(dict.fromkeys(files))


def is_number(value: object) -> bool:
    """Whether a result is a finite number."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and isfinite(value)
