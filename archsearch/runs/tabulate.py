"""Train a whole small space, or a sample of it, into a table."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from archsearch.evaluators.base import Candidate, Evaluator, check_evaluator, has, said
from archsearch.spaces.catalogue import Catalogue, Entry
from archsearch.spaces.space import Choices, Space
from archsearch.support.progress import Progress
from archsearch.support.reading import NUMBER, TEXT, Kind, each, fields, named, parse
from archsearch.support.seeds import seed_of
from archsearch.support.writing import write_text
from archsearch.tables import Arrays, TableError, choices_to_arrays, write_arrays
from archsearch.training.failures import failure_of
from archsearch.trial import EvaluationError, finite

FORMAT = "archsearch.table/1"
MOST_CHOICES = 50_000
DRAWS = 200
"""Draws for each network of a sample before the space counts as smaller than the sample."""
Result = dict[str, Any]
"""What one training came to, as plain data: metrics, tests, curve, seconds, or failure."""
MEASURED = named(Kind("a number of 32 bits", lambda value: NUMBER.fits(value) and abs(value) <= float(np.finfo(np.float32).max)))
RESULT = {"failure": TEXT, "metrics": MEASURED, "tests": MEASURED, "curve": each(MEASURED)}


class Networks(NamedTuple):
    """What is to be trained: different networks; and all choices, with the number of the network that each leads to."""

    entries: list[Entry]
    choices: list[Choices]
    network: list[int]


@dataclass(frozen=True)
class Tabulated(Progress):
    """Trainings done, of all, and failures among them."""

    failed: int


def tabulate(
    space: Space,
    evaluator: Evaluator,
    out: Path,
    *,
    sample: int | None = None,
    seeds: int = 3,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[Tabulated], None] | None = None,
) -> Path:
    """Train every network of the space, or `sample` of them drawn at random, from `seeds` seeds each, and write the table `out`.

    The table holds choices, known costs, metrics, CPU seconds and learning curves, and metrics on the test part. Every result is
    kept in `out`.part as it comes: the same call after a stop goes on from there.

    Raises:
        TableError: a space too large to be tabulated whole, an `out` that exists and is not to be overwritten, or a part that belongs
            to another table.
    """
    if seeds < 1 or (sample is not None and sample < 1):
        raise TableError(f"seeds={seeds} and sample={sample} must be at least 1")
    if out.exists() and not overwrite:
        raise TableError(f"{out} exists already; choose another --out, or replace it (--force)")
    check_evaluator(evaluator)
    catalogue = Catalogue(space, said(evaluator, "batch"), said(evaluator, "optimizer"))
    networks = whole(catalogue) if sample is None else sampled(catalogue, sample, seed)
    about = {**origin(space, evaluator), "sample": sample, "seeds": seeds, "seed": seed}
    with kept(out.with_name(f"{out.name}.part"), about, len(networks.entries)) as (results, keep):
        jobs = list(product(range(seeds), range(len(networks.entries))))
        for done, (place, network) in enumerate(jobs, start=1):
            if (place, network) not in results:
                first = seed_of(seed, network, place)
                keep((place, network), trained(catalogue, evaluator, networks.entries[network], first))
            if progress is not None:
                progress(Tabulated(done, len(jobs), sum("failure" in result for result in results.values())))
        write_arrays(out, to_arrays(networks, results, about))
    return out


def origin(space: Space, evaluator: Evaluator) -> dict[str, Any]:
    """Of what a table is, as its head says."""
    options: dict[str, Any] = asdict(evaluator) if is_dataclass(evaluator) else {}
    return {"format": FORMAT, "space": space.source, "settings": space.settings, "evaluator": type(evaluator).__name__, "options": options}


def whole(catalogue: Catalogue) -> Networks:
    """All networks of a space. Raises TableError when they are too many."""
    size = catalogue.space.size()
    if size > MOST_CHOICES:
        raise TableError(f"space {catalogue.space.source!r} holds {size:,.0f} choices, over {MOST_CHOICES:,}; give --sample")
    return gather(catalogue.walk(), None)


def sampled(catalogue: Catalogue, count: int, seed: int) -> Networks:
    """So many different networks, drawn at random; fewer when the space seems to hold no more."""
    return gather(drawn(catalogue, DRAWS * count, np.random.default_rng(seed)), count)


def drawn(catalogue: Catalogue, draws: int, rng: np.random.Generator) -> Iterator[Entry]:
    """Random valid networks, repeats among them."""
    for _ in range(draws):
        try:
            yield catalogue.draw(rng)
        except ValueError:
            continue  # a combination that makes no network is no part of the space


def gather(entries: Iterator[Entry], count: int | None) -> Networks:
    """Different networks, `count` of them at most; of the others the choices where all are wanted."""
    found = Networks([], [], [])
    numbers: dict[str, int] = {}
    for entry in entries:
        if len(numbers) == count:
            break
        new = entry.fingerprint not in numbers
        if new:
            numbers[entry.fingerprint] = len(numbers)
            found.entries.append(entry)
        if new or count is None:
            found.choices.append(entry.choices)
            found.network.append(numbers[entry.fingerprint])
    if not found.entries:
        raise TableError("the space gives no valid network")
    return found


def trained(catalogue: Catalogue, evaluator: Evaluator, entry: Entry, seed: int) -> Result:
    """What training a network from a seed comes to."""
    curve: list[dict[str, float]] = []

    def report(epoch: int, metrics: dict[str, float]) -> bool:
        curve.append({name: float(value) for name, value in metrics.items()})
        return False

    began = time.process_time()  # other work on the machine does not count
    with TemporaryDirectory() as scratch:
        candidate = Candidate(0, catalogue.genotype(entry), seed, Path(scratch) / "weights.safetensors", choices=entry.choices)
        judge: Any = evaluator
        try:
            metrics = judge.evaluate(candidate, report)
            seconds = time.process_time() - began
            tests = judge.test(candidate) if has(judge, "test") and candidate.weights and candidate.weights.is_file() else {}
        except EvaluationError as error:
            return {"failure": error.failure.kind}
        except Exception as error:  # a user's evaluator may raise anything; it becomes data
            return {"failure": failure_of(error).kind}
    if not finite(metrics) or not finite(tests):
        return {"failure": "diverged"}
    return {"metrics": {**metrics, "seconds": seconds}, "tests": tests, "curve": curve}


Key = tuple[int, int]
"""Place of the seed, number of the network."""
Keep = Callable[[Key, Result], None]


@contextmanager
def kept(part: Path, about: Mapping[str, Any], networks: int) -> Iterator[tuple[dict[Key, Result], Keep]]:
    """Results so far, and a function that adds one and writes it down at once; the file goes when all is done.

    Raises:
        TableError: the file belongs to another table, or cannot be written.
    """
    head = json.dumps(about, sort_keys=True)
    try:
        results = read_part(part, head, (int(about["seeds"]), networks)) if part.exists() else {}
        part.parent.mkdir(parents=True, exist_ok=True)
        write_text(part, "".join(f"{line}\n" for line in (head, *map(json.dumps, results.items()))))  # a stop may have left half a line
        with part.open("a", encoding="utf-8") as file:

            def keep(key: Key, result: Result) -> None:
                results[key] = result
                file.write(json.dumps([key, result]) + "\n")
                file.flush()

            yield results, keep
        part.unlink()
    except OSError as error:
        raise TableError(f"{part}: {error.strerror or error}; free space or rights, then give the same command again") from error


def read_part(part: Path, head: str, size: Key) -> dict[Key, Result]:
    """Results of a table of that size on its way, as far as its lines are whole. Raises TableError when it is another table's."""
    first, *lines = part.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    if first != head and lines:
        raise TableError(f"{part} belongs to a table of another space or with other options; finish it, delete it, or choose another --out")
    results = {}
    for line in lines:
        try:
            (place, network), result = parse(line)
            if not all(type(number) is int and 0 <= number < of for number, of in zip((place, network), size, strict=True)):
                break
            results[place, network] = fields(result, RESULT, "a result", may_lack=RESULT)
        except (ValueError, TypeError):
            break
    return results


