"""A network put together from modules that others use too: in far less time than it takes to write code for one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor, nn

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype


class Step(NamedTuple):
    """A node's module, the values that it reads, and those that nobody needs after it."""

    module: nn.Module
    reads: tuple[int, ...]
    dead: tuple[int, ...]


class Plan(NamedTuple):
    """What a forward pass does, step by step, and which values come out."""

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]


class SharedNetwork(nn.Module):
    """Runs the module of every node in order and frees each value after its last use: what `compile_network` does, without its code.

    Inputs and results are those of `compile_network(genotype)`, and modules are nested in the same way, so that state dicts fit both.
    """

    graph: Plan
    """Under a name that no module of a node can have (compiler.RESERVED)."""

    def __init__(self, genotype: Genotype, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        scopes: dict[tuple[str, ...], nn.Module] = {(): self}
        for node, module in zip(genotype.nodes, modules, strict=True):
            if not node.weights:
                *scope, name = path_of(node.name)
                scope_in(scopes, tuple(scope)).register_module(name, module)
        dead = last_uses(genotype)
        steps = tuple(
            [Step(module, node.inputs, dead[place]) for place, (module, node) in enumerate(zip(modules, genotype.nodes, strict=True))]
        )
        self.graph = Plan(steps, genotype.outputs)

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The output, or a tuple when there are several."""
        values: list[Tensor | None] = [*inputs]
        for module, reads, dead in self.graph.steps:
            values.append(module(*[values[i] for i in reads]))
            for i in dead:
                values[i] = None
        outputs = tuple([value for i in self.graph.outputs if (value := values[i]) is not None])
        return outputs if len(outputs) > 1 else outputs[0]


def scope_in(scopes: dict[tuple[str, ...], nn.Module], path: tuple[str, ...]) -> nn.Module:
    """The module that stands for a scope, made with those around it when it is first asked for."""
    found = scopes.get(path)
    if found is None:
        found = scopes[path] = nn.Module()
        scope_in(scopes, path[:-1]).register_module(path[-1], found)
    return found


@lru_cache(maxsize=1 << 14)
def path_of(name: str) -> tuple[str, ...]:
    """Where a node's module stands: names from the outermost scope to its own."""
    return tuple(module_path(name).split("."))


def last_uses(genotype: Genotype) -> list[tuple[int, ...]]:
    """For every node the values that are last used by it, or made by it and never used; outputs never die."""
    offset = len(genotype.inputs)
    last = {value: value for value in range(offset, len(genotype.specs))}
    for value, node in enumerate(genotype.nodes, offset):
        for read in node.inputs:
            last[read] = value
    for output in genotype.outputs:
        last.pop(output, None)
    dead: list[list[int]] = [[] for _ in genotype.nodes]
    for value, user in last.items():
        dead[user - offset].append(value)
    return [tuple(values) for values in dead]
