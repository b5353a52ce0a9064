"""What networks are trained on, and how."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from math import ceil
from typing import ClassVar

import torch

from archsearch.data import Data, Form, Wanted, about, code_of, fingerprint, load_data, place_of, remarks
from archsearch.data.augment import Changes
from archsearch.data.description import Description
from archsearch.network.genotype import Genotype
from archsearch.support.nearest import nearest
from archsearch.support.packages import EXTRA_OF, named, require
from archsearch.support.reading import one_line
from archsearch.tasks import Feed, Pair, feed_of, part_of, size_of, task_of
from archsearch.tasks.anytime import METRICS
from archsearch.training.compiling import check_compiler
from archsearch.training.device import DEVICES, machine_name, pick_device
from archsearch.training.numerics import PRECISIONS
from archsearch.training.optimizer import SCHEDULES
from archsearch.training.timing import ENGINES
from archsearch.trial import EvaluationError

OPTIMIZERS = ("adamw", "momentum", "sgd")
NO_END = 2**31
FEWEST_JUDGING = 2000
"""Images of the validation part by which a training of less than an epoch is judged, at least."""
GLANCED = 1 / 8
"""Share of the images of an epoch by which it is judged, unless it is the last one: some hundredths of its time."""
WHOLE = (
    ("data_seed", 0, NO_END), ("batch", 2, NO_END), ("crop", 0, NO_END), ("at_once", 0, NO_END), ("steady", 0, NO_END),
    ("randaugment", 0, 10),
)  # fmt: skip
"""Options that are whole numbers: least and most."""
WORDS = {"optimizer": OPTIMIZERS, "device": DEVICES, "schedule": tuple(SCHEDULES), "precision": PRECISIONS, "engine": ENGINES}
BELOW = {
    "weight_decay": 1000, "label_smoothing": 1, "warmup": 1, "shift": 0.5, "clip": 1e6, "ema": 1, "cutout": 1, "mixup": 100, "colour": 1,
}  # fmt: skip
"""Options that are numbers from 0 up to, not with, these."""


@dataclass(frozen=True)
class Options:
    """Data, schedule and device of a training.

    Args:
        data: Name or path; what is learnt follows from the data: the class of an image, or with masks the class of each pixel.
        data_seed: Splits the data into parts.
        epochs: Times through the training part; under 1, once through so much of it, judged by no more images than that, or 2,000. Before
            the last one they are judged by an eighth as many images as are trained on, or 2,000, where the validation part has more.
        batch: Images a step; an incomplete last batch waits for the next epoch.
        optimizer: `adamw`, `momentum` (SGD with 0.9) or `sgd`.
        lr: Highest learning rate.
        steady: Steps up to which a training has that rate; that of a longer one falls with the root of its steps. 0: all have it.
        schedule: `cosine`: it rises over the warm-up in a line, then falls to 0 as a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983);
            `onecycle`: both as cosines, and momentum goes the other way (Smith & Topin 2019, arXiv:1708.07120); `constant`.
        weight_decay: Of weights with two axes or more, not of biases and norms; decoupled in adamw.
        clip: Longest gradient, as its L2 norm over all weights; 0 leaves it as it is.
        ema: Decay of a moving average of the weights, which is what is judged and kept; 0 keeps the weights themselves.
        label_smoothing: Share of the target that is spread over all classes.
        warmup: Share of all steps in which the learning rate rises.
        at_once: Images that go through the network together, a batch in parts whose gradients add up (batch norm sees a part); 0 is the
            batch, or as much of it as the predicted training memory allows. Halved when memory runs out.
        precision: `float32`, `bfloat16` (autocast; weights and loss stay float32), or `auto`: bfloat16 for the networks that it makes
            faster on this device.
        compile: Compile the training step by torch.compile, which takes about a minute; not for trainings of fewer than 3,000 steps.
        shift: Images shift by up to this share of their sides, in whole pixels (none on the 8x8 digits, two at 32x32).
        cutout: Side of a square that is blanked in each training image, as a share of its own (DeVries & Taylor 2017, arXiv:1708.04552).
        mixup: Images of a batch are blended in pairs, in shares of Beta(mixup, mixup) (Zhang et al. 2018, arXiv:1710.09412); 0 for none.
        colour: Brightness, contrast and saturation change by up to this share.
        randaugment: Changes drawn for each training image from a list of fourteen (after Cubuk et al. 2019, arXiv:1909.13719); 0 for none.
        fraction: Share of the training part that is trained on, of every class as much.
        width: Share of its channels with which a network is trained in its place, a cheap judgement; only 1 leaves weights of its own.
        device: `cpu`, `cuda`, or `auto`, which becomes cuda where there is one, at once.
        engine: What runs a network when its latency is measured: `torch` on the device; `onnxruntime` or `openvino` on the CPU, after the
            network was put into their own form. One image, and as many threads as torch has.
        data_dir: Where the files of a published dataset lie.
        crop: Side in pixels of the squares that networks see, for data with masks; 0 for whole images. Training takes squares from
            anywhere, as many in an epoch as fit into the images; measuring goes tile by tile.
        size: Side in pixels of squares to which all images are brought: the largest in their middle, bilinear; 0 leaves them as they are.
        channels: 1 makes images gray, 3 gives gray ones three channels; 0 leaves them as they are.
        balanced: Weigh the classes in the loss of training, so that rare ones count as much as common ones.
        quantize: Measure what is lost in int8, too: `model_bytes` of the ONNX file, and `int8_error` and `int8_bytes` of the quantised one.
        final: Train on the validation part too and measure on the test part: for a network whose search is over.

    Raises:
        ValueError: an option out of range, a device that is not there, or data that cannot be loaded (when they are first needed).
    """

    needs_input: ClassVar[bool] = True
    data: str = "digits"
    data_seed: int = 0
    epochs: int = 25
    batch: int = 64
    optimizer: str = "adamw"
    lr: float = 0.02
    steady: int = 0
    schedule: str = "cosine"
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    warmup: float = 0.25
    clip: float = 0.0
    ema: float = 0.0
    at_once: int = 0
    precision: str = "auto"
    compile: bool = False
    shift: float = 0.06
    cutout: float = 0.0
    mixup: float = 0.0
    colour: float = 0.0
    randaugment: int = 0
    fraction: float = 1.0
    width: float = 1.0
    device: str = "cpu"
    engine: str = "torch"
    data_dir: str = ""
    crop: int = 0
    size: int = 0
    channels: int = 0
    balanced: bool = False
    quantize: bool = False
    final: bool = False

    def __post_init__(self) -> None:
        for name in ("data", "data_dir"):
            object.__setattr__(self, name, os.fspath(getattr(self, name)))
        for name, least, most in WHOLE:
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                words = f"of at least {least}" if most == NO_END else f"from {least} to {most}"
                raise ValueError(f"{name}={value!r} must be a whole number {words}")
        for name, known in WORDS.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r} is unknown; {nearest(str(getattr(self, name)), known)}")
        for name, high in BELOW.items():
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value < high:
                raise ValueError(f"{name}={value!r} must be a number from 0 up to, not with, {high}")
        part = type(self.epochs) is float and 0 < self.epochs < 1
        if not part and (type(self.epochs) is not int or not 1 <= self.epochs <= NO_END):
            raise ValueError(f"epochs={self.epochs!r} must be a whole number of at least 1, or a part of one epoch")
        if type(self.lr) not in (int, float) or not 0 < self.lr < 1000:
            raise ValueError(f"lr={self.lr!r} must be a number over 0 and under 1000")
        for name in ("fraction", "width"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value <= 1:
                raise ValueError(f"{name}={value!r} must be a number over 0 and at most 1")
        for name in ("balanced", "compile", "quantize"):
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"{name}={getattr(self, name)!r} must be true or false")
        require("onnx" if self.quantize else "", "quantize=true")
        require(EXTRA_OF.get(self.engine, ""), f"engine={self.engine}")
        Form(self.size, self.channels).check()
        object.__setattr__(self, "device", pick_device(self.device).type)
        if self.compile:
            check_compiler(self.device)

    def times_on(self) -> str:
        """Where latency is measured, in words: engine, images at once, machine, threads."""
        machine = machine_name(self.device if self.engine == "torch" else "cpu", torch.get_num_threads())
        return f"{named(self.engine)}, one image, {one_line(machine, 120)}"

    @property
    def rounds(self) -> int:
        """Times through what is trained on."""
        return ceil(self.epochs)

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

    @property
    def wanted(self) -> Wanted:
        """Which data are loaded."""
        return Wanted(self.data, self.data_seed, self.data_dir, Form(self.size, self.channels))

    def _data(self) -> Data:
        return load_data(*self.wanted)

    def _input(self, data: Data) -> tuple[int, int, int]:
        return (data.shape[0], *size_of(data, self.crop))

    def feed(self) -> Feed:
        """The data, on the device, as training sees them."""
        data = self._data()
        whole = feed_of(task_of(data, self.balanced), data, pick_device(self.device), self.shift, self.crop, self.final)
        classes, briefly = data.classes, min(1, self.epochs)
        train = part_of(whole.train, self.fraction * briefly, classes, self.data_seed)
        judging = max(FEWEST_JUDGING, len(train[1])) / len(whole.validation[1]) if briefly < 1 else 1
        validation = part_of(whole.validation, judging, classes, self.data_seed)
        return replace(whole, train=train, validation=validation, changes=Changes(self.cutout, self.colour, self.randaugment))

    def pace(self, images: int) -> float:
        """The highest learning rate of a training on so many images."""
        steps = self.rounds * max(1, images // self.batch)
        return self.lr * min(1.0, (self.steady / steps) ** 0.5) if self.steady else self.lr

    def glance(self, data: Feed) -> Pair:
        """So much of the validation part that to judge by it takes little time beside an epoch."""
        count = max(FEWEST_JUDGING, GLANCED * len(data))
        return part_of(data.validation, count / len(data.validation[1]), data.task.classes, self.data_seed)

    def describe(self) -> Description:
        """Task and data, for the record of a run. Raises ValueError when the data cannot be loaded."""
        data, places = self._data(), place_of(self.data, self.data_dir)
        marks = {**fingerprint(data), **code_of(self.data)}
        return Description(data.task, self._input(data), data.class_names, data.mean, data.std, marks, places, data.notes)
