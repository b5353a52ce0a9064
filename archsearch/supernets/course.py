"""Training in stages, with the options of the evaluator `train`; after every epoch a checkpoint says how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from archsearch.analysis.exits import exits
from archsearch.engines.running import within_latency
from archsearch.evaluators.base import Evaluator
from archsearch.evaluators.train import Train
from archsearch.network.genotype import Genotype
from archsearch.network.passes import canonicalise
from archsearch.spaces.space import Choices
from archsearch.supernets.base import Point, Setting, SupernetError
from archsearch.support.randomness import seeded
from archsearch.support.reading import NUMBER, SCALAR, at, at_least, each, fields, named, reason
from archsearch.support.seeds import seed_of
from archsearch.support.threads import torch_threads
from archsearch.tasks import Feed, measure
from archsearch.tasks.anytime import by_exit, exit_macs
from archsearch.training.checkpoint import (
    load_standing,
    optimizer_tensors,
    prefixed,
    restore_network,
    restore_optimizer,
    save_standing,
    under,
)
from archsearch.training.device import pick_device
from archsearch.training.failures import foreseen
from archsearch.training.loop import Training, check_loss
from archsearch.training.options import Options
from archsearch.training.weights import save_weights
from archsearch.trial import EvaluationError

Curve = tuple[dict[str, float], ...]
CURVE = each(named(NUMBER))
STATE = {"stage": at_least(0), "curve": CURVE, "learned": CURVE, "choices": named(SCALAR)}
"""What a checkpoint says beside its tensors; `learned` and `choices` are of some searches alone."""


class Phase(Protocol):
    """Something that is trained for some epochs and can be put down between two of them."""

    @property
    def epochs(self) -> int:
        """How many."""

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        """Train once through the images; return what is worth a place in the curve. Raises EvaluationError (diverged)."""

    def tensors(self) -> dict[str, Tensor]:
        """All that the rest of the training depends on."""

    def restore(self, tensors: Mapping[str, Tensor], done: int) -> None:
        """Take up what `tensors` gave after so many epochs. Raises CheckpointError when it belongs to something else."""


class Course:
    """The training of one supernet search: data, device, and the place where it stands."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.train = setting, trained_by(setting.evaluator)
        self.data, self.device = self.train.feed(), pick_device(self.train.device)
        found = load_standing(setting.checkpoint)
        self.state = checked(setting, found.state) if found else {}
        self._tensors = found.tensors if found else {}

    @property
    def stage(self) -> int:
        """The stage to go on with."""
        stage: int = self.state.get("stage", 0)
        return stage

    @property
    def learned(self) -> Curve:
        """The curve of the stage before the one to go on with. Raises SupernetError when the checkpoint has none."""
        if "learned" not in self.state:
            raise SupernetError(at(self.setting.checkpoint, "it holds no curve of what was learned; delete it", "checkpoint"))
        return tuple(self.state["learned"])

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return len(self.data) // min(self.train.batch, len(self.data))

    @property
    def kept(self) -> dict[str, Tensor]:
        """What was to be kept besides the stage that the checkpoint is of."""
        return under(self._tensors, "kept")

    def complete(self, stage: int, phase: Phase, own: Mapping[str, Any], keep: Mapping[str, Tensor] | None = None) -> Curve:
        """Train what is left of a stage and return its whole curve; the checkpoint holds `own` as `state`, and `keep` as `kept`.

        Raises:
            EvaluationError: it diverged, or ran out of memory.
        """
        begun = self.state.get("stage") == stage
        curve: list[dict[str, float]] = list(self.state["curve"]) if begun else []
        if begun:
            phase.restore(self._tensors, len(curve))
        with torch_threads(), foreseen():
            for epoch in range(len(curve), phase.epochs):
                seed = seed_of(self.setting.seed, stage, epoch)
                with seeded(seed, self.device):  # for dropout
                    curve.append(phase.epoch(torch.Generator(self.device).manual_seed(seed)))
                save_standing(
                    self.setting.checkpoint, {**own, "stage": stage, "curve": curve}, {**phase.tensors(), **prefixed(keep or {}, "kept")}
                )
                if self.setting.watch is not None:
                    self.setting.watch(epoch + 1, phase.epochs)
        self.state, self._tensors = {**own, "stage": stage, "curve": curve}, {}
        return tuple(curve)

    def point(self, number: int, choices: Choices, curve: Curve, network: nn.Module, genotype: Genotype, **more: float) -> Point:
        """A network with its metrics of the validation part, and `latency_ms` where it is limited; or as a failure when it is too slow."""
        network.to(self.device)
        try:
            metrics = {**self.judged(network, genotype), **more}
        except EvaluationError as error:
            return Point(number, choices, {}, curve, None, error.failure)
        return Point(number, choices, metrics, curve, partial(save_weights, network))

    def judged(self, network: nn.Module, genotype: Genotype) -> dict[str, float]:
        """Metrics of the validation part. Raises EvaluationError (rejected, or diverged)."""
        limit, shape = self.setting.max_latency_ms, genotype.inputs[0].shape
        macs = [output.macs for output in exits(genotype)]
        with torch_threads(), seeded(self.setting.seed, self.device), foreseen():
            latency = {} if limit is None else within_latency(network, shape, self.device, limit, self.train.engine, self.known(genotype))
            found = by_exit(measure(network, self.data, self.data.validation, 4 * self.train.batch), macs)
        check_loss(found["loss"], self.data.task.classes)
        return {**latency, **found, **exit_macs(macs)}

    def known(self, genotype: Genotype) -> Mapping[str, float] | None:
        """What was measured of a network's latency before in this run, in this place."""
        return self.setting.latencies(canonicalise(genotype).fingerprint).get(self.train.times_on())


