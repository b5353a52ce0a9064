"""Factors on what edges bring: the modules behind the switches of a supergraph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from archsearch.network.compiler import compile_network, module_path
from archsearch.network.genotype import Genotype
from archsearch.spaces.space import Scalar
from archsearch.supernets.base import SupernetError
from archsearch.supernets.supergraph import Supergraph

LINEAR = ("conv2d", "sparse_conv2d", "conv_transpose2d", "batch_norm2d")
"""Ops whose result is linear in all their weights together, so that a factor behind them can be taken into the weights."""


class Switch(nn.Module):
    """The input times `factor`: one number, or one for each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.factor: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        factor = self.factor
        if factor is None:
            return x
        return x * factor.to(x.dtype).reshape(factor.shape + (1,) * (x.ndim - 1 if factor.ndim else 0))


def compile_switched(genotype: Genotype, switches: Iterable[str], seed: int) -> tuple[nn.Module, dict[str, Switch]]:
    """The network with a module for every switch, and those by the switch's name."""
    network: nn.Module = compile_network(genotype, seed)
    found = {name: Switch() for name in switches}
    for name, switch in found.items():
        network.set_submodule(module_path(name), switch)
    return network, found


def sources(genotype: Genotype, switches: Iterable[str]) -> dict[str, str]:
    """The node behind every switch, whose weights can take in a factor.

    Raises:
        SupernetError: a switch behind a node of another kind, or behind one that something else reads too.
    """
    names, offset = set(switches), len(genotype.inputs)
    readers: dict[int, int] = {}
    for read in (*(read for node in genotype.nodes for read in node.inputs), *genotype.outputs):
        readers[read] = readers.get(read, 0) + 1
    found = {}
    for node in genotype.nodes:
        if node.name not in names:
            continue
        source = genotype.nodes[node.inputs[0] - offset]
        if source.op.kind not in LINEAR or readers[node.inputs[0]] > 1:
            raise SupernetError(f"a factor behind {source.op.kind} '{source.name}' cannot go into its weights; use strength=weight")
        found[node.name] = source.name
    return found


@torch.no_grad()
def folded(state: Mapping[str, Tensor], sources: Mapping[str, str], factors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network without its switches: `factors` by switch are multiplied into what is behind them."""
    dropped = {f"{module_path(switch)}.factor" for switch in factors}
    found = {name: value for name, value in state.items() if name not in dropped}
    for switch, factor in factors.items():
        for weight in ("weight", "bias"):
            name = f"{module_path(sources[switch])}.{weight}"
            if name in found:
                found[name] = found[name] * factor
    return found


def extracted(
    supergraph: Supergraph, state: Mapping[str, Tensor], choices: Mapping[str, Scalar], genotype: Genotype, seed: int
) -> nn.Module:
    """The network of full choices, whose canonical genotype this is, with the weights of the whole that they belong to.

    Raises:
        SupernetError: as `Supergraph.names`.
    """
    network: nn.Module = compile_network(genotype, seed)
    place = {module_path(name): module_path(other) for name, other in supergraph.names(choices, genotype).items()}
    own = network.state_dict()
    for name in own:
        node = next((scope for scope in scopes(name) if scope in place), None)
        if node is not None:
            own[name] = state[f"{place[node]}{name.removeprefix(node)}"]
    network.load_state_dict(own)
    return network


def scopes(module: str) -> list[str]:
    """A dotted path and all paths before it, the longest first."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
