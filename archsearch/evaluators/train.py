"""Train a network on images and measure its error."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from archsearch.analysis.exits import exits
from archsearch.compiler import compile_network
from archsearch.data import Data, about, fingerprint, load_data, place_of, remarks
from archsearch.description import Description
from archsearch.evaluators.base import Candidate, Report
from archsearch.genotype import Genotype
from archsearch.nearest import nearest
from archsearch.randomness import seeded
from archsearch.tasks import Feed, feed_of, joint_loss, measure, size_of, task_of
from archsearch.tasks.anytime import METRICS, by_exit, exit_macs
from archsearch.timing import time_network
from archsearch.trial import EvaluationError

OPTIMIZERS = ("adamw", "momentum", "sgd")
DEVICES = ("auto", "cpu", "cuda")
EXPLODED = 100
"""A loss over so many times that of guessing will not come back."""


@dataclass(frozen=True)
class Train:
    """Train on the training part, measure on the validation part: `error` as a fraction, `loss` as mean cross-entropy.

    `data` by name or path, split by `data_seed`; `data_dir` is where the files of fashion-mnist and mnist lie. What is learnt follows
    from the data: the class of an image, or with masks the class of each pixel, where `error` is 1 - `miou` and
    `pixel_accuracy` is measured too (tasks.Segmentation). A network with several outputs is trained on all of them: the dearest in
    multiply-adds gives error and loss, and `error_exit1`, `macs_exit1` and so on, the cheapest first, and `anytime_error`
    (tasks.anytime) are measured too.

    `batch` images a step, an incomplete last batch waits for the next epoch; `optimizer` adamw, momentum (SGD with 0.9) or sgd; `lr` rises
    over the first `warmup` of all steps, then falls to 0 as a cosine; images shift by up to `shift` of their sides, in whole pixels
    (none on the 8x8 digits, two at 32x32), and mirror where the data allow it. With `crop`, for data with masks, the network sees
    squares of so many pixels: training takes them from anywhere, as many in an epoch as fit into the images, and measuring goes tile
    by tile. `final` trains on the validation part too and measures on the test part: for a network whose search is over.
    `device` auto becomes cuda where there is one, else cpu, at once.

    On one CPU thread equal seeds give equal bits.

    Raises:
        ValueError: an option out of range, a device that is not there, or data that cannot be loaded (when they are first needed).
    """

    data: str = "digits"
    data_seed: int = 0
    epochs: int = 25
    batch: int = 64
    optimizer: str = "adamw"
    lr: float = 0.02
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    warmup: float = 0.25
    shift: float = 0.06
    device: str = "cpu"
    data_dir: str = ""
    crop: int = 0
    final: bool = False

    def __post_init__(self) -> None:
        for name in ("data", "data_dir"):
            object.__setattr__(self, name, os.fspath(getattr(self, name)))
        for name, least in (("data_seed", 0), ("epochs", 1), ("batch", 2), ("crop", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
        for name, known in (("optimizer", OPTIMIZERS), ("device", DEVICES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r} is unknown; {nearest(str(getattr(self, name)), known)}")
        for name, high in (("weight_decay", 1000), ("label_smoothing", 1), ("warmup", 1), ("shift", 0.5)):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value < high:
                raise ValueError(f"{name}={value!r} must be a number from 0 up to, not with, {high}")
        if type(self.lr) not in (int, float) or not 0 < self.lr < 1000:
            raise ValueError(f"lr={self.lr!r} must be a number over 0 and under 1000")
        object.__setattr__(self, "device", pick_device(self.device).type)

    @property
    def sees_test(self) -> bool:
        """Whether `evaluate` measures on the test part, so that no search may go by it."""
        return self.final

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        """Train from `candidate.seed` and return the metrics of the validation part, and `latency_ms` with its spread where it is limited.

        Reports every epoch its mean training loss, the validation metrics, and the last learning rate.

        Raises:
            EvaluationError: rejected (too slow, or not made for these data) or diverged.
        """
        self.check(candidate.genotype)
        data, device = self.feed(), pick_device(self.device)
        network = compile_network(candidate.genotype, candidate.seed).to(device)
        shape, limit = candidate.genotype.inputs[0].shape, candidate.max_latency_ms
        metrics = {} if limit is None else within_latency(network, shape, device, limit)
        macs = [output.macs for output in exits(candidate.genotype)]
        with seeded(candidate.seed, device):  # for dropout
            training = Training(self, network, data, torch.Generator(device).manual_seed(candidate.seed))
            for epoch in range(self.epochs):
                train_loss, lr = training.epoch()
                found = by_exit(measure(network, data, data.validation, 4 * self.batch), macs)
                check_loss(found["loss"], data.task.classes)
                metrics |= found
                if report(epoch, {"train_loss": train_loss, **found, "lr": lr}):
                    break
        if candidate.weights is not None:
            save_weights(network, candidate.weights)
        return {**metrics, **exit_macs(macs)}

    def test(self, candidate: Candidate) -> dict[str, float]:
        """The metrics of the trained weights on the test part, and the latency once more where it is limited: it is noisy.

        Raises:
            ValueError: the weights cannot be read, or are not of this network.
        """
        data, device = self.feed(), pick_device(self.device)
        network = load_weights(compile_network(candidate.genotype, candidate.seed), candidate.weights).to(device)
        shape, macs = candidate.genotype.inputs[0].shape, [output.macs for output in exits(candidate.genotype)]
        latency = {} if candidate.max_latency_ms is None else time_network(network, [shape], device).metrics()
        return {**by_exit(measure(network, data, data.test, 4 * self.batch), macs), **latency}

    def check(self, genotype: Genotype) -> None:
        """Raise EvaluationError (rejected) unless the network takes one image of the data, and all it gives are answers to the task."""
        data = self._data()
        task, needed = task_of(data), self._input(data)
        answer = task.answer(needed[1:])
        takes = [spec.shape for spec in genotype.inputs]
        gives = [genotype.specs[i].shape for i in genotype.outputs]
        if takes != [needed] or set(gives) != {answer}:
            maps = f"{' and '.join(map(str, takes))} to {' and '.join(map(str, gives))}"
            raise EvaluationError("rejected", f"the network maps {maps}, data {data.name!r} need {needed} to {answer}: {task.asks}")

    def setting(self) -> dict[str, object]:
        """What the data ask of a network: `input` (C, H, W) and number of `classes`."""
        data = self._data()
        return {"input": self._input(data), "classes": data.classes}

    @property
    def metrics(self) -> tuple[str, ...]:
        """What `evaluate` measures; of exits, those that a network has."""
        return (*task_of(self._data()).metrics, "latency_ms", *METRICS)

    @property
    def task(self) -> str:
        """What is learnt from the data: classification or segmentation."""
        return self._data().task

    def remarks(self) -> tuple[str, ...]:
        """What a person should know of the data before a search. Raises ValueError."""
        return remarks(self._data())

    def about(self) -> str:
        """The data in words: name, images of each part, shape, classes. Raises ValueError."""
        return about(self._data())

    def _data(self) -> Data:
        return load_data(self.data, self.data_seed, self.data_dir)

    def _input(self, data: Data) -> tuple[int, int, int]:
        return (data.shape[0], *size_of(data, self.crop))

    def feed(self) -> Feed:
        """The data, on the device, as training sees them."""
        data = self._data()
        return feed_of(task_of(data), data, pick_device(self.device), self.shift, self.crop, self.final)

    def describe(self) -> Description:
        """Task and data, for the record of a run. Raises ValueError when the data cannot be loaded."""
        data, places = self._data(), place_of(self.data, self.data_dir)
        return Description(data.task, self._input(data), data.class_names, data.mean, data.std, fingerprint(data), places)


def pick_device(name: str) -> torch.device:
    """The device of a name. Raises ValueError when there is no such device."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda' is asked for, but torch sees none; use device='cpu' or 'auto'")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device("cuda", torch.cuda.current_device()) if name == "cuda" else torch.device(name)


