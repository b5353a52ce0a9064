"""Genotype -> torch network: straight-line code, one line a node, each value freed after its last use."""

from __future__ import annotations

import keyword

from torch import fx, nn

from archsearch import layers
from archsearch.network.genotype import BrokenOpError, Genotype, Node
from archsearch.ops.base import Facts, facts
from archsearch.ops.declaration import OpError
from archsearch.ops.measure import built
from archsearch.ops.tensor import TensorSpec
from archsearch.support.randomness import seeded


def compile_network(genotype: Genotype, seed: int = 0) -> fx.GraphModule:
    """A network with weights drawn by `seed` alone; torch's own random state is left as it was.

    Inputs are positional, tensors (N, *shape) in order; the result is one tensor, or a tuple when there are several outputs.
    Modules are nested as the scopes are: node `stage1/conv` is `network.stage1.conv`; parameters come in the order of the nodes,
    those of a scope together, where its first node stands. A node that uses another's weights calls that one's module.
    """
    graph, root = fx.Graph(), nn.Module()
    values = [graph.placeholder(name) for name in genotype.input_names]
    specs = genotype.specs
    with seeded(seed):
        for node, fact in zip(genotype.nodes, genotype.facts, strict=True):
            target = module_path(node.weights or node.name)
            if not node.weights:
                put(root, target, made(node, tuple([specs[i] for i in node.inputs]), fact))
            values.append(graph.call_module(target, tuple(values[i] for i in node.inputs)))
    outputs = tuple(values[i] for i in genotype.outputs)
    graph.output(outputs if len(outputs) > 1 else outputs[0])
    return fx.GraphModule(root, graph, class_name="Network")


def made(node: Node, inputs: tuple[TensorSpec, ...], fact: Facts) -> nn.Module:
    """The module of a node. Raises BrokenOpError when its op makes none, or is not what a file says of it."""
    if node.op.measured:
        check_measured(node, inputs, fact)
    try:
        return built(node.op, layers, inputs)
    except OpError as error:
        raise BrokenOpError(f"node '{node.name}': {error}") from error


def check_measured(node: Node, inputs: tuple[TensorSpec, ...], fact: Facts) -> None:
    """Raise BrokenOpError where an op is not what a file says was measured of it; memory may be that of another version of torch."""
    found = facts(node.op, inputs)
    for name, said, real in (
        ("shape", fact.spec, found.spec),
        ("params", fact.cost.params, found.cost.params),
        ("macs", fact.cost.macs, found.cost.macs),
    ):
        if said != real:
            fix = "take `measured` out of the file, and it is measured again"
            raise BrokenOpError(f"node '{node.name}': its file says {name} {said}, and it has {real}; {fix}")


def put(root: nn.Module, target: str, module: nn.Module) -> None:
    """Put a module in its place, scopes made as they are met: parameters come in the order of the network."""
    *scopes, last = target.split(".")
    for scope in scopes:
        if scope not in root._modules:
            root.add_module(scope, nn.Module())
        root = root.get_submodule(scope)
    root.add_module(last, module)


def module_path(name: str) -> str:
    """Dotted path of a node's module; a part that Python or torch needs itself gets a trailing underscore."""
    return ".".join(part + "_" if is_taken(part) or is_taken(part.rstrip("_")) else part for part in name.split("/"))


def is_taken(part: str) -> bool:
    """Whether a word is Python's own, or an attribute that every network has, such as `training` or `code`."""
    return keyword.iskeyword(part) or part in RESERVED


RESERVED = frozenset({"self", *dir(fx.GraphModule({}, fx.Graph()))})
