"""What networks are trained on, and how."""

from __future__ import annotations

import os
from dataclasses import dataclass

from archsearch.data import Data, Form, about, code_of, fingerprint, load_data, place_of, remarks
from archsearch.data.description import Description
from archsearch.network.genotype import Genotype
from archsearch.support.nearest import nearest
from archsearch.tasks import Feed, feed_of, size_of, task_of
from archsearch.tasks.anytime import METRICS
from archsearch.training.device import DEVICES, pick_device
from archsearch.trial import EvaluationError

OPTIMIZERS = ("adamw", "momentum", "sgd")


@dataclass(frozen=True)
class Options:
    """Data, schedule and device of a training.

    Args:
        data: Name or path; what is learnt follows from the data: the class of an image, or with masks the class of each pixel.
        data_seed: Splits the data into parts.
        epochs: Times through the training part.
        batch: Images a step; an incomplete last batch waits for the next epoch.
        optimizer: `adamw`, `momentum` (SGD with 0.9) or `sgd`.
        lr: Highest learning rate: it rises over the warm-up, then falls to 0 as a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983).
        weight_decay: Of all weights, decoupled in adamw.
        label_smoothing: Share of the target that is spread over all classes.
        warmup: Share of all steps in which the learning rate rises.
        shift: Images shift by up to this share of their sides, in whole pixels (none on the 8x8 digits, two at 32x32).
        device: `cpu`, `cuda`, or `auto`, which becomes cuda where there is one, at once.
        data_dir: Where the files of a published dataset lie.
        crop: Side in pixels of the squares that networks see, for data with masks; 0 for whole images. Training takes squares from
            anywhere, as many in an epoch as fit into the images; measuring goes tile by tile.
        size: Side in pixels of squares to which all images are brought: the largest in their middle, bilinear; 0 leaves them as they are.
        channels: 1 makes images gray, 3 gives gray ones three channels; 0 leaves them as they are.
        balanced: Weigh the classes in the loss of training, so that rare ones count as much as common ones.
        final: Train on the validation part too and measure on the test part: for a network whose search is over.

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
    size: int = 0
    channels: int = 0
    balanced: bool = False
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
        if type(self.balanced) is not bool:
            raise ValueError(f"balanced={self.balanced!r} must be true or false")
        Form(self.size, self.channels).check()
        object.__setattr__(self, "device", pick_device(self.device).type)

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
        return load_data(self.data, self.data_seed, self.data_dir, Form(self.size, self.channels))

    def _input(self, data: Data) -> tuple[int, int, int]:
        return (data.shape[0], *size_of(data, self.crop))

    def feed(self) -> Feed:
        """The data, on the device, as training sees them."""
        data = self._data()
        return feed_of(task_of(data, self.balanced), data, pick_device(self.device), self.shift, self.crop, self.final)

    def describe(self) -> Description:
        """Task and data, for the record of a run. Raises ValueError when the data cannot be loaded."""
        data, places = self._data(), place_of(self.data, self.data_dir)
        marks = {**fingerprint(data), **code_of(self.data)}
        return Description(data.task, self._input(data), data.class_names, data.mean, data.std, marks, places, data.notes)
