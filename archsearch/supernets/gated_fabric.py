"""A fabric with drawn gates in training: weights, gates and the price of cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archsearch.network.genotype import Genotype
from archsearch.spaces.catalogue import Catalogue
from archsearch.spaces.space import Scalar
from archsearch.supernets.course import Course
from archsearch.supernets.policy import Bernoulli
from archsearch.supernets.supergraph import Flags, Supergraph
from archsearch.supernets.switch_modules import compile_switched, extracted
from archsearch.tasks import joint_loss
from archsearch.training.checkpoint import optimizer_tensors, prefixed, restore_network, restore_optimizer, taken, under
from archsearch.training.loop import Training, check_loss
from archsearch.training.optimizer import rate, set_rates
from archsearch.training.options import Options

ADDITIVE = ("params", "macs")
"""Costs that are sums over the nodes of a network; others are looked up network by network."""

DAMPING = 3.0
"""Epochs of climbing by which the price is ahead, so that it falls as soon as the cost does and does not swing around the limit."""


class GatedFabric:
    """The whole network with a gate on every edge, and the price of a cost over its limit."""

    def __init__(self, course: Course, supergraph: Supergraph, policy: Bernoulli, seed: int) -> None:
        self.course, self.supergraph, self.policy = course, supergraph, policy
        self.edges = [choice for choice, _ in supergraph.switches]
        self.network, self.switches = compile_switched(supergraph.genotype, [*supergraph.places, *supergraph.guards], seed)
        self.network.to(course.device)
        self.price = 0.0

    def on(self, gates: Tensor) -> dict[str, Flags]:
        """Switches that let through, for draws (N, edges)."""
        flags = (gates.detach() > 0).cpu().numpy()
        return {name: flags[:, place] for place, option in enumerate(self.supergraph.switches) for name in self.supergraph.switches[option]}

    def set_gates(self, gates: Tensor) -> None:
        """Put the gates of each sample, (N, edges), behind their edges; what nothing reaches brings nothing."""
        on = self.on(gates)
        filled = self.supergraph.filled(on)
        for place, option in enumerate(self.supergraph.switches):
            for name in self.supergraph.switches[option]:
                reached = torch.from_numpy(filled[self.supergraph.places[name]]).to(gates)
                self.switches[name].factor = gates[:, place] * reached
        for name, value in self.supergraph.guarded.items():
            self.switches[name].factor = torch.from_numpy(filled[value]).to(gates)

    def ratios(self, gates: Tensor, limits: Mapping[str, float]) -> Tensor:
        """Cost of every draw over its limit, (N,); of several limits the one that is met worst."""
        flags = self.on(gates)
        known = self.supergraph.costs(flags) if set(limits) & set(ADDITIVE) else {}
        each = [known[name] / limit if name in known else self.looked_up(gates, name) / limit for name, limit in limits.items()]
        return torch.from_numpy(np.max(np.stack(each), axis=0)).to(gates)

    def ratio(self, choices: Mapping[str, Scalar], limits: Mapping[str, float]) -> float:
        """Cost of a network over its limit."""
        return float(self.ratios(self.row(choices)[None], limits))

    def row(self, choices: Mapping[str, Scalar]) -> Tensor:
        """Choices as a draw of all gates, (edges,)."""
        return torch.tensor([float(bool(choices[edge])) for edge in self.edges])

    def is_network(self, choices: Mapping[str, Scalar]) -> bool:
        """Whether the choices make a network at all."""
        return self.course.setting.catalogue.find(choices) is not None

    def extract(self, choices: Mapping[str, Scalar], genotype: Genotype) -> nn.Module:
        """The network of full choices, whose canonical genotype this is, with the weights of the whole."""
        return extracted(self.supergraph, self.network.state_dict(), choices, genotype, self.course.setting.seed)

    def looked_up(self, gates: Tensor, cost: str) -> NDArray[np.float64]:
        """A cost of every draw; of one that makes no network that of the whole."""
        catalogue = self.course.setting.catalogue
        whole = cost_of(catalogue, dict.fromkeys(self.edges, True), cost, float("inf"))
        rows = [dict(zip(self.edges, row, strict=True)) for row in (gates.detach() > 0).tolist()]
        return np.array([cost_of(catalogue, row, cost, whole) for row in rows])


def cost_of(catalogue: Catalogue, choices: Mapping[str, bool], cost: str, otherwise: float) -> float:
    """A known cost of a network, or `otherwise` where the choices make none."""
    entry = catalogue.find(choices)
    return otherwise if entry is None else entry.costs[cost]


class GateTraining:
    """The training of weights and gates together, under limits on the cost.

    The gates' reward is loss + price x excess of the cost over its limit, both of the sample's own draw. With `dual` the price
    climbs by so much an epoch for each whole limit that the mean cost is over, and falls where it is under; without, it stays and
    an excess under 0 counts as 0.
    """

    def __init__(self, gated: GatedFabric, options: Options, limits: Mapping[str, float], dual: float, warm: int) -> None:
        self.gated, self.limits, self.dual, self.warm = gated, limits, dual, warm
        self.epochs, self.done = options.epochs, 0
        self.training = Training(options, gated.network, gated.course.data, torch.Generator())
        gated.policy.restart()

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        self.gated.network.train()
        training, totals = self.training, torch.zeros(2)
        for batches in training.data.epoch(training.batch, generator):
            found = torch.stack([self.step(x, y, generator) for x, y in batches]).sum(0)
            check_loss(float(found[0]) / len(batches), training.data.task.classes)
            totals += found
        self.done += 1
        loss, ratio = (totals / training.per_epoch).tolist()
        lr = rate(training.options, (training.step - 1) / training.total)
        gates = {"ratio": ratio, "price": self.gated.price, "open": float(self.gated.policy.open().mean())}
        return {"train_loss": loss, **gates, "lr": lr}

    def step(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """One step of weights, gates and price; mean loss and mean cost over the limit."""
        gated, training = self.gated, self.training
        gates = gated.policy.draw(len(x), generator)
        ratios = gated.ratios(gates, self.limits)
        gated.set_gates(gates)
        set_rates(training.optimizer, training.options, training.step / training.total)
        losses = self.losses(gated.network(x), y)
        training.optimizer.zero_grad()
        gated.policy.optimizer.zero_grad()  # of a step in which the gates did not learn
        losses.mean().backward()  # type: ignore[no-untyped-call]
        training.optimizer.step()
        training.step += 1
        if self.done >= self.warm:
            excess = ratios - 1 if self.dual else (ratios - 1).clamp(min=0)
            own = torch.zeros_like(losses) if gated.policy.differentiable else losses.detach()
            mean = float(ratios.mean()) - 1
            gated.price = max(0.0, gated.price + self.dual * mean / training.per_epoch)
            price = max(0.0, gated.price + DAMPING * self.dual * mean)  # under the limit cost is free, never a reward
            gated.policy.learn(gates, own + price * excess)
        return torch.stack([losses.detach().mean().cpu(), ratios.mean().cpu()])

    def losses(self, outputs: Tensor | tuple[Tensor, ...], y: Tensor) -> Tensor:
        """The loss of every sample."""
        task, smoothing = self.training.data.task, self.training.options.label_smoothing
        truths = torch.split(y, 1)
        if isinstance(outputs, tuple):
            each = zip(*(torch.split(output, 1) for output in outputs), strict=True)
            return torch.stack([joint_loss(task, answer, truth, smoothing) for answer, truth in zip(each, truths, strict=True)])
        return torch.stack(
            [joint_loss(task, answer, truth, smoothing) for answer, truth in zip(torch.split(outputs, 1), truths, strict=True)]
        )

    def tensors(self) -> dict[str, Tensor]:
        return {**kept(self.gated), **prefixed(optimizer_tensors(self.training.optimizer), "optimizer")}

    def restore(self, tensors: Mapping[str, Tensor], done: int) -> None:
        give_back(self.gated, tensors)
        restore_optimizer(self.training.optimizer, under(tensors, "optimizer"))
        self.training.step, self.done = done * self.training.per_epoch, done


def kept(gated: GatedFabric) -> dict[str, Tensor]:
    """Weights, gates and price."""
    network = prefixed(gated.network.state_dict(), "network")
    return {**network, **prefixed(gated.policy.tensors(), "policy"), "price": torch.tensor(gated.price, dtype=torch.float64)}


def give_back(gated: GatedFabric, tensors: Mapping[str, Tensor]) -> None:
    """Take up what `kept` gave. Raises CheckpointError when it belongs to another network."""
    restore_network(gated.network, under(tensors, "network"))
    gated.policy.restore(under(tensors, "policy"))
    gated.price = float(taken(tensors, "price", torch.tensor(0.0, dtype=torch.float64)))
