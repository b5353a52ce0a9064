"""What ops copy and keep behind a view of a larger value (a crop, a slice): facts that hang on how their inputs lie in memory."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from archsearch.analysis.memory import Graph
from archsearch.network.genotype import Node
from archsearch.ops.base import Facts, Op, summary
from archsearch.ops.declaration import failure, given
from archsearch.ops.layout import Layout, Layouts, even
from archsearch.ops.saved import Saved
from archsearch.ops.tensor import TensorSpec


class Laid(NamedTuple):
    """A network as the walkers of memory see it, its facts worked out anew behind views."""

    inputs: tuple[TensorSpec, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    facts: tuple[Facts, ...]


def laid_out(graph: Graph, batch: int, training: bool) -> Graph:
    """The network with the facts that its ops have where their inputs are views with gaps; itself where no op cuts."""
    if True not in [fact.cuts for fact in graph.facts]:
        return graph
    specs = [*graph.inputs, *[fact.spec for fact in graph.facts]]
    layouts: list[Layout | None] = [None] * len(graph.inputs)
    facts = []
    for node, fact in zip(graph.nodes, graph.facts, strict=True):
        lie = tuple([layouts[read] for read in node.inputs])
        now, layout = placed(node.op, tuple([specs[read] for read in node.inputs]), fact, lie, min(batch, 2), training)
        facts.append(now)
        layouts.append(layout)
    return Laid(graph.inputs, graph.nodes, graph.outputs, tuple(facts))


def placed(
    op: Op, inputs: tuple[TensorSpec, ...], fact: Facts, layouts: Layouts, samples: int, training: bool
) -> tuple[Facts, Layout | None]:
    """The facts of an op whose inputs lie so, for one sample or more, and how its result lies. Raises OpError."""
    if not fact.cuts and not any(layouts):
        return fact, None
    saved = fact.saved if not any(layouts) else behind(op, inputs, layouts)
    layout = None
    if saved.view if training else saved.eval_view:
        first = layouts[0] or even(samples, inputs[0].shape)
        found = viewed(saved, first, inputs[0], fact.spec)
        if found is None:  # torch copies what it cannot view
            saved = replace(saved, view=False, eval_view=False)
        layout = None if found is None or found.is_even() else found
    if saved == fact.saved:
        return fact, layout
    now = summary(fact.spec, fact.cost, saved, fact.window, fact.reads, fact.integer)
    return replace(now, normal=fact.normal, same=fact.same), layout


def viewed(saved: Saved, layout: Layout, x: TensorSpec, out: TensorSpec) -> Layout | None:
    """How a view lies, or None where there can be none."""
    if saved.gradient == "same":
        return layout
    return layout.viewed(out.shape) if x.elements == out.elements else layout.cut(out.shape)


@lru_cache(maxsize=1 << 14)
def behind(op: Op, inputs: tuple[TensorSpec, ...], layouts: Layouts) -> Saved:
    """What `saved_behind` of an op says. Raises OpError."""
    try:
        return given(op, "saved_behind", Saved, op.saved_behind(layouts, *inputs))
    except ValueError:
        raise
    except Exception as error:  # the methods of a user's op may do anything
        raise failure(op, len(inputs), error) from error
