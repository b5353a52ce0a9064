"""Judge a network by the weights of a supernet; train those of the final front from scratch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from archsearch.analysis.exits import exits
from archsearch.data import PUBLISHED, place_of
from archsearch.data.description import Description, difference, file_digest
from archsearch.engines.running import within_latency
from archsearch.evaluators.base import Candidate, Report
from archsearch.evaluators.train import Train
from archsearch.network.genotype import Genotype
from archsearch.network.passes import canonicalise
from archsearch.sharing import Bank, Key, SharedWeights, SharingError, keys_of, read_bank, read_supernet, recalibrate
from archsearch.sharing.folder import weights_file
from archsearch.spaces.space import Space
from archsearch.tasks import Feed, measure
from archsearch.tasks.anytime import by_exit, exit_macs
from archsearch.training.device import pick_device
from archsearch.training.loop import check_loss
from archsearch.training.options import Options
from archsearch.training.weights import save_weights
from archsearch.trial import EvaluationError

SAME = ("data", "data_seed", "crop", "size", "channels")
"""Options that must be those of the supernet: with another split it would have seen the images that it is judged by."""
MOST_UNTRAINED = 0.5
"""Networks with a larger share of weights that the supernet does not know are of another space."""


@dataclass(frozen=True)
class Shared(Options):
    """Take weights from the supernet in a folder (see `archsearch supernet`): `error` and `loss` on the validation part.

    `untrained` is the share of a network's weights that the supernet never trained. Networks of the final front are trained from scratch
    before they are tested, so their weights are what is tested and exported. What `archsearch supernet --check` found tells how far to
    trust the order of networks by these errors.

    Args:
        supernet: The folder of the supernet.
        recalibrate: Batches of the training part by which batch norm's statistics are set first.
        space: File of the space of your own that the supernet was trained on; a foreign folder's own file is not run.

    Raises:
        ValueError: an option out of range.
    """

    supernet: str = ""
    recalibrate: int = 8
    space: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("supernet", "space"):
            object.__setattr__(self, name, os.fspath(getattr(self, name)))
        if type(self.recalibrate) is not int or self.recalibrate < 1:
            raise ValueError(f"recalibrate={self.recalibrate!r} must be a whole number of at least 1")

    def alone(self) -> Train:
        """The evaluator that trains networks from scratch."""
        return Train(**{option.name: getattr(self, option.name) for option in fields(Train)})

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        """Metrics of the validation part with shared weights, and `latency_ms` where it is limited; reported once.

        Raises:
            EvaluationError: rejected (too slow, not made for these data, or not of the supernet's space) or diverged.
            SharingError: no supernet, one that is not trained to its end, or on other data.
        """
        self.check(candidate.genotype)
        opened, genotype = self._open(), candidate.genotype
        if candidate.choices:
            check_space(opened, candidate)
        feed, network = replace(self, final=False).feed(), opened.bank.network(genotype)
        device = opened.bank.device
        shape, known = genotype.inputs[0].shape, candidate.latencies.get(self.times_on())
        metrics = within_latency(network, shape, device, candidate.max_latency_ms, self.engine, known)
        recalibrate(network, islice(inputs(feed, self.batch, opened.supernet.seed), self.recalibrate))
        macs = [output.macs for output in exits(genotype)]
        found = by_exit(measure(network, feed, feed.validation, 4 * self.batch), macs)
        check_loss(found["loss"], feed.task.classes)
        report(0, found)
        if candidate.weights is not None:
            save_weights(network, candidate.weights)
        return {**metrics, **found, **exit_macs(macs), "untrained": untrained(opened, genotype)}

    def test(self, candidate: Candidate) -> dict[str, float]:
        """Train from scratch, keep those weights, and return their metrics on the test part.

        Raises:
            EvaluationError: the training diverged.
        """
        self.alone().evaluate(replace(candidate, max_latency_ms=None), lambda epoch, metrics: False)
        return self.alone().test(candidate)

    def check(self, genotype: Genotype) -> None:
        """Raise EvaluationError (rejected) unless the network fits the data and the supernet, SharingError for a supernet of no use."""
        super().check(genotype)
        opened = self._open()
        if untrained(opened, genotype) > MOST_UNTRAINED:
            raise EvaluationError("rejected", f"the network is not of the supernet in {self.supernet}, trained on {words(opened.supernet)}")

    def setting(self) -> dict[str, object]:
        """Settings of the supernet's space, and what the data ask of a network. Raises SharingError."""
        return {**(self._read().settings if self.supernet else {}), **super().setting()}

    @property
    def metrics(self) -> tuple[str, ...]:
        """What `evaluate` measures. Raises SharingError for a supernet of no use."""
        if self.supernet:
            self._read()
        return (*super().metrics, "untrained")

    @property
    def reports(self) -> int:
        """How often `evaluate` reports; `epochs` are those of the final training."""
        return 1

    def describe(self) -> Description:
        """As the evaluator `train`, and which supernet. Raises ValueError or SharingError for data or a supernet of no use."""
        found, supernet, folder = super().describe(), self._read(), Path(self.supernet)
        changed = difference(supernet.fingerprint, found.fingerprint) if supernet.fingerprint else ""
        if changed:
            raise SharingError(f"{folder} was trained on other data: {changed}; put them back, or train another")
        marks = {**found.fingerprint, "supernet": file_digest(weights_file(folder, supernet.done))}
        return replace(found, fingerprint=marks, places={**found.places, "supernet": str(folder.resolve())})

    def _read(self) -> SharedWeights:
        if not self.supernet:
            raise SharingError("evaluator shared needs a supernet: train one by `archsearch supernet`, then set supernet=FOLDER")
        found = read_supernet(Path(self.supernet))
        if found.done < found.epochs:
            raise SharingError(f"{self.supernet} is trained for {found.done} of {found.epochs} epochs; the command that began it goes on")
        for name in SAME:
            before, now = placed(found.training, name), placed(asdict(self), name)
            if before != now:
                raise SharingError(f"{self.supernet} was trained with {name}={before}, now given {now}; give the same, or train another")
        return found

    def _open(self) -> Opened:
        supernet, folder = self._read(), Path(self.supernet).resolve()
        path = weights_file(folder, supernet.done)
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        return open_supernet(folder, supernet.trained().to_json(), changed, pick_device(self.device), self.space)


def placed(options: Mapping[str, Any], name: str) -> Any:
    """An option of a training, as it comes where that does not say; the path of data is absolute, so that it means the same everywhere."""
    value = options.get(name, getattr(Options, name))
    return place_of(value).get(name, value) if name == "data" and isinstance(value, str) and value not in PUBLISHED else value


class Opened(NamedTuple):
    """A supernet, the space that it is of, its weights, and which of these it trained."""

    supernet: SharedWeights
    space: Space
    bank: Bank
    known: frozenset[Key]


@lru_cache(maxsize=1)
def open_supernet(folder: Path, text: str, changed: int, device: torch.device, space: str) -> Opened:
    """The supernet of a folder, read once; `changed` is part of the key alone. Raises SharingError."""
    supernet = SharedWeights.from_json(text)
    opened = supernet.open_space(space)  # first: the bank may hold ops that its file registers
    bank = read_bank(folder, supernet, device)
    return Opened(supernet, opened, bank, frozenset(bank.modules))


def words(supernet: SharedWeights) -> str:
    """Space and settings of a supernet in words."""
    return " ".join([f"space {supernet.space}", *(f"{name}={value}" for name, value in supernet.settings.items())])


def check_space(opened: Opened, candidate: Candidate) -> None:
    """Raise EvaluationError (rejected) unless the supernet's space gives the candidate's network for its choices."""
    try:
        genotype, choices = opened.space.resolve(candidate.choices, np.random.default_rng(0))
        same = choices == candidate.choices and canonicalise(genotype).fingerprint == candidate.genotype.fingerprint
    except ValueError:
        same = False
    if not same:
        raise EvaluationError(
            "rejected", f"these choices give another network in what the supernet was trained on, {words(opened.supernet)}"
        )


def untrained(opened: Opened, genotype: Genotype) -> float:
    """Share of a network's parameters that the supernet never trained."""
    params = [fact.cost.params for fact in genotype.facts]
    missing = sum(count for key, count in zip(keys_of(genotype), params, strict=True) if key not in opened.known)
    return missing / max(1, sum(params))


def inputs(feed: Feed, batch: int, seed: int) -> Iterator[Tensor]:
    """Batches of training inputs, always the same."""
    generator = torch.Generator(feed.mean.device).manual_seed(seed)
    for pairs in feed.epoch(min(batch, len(feed)), generator):
        for x, _ in pairs:
            yield x