def to_arrays(networks: Networks, results: Mapping[Key, Result], about: Mapping[str, Any]) -> Arrays:
    """The table: `network` has the row of all other arrays for each of the choices; metrics are (networks, seeds), curves (.., epochs)."""
    count, seeds = len(networks.entries), int(about["seeds"])
    arrays = {"about": np.array(json.dumps(about, sort_keys=True)), **choices_to_arrays(networks.choices)}
    arrays["network"] = np.array(networks.network, dtype=np.int32)
    for name in networks.entries[0].costs:
        arrays[f"costs/{name}"] = np.array([entry.costs[name] for entry in networks.entries], dtype=np.int64)
    if any("failure" in result for result in results.values()):
        arrays["failures"] = np.array([[results[place, n].get("failure", "") for place in range(seeds)] for n in range(count)])
    for kind in ("metrics", "tests"):
        for name in dict.fromkeys(name for result in results.values() for name in result.get(kind, ())):
            values = [[results[place, n].get(kind, {}).get(name, np.nan) for place in range(seeds)] for n in range(count)]
            arrays[f"{kind}/{name}"] = np.array(values, dtype=np.float64).astype(np.float32)
    epochs = max(len(result.get("curve", ())) for result in results.values())
    for name in dict.fromkeys(name for result in results.values() for step in result.get("curve", ()) for name in step):
        curve = np.full((count, seeds, epochs), np.nan, dtype=np.float32)
        for (place, n), result in results.items():
            steps = [step.get(name, np.nan) for step in result.get("curve", ())]
            curve[n, place, : len(steps)] = steps
        arrays[f"curves/{name}"] = curve
    return arrays
