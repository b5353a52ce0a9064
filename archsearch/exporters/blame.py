"""Which node it is that a format cannot express."""

from __future__ import annotations

import tempfile
from pathlib import Path

from archsearch.exporters.base import Format, Material, Preprocessing
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype, Node
from archsearch.support.reading import one_line


def blamed(name: str, form: Format, material: Material, error: Exception) -> str:
    """A line that names the first node that the format refuses by itself, or else what the converter said."""
    genotype, met = material.genotype, set()
    whole = {i + len(genotype.inputs) for i, node in enumerate(genotype.nodes) if node.op.integer}
    for node in genotype.nodes:
        inputs = tuple(genotype.specs[i] for i in node.inputs)
        if (node.op, inputs) in met or whole.intersection(node.inputs):
            continue
        met.add((node.op, inputs))
        alone = Genotype(inputs, (Node(node.op, tuple(range(len(inputs))), node.name),), (len(inputs),))
        if refused(form, alone):
            return f"format {name} has no words for node '{node.name}' ({node.op}); choose another format or op"
    return f"format {name} cannot express this network: {one_line(str(error) or type(error).__name__, 200)}; choose another format"


def refused(form: Format, genotype: Genotype) -> bool:
    """Whether a format cannot write a network of one node."""
    network = compile_network(genotype).eval()
    alone = Material(genotype, network, network.state_dict(), Preprocessing(), False, "")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            form.write(alone, Path(scratch))
        except Exception:
            return True
    return False
