"""The description of this machine, measured once and kept in the user's cache."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import torch

from archsearch.analysis.latency import Device, DeviceError, read_device
from archsearch.support.progress import Progress
from archsearch.support.reading import one_line, place, reason
from archsearch.support.writing import write_text
from archsearch.training.device import machine_name
from archsearch.training.latency import calibrate

DTYPE = "float32"


def this_machine(
    threads: int | None = 1,
    on: str = "cpu",
    report: Callable[[Progress], None] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Device:
    """The device that networks run on here: as it was measured before, else measured now (`calibrate`, some seconds) and kept.

    With so many `threads` of a CPU, None for as many as torch has here. `say` gets a line when it is measured, and for a file that is
    damaged or cannot be written.

    Raises:
        DeviceError: the times make no sense, as when the machine is busy.
    """
    threads = torch.get_num_threads() if threads is None else threads
    path, name = file_of(threads, on), machine_name(on, threads)
    try:
        found = recall(path, name)
    except DeviceError as error:
        say(f"{one_line(str(error))}; it is measured anew")
        found = None
    if found is not None:
        return found
    say(f"latency    measuring single ops on {one_line(name, 80)}, {DTYPE}, once for this machine: {place(path)}")
    device = calibrate(threads, on, report).device
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, device.to_json())
    except OSError as error:
        say(f"{place(path)}: {reason(error)}; so it will be measured again next time")
    return device


def recall(path: Path, name: str) -> Device | None:
    """The device that was kept; None where none was. Raises DeviceError for a damaged file, or one of another machine."""
    if not path.exists():
        return None
    found = read_device(path)
    if (found.name, found.dtype) != (name, DTYPE):
        raise DeviceError(f"{place(path)}: it is of {one_line(found.name, 60) or 'another machine'}, {found.dtype}")
    return found


def file_of(threads: int, on: str) -> Path:
    """Where a device is kept: machine, threads, device, version of torch and dtype are in the name."""
    name, kind = machine_name(on, threads), torch.device(on).type
    machine = f"{plain(name)[:40].strip('-')}-{sha256(name.encode()).hexdigest()[:8]}"
    return cache() / "devices" / f"{kind}-{machine}-{threads}-{DTYPE}-torch-{plain(torch.__version__)}.json"


def plain(text: str) -> str:
    """A text as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def cache() -> Path:
    """The folder for what can be made again, as the XDG base directories have it: a path that is not absolute does not count."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "archsearch"
