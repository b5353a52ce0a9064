"""Reads a trace call by call and writes the genotype."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import fx

from archsearch.design.importer.apart import Apart
from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.kinds import SHAPED
from archsearch.design.importer.calls.products import as_nodes
from archsearch.design.importer.calls.rolling import resolved
from archsearch.design.importer.calls.table import TABLE, VIEWS
from archsearch.design.importer.constants import folded
from archsearch.design.importer.content import Constant, Content, Failed, Rolled, Scores, Seen
from archsearch.design.importer.entries import Entry, given, name_of, shares_memory, writes_in_place
from archsearch.design.importer.fallback import fallback, same_for_all
from archsearch.design.importer.ledger import TakenError
from archsearch.design.importer.place import ImporterError, Place, SharedWeightsError, first_line, place_of, refusal
from archsearch.design.importer.wholes import whole
from archsearch.design.importer.writer import Writer

WRAPPED = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4}
"""Calls around a graph within, which say nothing of what it computes, and which argument the graph is."""
INNER = "it reads parameters that other calls read too, and the call where all of them meet has no op"


class Interpreter:
    """The names of a graph, and what they stand for."""

    def __init__(self, writer: Writer, apart: Apart | None = None) -> None:
        self.writer, self.apart = writer, apart or Apart()
        self.entries: dict[str, Entry] = {}

    def define(self, name: str, content: Content) -> None:
        """Say what a name stands for before any call."""
        self.entries[name] = Entry(content)

    def run(self, graph: fx.Graph) -> None:
        """Read all calls; what cannot be expressed fails only if an output depends on it."""
        for node in graph.nodes:
            if node.op == "get_attr":
                self.define(node.name, Failed(refusal("a part of the forward pass that is run apart", place_of(node), "write it plainly")))
            elif node.op == "call_function" and name_of(node) in WRAPPED:
                self.wrapped(node, WRAPPED[name_of(node)])
            elif node.op == "call_function":
                self.call(node)

    def wrapped(self, node: fx.Node, position: int) -> None:
        """Read the calls of a graph that stands within, given as the argument at a position and followed by what it reads."""
        held, *passed = node.args[position:]
        assert isinstance(held, fx.Node)
        assert node.graph.owning_module is not None
        within = node.graph.owning_module.get_submodule(str(held.target))
        assert isinstance(within, fx.GraphModule)
        graph = within.graph
        inner = Interpreter(self.writer, self.apart)
        for inside, outside in zip(graph.find_nodes(op="placeholder"), passed, strict=True):
            inner.entries[inside.name] = self.entry(outside)
        inner.run(graph)
        made: Any = graph.output_node().args[0]
        self.define(node.name, tuple(inner.entry(argument).content for argument in made))

    def entry(self, argument: Any) -> Entry:
        """The entry of an argument, which may be a plain value."""
        return self.entries[argument.name] if isinstance(argument, fx.Node) else Entry(argument)

    def result(self, argument: Any) -> Content:
        """What an output stands for. Raises ImporterError."""
        return self.read(argument, Place(""))

    def borrowed(self, argument: Any) -> Seen | None:
        """An output as calls of torch's own; None where it is none, or those are not wanted."""
        node = self.entry(argument).node
        found = None if node is None or self.writer.strict else fallback(self.writer, self.entries, node, place_of(node))
        return found if isinstance(found, Seen) else None

    def call(self, node: fx.Node) -> None:
        """Carry out one call."""
        place, name = place_of(node), name_of(node)
        if node.target is operator.getitem and not node.users:
            return  # one of several results, which nobody reads
        if node in self.apart.inner:
            self.entries[node.name] = Entry(Failed(refusal(f"aten.{name}", place, INNER)), node=node)
            return
        if is_empty(node.meta.get("val")):
            self.entries[node.name] = Entry(Constant(torch.empty(node.meta["val"].shape)), node=node)
            return
        takes = self.writer.ledger.takes
        try:
            content = self.as_whole(node, place) or self.content_of(node, name, place)
        except ImporterError as error:
            content = Failed(error)
        except TakenError as error:
            content = Failed(SharedWeightsError(str(refusal(f"aten.{name}", place, str(error)))))
        except ValueError as error:  # from ops, shapes and layouts: the leaf says what, here is where
            content = Failed(refusal(f"aten.{name}", place, str(error)))
        except (LookupError, RuntimeError, TypeError) as error:  # arguments that no function of the table thought of
            content = Failed(refusal(f"aten.{name}", place, f"this form of it is not known ({type(error).__name__}: {first_line(error)})"))
        if isinstance(content, Failed) and not self.writer.strict:
            self.writer.ledger.give_back(takes)
            found = fallback(self.writer, self.entries, node, place)
            if found is not None and not (isinstance(found, Failed) and isinstance(content.error, SharedWeightsError)):
                content = found
        self.entries[node.name] = self.remembered(node, name, content)
        if node in self.apart.values and isinstance(content, Constant):
            try:
                self.entries[node.name] = Entry(same_for_all(self.writer, self.entries, node, place), node=node)
            except ValueError as error:
                self.entries[node.name] = Entry(Failed(refusal(f"aten.{name}", place, str(error))), node=node)

    def remembered(self, node: fx.Node, name: str, content: Content) -> Entry:
        """The entry of a result: what is written in place changes what it was written into."""
        source = node.args[0] if node.args else None
        first = self.entries.get(source.name) if isinstance(source, fx.Node) else None
        if first is None:
            return Entry(content, node=node)
        if writes_in_place(node):
            first.memory.writes += 1
            first.memory.error = content.error if isinstance(content, Failed) else first.memory.error
            if first.node is not None:
                first.overwrote[node] = first.node
            first.content, first.writes, first.node = content, first.memory.writes, node
            return first
        if shares_memory(node):
            return Entry(content, first.memory, first.memory.writes, node)
        return Entry(content, node=node)

    def content_of(self, node: fx.Node, name: str, place: Place) -> Content:
        """What a call makes. Raises ValueError."""
        if node.target is operator.getitem:
            return self.read(node.args[0], place)[node.args[1]]
        arguments = self.arguments_of(node, place)
        call = Call(name, arguments, shapes_of(node), place)
        reads = list(contents(arguments.values()))
        if not any(isinstance(content, Rolled | Scores | Seen) for content in reads) or name in SHAPED:
            return folded(node.target, call)
        if name not in VIEWS and name not in TABLE:
            raise refusal(f"aten.{name} has no op", place, "write the module without it")
        if name in TABLE:
            call = replace(call, arguments={key: resolved(self.writer, content, place) for key, content in arguments.items()})
        handle, takes = (VIEWS if name in VIEWS else TABLE)[name], self.writer.ledger.takes
        try:
            return handle(self.writer, call)
        except ValueError:
            if not any(isinstance(content, Scores) for content in reads):
                raise
            self.writer.ledger.give_back(takes)  # no attention takes the product up: node by node, then
            ready = {key: as_nodes(self.writer, content, place) for key, content in call.arguments.items()}
            return handle(self.writer, replace(call, arguments=ready))

    def as_whole(self, node: fx.Node, place: Place) -> Content:
        """What a call makes together with those that lead to it; None where they are no op, or one that does not fit here."""
        found = whole(node) if hasattr(node.target, "_schema") else None
        if found is None:
            return None
        takes = self.writer.ledger.takes
        try:
            arguments = {key: self.read(argument, place) for key, argument in found.arguments.items()}
            if not any(isinstance(content, Seen) for content in arguments.values()):
                return None
            return TABLE[found.name](self.writer, Call(found.name, arguments, shapes_of(node), place))
        except ValueError:  # each call by itself may still be one
            self.writer.ledger.give_back(takes)
            return None

    def arguments_of(self, node: fx.Node, place: Place) -> dict[str, Content]:
        """What the arguments of a call stand for, by name."""
        return {name: self.read(argument, place) for name, argument in given(node).items()}

    def read(self, argument: Any, place: Place) -> Content:
        """What an argument stands for. Raises ImporterError."""
        if isinstance(argument, list | tuple):
            return type(argument)(self.read(part, place) for part in argument)
        if not isinstance(argument, fx.Node):
            return argument
        entry = self.entries[argument.name]
        if isinstance(entry.content, Failed):
            raise entry.content.error
        if entry.memory.error is not None:
            raise entry.memory.error
        if entry.writes < entry.memory.writes and not isinstance(entry.content, Constant):
            raise refusal("a value is read after another view of it was written in place", place, "write it without in-place calls")
        return entry.content


def is_empty(made: Any) -> bool:
    """Whether a call makes a tensor without elements, such as a cut of none."""
    return isinstance(made, torch.Tensor) and all(type(side) is int for side in made.shape) and made.numel() == 0


def contents(values: Any) -> Any:
    """All contents, lists opened."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from contents(value)
        else:
            yield value


def shapes_of(node: fx.Node) -> tuple[tuple[int, ...], ...]:
    """Shapes of the tensors that a call makes."""
    made = node.meta.get("val")
    tensors: Sequence[Any] = made if isinstance(made, list | tuple) else [made]
    return tuple(tuple(tensor.shape) for tensor in tensors if isinstance(tensor, torch.Tensor))
