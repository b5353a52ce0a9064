"""What a search is about to do, in a few lines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archsearch.analysis import Budget, Device
from archsearch.cli.console import remark
from archsearch.cli.progress import Tick
from archsearch.evaluators.base import Evaluator, remarks_of, said
from archsearch.fidelity import Fidelity
from archsearch.runs.agreement import predicted_for
from archsearch.runs.owner import owner_of
from archsearch.runs.placement import Placement
from archsearch.runs.record import options_of
from archsearch.runs.restoring import Parts
from archsearch.runs.standing import Standing
from archsearch.runs.store import Run
from archsearch.trial import Objective
from archsearch.units import prefixed, unit

MOST = 6
"""Lines."""
LONGEST = 200
"""Characters of a line."""
TOLD = ("epochs", "batch", "optimizer", "lr", "crop", "supernet")
"""Options of an evaluator that decide how long it takes and what it gives: they are told although they were not set."""
TOLD_UNTRAINED = ("proxies", "images")
"""Likewise those of an evaluator that trains nothing."""
ELSEWHERE = ("data", "data_dir", "device", "engine", "space")
"""Options that other lines tell."""


def opening(
    parts: Parts, names: tuple[str, str], objectives: Sequence[Objective], budget: Budget, trials: int, workers: int, seed: int,
    folder: Path, rungs: Fidelity | None = None, device: Device | None = None, placement: Placement | None = None,
) -> list[str]:  # fmt: skip
    """At most MOST lines; `names` are those of strategy and evaluator."""
    space, strategy, evaluator = parts
    how = f"{names[0]}: {strategy}" if names[0] == "auto" else joined(names[0], changed(strategy))
    hands = f"{workers} worker{'s' * (workers > 1)}{'' if placement is None else placement.words()}" if workers else "in this process"
    lines = [
        f"search     {space.source}, {trials:,} trial{'s' * (trials > 1)}, {hands}, seed {seed}, into {folder}",
        f"strategy   {how}",
        f"objectives {', '.join(('max ' if one.maximise else '') + one.metric for one in objectives)}{within(budget)}{predicted(device)}",
        *data_lines(evaluator),
        f"evaluator  {joined(names[1], judged_by(evaluator))}{on_device(evaluator)}{climbing(rungs)}",
    ]
    notes: Sequence[str] = remarks_of(evaluator)
    room = MOST - len(lines)
    return [shortened(line) for line in lines] + ([*notes] if len(notes) <= room else [*notes[: room - 1], " ".join(notes[room - 1 :])])


def resuming(run: Run, trials: int | None) -> list[str]:
    """The lines of a run that goes on: how far it is, to so many trials where another number is given, by what; who was cut off."""
    record, done = run.record, len(run.trials)
    left = f"{done:,} of {trials or record.trials:,} trials done"
    before = owner_of(run.folder)
    cut = [] if before is None else [f"before     {before} did not end by itself; what it recorded is kept"]
    return [shortened(f"resume     {run.folder}: {left}, space {record.space}, strategy {record.strategy}"), *map(shortened, cut)]


def told_once_begun(tick: Tick, lines: Callable[[], Sequence[str]]) -> Tick:
    """As `tick`, and the lines before it, once the first evaluation begins: a search that cannot begin says why, and nothing else."""
    waiting = [lines]

    def update(at: Standing) -> None:
        while waiting and (at.running or at.done or at.epoch):
            for line in waiting.pop()():
                remark(line)
        tick(at)

    return update


def data_lines(evaluator: Evaluator) -> list[str]:
    """The data in words, as the evaluator has them; of one that cannot say, where they are."""
    about = getattr(evaluator, "about", None)
    named = about() if about is not None else getattr(evaluator, "data", "")
    return [f"data       {named}"] if named else []


def judged_by(evaluator: Evaluator) -> dict[str, Any]:
    """Options of an evaluator that matter: those that take the time, and those that are not as they come."""
    options, other = options_of(evaluator), changed(evaluator)
    told = TOLD if said(evaluator, "keeps_weights") else TOLD_UNTRAINED
    shown = {name: value for name, value in options.items() if (name in told and value) or (name in other and name not in ELSEWHERE)}
    return {name: ",".join(map(str, value)) if isinstance(value, tuple | list) else value for name, value in shown.items()}


def changed(part: object) -> dict[str, Any]:
    """Options that are not as they come."""
    if not dataclasses.is_dataclass(part):
        return {}
    usual = {option.name: option.default for option in dataclasses.fields(part)}
    return {name: value for name, value in options_of(part).items() if value != usual[name]}


def joined(name: str, options: Mapping[str, Any]) -> str:
    """A name with its options."""
    return " ".join([name, *(f"{option}={value}" for option, value in options.items())])


def within(budget: Budget) -> str:
    """The budget in words, empty where there is none."""
    limits = [limit(name, value) for name, value in budget.limits().items() if math.isfinite(value)]
    return f"; at most {', '.join(limits)}" if limits else ""


def limit(name: str, value: float) -> str:
    """A limit with its unit."""
    if name in ("params", "macs"):
        return f"{prefixed(value, exact=True)} {unit(name).label if name == 'macs' else name}"
    text = prefixed(value, "B", exact=True) if name.endswith("_bytes") else f"{value:g} ms"
    return f"{text} {name.rpartition('_')[0].replace('_', ' ')}"


def predicted(device: Device | None) -> str:
    """What latency is predicted for, where it is."""
    return "" if device is None else f"; latency {predicted_for(device)}"


def climbing(rungs: Fidelity | None) -> str:
    """The rungs where there are some."""
    return "" if rungs is None else f"; rungs {rungs}, {rungs.schedule}"


def on_device(evaluator: Evaluator) -> str:
    """The device where the evaluator has one."""
    device, engine = getattr(evaluator, "device", ""), getattr(evaluator, "engine", "")
    return (f", on {device}" if device else "") + (f", latency of one image in {engine}" if engine not in ("", "torch") else "")


def shortened(line: str) -> str:
    """A line of at most LONGEST characters."""
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
