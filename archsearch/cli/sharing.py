"""`supernet`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archsearch.cli.comparing import trainer, watched
from archsearch.cli.console import print_json, print_text
from archsearch.cli.options import parse_pairs
from archsearch.cli.searching import read_budget
from archsearch.spaces.space import load_space
from archsearch.support.threads import one_thread_each

if TYPE_CHECKING:
    from archsearch.sharing import SharedWeights

STOPPED = "stopped; the same command goes on"


@dataclass(frozen=True)
class Lesson:
    """What is trained and how, by name and in words."""

    space: str
    data: str
    settings: Sequence[str]
    options: Sequence[str]
    epochs: int
    paths: int
    sandwich: bool
    seed: int
    data_dir: str = ""
    size: int = 0
    channels: int = 0


def supernet_command(
    lesson: Lesson, limits: Mapping[str, str | None], out: Path | None, check: int, quiet: bool, json: bool
) -> None:  # fmt: skip
    """Train shared weights for a space, find out how far to trust them, and say how to search with them."""
    folder = out or Path("results") / f"supernet-{Path(lesson.space).stem}-{Path(lesson.data).stem}-{lesson.seed}"
    with one_thread_each():  # before torch is imported: on one thread equal seeds give equal weights
        supernet = taught(lesson, limits, folder, quiet)
        supernet = checked(supernet, folder, check, quiet, lesson.space)
    if json:
        print_json({"supernet": str(folder), "epochs": supernet.done, "agreement": supernet.agreement, "verdict": judgement(supernet)})
        return
    print_text(f"{folder}: {supernet.done} epochs, training loss {supernet.curve[-1]['train_loss']:.3g}")
    print_text(judgement(supernet))
    print_text(f"\nSearch with it: {search_with(supernet, folder)}")


def search_with(supernet: SharedWeights, folder: Path) -> str:
    """The command that searches with a supernet, and with what must be as it was in its training."""
    from archsearch.evaluators.shared import SAME, Shared

    usual = Shared()
    given = {name: supernet.training.get(name, getattr(usual, name)) for name in (*SAME, "data_dir")}
    data = given.pop("data")
    options = {"supernet": folder, **{name: value for name, value in given.items() if value != getattr(usual, name)}}
    words = " ".join(f"--evaluator-set {name}={value}" for name, value in options.items())
    return f"archsearch search {supernet.space} --data {data} --evaluator shared {words}"


def taught(lesson: Lesson, limits: Mapping[str, str | None], folder: Path, quiet: bool) -> SharedWeights:
    """Train, or go on where it was stopped."""
    from archsearch.sharing.single_path import train_supernet

    bare = load_space(lesson.space)
    chosen = parse_pairs(lesson.settings, bare.settings, f"space {lesson.space!r}")
    where = [f"{name}={value}" for name in ("data_dir", "size", "channels") if (value := getattr(lesson, name))]
    space, train = trainer(lesson.space, lesson.data, "train", [*where, *lesson.options], bare.settings, chosen)
    with watched(quiet, "epochs", STOPPED) as tick:
        return train_supernet(
            space, train, folder, epochs=lesson.epochs, budget=read_budget(limits, None), paths=lesson.paths,
            sandwich=lesson.sandwich, seed=lesson.seed, progress=tick,
        )  # fmt: skip


def checked(supernet: SharedWeights, folder: Path, count: int, quiet: bool, space: str) -> SharedWeights:
    """Compare with networks that are trained alone, unless none are wanted."""
    from archsearch.evaluators.trust import check_supernet

    if not count:
        return supernet
    with watched(quiet, "networks trained alone", STOPPED) as tick:
        return check_supernet(folder, count, tick, space)


def judgement(supernet: SharedWeights) -> str:
    """How far to trust it, with the figures."""
    from archsearch.evaluators.trust import verdict

    found = supernet.agreement
    if not found:
        return "Not checked against networks that are trained alone: --check 20 tells how far to trust it."
    figures = f"Kendall's tau {found['tau']:.2f}" if "tau" in found else "Kendall's tau unknown"
    interval = f" (90 % interval {found['low']:.2f} to {found['high']:.2f})" if "low" in found else ""
    return f"{figures}{interval} with {found['count']:.0f} networks trained alone. {verdict(found)}"
