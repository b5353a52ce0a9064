"""What no op of our own stands for, as calls of torch's own operators: one call, or all back to values that a node can hold."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor, fx

from archsearch.design.importer.content import Constant, Failed, Seen
from archsearch.design.importer.entries import Entry, name_of, writes_in_place
from archsearch.design.importer.layout import InexpressibleError, Layout, atoms_for
from archsearch.design.importer.ledger import TakenError
from archsearch.design.importer.place import Place, SharedWeightsError, refusal
from archsearch.design.importer.relaying import relaid
from archsearch.design.importer.writer import Writer
from archsearch.network.builder import Value
from archsearch.ops import Aten
from archsearch.ops.aten import operators
from archsearch.support.calls import DTYPES, MOST_CALLS, Weight, weight_text

DRAWS_NOT = {"scaled_dot_product_attention": "dropout_p"}
"""Operators that draw where an argument is not 0."""


def fallback(writer: Writer, entries: Mapping[str, Entry], node: fx.Node, place: Place) -> Seen | Failed | None:
    """The value that a call makes, as a node of its own.

    None where it is no value of a network, or what it reads is not known; a failure of its own where weights are used twice.
    """
    made = node.meta.get("val")
    if not is_value(made, writer.batch.size):
        return None
    taken = None
    for whole in (False, True):
        takes = writer.ledger.takes
        region = Region(writer, entries, place, whole)
        try:
            return region.seen(region.add(node), tuple(made.shape))
        except TakenError as error:
            writer.ledger.give_back(takes)
            taken = Failed(SharedWeightsError(str(refusal(f"aten.{name_of(node)}", place, str(error)))))
        except ValueError:  # whatever this is, the first error says best what is wrong
            writer.ledger.give_back(takes)
    return taken


def is_value(made: Any, batch: int) -> TypeGuard[Tensor]:
    """Whether a tensor can be the value of a node: numbers, the samples the first axis or its outer part."""
    if not isinstance(made, Tensor) or made.ndim < 2 or not all(type(side) is int for side in made.shape):
        return False
    return made.shape[0] % batch == 0 and made.is_floating_point()


class Region:
    """The calls that lead to one, back to values, parameters and constants; `whole`: parameters are read as the module has them."""

    def __init__(self, writer: Writer, entries: Mapping[str, Entry], place: Place, whole: bool) -> None:
        self.writer, self.entries, self.place, self.whole = writer, entries, place, whole
        self.samples = writer.batch.size
        self.values: list[Value] = []
        self.weights: dict[int, Constant] = {}
        self.calls: list[str] = []
        self.known: dict[fx.Node, str] = {}

    def seen(self, name: str, shape: tuple[int, ...]) -> Seen:
        """The node as a tensor of that shape, which calls know by that name. Raises ValueError."""
        if name != f"v{len(self.calls) - 1}":
            self.calls.append(f"alias.default({name})")
        more = atoms_for(shape[0] // self.samples)
        if more:
            sides = ", ".join(map(str, (shape[0] // self.samples, *shape[1:])))
            self.calls.append(f"view.default(v{len(self.calls) - 1}, [N, {sides}])")
        value = self.emitted()
        rest = tuple(map(atoms_for, shape[1:]))
        return Seen(value, Layout((more, *rest) if more else rest, ((self.writer.batch, *more), *rest)))

    def emitted(self) -> Value:
        """The node. Raises ValueError."""
        if not self.values:
            raise InexpressibleError("it does not depend on an input")
        texts = tuple(weight_text(weight_of(constant)) for constant in self.weights.values())
        op = Aten("; ".join(self.calls), texts)
        weights = {f"w{number}": constant for number, constant in enumerate(self.weights.values())}
        return self.writer.emit(op, *self.values, place=self.place, weights=weights)

    def add(self, node: fx.Node) -> str:
        """Write down a call; its name. Raises InexpressibleError."""
        if node.op != "call_function":
            raise InexpressibleError("it is made elsewhere")
        if node.target is operator.getitem:
            source: Any = node.args[0]
            return f"{self.of(source)}.{node.args[1]}"
        target = node.target
        if writes_in_place(node):
            target = getattr(getattr(torch.ops.aten, name_of(node)), target._overloadname)  # type: ignore[union-attr]
        name = str(target).removeprefix("aten.")
        if name not in operators():
            raise InexpressibleError(f"aten.{name} is no operator that a program may call")
        schema = target._schema  # type: ignore[union-attr]
        given = {a.name: argument for a, argument in zip(schema.arguments, node.args, strict=False)} | node.kwargs
        if given.get(DRAWS_NOT.get(name_of(node), ""), 0):
            raise InexpressibleError("it draws random numbers")
        positional = [self.text(argument) for argument in node.args]
        named = [f"{key}={self.text(argument)}" for key, argument in node.kwargs.items() if not is_place(argument)]
        if len(self.calls) == MOST_CALLS:
            raise InexpressibleError("too many calls lead to it")
        self.calls.append(f"{name}({', '.join([*positional, *named])})")
        self.known[node] = f"v{len(self.calls) - 1}"
        return self.known[node]

    def text(self, argument: Any) -> str:
        """An argument as a program has it. Raises InexpressibleError."""
        if isinstance(argument, fx.Node):
            return self.of(argument)
        if isinstance(argument, list | tuple):
            return f"[{', '.join(map(self.text, argument))}]"
        if argument is None or isinstance(argument, bool):
            return {None: "none", True: "true", False: "false"}[argument]
        if isinstance(argument, int):
            return f"N*{argument // self.samples}" if argument and argument % self.samples == 0 else str(argument)
        if isinstance(argument, float) and argument == argument:
            if argument == self.samples:
                raise InexpressibleError("it reads a number that is made from the batch size")
            return repr(argument)
        if isinstance(argument, torch.dtype) and (name := str(argument).removeprefix("torch.")) in DTYPES:
            return name
        if isinstance(argument, str):
            return f"'{argument}'"
        raise InexpressibleError(f"its argument {str(argument)[:40]} cannot be written")

    def of(self, node: fx.Node) -> str:
        """How a program calls what a node of the trace makes. Raises InexpressibleError."""
        if node in self.known:
            return self.known[node]
        entry = self.entries[node.name]
        if entry.memory.error is not None or (entry.stale and not isinstance(entry.content, Constant)):
            raise InexpressibleError("it reads what was written in place")
        maker = entry.node
        if isinstance(entry.content, Seen):
            self.known[node] = self.of_seen(entry.content)
        elif isinstance(entry.content, Constant) and self.is_whole(entry.content):
            self.known[node] = self.of_constant(entry.content)
        elif maker is not None:
            self.known[node] = self.add(maker)
        else:
            raise InexpressibleError("it reads what is not known")
        return self.known[node]

    def of_seen(self, seen: Seen) -> str:
        """How a program calls a value, brought into the order that the tensor has in the trace."""
        numbers = [known.number for known in self.values]
        if seen.value.number not in numbers:
            self.values.append(seen.value)
            numbers.append(seen.value.number)
        name = f"x{numbers.index(seen.value.number)}"
        calls = relaid(name, seen.own, seen.axes, len(self.calls))
        self.calls += calls
        return f"v{len(self.calls) - 1}" if calls else name

    def is_whole(self, constant: Constant) -> bool:
        """Whether a constant can be a weight as it is: not made from learned ones, without an axis for samples."""
        moved = constant.places is not None and self.whole
        return not constant.computed and not moved and not any(side % self.samples == 0 for side in constant.shape)

    def of_constant(self, constant: Constant) -> str:
        """How a program calls a constant."""
        self.weights.setdefault(id(constant.tensor), constant)
        return f"w{list(self.weights).index(id(constant.tensor))}"


def is_place(argument: Any) -> bool:
    """Whether an argument says where a tensor lies, which a program does not."""
    return argument is None or isinstance(argument, torch.device | torch.layout | torch.memory_format)


def weight_of(constant: Constant) -> Weight:
    """What a program says of a constant."""
    dtype = str(constant.tensor.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise InexpressibleError(f"a constant of type {dtype}")
    return Weight(constant.shape, "float32" if constant.learned else dtype, constant.learned)
