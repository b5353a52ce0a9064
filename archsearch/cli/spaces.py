"""`space` and `sample`."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import typer

from archsearch.analysis import COSTS, OPTIMIZERS, Budget
from archsearch.cli import FAILED, INTERRUPTED, WrongUseError
from archsearch.cli.calibrating import write_whole
from archsearch.cli.console import print_json, print_table, print_text, remark
from archsearch.cli.options import parse_pairs
from archsearch.cli.progress import progress_bar
from archsearch.cli.searching import read_budget
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.sampling import Sample, samples
from archsearch.spaces.space import Space, load_space
from archsearch.spaces.survey import QUANTILES, Survey, draws, is_walked
from archsearch.spaces.words import about, limits_text, percent, share_text, size_text
from archsearch.support.nearest import nearest
from archsearch.units import training_note, unit

BLOCKS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
BINS = 40
T = TypeVar("T")


@dataclass(frozen=True)
class Drawing:
    """From which space networks are drawn, and how, as given on the command line."""

    space: str
    settings: Sequence[str]
    limits: Mapping[str, str | None]
    seed: int
    batch: int
    optimizer: str

    def parts(self) -> tuple[Space, Budget, Catalogue]:
        """Space, budget and catalogue. Raises WrongUseError, SpaceError."""
        if self.optimizer not in OPTIMIZERS:
            raise WrongUseError(f"unknown optimizer {self.optimizer[:60]!r}; {nearest(self.optimizer[:60], list(OPTIMIZERS))}")
        bare = load_space(self.space)
        space = load_space(self.space, **parse_pairs(self.settings, bare.settings, f"space {self.space!r}"))
        return space, read_budget(self.limits, None), Catalogue(space, self.batch, self.optimizer)


class Standing(NamedTuple):
    """How far a command has got, for its progress bar."""

    done: int
    trials: int


def collected(found: Iterator[T], total: int, quiet: bool) -> tuple[list[T], bool]:
    """What comes, with a bar on a terminal, and whether Ctrl-C ended it early."""
    kept: list[T] = []
    try:
        with progress_bar(quiet or not sys.stderr.isatty(), lambda _: "networks") as update:
            for one in found:
                kept.append(one)
                if update is not None:
                    update(Standing(len(kept), total))
    except KeyboardInterrupt:
        return kept, True
    return kept, False


def space_command(given: Drawing, count: int, page: Path | None, quiet: bool, json: bool) -> None:
    """Say what a space holds and what its networks cost; Ctrl-C ends the drawing, and what was drawn until then is shown."""
    space, budget, catalogue = given.parts()
    walked = is_walked(space, count)
    asked = space.size() if walked else count
    drawn, stopped = collected(draws(catalogue, count, given.seed), asked, quiet)
    if not drawn:
        remark("archsearch: interrupted before the first network")
        raise typer.Exit(INTERRUPTED)
    found = Survey(space, tuple(drawn), budget, asked, given.seed, walked and not stopped, given.batch, given.optimizer)
    if page is not None:
        write_page(found, page)
    print_json({**found.plain(), "page": str(page) if page else None}) if json else print_survey(found, page)
    if stopped:
        remark(f"stopped after {len(drawn):,} of {asked:,} draws")
        raise typer.Exit(INTERRUPTED)


def write_page(found: Survey, path: Path) -> None:
    """Write the page of a survey."""
    from archsearch.report.of_space import page  # slow to import: only now

    write_whole(path, page(found))


def print_survey(found: Survey, page: Path | None) -> None:
    """A survey as text and tables."""
    invalid = percent(len(found.invalid) / len(found.drawn))
    looked = "all looked at" if found.whole else f"{len(found.drawn):,} drawn"
    print_text(f"{found.space.source}: {about(found.space)}")
    print_text(
        f"{size_text(found.space)} networks of {len(found.options)} choices; {looked}: {found.different:,} different, {invalid} invalid"
    )
    if found.budget.limits():
        share, certainty = share_text(found, len(found.fitting))
        print_text(f"{share} are within {limits_text(found.budget)} ({certainty})")
    if found.invalid:
        print_text(f"invalid, for example: {found.invalid[0]}")
    if found.entries:
        print_costs(found)
        print_ends(found)
    print_choices(found)
    if page is not None:
        print_text(f"\nPage    {page}")


def print_costs(found: Survey) -> None:
    """Each cost as a row of quantiles, and as a histogram in blocks."""
    limits, rows = found.budget.limits(), []
    for cost in COSTS:
        spread, text = found.spread(cost), unit(cost).text
        kept = sum(entry.costs[cost] <= limits.get(cost, 0) for entry in found.entries)
        within = [share_text(found, kept)[0] if cost in limits else ""] if limits else []
        rows.append([unit(cost).label, text(spread.least), *map(text, spread.quantiles), text(spread.most), *within])
    print_text("")
    print_table(["Cost", "Least", *map(percent, QUANTILES), "Most", *["Within"] * bool(limits)], rows)
    print_text(training_note(found.batch, found.optimizer))
    bars = []
    for cost in COSTS:
        shown = found.histogram(cost, BINS)
        bars.append([unit(cost).label, blocks(shown.counts), "log" if shown.logarithmic else "linear"])
    print_text("")
    print_table(["Cost", "Networks, from the least to the most", "Scale"], bars, left=3)


def blocks(counts: Sequence[int]) -> str:
    """Counts as a row of blocks: the largest is a whole one, none is blank."""
    most = max(counts)
    return "".join(BLOCKS[(count * len(BLOCKS) - 1) // most] if count else " " for count in counts).ljust(BINS)


def print_ends(found: Survey) -> None:
    """The cheapest and the dearest networks."""
    rows = [[", ".join(words), *(unit(cost).text(entry.costs[cost]) for cost in COSTS)] for entry, words in found.extremes]
    print_text("")
    print_table(["Network", *(unit(cost).label for cost in COSTS)], rows, prose=("Network",))


def print_choices(found: Survey) -> None:
    """Every choice with its options, and the share of the spread of each cost that it explains by itself."""
    weighed = [cost for cost in COSTS if found.entries]
    rows = [
        [name, ", ".join(map(str, offered)), *(percent(found.influence(name, cost)) for cost in weighed)]
        for name, offered in found.options.items()
    ]
    print_text("")
    print_table(["Choice", "Options", *(unit(cost).label for cost in weighed)], rows, left=2, prose=("Options",))


def sample_command(given: Drawing, count: int, tries: int, out: Path | None, force: bool, quiet: bool, json: bool) -> None:
    """Write random networks within a budget as files, each with its choices beside it; Ctrl-C leaves those that are written."""
    space, budget, catalogue = given.parts()
    name = Path(space.source.partition(".py:")[0]).stem
    folder = free_folder(out or Path(f"{name}-samples"), name, 0 if force else count)
    found = enumerate(samples(catalogue, count, budget, given.seed, tries))
    written = (write_sample(one, given, space, folder / f"{name}-{place:03d}.json") for place, one in found)
    done, stopped = collected(written, count, quiet)
    if json:
        print_json([{"file": str(path), "choices": one.choices, "costs": one.costs} for path, one in done])
    elif done:
        rows = [[str(path), *(unit(cost).text(one.costs[cost]) for cost in COSTS)] for path, one in done]
        print_table(["File", *(unit(cost).label for cost in COSTS)], rows)
        print_text(training_note(given.batch, given.optimizer))
    if stopped:
        remark(f"stopped after {len(done)} of {count} networks")
        raise typer.Exit(INTERRUPTED)
    if len(done) < count:
        limits = limits_text(budget)
        missed = f"archsearch: found {len(done)} of {count} networks within {limits}: {tries:,} draws in a row brought no further one"
        remark(f"{missed}; raise the limits or --tries, or ask for fewer")
        raise typer.Exit(FAILED)


def free_folder(folder: Path, name: str, count: int) -> Path:
    """The folder, made if need be. Raises WrongUseError when it cannot be, or when it holds files of the first `count` names."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUseError(f"{folder}: {error.strerror}; give another folder with --out") from error
    taken = next((path for place in range(count) if (path := folder / f"{name}-{place:03d}.json").exists()), None)
    if taken is not None:
        raise WrongUseError(f"{taken} exists; give another folder with --out, or --force")
    return folder


def write_sample(one: Sample, given: Drawing, space: Space, path: Path) -> tuple[Path, Sample]:
    """Write a network, and beside it its choices and costs."""
    told = {"space": space.source, "settings": space.settings, "choices": one.choices, "costs": one.costs, "batch": given.batch,
            "optimizer": given.optimizer, "seed": given.seed, "fingerprint": one.fingerprint}  # fmt: skip
    write_whole(path.with_suffix(".choices.json"), json_text.dumps(told, indent=2) + "\n")
    write_whole(path, one.genotype.to_json())
    return path, one