OF_ONE_NETWORK = ("clip", "ema", "mixup", "at_once", "steady", "compile", "width", "quantize")
"""Options of training that only the loop of a single network heeds."""


class Fitting:
    """A plain network in training."""

    def __init__(self, network: nn.Module, options: Options, data: Feed, macs: list[int]) -> None:
        self.epochs, self.network, self.data, self.macs = options.epochs, network, data, macs
        self.training = Training(options, network, data, torch.Generator())

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        self.training.generator = generator
        loss, lr = self.training.epoch()
        found = by_exit(measure(self.network, self.data, self.data.validation, 4 * self.training.options.batch), self.macs)
        check_loss(found["loss"], self.data.task.classes)
        return {"train_loss": loss, **found, "lr": lr}

    def tensors(self) -> dict[str, Tensor]:
        return {**prefixed(self.network.state_dict(), "network"), **prefixed(optimizer_tensors(self.training.optimizer), "optimizer")}

    def restore(self, tensors: Mapping[str, Tensor], done: int) -> None:
        restore_network(self.network, under(tensors, "network"))
        restore_optimizer(self.training.optimizer, under(tensors, "optimizer"))
        self.training.step = done * self.training.per_epoch


def checked(setting: Setting, state: Any) -> dict[str, Any]:
    """Where a checkpoint says that it stands. Raises SupernetError unless that is somewhere in a search of this space."""
    try:
        found = fields(state, STATE, "its state", may_lack=("learned", "choices"))
        if "choices" in found and setting.catalogue.look_up(found["choices"]).choices != found["choices"]:
            raise ValueError("its choices are not those of this space")
    except ValueError as error:
        raise SupernetError(at(setting.checkpoint, f"{reason(error)}; delete it", "checkpoint")) from error
    return found


def trained_by(evaluator: Evaluator) -> Train:
    """The evaluator, which must be `train`: a supernet is trained with its data and options. Raises SupernetError."""
    if not isinstance(evaluator, Train):
        raise SupernetError(f"a supernet trains with the data and options of the evaluator train; it was given {type(evaluator).__name__}")
    for name in OF_ONE_NETWORK:
        if getattr(evaluator, name) != getattr(Train, name):
            raise SupernetError(f"a supernet heeds no {name}={getattr(evaluator, name)}, which is for single networks; leave it out")
    return evaluator
