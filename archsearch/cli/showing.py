"""`show`, `spaces` and `report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import getmodule
from json import loads
from pathlib import Path
from typing import Any

from archsearch.analysis import Analysis, analyse
from archsearch.analysis.latency import Device, node_seconds, read_device
from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_table, print_text
from archsearch.cli.failing import print_failures
from archsearch.cli.folding import SORTS, fold
from archsearch.cli.targets import find_network, find_trial, load_ops, trial_network
from archsearch.cli.trials import print_trial, tested, trial_row
from archsearch.network.genotype import Genotype
from archsearch.runs.agreement import AGREEMENT, latency_words
from archsearch.runs.climb import RUNGS, rung_words
from archsearch.runs.record import short
from archsearch.runs.store import Run, open_run
from archsearch.spaces.space import Space, load_space, space_names
from archsearch.support.nearest import nearest
from archsearch.units import prefixed, training_note, unit
from archsearch.zoo import names


@dataclass(frozen=True)
class Look:
    """How a network is shown: samples at once, input of a network of the zoo, scopes folded below a depth, order of the rows."""

    batch: int = 1
    input: str | None = None
    depth: int | None = None
    sort: str | None = None
    device: Path | None = None


def show_command(target: str, look: Look, ops: list[str], json: bool) -> None:
    """Show a run, or a network."""
    load_ops(ops)
    if look.sort is not None and look.sort not in SORTS:
        raise WrongUseError(f"--sort {look.sort!r} is unknown; {nearest(look.sort, list(SORTS))}")
    if Path(target).is_dir() and target not in names():
        show_run(open_run(target), look, json)
        return
    trial = find_trial(target)
    if trial is not None and not json:
        print_trial(*trial)
    show_network(find_network(target, look.input), look, json, None if trial is None else trial_row(*trial))


def check_look(look: Look) -> None:
    """Raise WrongUseError for an option that says nothing of a run as a whole."""
    given = [name for name in ("input", "depth", "sort") if getattr(look, name) is not None]
    if look.batch != 1 and look.device is None:
        given.append("batch")
    if given:
        raise WrongUseError(f"--{given[0]} is for one network; give RUN:TRIAL")


def show_run(run: Run, look: Look, json: bool) -> None:
    """Show where a run stands, and its front; with its latency where a device is given."""
    check_look(look)
    device = None if look.device is None else read_device(look.device)
    estimates = {} if device is None else latencies(run, device, look.batch)
    if json:
        standing = {"trials": len(run.trials), "refusals": dict(run.refusals), "failures": dict(run.failures), "notes": run.notes}
        print_json({"run": str(run.folder), **standing, "record": _plain(run), "front": front_rows(run, estimates)})
        return
    record = run.record
    done = f"{len(run.trials)} of {record.trials} trials"
    print_text(f"{run.folder}: {short(record.strategy)} in {record.space_name}, seed {record.seed}; {done}")
    limits = ", ".join(f"{unit(name).label} {unit(name).text(limit)}" for name, limit in record.budget.limits().items())
    print_text(f"budget: {limits or 'none'}; refused: {_counts(run.refusals)}; failed: {_counts(run.failures)}")
    if record.fidelity is not None:
        print_text(f"rungs {rung_words(run)}")
    if record.latency_device is not None:
        print_text(f"latency {latency_words(run)}")
    told = {number: own(notes) for number, notes in run.notes.items()}
    for number, notes in [(number, notes) for number, notes in told.items() if notes][-1:]:
        print_text(f"{record.strategy}, told of trial {number}: {', '.join(f'{name} {value:.2f}' for name, value in notes.items())}")
    print_failures(run)
    print_text("")
    if run.front() or not run.failures:
        print_front(run, estimates)
    if device is not None:
        print_text(f"\nEstimated latency: of a batch of {look.batch} on {device.name or 'the device'}")


def own(notes: Mapping[str, float]) -> dict[str, float]:
    """What the strategy said of itself; what agrees with what has lines of its own."""
    return {name: value for name, value in notes.items() if not name.startswith((RUNGS, AGREEMENT))}


def latencies(run: Run, device: Device, batch: int) -> dict[int, float]:
    """Estimated latency of every network of the front in ms."""
    return {trial.number: 1000 * sum(node_seconds(trial_network(run, trial.number), device, batch)) for trial in run.front()}


def _plain(run: Run) -> dict[str, Any]:
    record = run.record
    plain_record: dict[str, Any] = loads(record.to_json())
    return plain_record


def _counts(counter: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.items()) or "none"


def front_rows(run: Run, estimates: Mapping[int, float] | None = None) -> list[dict[str, Any]]:
    """The front as plain data, metrics on the test part and estimated latencies included."""
    rows = []
    for trial in run.front():
        known = {ESTIMATE: estimates[trial.number]} if estimates else {}
        rows.append({"trial": trial.number, **trial.metrics, **tested(run, trial.number), **known, "choices": trial.choices})
    return rows


ESTIMATE = "estimated_latency_ms"
SHOWN = ("error", "test_error", "params", "macs", "memory_bytes", "latency_ms", "predicted_latency_ms", "test_latency_ms")


def print_front(run: Run, estimates: Mapping[int, float] | None = None) -> None:
    """The front as a table: errors, known costs, and every other objective."""
    rows = front_rows(run, estimates)
    extra = [o.metric for o in run.record.objectives if o.metric not in SHOWN]
    columns = [name for name in (*SHOWN, *extra, ESTIMATE) if any(name in row for row in rows)]
    cells = [[str(row["trial"]), *(unit(name).text(row.get(name)) for name in columns)] for row in rows]
    print_table(["Trial", *(unit(name).label for name in columns)], cells)
    if "training_memory_bytes" in columns and (trained := run.record.trained):
        print_text(training_note(*trained))


def show_network(genotype: Genotype, look: Look, json: bool, more: Mapping[str, Any] | None = None) -> None:
    """Show what a network costs, node by node or scope by scope; with its latency where a device is given."""
    device = None if look.device is None else read_device(look.device)
    analysis = analyse(genotype, look.batch)
    seconds = [] if device is None else node_seconds(genotype, device, look.batch)
    if json:
        print_json({**(more or {}), **plain(analysis, seconds)})
        return
    print_rows(analysis, seconds, look)
    if len(analysis.exits) > 1:
        print_exits(analysis)
    print_totals(analysis)
    if device is not None:
        print_text(f"Estimated on {device.name or 'the device'}: {1000 * sum(seconds):.3g} ms a batch")


def print_rows(analysis: Analysis, seconds: list[float], look: Look) -> None:
    """The table, in order or by what costs most."""
    folds = fold(analysis.rows, look.depth, seconds)
    if look.sort is not None:
        folds = sorted(folds, key=lambda line: -float(getattr(line, look.sort or "macs")))
    rows = [
        [f.name, f.op, "x".join(map(str, f.shape)), f"{f.params:,}", f"{f.macs:,}", prefixed(f.output_bytes, "B"), *(
            [f"{1000 * f.seconds:.3f} ms"] if seconds else [])]
        for f in folds
    ]  # fmt: skip
    columns = ["Node", "Op", "Output", "Params", "MACs", "Output bytes"]
    feet = ["Total", f"{len(analysis.rows)} nodes", "", f"{analysis.params:,}", f"{analysis.macs:,}", ""]
    if seconds:
        columns, feet = [*columns, "Latency"], [*feet, f"{1000 * sum(seconds):.3f} ms"]
    print_table(columns, rows, left=2, footer=feet, prose=("Op",))


def print_totals(analysis: Analysis) -> None:
    """The sums, with units, batch and dtype."""
    field = str(analysis.receptive_field)
    if analysis.receptive_field.extent != "window":
        field += f", by windows alone {'x'.join(map(str, analysis.window_field))}"
    print_text(f"\nFor one sample: {prefixed(analysis.macs)} MACs, {prefixed(analysis.flops)} FLOPs; receptive field {field}")
    inference, training = prefixed(analysis.inference_peak_bytes, "B"), prefixed(analysis.training_peak_bytes, "B")
    print_text(f"Batch {analysis.batch}, {analysis.dtype}: peak {inference} in inference, {training} in training with {analysis.optimizer}")
    print_text(f"Inference moves {prefixed(analysis.moved_bytes, 'B')}: {analysis.intensity:.3g} FLOPs a byte")


def print_exits(analysis: Analysis) -> None:
    """What each output costs, alone and beyond the ones before it."""
    rows = [
        [out.name, "x".join(map(str, out.shape)), f"{out.params:,}", f"{out.macs:,}", f"{out.added_params:,}", f"{out.added_macs:,}"]
        for out in analysis.exits
    ]
    print_text("")
    print_table(["Output", "Shape", "Params", "MACs", "Params added", "MACs added"], rows)


def plain(analysis: Analysis, seconds: list[float]) -> dict[str, Any]:
    """All of an analysis as plain data, and latencies where there are any."""
    rows = [{**row._asdict(), "receptive_field": row.receptive_field.plain()} for row in analysis.rows]
    exits, timeline = [out._asdict() for out in analysis.exits], analysis.timeline._asdict()
    data = {**totals(analysis), "exits": exits, "timeline": timeline, "rows": rows}
    if not seconds:
        return data
    timed = [{**row, "latency_ms": 1000 * taken} for row, taken in zip(rows, seconds, strict=True)]
    return {**data, "latency_ms": 1000 * sum(seconds), "rows": timed}


def totals(analysis: Analysis) -> dict[str, Any]:
    """The sums of an analysis as plain data."""
    names = ("batch", "dtype", "optimizer", "params", "buffers", "macs", "flops", "saved_bytes", "inference_peak_bytes",
             "training_peak_bytes", "moved_bytes", "intensity", "window_field")  # fmt: skip
    data = {name: getattr(analysis, name) for name in names} | {"receptive_field": analysis.receptive_field.plain()}
    genotype = analysis.genotype
    shapes = {"inputs": [spec.shape for spec in genotype.inputs], "outputs": [spec.shape for spec in analysis.outputs]}
    return {**data, **shapes, "fingerprint": genotype.fingerprint}


def spaces_command(name: str | None, json: bool) -> None:
    """List spaces, or show one."""
    described = [describe(load_space(one)) for one in ([name] if name else space_names())]
    if json:
        print_json(described)
    elif name:
        print_space(described[0])
    else:
        rows = [[space["name"], space["about"], str(len(space["choices"])), show_size(space)] for space in described]
        print_table(["Space", "About", "Choices", "Networks"], rows, left=2, prose=("About",))


def describe(space: Space) -> dict[str, Any]:
    """A space as plain data."""
    about = (getmodule(space.function).__doc__ or "").strip().split("\n")[0]
    choices = {name: list(offered) for name, offered in space.options().items()}
    return {
        "name": space.source,
        "about": about,
        "settings": space.settings,
        "choices": choices,
        "size": space.size(),
        "estimated": space.is_conditional(),
    }


def show_size(space: dict[str, Any]) -> str:
    """How many choices a space holds, in words."""
    size = f"{space['size']:,}" if space["size"] < 10**9 else f"{space['size']:.1e}"
    return f"about {size}" if space["estimated"] else size


def print_space(space: dict[str, Any]) -> None:
    """One space with its settings and choices."""
    print_text(f"{space['name']}: {space['about']}\n{show_size(space)} choices of\n")
    print_table(
        ["Choice", "Options"],
        [[name, ", ".join(map(str, offered))] for name, offered in space["choices"].items()],
        left=2,
        prose=("Options",),
    )
    print_text("")
    print_table(["Setting", "Default"], [[name, str(value)] for name, value in space["settings"].items()], left=2, prose=("Default",))


def report_command(folder: Path, out: Path | None, json: bool) -> None:
    """Write the report page."""
    from archsearch.report.of_run import report_run

    page = report_run(open_run(folder), out)
    print_json({"report": str(page)}) if json else print_text(str(page))
