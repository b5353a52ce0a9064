"""Source of a network: a class for every kind of scope, and the class Network."""

from __future__ import annotations

from collections.abc import Collection

from archsearch import layers
from archsearch.exporters.base import ExportError
from archsearch.exporters.source.calls import Call
from archsearch.exporters.source.classes import Classes
from archsearch.exporters.source.recorder import Recorder
from archsearch.exporters.source.scopes import module_tree
from archsearch.network.genotype import Genotype, Node
from archsearch.ops.tensor import TensorSpec


def network_texts(genotype: Genotype, state: Collection[str], recorder: Recorder) -> list[str]:
    """Sources of the classes, inner ones first, Network last; `state`: the names in its state dict.

    Raises:
        ExportError: an op whose module cannot be written as source; it names the node.
    """
    specs = genotype.specs
    calls = {
        position: call_of(node, tuple([specs[i] for i in node.inputs]), recorder)
        for position, node in enumerate(genotype.nodes)
        if not node.weights
    }
    return list(Classes(genotype, module_tree(genotype, state), calls, recorder).texts.values())


def call_of(node: Node, inputs: tuple[TensorSpec, ...], recorder: Recorder) -> Call:
    """Source of the module of a node. Raises ExportError."""
    try:
        try:
            return recorder.written(node.op.build(recorder, *inputs))
        except (AttributeError, TypeError):  # a `build` that looks at the modules it makes, or fills their weights
            return recorder.written(node.op.build(layers, *inputs))
    except ExportError as error:
        raise ExportError(f"node '{node.name}': {node.op.kind} cannot be written as source: {error}") from error
