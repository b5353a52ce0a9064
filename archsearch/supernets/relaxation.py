"""All options of all choices at once, each as much as its weight says, and the training of both kinds of weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam

from archsearch.layers.thinned import thinned
from archsearch.spaces.space import Scalar
from archsearch.supernets.course import Course
from archsearch.supernets.supergraph import Supergraph
from archsearch.supernets.switch_modules import compile_switched
from archsearch.support.seeds import seed_of
from archsearch.tasks import Feed, joint_loss
from archsearch.training.checkpoint import optimizer_tensors, prefixed, restore_network, restore_optimizer, taken, under
from archsearch.training.loop import Training, check_loss
from archsearch.training.optimizer import rate, set_rates
from archsearch.training.options import Options

Pair = tuple[Tensor, Tensor]
NUDGE = 0.01
"""How far weights are moved for the finite difference of the second order, over the length of the gradient (arXiv:1806.09055, eq. 8)."""


class Relaxation:
    """The whole network with a number for every option of every choice; the softmax over a choice says how much of each it takes."""

    def __init__(self, course: Course, supergraph: Supergraph, options: Mapping[str, Sequence[Scalar]], seed: int) -> None:
        self.course, self.supergraph = course, supergraph
        self.options = {name: tuple(offered) for name, offered in options.items()}
        self.network, self.switches = compile_switched(supergraph.genotype, [*supergraph.places, *supergraph.guards], seed)
        thinned(self.network).to(course.device)
        widest = max(len(offered) for offered in self.options.values())
        self.scores = torch.zeros(len(self.options), widest, device=course.device, requires_grad=True)
        self.absent = torch.tensor([[place >= len(offered) for place in range(widest)] for offered in self.options.values()])

    def weights(self) -> Tensor:
        """How much of every option, (choices, options)."""
        return functional.softmax(self.scores.masked_fill(self.absent.to(self.scores.device), -torch.inf), 1)

    def set_weights(self, weights: Tensor) -> None:
        """Take so much of every option."""
        for row, (name, offered) in enumerate(self.options.items()):
            for column, option in enumerate(offered):
                for switch in self.supergraph.switches.get((name, option), ()):
                    self.switches[switch].factor = weights[row, column]

    def likely(self) -> dict[str, dict[Scalar, float]]:
        """The weight of every option by choice."""
        rows = self.weights().detach().tolist()
        return {name: dict(zip(offered, row, strict=False)) for (name, offered), row in zip(self.options.items(), rows, strict=True)}

    def tensors(self) -> dict[str, Tensor]:
        """Weights of the network, and scores."""
        return {**prefixed(self.network.state_dict(), "network"), "scores": self.scores.detach()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave. Raises CheckpointError when it belongs to another network."""
        restore_network(self.network, under(tensors, "network"))
        self.scores.data.copy_(taken(tensors, "scores", self.scores))


