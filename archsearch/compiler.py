"""Genotype -> torch network: straight-line code, one line a node, each value freed after its last use."""

from __future__ import annotations

import keyword

import torch
from torch import fx, nn

from archsearch import layers
from archsearch.genotype import Genotype


def compile_network(genotype: Genotype, seed: int = 0) -> fx.GraphModule:
    """A network with weights drawn by `seed` alone; torch's own random state is left as it was.

    Inputs are positional, tensors (N, *shape) in order; the result is one tensor, or a tuple when there are several outputs.
    Modules are nested as the scopes are: node `stage1/conv` is `network.stage1.conv`.
    """
    graph = fx.Graph()
    modules: dict[str, nn.Module] = {}
    values = [graph.placeholder(name) for name in genotype.input_names]
    specs = genotype.specs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for node in genotype.nodes:
            target = module_path(node.name)
            modules[target] = node.op.build(layers, *(specs[i] for i in node.inputs))
            values.append(graph.call_module(target, tuple(values[i] for i in node.inputs)))
    outputs = tuple(values[i] for i in genotype.outputs)
    graph.output(outputs if len(outputs) > 1 else outputs[0])
    return fx.GraphModule(modules, graph, class_name="Network")


def module_path(name: str) -> str:
    """Dotted path of a node's module; a part that Python or torch needs itself gets a trailing underscore."""
    return ".".join(part + "_" if is_taken(part) or is_taken(part.rstrip("_")) else part for part in name.split("/"))


def is_taken(part: str) -> bool:
    """Whether a word is Python's own, or an attribute that every network has, such as `training` or `code`."""
    return keyword.iskeyword(part) or part in RESERVED


RESERVED = frozenset({"self", *dir(fx.GraphModule({}, fx.Graph()))})
