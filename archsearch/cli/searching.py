"""`search` and `resume`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import typer

from archsearch.analysis import Budget
from archsearch.cli import INTERRUPTED, WrongUseError
from archsearch.cli.console import print_json, print_text, remark
from archsearch.cli.judging import data_name, evaluator_of
from archsearch.cli.latency import device_of
from archsearch.cli.opening import opening, resuming, told_once_begun
from archsearch.cli.options import defaults_of, make, parse_pairs
from archsearch.cli.placing import NOWHERE, Where
from archsearch.cli.progress import foretold, progress_bar
from archsearch.cli.serving import served
from archsearch.cli.showing import front_rows, print_front
from archsearch.cli.studying import read_warm
from archsearch.cli.timing import GAP
from archsearch.cli.units import parse_bytes, parse_count
from archsearch.cli.utilisation import utilisation
from archsearch.evaluators import load_evaluator
from archsearch.evaluators.base import Evaluator, has, said, setting_of
from archsearch.fidelity import SCHEDULES, Fidelity, FidelityError
from archsearch.network.genotype import Genotype
from archsearch.runs.proposal import SearchError
from archsearch.runs.record import Asked, Foresight, Prefilter
from archsearch.runs.restoring import Parts, Places, restored
from archsearch.runs.search import load_method, resume, search
from archsearch.runs.standing import Standing
from archsearch.runs.store import Run, open_run
from archsearch.spaces.space import Space, load_space
from archsearch.strategies import Strategy
from archsearch.supernets import SUPERNETS, SupernetSearch
from archsearch.support.nearest import nearest
from archsearch.trial import EvaluationError, Objective
from archsearch.units import unit

Proxied = TypeVar("Proxied", bound=Asked)
Tick = Callable[[Standing], None] | None
QUANTIZED = ("model_bytes", "int8_error", "int8_bytes")
"""Objectives that have to be measured on a quantised network."""
PROBES = 20
"""Networks drawn to find a valid one that shows what all of a space take and give."""


@dataclass(frozen=True)
class Plan:
    """What a search is made of, by name and in words."""

    space: str
    data: str | None
    strategy: str
    evaluator: str
    settings: Sequence[str]
    strategy_options: Sequence[str]
    evaluator_options: Sequence[str]
    data_dir: str = ""
    device: str = ""
    size: int = 0
    channels: int = 0
    engine: str = ""

    def parts(self) -> tuple[Space, Strategy | SupernetSearch, Evaluator]:
        """Space, strategy and evaluator, made; what is wrong in words is found before anything slow begins."""
        bare = load_space(self.space)
        settings = parse_pairs(self.settings, bare.settings, f"space {self.space!r}")
        try:
            strategies = {self.strategy: load_method(self.strategy)}
            strategy: Strategy | SupernetSearch = make("strategy", self.strategy, strategies, self.strategy_options)
            judge_class = load_evaluator(self.evaluator)
        except WrongUseError:
            raise
        except (ValueError, ImportError) as error:
            raise WrongUseError(str(error)) from error
        where = [f"{name}={value}" for name in ("data_dir", "device", "size", "channels", "engine") if (value := getattr(self, name))]
        for name in ("device", "engine"):
            if getattr(self, name) and name not in defaults_of(judge_class):
                raise WrongUseError(f"evaluator {self.evaluator!r} has no option {name}; leave --{name} out")
        judge = evaluator_of(self.evaluator, [*where, *self.evaluator_options], self.data, space=self.space)  # a supernet's space, too
        return fit(self.space, bare.settings, settings, judge), strategy, judge


@dataclass(frozen=True)
class Terms:
    """How far a search goes, and by what: limits and objectives in words."""

    limits: Mapping[str, str | None]
    max_latency: float | None
    objectives: Sequence[str]
    trials: int
    seed: int
    where: Where
    timeout: float | None
    fidelity: str = "none"
    schedule: str = "asha"
    prefilter: str = ""
    inherit: bool = False
    latency_device: str = "none"
    warm_start: str = ""
    foresight: str = ""


@dataclass(frozen=True)
class More:
    """What a run is to do when it goes on: further, by other limits or more objectives."""

    trials: int | None = None
    where: Where = NOWHERE
    retry_failed: bool = False
    limits: Mapping[str, str | None] = field(default_factory=dict)
    max_latency: float | None = None
    objectives: Sequence[str] = ()


def fit(name: str, known: Mapping[str, Any], settings: dict[str, Any], evaluator: Evaluator) -> Space:
    """The space with its settings, and what the data ask of a network where nothing else is said.

    Raises:
        WrongUseError: data that cannot be loaded, or a space whose networks do not fit them.
    """
    try:
        asked = {**setting_of(evaluator), "task": said(evaluator, "task")}
    except ValueError as error:
        raise WrongUseError(str(error)) from error
    space = load_space(name, **{**{key: value for key, value in asked.items() if key in known}, **settings})
    if has(evaluator, "check"):
        judge: Any = evaluator
        check_network(space, judge.check)
    return space


def check_network(space: Space, check: Callable[[Genotype], None]) -> None:
    """Try the check of an evaluator on a network of the space. Raises WrongUseError when it does not fit the data."""
    for probe in range(PROBES):
        try:
            check(space.sample(np.random.default_rng(probe)).genotype)
        except EvaluationError as error:
            raise WrongUseError(f"space {space.source!r}: {error}; choose a space or settings for these data") from error
        except ValueError:
            continue  # an invalid network: another draw may be none
        return


def search_command(plan: Plan, terms: Terms, out: Path | None, quiet: bool, json: bool, dashboard: bool = False) -> None:
    """Search, then write the report and the model file."""
    budget, wanted = read_budget(terms.limits, terms.max_latency), read_objectives(terms.objectives)
    trials, seed, workers, placement = terms.trials, terms.seed, terms.where.hands() or 0, terms.where.placement()
    if any(objective.metric in QUANTIZED for objective in wanted):
        plan = replace(plan, evaluator_options=[*plan.evaluator_options, "quantize=true"])
    space, strategy, evaluator = plan.parts()
    evaluator, rungs = read_fidelity(terms, plan, Parts(space, strategy, evaluator))
    prefilter, foresight = read_proxied(Prefilter, terms.prefilter), read_proxied(Foresight, terms.foresight)
    device = device_of(terms.latency_device, evaluator, wanted, budget, workers, quiet)
    warm = read_warm(terms.warm_start, space, wanted)
    folder = out or Path("results") / f"{Path(plan.space).stem}-{data_name(evaluator)}-{seed}"
    parts, names = Parts(space, strategy, evaluator), (plan.strategy, plan.evaluator)

    def go(tick: Tick) -> Run:
        begun = partial(opening, parts, names, wanted, budget, trials, workers, seed, folder, rungs, device, placement)
        told = told_once_begun(tick, begun) if tick else None
        return search(
            space, strategy, evaluator, objectives=wanted, budget=budget, trials=trials, seed=seed,
            out=folder, workers=workers, timeout_s=terms.timeout, fidelity=rungs, prefilter=prefilter, inherit=terms.inherit,
            latency_device=device, placement=placement, warm=warm, foresight=foresight, progress=serving(told),
        )  # fmt: skip

    with served(folder, dashboard) as serving:
        finish(watched(folder, quiet, wanted, evaluator, go), json)


def resume_command(folder: Path, more: More, places: Places, quiet: bool, json: bool, dashboard: bool = False) -> None:
    """Go on with a run from what its folder says, then write the report and the model file."""
    before, workers, placement = open_run(folder), more.where.hands(), more.where.placement()
    budget, objectives = changed_budget(before.record.budget, more), read_objectives(more.objectives)
    parts, lines = restored(folder, before.record, places), resuming(before, more.trials)

    def go(tick: Tick) -> Run:
        told = told_once_begun(tick, lambda: lines) if tick else None
        return resume(
            folder, *parts, trials=more.trials, budget=budget, objectives=objectives, workers=workers, placement=placement,
            retry_failed=more.retry_failed, progress=serving(told),
        )  # fmt: skip

    with served(folder, dashboard) as serving:
        finish(watched(folder, quiet, before.record.objectives, parts.evaluator, go), json)


def read_fidelity(terms: Terms, plan: Plan, parts: Parts) -> tuple[Evaluator, Fidelity | None]:
    """The evaluator, and the rungs of the options; `auto` is what suits the data where nobody says how long a training is.

    Raises:
        WrongUseError: rungs that cannot be.
    """
    if terms.schedule not in SCHEDULES:
        raise WrongUseError(f"unknown schedule {terms.schedule[:60]!r}; {nearest(terms.schedule, sorted(SCHEDULES))}")
    options = {pair.partition("=")[0] for pair in plan.evaluator_options}
    if terms.fidelity == "auto":
        if options & {"epochs", "fraction"} or not isinstance(parts.strategy, Strategy) or not has(parts.evaluator, "usual"):
            return parts.evaluator, None
        judge: Any = parts.evaluator
        evaluator, values = judge.usual(terms.trials, options)
        return evaluator, Fidelity("epochs", values, terms.schedule) if values else None
    if terms.fidelity == "none":
        return parts.evaluator, None
    try:
        fidelity = Fidelity.parse(terms.fidelity, terms.schedule)
        fidelity.check(parts.evaluator)
    except FidelityError as error:
        raise WrongUseError(str(error)) from error
    return fidelity.of(parts.evaluator, fidelity.top), fidelity


def read_proxied(kind: type[Proxied], text: str) -> Proxied | None:
    """What proxies are asked for by an option. Raises WrongUseError."""
    try:
        return kind.parse(text) if text else None
    except ValueError as error:
        raise WrongUseError(str(error)) from error


def read_places(space: str, strategy: str, evaluator: str, pairs: Sequence[str]) -> Places:
    """Where things are now. Raises WrongUseError for a pair that is none."""
    wrong = next((pair for pair in pairs if "=" not in pair), None)
    if wrong is not None:
        raise WrongUseError(f"{wrong[:60]!r} must be NAME=PATH")
    return Places(space, strategy, evaluator, dict(pair.split("=", 1) for pair in pairs))


def read_budget(limits: Mapping[str, str | None], max_latency: float | None) -> Budget:
    """The budget of the options. Raises WrongUseError."""
    read = {name: (parse_bytes if name.endswith("bytes") else parse_count)(text) for name, text in limits.items() if text is not None}
    try:
        return Budget(**read, latency_ms=max_latency)
    except ValueError as error:
        raise WrongUseError(str(error)) from error


def changed_budget(budget: Budget, more: More) -> Budget:
    """The budget with other limits, `none` for one that is lifted. Raises WrongUseError."""
    lifted = [name for name, text in more.limits.items() if text == "none"]
    given = read_budget({name: text for name, text in more.limits.items() if name not in lifted}, more.max_latency)
    return Budget.of({name: limit for name, limit in {**budget.limits(), **given.limits()}.items() if name not in lifted})


def read_objectives(texts: Sequence[str]) -> tuple[Objective, ...]:
    """The objectives of the options, or commas within one. Raises WrongUseError."""
    try:
        return tuple(Objective.parse(part) for text in texts for part in text.split(","))
    except ValueError as error:
        raise WrongUseError(str(error)) from error


def watched(folder: Path, quiet: bool, objectives: Sequence[Objective], evaluator: Evaluator, go: Callable[[Tick], Run]) -> Run:
    """Run with a progress bar, then say how busy everything was; on Ctrl-C say how to go on, and end with 130."""
    try:
        with utilisation(getattr(evaluator, "device", "cpu")) as seen:
            with progress_bar(quiet, lambda at: standing(at, objectives[0])) as tick:
                run = go(tick and seen.through(foretold(tick)))
            if seen.words():
                remark(seen.words())
            return run
    except KeyboardInterrupt:
        recorded = (folder / "run.json").is_file()
        remark(f"stopped; `archsearch resume {folder}` goes on" if recorded else "stopped before the first trial was done; nothing is left")
        raise typer.Exit(INTERRUPTED) from None


def standing(at: Standing, objective: Objective) -> str:
    """Best value, what is under way, failures, front and refusals in words, in this order of importance."""
    best = "none yet" if at.best is None else unit(objective.metric).text(-at.best[0] if objective.maximise else at.best[0])
    failed = f"failed {at.failed}" if at.failed else ""
    return GAP.join(filter(None, [f"best {objective.metric} {best}", under_way(at), failed, f"front {at.front}", f"refused {at.refused}"]))


def under_way(at: Standing) -> str:
    """The trial and epoch under way, of several the first; empty when there is none."""
    if at.epoch is not None:
        return f"epoch {at.epoch[0]} of {at.epoch[1]}"
    if not at.running:
        return ""
    first, more = at.running[0], f"{GAP}{len(at.running) - 1} more" * (len(at.running) > 1)
    if at.testing:
        return f"testing trial {first.trial}{more}"
    epoch = f" epoch {min(first.epochs + 1, first.of)} of {first.of}" if first.of else f" epoch {first.epochs + 1}" * (first.epochs > 0)
    return f"trial {first.trial}{epoch}{more}"


def finish(run: Run, json: bool) -> None:
    """Write report and model file, and print the front."""
    from archsearch.exporters import export_trial  # slow to import: only now
    from archsearch.report.of_run import report_run

    front = run.front()
    if not front:
        report_run(run)
        if any(trial.ok for trial in run.trials):
            raise SearchError(f"{run.folder}: of {len(run.trials)} trials none keeps the budget; `resume` with wider limits or more trials")
        kinds = ", ".join(f"{count} {kind}" for kind, count in run.failures.items())
        message = next((trial.failure.message for trial in run.trials if trial.failure), "")
        again = f"`archsearch resume {run.folder} --retry-failed` tries them again"
        raise SearchError(f"none of {len(run.trials)} trials has a result ({kinds}); the first failed with: {message[:120]}; {again}")
    best = run.best()
    model = None if best is None else export_trial(run, best)
    page = report_run(run)
    for trial in front:
        if run.tests.get(trial.number) == {}:
            remark(f"trial {trial.number} was not tested: its final training failed, so it has no model file")
    if json:
        print_json({"run": str(run.folder), "front": front_rows(run), "report": str(page), "export": str(model) if model else None})
        return
    print_front(run)
    print_text(f"\nReport  {page}")
    if model:
        print_text(f"Model   {model / 'model.py'}  (trial {best}; needs torch alone)")
    if len(run.trials) < run.record.trials and run.record.strategy not in SUPERNETS:
        remark(f"the space has no further network within the budget: stopped after {len(run.trials)} of {run.record.trials} trials")
