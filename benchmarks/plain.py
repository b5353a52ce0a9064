"""What one writes by hand to train a network: a Dataset, a DataLoader, float32, AdamW, a cosine; the peer of the benchmarks of training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset


@dataclass(frozen=True)
class Recipe:
    """Epochs and options of a training, the same as archsearch's."""

    epochs: int
    batch: int
    lr: float
    weight_decay: float
    shift: int
    smoothing: float = 0.1
    warmup: float = 0.25


class Images(Dataset[tuple[Tensor, int]]):
    """Images one by one, (N, C, H, W) bytes: padded, cropped, mirrored and normalised, as transforms of training do it."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64], mean: Tensor, std: Tensor, shift: int, training: bool) -> None:
        self.images, self.labels, self.mean, self.std, self.shift, self.training = images, labels, mean, std, shift, training

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        image = torch.from_numpy(np.array(self.images[place])).float() / 255
        if self.training:
            height, width = image.shape[1:]
            image = functional.pad(image, (self.shift,) * 4)
            top, left = torch.randint(0, 2 * self.shift + 1, (2,)).tolist()
            image = image[:, top : top + height, left : left + width]
            if torch.rand(()) < 0.5:
                image = image.flip(2)
        return (image - self.mean) / self.std, int(self.labels[place])


class Plain:
    """The loop by hand."""

    def __init__(self, network: nn.Module, training: Images, judged: Images, recipe: Recipe, seed: int) -> None:
        torch.manual_seed(seed)
        self.network, self.recipe = network, recipe
        self.loader = DataLoader(training, recipe.batch, shuffle=True, drop_last=True)
        self.judged = DataLoader(judged, 4 * recipe.batch)
        self.optimizer = torch.optim.AdamW(network.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
        steps = recipe.epochs * len(self.loader)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: rising_and_falling(step / steps, recipe.warmup))

    def steps(self) -> Iterator[None]:
        """The training steps of an epoch, one after another."""
        self.network.train()
        for images, labels in self.loader:
            loss = functional.cross_entropy(self.network(images), labels, label_smoothing=self.recipe.smoothing)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.schedule.step()
            yield

    def train(self) -> None:
        """All epochs."""
        for _ in range(self.recipe.epochs):
            for _ in self.steps():
                pass

    def error(self) -> float:
        """Share of wrong answers on the images to judge by."""
        self.network.eval()
        with torch.inference_mode():
            right = sum(int((self.network(images).argmax(1) == labels).sum()) for images, labels in self.judged)
        return 1 - right / len(self.judged.dataset)  # type: ignore[arg-type]


def rising_and_falling(done: float, warmup: float) -> float:
    """The schedule that archsearch has by default."""
    return (done + 0.01) / (warmup + 0.01) if done < warmup else 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))