class Bilevel:
    """The training of weights on one half of the training part and of scores on the other, in turn.

    `second`: scores follow the loss behind a step of the weights, not before it. `sampled`: of every choice one option is drawn and
    computed with, and the softmax of the draw has the gradient; its temperature falls from 10 to 0.1 (GDAS, arXiv:1910.04465).
    `part`: the epochs, from and to, of all that `options` say, that are trained now; what the optimisers remember lasts from part to part.
    """

    def __init__(self, relaxation: Relaxation, options: Options, speed: float, second: bool, sampled: bool, part: tuple[int, int]) -> None:
        self.relaxation, self.second, self.sampled, self.part = relaxation, second, sampled, part
        halves = halved(relaxation.course.data, relaxation.course.setting.seed)
        self.training = Training(options, relaxation.network, halves[0], torch.Generator())
        self.judging, self.nudge = halves[1], NUDGE
        self.training.step = part[0] * self.training.per_epoch
        self.optimizer = Adam([relaxation.scores], speed / self.training.per_epoch, betas=(0.5, 0.999))

    @property
    def epochs(self) -> int:
        """Epochs of the part."""
        return self.part[1] - self.part[0]

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        self.relaxation.network.train()
        training, total = self.training, 0.0
        others = endless(self.judging, training.batch, generator)
        for batches in training.data.epoch(training.batch, generator):
            losses = [self.step(batch, next(others), generator) for batch in batches]
            total += check_loss(float(torch.stack(losses).mean()), training.data.task.classes) * len(losses)
        lr = rate(training.options, (training.step - 1) / training.total)
        chosen = self.relaxation.weights().detach().max(1).values
        return {"train_loss": total / training.per_epoch, "certainty": float(chosen.mean()), "lr": lr}

    def step(self, batch: Pair, other: Pair, generator: torch.Generator) -> Tensor:
        """One step of the scores, one of the weights; the loss of the weights' batch."""
        training, relaxation = self.training, self.relaxation
        lr = rate(training.options, training.step / training.total)
        relaxation.scores.grad = self.unrolled(batch, other, lr, generator) if self.second else self.slope(other, generator)
        self.optimizer.step()
        set_rates(training.optimizer, training.options, training.step / training.total)
        training.optimizer.zero_grad()
        loss = self.loss(batch, generator)
        loss.backward()  # type: ignore[no-untyped-call]
        training.optimizer.step()
        training.step += 1
        return loss.detach()

    def loss(self, batch: Pair, generator: torch.Generator) -> Tensor:
        """Loss of a batch with the weights of the options as they are, or as they are drawn."""
        relaxation = self.relaxation
        relaxation.set_weights(self.drawn(generator) if self.sampled else relaxation.weights())
        return joint_loss(self.training.data.task, relaxation.network(batch[0]), batch[1], self.training.options.label_smoothing)

    def drawn(self, generator: torch.Generator) -> Tensor:
        """One option of each choice as 1, the others as 0; the gradient is that of the tempered softmax."""
        done = self.training.step / self.training.total
        heat = 10.0 ** (1 - 2 * min(done, 1.0))
        scores = self.relaxation.scores
        scores = functional.log_softmax(scores.masked_fill(self.relaxation.absent.to(scores.device), -1e9), 1)
        noise = -(-torch.rand(scores.shape, generator=generator, device=scores.device).clamp(1e-9, 1 - 1e-7).log()).log()
        soft = functional.softmax((scores + noise) / heat, 1)
        hard = functional.one_hot(soft.argmax(1), soft.shape[1]).to(soft)
        return hard - soft.detach() + soft

    def slope(self, batch: Pair, generator: torch.Generator) -> Tensor:
        """Gradient of the loss by the scores."""
        (found,) = torch.autograd.grad(self.loss(batch, generator), [self.relaxation.scores])
        return found

    def unrolled(self, batch: Pair, other: Pair, lr: float, generator: torch.Generator) -> Tensor:
        """Gradient by the scores of the loss behind one plain step of the weights (arXiv:1806.09055, eq. 7 and 8).

        All four losses draw the same options and the same dropout, for else their difference is the noise of the draws over `nudge`.
        """
        same = rewinder(generator)
        weights = list(self.relaxation.network.parameters())
        before = [weight.detach().clone() for weight in weights]
        with held_norms(self.relaxation.network):
            steps = torch.autograd.grad(self.loss(batch, same()), weights, allow_unused=True)
            move(weights, before, steps, -lr)
            *ahead, found = torch.autograd.grad(self.loss(other, same()), [*weights, self.relaxation.scores], allow_unused=True)
            length = torch.stack([gradient.norm() for gradient in ahead if gradient is not None]).norm()
            nudge = self.nudge / float(length.clamp(min=1e-12))
            slopes = []
            for sign in (1, -1):
                move(weights, before, ahead, sign * nudge)
                slopes.append(self.slope(batch, same()))
            move(weights, before, ahead, 0.0)
        return found - lr * (slopes[0] - slopes[1]) / (2 * nudge)

    def tensors(self) -> dict[str, Tensor]:
        network, scores = optimizer_tensors(self.training.optimizer), optimizer_tensors(self.optimizer)
        return {**self.relaxation.tensors(), **prefixed(network, "optimizer"), **prefixed(scores, "learner")}

    def restore(self, tensors: Mapping[str, Tensor], done: int) -> None:
        self.relaxation.restore(tensors)
        restore_optimizer(self.training.optimizer, under(tensors, "optimizer"))
        restore_optimizer(self.optimizer, under(tensors, "learner"))
        self.training.step = (self.part[0] + done) * self.training.per_epoch


def halved(data: Feed, seed: int) -> tuple[Feed, Feed]:
    """The data with one half of the training part, and with the other."""
    images, truth = data.train
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed_of(seed, 0))).to(images.device)
    parts = (order[: len(order) // 2], order[len(order) // 2 :])
    first, second = (replace(data, train=(images[part], truth[part])) for part in parts)
    return first, second


def endless(data: Feed, batch: int, generator: torch.Generator) -> Iterator[Pair]:
    """Batches of the training part, again and again."""
    while True:
        for batches in data.epoch(min(batch, len(data)), generator):
            yield from batches


def rewinder(generator: torch.Generator) -> Callable[[], torch.Generator]:
    """A function that puts the generator, and torch's own that dropout draws from, back to where they are now."""
    on_gpu = generator.device.type == "cuda"
    drawn, cpu = generator.get_state(), torch.get_rng_state()
    gpu = torch.cuda.get_rng_state(generator.device) if on_gpu else None

    def rewind() -> torch.Generator:
        torch.set_rng_state(cpu)
        if gpu is not None:
            torch.cuda.set_rng_state(gpu, generator.device)
        return generator.set_state(drawn)

    return rewind


@torch.no_grad()
def move(weights: Sequence[Tensor], origins: Sequence[Tensor], directions: Sequence[Tensor | None], far: float) -> None:
    """Put weights so far from their origins in these directions."""
    for weight, origin, direction in zip(weights, origins, directions, strict=True):
        weight.copy_(origin if direction is None else origin + far * direction)


@contextmanager
def held_norms(network: torch.nn.Module) -> Iterator[None]:
    """Put running statistics back that were counted inside."""
    before = [buffer.clone() for buffer in network.buffers()]
    try:
        yield
    finally:
        for buffer, value in zip(network.buffers(), before, strict=True):
            buffer.copy_(value)
