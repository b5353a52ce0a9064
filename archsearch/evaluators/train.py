"""Train a network on images and measure its error."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from archsearch.analysis import analyse
from archsearch.analysis.exits import exits
from archsearch.engines.quantizing import METRICS as QUANTIZED
from archsearch.engines.quantizing import deployed
from archsearch.engines.running import time_in, within_latency
from archsearch.evaluators.base import INHERITED, Candidate, Parent, Report
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.network.inheritance import inherit
from archsearch.proxies.scoring import minibatch, proxy_scores
from archsearch.support.randomness import seeded
from archsearch.tasks import Feed, Pair, measure, views_of
from archsearch.tasks.anytime import by_exit, exit_macs
from archsearch.training import PLACES
from archsearch.training.device import pick_device
from archsearch.training.epochs import Epochs
from archsearch.training.loop import Training, check_loss
from archsearch.training.memory import images_at_once, room
from archsearch.training.narrowing import narrowed
from archsearch.training.numerics import numerics_of
from archsearch.training.options import Options
from archsearch.training.timing import PATIENT
from archsearch.training.weights import load_weights, put_in, read_weights, save_weights

USUAL_EPOCHS, USUAL_IMAGES, FEWEST_IMAGES, MOST_RUNGS = 25, 600_000, 5_000, 4
"""How long a training is that nobody asks to be longer: epochs at most, images that it sees, those of the lowest rung at least, rungs."""
EVEN_STEPS = 500
"""Steps up to which the usual learning rate suits a training."""
STEP, MOST_STEP = 3, 9
"""How many times as long as the one below each rung trains: at least, and at most."""

LEARNED = 0.75
"""So much less is the learning rate where all weights are inherited: they have learned already (benchmarks.inheritance)."""
BRIEFLY = 0.05
"""Warm-up of a training that goes on: weights have learned already, only the optimiser begins anew."""
FORETOLD = 64
"""Images that proxies see."""


@dataclass(frozen=True)
class Train(Options):
    """Train on the training part, measure on the validation part: `error` as a fraction, `loss` as mean cross-entropy, `balanced_error`.

    With masks `error` is 1 - `miou`, and `pixel_accuracy` is measured too (tasks.Segmentation). A network with several outputs is trained
    on all of them: the dearest in multiply-adds gives error and loss, and `error_exit1`, `macs_exit1` and so on, the cheapest first, and
    `anytime_error` (tasks.anytime) are measured too. Images mirror where the data allow it. On one CPU thread equal seeds give equal
    bits. Defaults are for small images and small networks, on which they train in seconds.

    Raises:
        ValueError: an option out of range, a device that is not there, or data that cannot be loaded (when they are first needed).
    """

    inherits: ClassVar[bool] = True

    @property
    def sees_test(self) -> bool:
        """Whether `evaluate` measures on the test part, so that no search may go by it."""
        return self.final

    @property
    def metrics(self) -> tuple[str, ...]:
        """What `evaluate` measures; of exits, those that a network has."""
        return (*super().metrics, *(QUANTIZED if self.quantize else ()))

    def usual(self, trials: int, given: Collection[str] = ()) -> tuple[Train, tuple[float, ...]]:
        """As a search of so many trials trains when nobody says how long: the evaluator, and its epochs on each rung.

        Unless options of these names are `given`, the learning rate becomes that for so many steps, and images do not shift: small networks
        learn worse from images that move, or no better, in trainings as short as these (benchmarks.shifting).

        The lowest rung sees some thousand images, and two trials or more reach the top. Each rung trains three times as long as the one
        below; of a longer training so many times more that the rungs still reach from one end to the other: then most of the time goes
        into the few on the top, at a lower learning rate (`steady`). No rungs where a whole training is short, or trials are few.
        """
        data = self._data()
        images = len(data.train) * views_of(data, self.crop)
        epochs = min(USUAL_EPOCHS, max(1, round(USUAL_IMAGES / images)))
        steady = self.steady if {"lr", "steady"} & {*given} else EVEN_STEPS
        shift = self.shift if "shift" in given else 0.0
        whole = replace(self, epochs=epochs, steady=steady, shift=shift)
        longer = whole.epochs * images / FEWEST_IMAGES
        rungs = 1
        while rungs < MOST_RUNGS and STEP**rungs <= longer and trials >= 2 * 3**rungs:
            rungs += 1
        if rungs == 1:
            return whole, ()
        step = STEP if STEP**rungs > longer else min(MOST_STEP, longer ** (1 / (rungs - 1)))
        below = [whole.epochs / step**place for place in range(rungs - 1, 0, -1)]
        return whole, (*(round(value) if value >= 1 else round(value, 3) for value in below), whole.epochs)

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        """Train from `candidate.seed` and return the metrics of the validation part, and `latency_ms` with its spread where it is limited.

        Reports every epoch its mean training loss, the validation metrics, and the last learning rate. A long training that was stopped
        goes on from its checkpoint beside `candidate.weights`, and reports again what it had.

        Raises:
            EvaluationError: rejected (too slow, or not made for these data), diverged, or stalled.
            CheckpointError: the checkpoint is damaged, or of another training.
        """
        self.check(candidate.genotype)
        device = pick_device(self.device)
        network = compile_network(candidate.genotype, candidate.seed).to(device)
        shape, known = candidate.genotype.inputs[0].shape, candidate.latencies.get(self.times_on())
        latency = within_latency(network, shape, device, candidate.max_latency_ms, self.engine, known)
        whole = candidate.genotype
        if self.width < 1:
            candidate = replace(candidate, genotype=narrowed(candidate.genotype, self.width))
            network = compile_network(candidate.genotype, candidate.seed).to(device)
        done, share = begun(network, candidate, whole)
        inherited = {INHERITED: share} if candidate.parent is not None else {}
        epochs = self.epochs_of(candidate, network, done=done, share=share)
        metrics = self.learn(epochs, candidate, report)
        epochs.finish()
        return {**latency, **inherited, **metrics}

    def epochs_of(
        self, candidate: Candidate, network: nn.Module, *, done: int = 0, share: float = 0.0, frozen: Sequence[nn.Module] = (),
        more: Mapping[str, Any] | None = None, every: bool = False,
    ) -> Epochs:  # fmt: skip
        """The training of a network, which may have weights already: with `done` epochs behind them, or a `share` that is inherited.

        At the full learning rate such weights first lose what they have learned (benchmarks.climbing): the highest is lower, by the share
        of the epochs that is left, which is reached at once, or by what is inherited. Modules that are `frozen` keep their weights;
        `more` facts tell this training from others; with `every` each epoch leaves a checkpoint.
        """
        data, device, genotype = self.feed(), pick_device(self.device), candidate.genotype
        most = self.at_once or images_at_once(genotype, min(self.batch, len(data)), self.optimizer, device)
        generator = torch.Generator(device).manual_seed(candidate.seed)
        numerics = numerics_of(genotype, self.precision, device)
        left = self.epochs - done
        fitting = replace(self, at_once=most, epochs=left, warmup=min(self.warmup, BRIEFLY) if done else self.warmup)
        fitting = replace(fitting, lr=fitting.pace(len(data)) * min(1 - LEARNED * share, left / self.epochs))
        training = Training(fitting, network, data, generator, numerics, frozen)
        whole = candidate.rung is None or candidate.rung.top
        judge = partial(self.judged, data, self.glance(data), whole, [output.macs for output in exits(genotype)])
        return Epochs(training, judge, candidate.checkpoint, self.identity(candidate, more or {}), done, every)

    def free_bytes(self) -> int | None:
        """What is free of the memory of the GPU; None on a CPU, where every worker has a share of its own."""
        device = pick_device(self.device)
        return room(device) if device.type == "cuda" else None

    def needs_bytes(self, genotype: Genotype) -> int:
        """The predicted peak of training a network on the GPU, with a whole batch at once; 0 on a CPU."""
        if self.device == "cpu" or not torch.cuda.is_available():  # asked in the process that begins no work on the GPU
            return 0
        return analyse(genotype, batch=self.at_once or self.batch, optimizer=self.optimizer).training_peak_bytes

    def learn(self, epochs: Epochs, candidate: Candidate, report: Report) -> dict[str, float]:
        """Train, keep the weights, and return the metrics of the last epoch; the checkpoint stays until `finish`. Raises as `evaluate`."""
        training = epochs.training
        with seeded(candidate.seed, training.generator.device):  # for dropout
            metrics = epochs.run(report)
            with training.averaged() as network:
                if candidate.weights is not None:
                    save_weights(network, candidate.weights)
                lost = self.lost(network, candidate.genotype, training.data, training.data.validation)
        return {**metrics, **lost, **exit_macs([output.macs for output in exits(candidate.genotype)])}

    def lost(self, network: nn.Module, genotype: Genotype, data: Feed, part: tuple[Tensor, Tensor]) -> dict[str, float]:
        """What a trained network loses in int8 on a part of the data, where that is asked for."""
        if not self.quantize:
            return {}
        plain = compile_network(genotype).eval()  # as it is exported: what was trained may compute in another way
        put_in(plain, network.state_dict())
        return deployed(plain, genotype.inputs[0].shape, data, part, [output.macs for output in exits(genotype)])

    def foretell(self, candidate: Candidate) -> dict[str, float]:
        """Values of zero-cost proxies on a minibatch of the training part. Raises EvaluationError (rejected)."""
        self.check(candidate.genotype)
        return proxy_scores(candidate.genotype, candidate.proxies, minibatch(self.feed(), FORETOLD, self.data_seed), candidate.seed)

    def judged(self, data: Feed, glance: Pair, whole: bool, macs: Sequence[int], network: nn.Module, last: bool) -> dict[str, float]:
        """Metrics of the validation part; before the last epoch, or where it is not to be `whole`, of a `glance` at it.

        Raises:
            EvaluationError: diverged.
        """
        found = by_exit(measure(network, data, data.validation if last and whole else glance, 4 * self.batch), macs)
        check_loss(found["loss"], data.task.classes)
        return found

    def identity(self, candidate: Candidate, more: Mapping[str, Any]) -> dict[str, Any]:
        """Which training a checkpoint is of: the network, its seed, every option that is no place, and what more there is to say."""
        options = {name: value for name, value in asdict(self).items() if name not in PLACES}
        before = 0 if candidate.rung is None else candidate.rung.before
        parent = None if candidate.parent is None else candidate.parent.genotype.fingerprint
        return {"network": candidate.genotype.fingerprint, "seed": candidate.seed, "begun": before, "parent": parent, **options, **more}

    def test(self, candidate: Candidate) -> dict[str, float]:
        """The metrics of the trained weights on the test part, and the latency once more where it is limited: it is noisy.

        Raises:
            ValueError: the weights cannot be read, or are not of this network.
        """
        data, device = self.feed(), pick_device(self.device)
        network = load_weights(compile_network(candidate.genotype, candidate.seed), candidate.weights).to(device)
        shape, macs = candidate.genotype.inputs[0].shape, [output.macs for output in exits(candidate.genotype)]
        latency = {} if candidate.max_latency_ms is None else time_in(self.engine, network, [shape], device, protocol=PATIENT).metrics()
        lost = self.lost(network, candidate.genotype, data, data.test)
        return {**by_exit(measure(network, data, data.test, 4 * self.batch), macs), **lost, **latency}


def begun(network: nn.Module, candidate: Candidate, whole: Genotype) -> tuple[int, float]:
    """Give a network the weights that it begins with; how many epochs they have behind them, and the share that is inherited.

    `whole` is the network in its full width; one that was narrower on the rung below is widened.

    Raises:
        WeightsError: they cannot be read, or are not of its own, or its parent's, network.
    """
    rung, parent = candidate.rung, candidate.parent
    if rung is not None and rung.start is not None and rung.option == "width":
        parent = Parent(narrowed(whole, rung.before), rung.start)
    elif rung is not None and rung.start is not None:
        load_weights(network, rung.start)
        return rung.done, rung.inherited
    if parent is None:
        return 0, 0.0
    found = inherit(candidate.genotype, parent.genotype, read_weights(parent.weights), network.state_dict())
    put_in(network, found.weights)
    return 0, found.share