class Training:
    """One network in training: its optimiser, its place in the schedule, its random order of images."""

    def __init__(self, options: Train, network: nn.Module, data: Feed, generator: torch.Generator) -> None:
        self.options, self.network, self.data, self.generator = options, network, data, generator
        self.batch = min(options.batch, len(data))
        self.per_epoch = len(data) // self.batch
        self.step = 0
        self.optimizer = make_optimizer(options, network)

    def epoch(self) -> tuple[float, float]:
        """Go once through the images; return the mean loss and the last learning rate. Raises EvaluationError (diverged)."""
        self.network.train()
        total = sum(self.steps(batches) for batches in self.data.epoch(self.batch, self.generator))
        return total / self.per_epoch, self.options.lr * schedule((self.step - 1) / self.total, self.options.warmup)

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.options.epochs * self.per_epoch

    def steps(self, batches: list[tuple[Tensor, Tensor]]) -> float:
        """One step for each batch; return the sum of their losses. Raises EvaluationError (diverged)."""
        network, optimizer, task, smoothing = self.network, self.optimizer, self.data.task, self.options.label_smoothing
        losses = []
        for x, y in batches:
            for group in optimizer.param_groups:
                group["lr"] = self.options.lr * schedule(self.step / self.total, self.options.warmup)
            loss = joint_loss(task, network(x), y, smoothing)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            self.step += 1
            losses.append(loss.detach())
        total = float(torch.stack(losses).sum())
        check_loss(total / len(losses), task.classes)
        return total


def make_optimizer(options: Train, network: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of these options, fused: one call updates all weights."""
    weights = list(network.parameters())
    if options.optimizer == "adamw":
        return torch.optim.AdamW(weights, options.lr, weight_decay=options.weight_decay, fused=True)
    momentum = 0.9 if options.optimizer == "momentum" else 0.0
    return torch.optim.SGD(weights, options.lr, momentum, weight_decay=options.weight_decay, nesterov=momentum > 0, fused=True)


def schedule(done: float, warmup: float) -> float:
    """Factor of the learning rate after a fraction `done` of all steps: up in a line, then down as a cosine (arXiv:1608.03983)."""
    if done < warmup:
        return (done + 0.01) / (warmup + 0.01)
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))


def check_loss(loss: float, classes: int) -> float:
    """The loss itself. Raises EvaluationError (diverged) when it is no number, or far over that of guessing."""
    if not loss < EXPLODED * math.log(classes):  # NaN fails this as well
        raise EvaluationError("diverged", f"loss is {loss:.3g}, guessing gives {math.log(classes):.3g}; a lower lr or batch norm may help")
    return loss


def within_latency(network: nn.Module, shape: tuple[int, ...], device: torch.device, limit_ms: float) -> dict[str, float]:
    """Latency of one image, and its spread. Raises EvaluationError (rejected) when it is over the limit."""
    metrics = time_network(network, [shape], device).metrics()
    if metrics["latency_ms"] > limit_ms:
        raise EvaluationError("rejected", f"one forward pass takes {metrics['latency_ms']:.3g} ms, the limit is {limit_ms:g} ms")
    return metrics


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights as safetensors, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}, draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load_weights(network: nn.Module, path: Path | None) -> nn.Module:
    """The network with the weights of a file. Raises ValueError."""
    if path is None or not path.is_file():
        raise ValueError(f"there are no weights in {path}; evaluate the candidate first")
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"weights {path} do not fit the network: {' '.join(str(error).split())[:300]}") from error
    return network
