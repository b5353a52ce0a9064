"""A fabric's network with its edges, and how strong each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from archsearch.analysis.exits import exits
from archsearch.blocks.fabric import held
from archsearch.network.compiler import compile_network, module_path
from archsearch.network.genotype import Genotype
from archsearch.supernets.course import Course, Fitting
from archsearch.supernets.edge_choices import with_switches
from archsearch.supernets.switch_modules import compile_switched, folded, sources
from archsearch.training.options import Options


class PrunableFabric:
    """A network; an edge of it is as strong as its convolutions' weights are large, in the mean of their squares.

    A batch norm behind a convolution is folded into the weights first: without it, their size would say nothing, for the norm undoes it.

    It begins with the weights of a larger network, as far as they fit, and with those drawn by `seed` elsewhere.
    """

    def __init__(self, genotype: Genotype, edges: Sequence[str], seed: int, weights: Mapping[str, Tensor]) -> None:
        self.genotype, self.seed = genotype, seed
        self.held = held(genotype, edges)
        self.behind = {genotype.value_names[node.inputs[0]]: node.name for node in genotype.nodes if len(node.inputs) == 1}
        self.network = self.compiled()
        own = self.network.state_dict()
        fit = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
        self.network.load_state_dict({**own, **fit})

    def compiled(self) -> nn.Module:
        """The network with fresh weights."""
        return compile_network(self.genotype, self.seed)

    def fitting(self, options: Options, course: Course) -> Fitting:
        """The training of the network."""
        return Fitting(self.network, options, course.data, [output.macs for output in exits(self.genotype)])

    def plain(self) -> nn.Module:
        """The network as its genotype says, with the weights that it has now."""
        return self.network

    def weakest(self) -> list[str]:
        """The edges that are left, the weakest first."""
        return sorted(self.held, key=lambda edge: (self.strength(edge), edge))

    def strength(self, edge: str) -> float:
        """How strong an edge is; of norms and biases only where it has no other weights."""
        weights = [weight for node in self.held[edge] for weight in self.acting(node)]
        chosen = [weight for weight in weights if weight.ndim > 1] or weights
        return float(torch.cat([weight.flatten() for weight in chosen]).square().mean())

    def acting(self, node: str) -> list[Tensor]:
        """Weights of a node, those of a convolution with the batch norm behind it."""
        module = self.network.get_submodule(module_path(node))
        weights = [weight.detach() for weight in module.parameters()]
        norm = self.network.get_submodule(module_path(self.behind[node])) if node in self.behind else None
        if not isinstance(module, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d) or norm.running_var is None:
            return weights
        factor = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
        return [weight * factor[:, None, None, None] if weight.ndim > 1 else weight for weight in weights]


class FactorFabric(PrunableFabric):
    """A network with a learned factor on everything that an edge brings; the factor's size is the edge's strength.

    After every step of training an L1 penalty of `pull` draws the factors to 0, by its proximal step.

    Raises:
        SupernetError: an edge that ends in something that cannot take a factor into its weights.
    """

    def __init__(self, genotype: Genotype, edges: Sequence[str], seed: int, weights: Mapping[str, Tensor], pull: float) -> None:
        self.pull = pull
        self.whole, self.names = with_switches(genotype, edges)
        self.sources = sources(self.whole, self.all_names())
        super().__init__(genotype, edges, seed, weights)

    def all_names(self) -> list[str]:
        """Names of all switches."""
        return [name for names in self.names.values() for name in names]

    def compiled(self) -> nn.Module:
        network, self.switches = compile_switched(self.whole, self.all_names(), self.seed)
        for switch in self.switches.values():
            switch.factor = nn.Parameter(torch.ones(()))
        return network

    def fitting(self, options: Options, course: Course) -> Fitting:
        fitting = super().fitting(options, course)
        fitting.training.optimizer.register_step_post_hook(lambda optimizer, *_: self.draw(optimizer.param_groups[0]["lr"]))
        return fitting

    @torch.no_grad()
    def draw(self, lr: float) -> None:
        """Draw every factor nearer to 0."""
        for factor in self.factors().values():
            factor.copy_(factor.sign() * (factor.abs() - lr * self.pull).clamp(min=0))

    def factors(self) -> dict[str, Tensor]:
        """The factor of every switch."""
        return {name: switch.factor.detach() for name, switch in self.switches.items() if switch.factor is not None}

    def plain(self) -> nn.Module:
        network = compile_network(self.genotype, self.seed)
        network.load_state_dict(folded(self.network.state_dict(), self.sources, self.factors()))
        return network

    def strength(self, edge: str) -> float:
        factors = self.factors()
        return max(abs(float(factors[name])) for name in self.names.get(edge, ()))
