"""`calibrate`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from archsearch.analysis.latency import KINDS, Device, kind_of, node_seconds
from archsearch.cli import INTERRUPTED, WrongUseError
from archsearch.cli.console import print_json, print_table, print_text, remark
from archsearch.cli.progress import progress_bar
from archsearch.support.writing import write_text
from archsearch.units import prefixed

if TYPE_CHECKING:
    from archsearch.training.latency import Calibration

DEFAULT = "device.json"


def calibrate_command(out: Path | None, threads: int, on: str, quiet: bool, json: bool) -> None:
    """Measure this machine and write its description."""
    path = out or Path(typer.get_app_dir("archsearch")) / DEFAULT
    check_writable(path)
    try:
        found = measured(threads, on, quiet)
    except KeyboardInterrupt:
        remark("archsearch: interrupted; nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    write_whole(path, found.device.to_json())
    errors = [
        (kind_of(sample.genotype.facts[0]), abs(node_seconds(sample.genotype, found.device)[0] / sample.seconds - 1))
        for sample in found.samples
    ]
    if json:
        print_json({"device": str(path), "name": found.device.name, "samples": len(errors)})
    else:
        print_device(found.device, {kind: [error for of, error in errors if of == kind] for kind in KINDS})
        print_text(f"\n{path}: give it to archsearch search SPACE --latency-device {path}, or show NETWORK --device {path}")


def measured(threads: int, on: str, quiet: bool) -> Calibration:
    """Measure, with a bar on a terminal. Raises WrongUseError for a device that is not there."""
    from archsearch.training.latency import calibrate, devices

    if on not in devices():
        raise WrongUseError(f"--on {on[:60]} is not there; known here: {', '.join(devices())}")
    with progress_bar(quiet or not sys.stderr.isatty(), lambda _: "single ops") as update:
        return calibrate(threads, on, update)


def check_writable(path: Path) -> None:
    """Raise WrongUseError when no file can be written there: before the time of measuring is spent."""
    if path.is_dir():
        raise WrongUseError(f"{path} is a folder; give a file, such as {path / DEFAULT}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUseError(f"{path}: {error.strerror}; give another file with --out") from error
    if not os.access(path.parent, os.W_OK):
        raise WrongUseError(f"{path}: the folder cannot be written to; give another file with --out")


def write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises WrongUseError."""
    try:
        write_text(path, text)
    except OSError as error:
        raise WrongUseError(f"{path}: {error.strerror}; give another file with --out") from error


def print_device(device: Device, errors: dict[str, list[float]]) -> None:
    """What was found, kind by kind; a dash where it never counts."""
    rows = []
    for kind, found in errors.items():
        factors = device.factors[kind]
        flops = prefixed(device.peak_flops / factors.arithmetic, "FLOP/s") if factors.arithmetic else "-"
        bandwidth = prefixed(device.bandwidth / factors.memory, "B/s") if factors.memory else "-"
        start = f"{1e6 * factors.kernel * device.kernel_seconds:.1f} us"
        rows.append([kind, str(len(found)), flops, bandwidth, start, f"{100 * sum(found) / len(found):.0f} %"])
    print_text(f"{device.name}, {device.dtype}\n")
    print_table(["Kind of op", "Samples", "Arithmetic", "Memory", "Kernel start", "Mean error"], rows)
