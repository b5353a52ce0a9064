"""What no op of our own stands for, as calls of torch's own operators: one call, or all back to values that a node can hold."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor, fx

from archsearch.design.importer.calls.kinds import CASTS, RECURRENT
from archsearch.design.importer.content import Constant, Failed, Seen
from archsearch.design.importer.entries import Entry, name_of, writes_in_place
from archsearch.design.importer.layout import InexpressibleError, Layout, atoms_for
from archsearch.design.importer.ledger import TakenError
from archsearch.design.importer.place import Place, SharedWeightsError, refusal
from archsearch.design.importer.relaying import relaid
from archsearch.design.importer.writer import Writer
from archsearch.network.builder import Value
from archsearch.ops import Aten, Latents
from archsearch.ops.aten import operators
from archsearch.support.calls import DTYPES, MOST_CALLS, Call, Weight, program_of, weight_text

DROPS = ("dropout", "dropout_", "feature_dropout", "alpha_dropout")
"""Operators that hand on what they get, unless they are in training: `(x, p, train)`."""
DRAWS_NOT = {"scaled_dot_product_attention": "dropout_p"}
"""Operators that draw where an argument is not 0."""
FILLED = {"zeros": "new_zeros.default", "ones": "new_ones.default"}
"""Operators that fill a tensor, which a program has for the samples of a value: `(sizes)`, and `(value, sizes)`."""
IN_ANY_MEMORY = {"view.default": "reshape.default", "view_as.default": "reshape_as.default", "_unsafe_view.default": "reshape.default"}
"""Operators that want their elements side by side in memory, and those that do the same however they lie."""


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
            taken = Failed(SharedWeightsError(str(refusal(f"aten.{name_of(node)}", place, str(error)))))
        except ValueError:  # whatever this is, the first error says best what is wrong
            pass
        writer.ledger.give_back(takes)
        if not region.moved:
            break  # nothing to read otherwise
    return taken


def same_for_all(writer: Writer, entries: Mapping[str, Entry], node: fx.Node, place: Place) -> Seen:
    """What a call makes of parameters alone, once for every sample, as a value. Raises ValueError."""
    content, shape = entries[node.name].content, tuple(node.meta["val"].shape)
    source = writer.input(0).value
    if not isinstance(content, Constant) or not content.learned:
        raise InexpressibleError("it is made of no parameters")
    if not content.computed:
        weight = content.moved(lambda tensor: tensor[0])
        return writer.seen(writer.emit(Latents(shape[1:]), source, place=place, weights={"weight": weight}))
    region = Region(writer, entries, place, whole=True)
    region.values.append(source)
    name = region.of(node)
    region.calls.append(Call("new_zeros.default", ("x0", ("list", ("samples", 1), *[1 for _ in shape[1:]]))))
    region.calls.append(Call("add.Tensor", (name, region.last)))
    return region.seen(region.last, shape)


def is_value(made: Any, batch: int) -> TypeGuard[Tensor]:
    """Whether a tensor can be the value of a node: numbers, the samples the first axis or its outer part."""
    if not isinstance(made, Tensor) or made.ndim < 2 or not all(type(side) is int for side in made.shape):
        return False
    return made.shape[0] % batch == 0 and made.is_floating_point()


class Region:
    """The calls that lead to one, back to values, parameters and constants.

    `whole`: parameters are read as the module has them, not moved or cut; `moved`: some were. `under`: calls that are being written down.
    """

    def __init__(self, writer: Writer, entries: Mapping[str, Entry], place: Place, whole: bool) -> None:
        self.writer, self.entries, self.place, self.whole = writer, entries, place, whole
        self.samples, self.moved = writer.batch.size, False
        self.under = 0
        self.remarks: list[str] = []
        self.values: list[Value] = []
        self.weights: dict[int, Constant] = {}
        self.calls: list[Call] = []
        self.known: dict[fx.Node, str] = {}

    def seen(self, name: str, shape: tuple[int, ...]) -> Seen:
        """The node as a tensor of that shape, which calls know by that name. Raises ValueError."""
        if name != self.last:
            self.calls.append(Call("alias.default", (name,)))
        more, rest = atoms_for(shape[0] // self.samples), tuple(map(atoms_for, shape[1:]))
        own = (more, *rest) if more else rest
        if more:
            self.calls.append(Call("reshape.default", (self.last, ("list", ("samples", 1), shape[0] // self.samples, *shape[1:]))))
        return Seen(self.emitted(), Layout(own, ((self.writer.batch, *more), *rest)))

    @property
    def last(self) -> str:
        """What the latest call has made."""
        return f"v{len(self.calls) - 1}"

    def emitted(self) -> Value:
        """The node. Raises ValueError."""
        if not self.values:
            raise InexpressibleError("it does not depend on an input")
        op = Aten(program_of(self.calls), tuple(weight_text(weight_of(constant)) for constant in self.weights.values()))
        weights = {f"w{number}": constant for number, constant in enumerate(self.weights.values())}
        value = self.writer.emit(op, *self.values, place=self.place, weights=weights)
        for text in self.remarks:
            self.writer.remark(text, self.place)
        return value

    def add(self, node: fx.Node) -> str:
        """Write down a call; its name. Raises InexpressibleError."""
        if node.op != "call_function":
            raise InexpressibleError("it is made elsewhere")
        if node.target is operator.getitem:
            source: Any = node.args[0]
            return f"{self.of(source)}.{node.args[1]}"
        if name_of(node) in DROPS and not node.args[2]:
            self.remarks.append(f"dropout({node.args[1]}) among calls of torch's own is left out, which changes training alone")
            dropped: Any = node.args[0]
            return self.of(dropped)
        if name_of(node) in CASTS and node.kwargs.get("memory_format") is None:
            return self.cast(node)
        if name_of(node) in FILLED and self.values:
            self.calls.append(Call(FILLED[name_of(node)], ("x0", self.plain(node.args[0], "int"))))
            return self.last
        return self.called(node)

    def called(self, node: fx.Node) -> str:
        """Write down a call as it is, but that nothing is written in place; its name. Raises InexpressibleError."""
        target: Any = node.target
        if writes_in_place(node):
            target = getattr(getattr(torch.ops.aten, name_of(node)), target._overloadname)
        name = str(target).removeprefix("aten.")
        name = IN_ANY_MEMORY.get(name, name)
        if name not in operators():
            raise InexpressibleError(f"aten.{name} is no operator that a program may call")
        known = {a.name: (argument, str(a.type)) for a, argument in given_arguments(target, node)}
        if known.get(DRAWS_NOT.get(name_of(node), ""), (0, ""))[0]:
            raise InexpressibleError("it draws random numbers")
        for overwrote in [self.entries[source.name].overwrote for source in node.all_input_nodes]:
            if node not in overwrote and any(node < later for later in overwrote):
                raise InexpressibleError("it reads what was written in place")
        overwritten = self.overwritten(node)
        plain = {
            key: self.plain(argument, kind) if argument is not node.args[0] or overwritten is None else self.made_by(overwritten)
            for key, (argument, kind) in known.items()
            if key not in node.kwargs or not is_place(argument)
        }
        if len(self.calls) == MOST_CALLS:
            raise InexpressibleError("too many calls lead to it")
        if name_of(node) in RECURRENT:
            plain |= self.undropped(plain)
        named = tuple((key, value) for key, value in plain.items() if key in node.kwargs)
        self.calls.append(Call(name, tuple(value for key, value in plain.items() if key not in node.kwargs), named))
        return self.last

    def cast(self, node: fx.Node) -> str:
        """Numbers of another type, wherever they lie; the same where the type stays. Raises InexpressibleError."""
        source, made = node.args[0], node.meta["val"].dtype
        assert isinstance(source, fx.Node)
        name = self.of(source)
        if source.meta["val"].dtype != made:
            self.calls.append(Call("to.dtype", (name, ("dtype", dtype_of(made)))))
        return name if source.meta["val"].dtype == made else self.last

    def undropped(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """What a recurrent net is told otherwise: no dropout between layers, so that training, which cuDNN has to know of, may be on."""
        if plain["dropout"]:
            self.remarks.append(
                f"dropout({plain['dropout']}) between the layers of a recurrent net is left out, which changes training alone"
            )
        return {"dropout": 0.0, "train": True}

    def overwritten(self, node: fx.Node) -> fx.Node | None:
        """The call that had made what a call has written into; None where it writes nowhere, or is carried out only now."""
        source = node.args[0] if node.args else None
        if not writes_in_place(node) or not isinstance(source, fx.Node):
            return None
        return self.entries[source.name].overwrote.get(node)

    def made_by(self, node: fx.Node) -> str:
        """Write down a call that leads to others; its name. Raises InexpressibleError."""
        self.under += 1
        if self.under > MOST_CALLS:
            raise InexpressibleError("too many calls lead to it")
        name = self.add(node)
        self.under -= 1
        return name

    def plain(self, argument: Any, kind: str) -> Any:
        """An argument, of a type of its schema, as a program has it. Raises InexpressibleError."""
        if isinstance(argument, fx.Node):
            return self.of(argument)
        if isinstance(argument, list | tuple):
            return ("list", *(self.plain(part, kind) for part in argument))
        if isinstance(argument, torch.dtype):
            return ("dtype", dtype_of(argument))
        if isinstance(argument, str):
            return ("text", argument)
        if argument is None or isinstance(argument, bool):
            return argument
        if not isinstance(argument, int | float) or argument != argument:
            raise InexpressibleError(f"its argument {str(argument)[:40]} cannot be written")
        if "int" not in kind and argument == self.samples:
            raise InexpressibleError("it reads a number that is made from the batch size")
        is_size = "int" in kind and argument and argument % self.samples == 0
        return ("samples", argument // self.samples) if is_size else argument

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
        elif isinstance(entry.content, Constant) and self.is_repeated(entry.content):
            one = self.of_constant(entry.content.moved(lambda tensor: tensor[:1]))
            self.calls.append(Call("expand.default", (one, ("list", ("samples", 1), *entry.content.shape[1:]))))
            self.known[node] = self.last
        elif maker is not None:
            self.known[node] = self.made_by(maker)
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
        return self.last if calls else name

    def is_whole(self, constant: Constant) -> bool:
        """Whether a constant can be a weight as it is: not made from learned ones, without an axis for samples."""
        self.moved = self.moved or constant.places is not None
        otherwise = constant.places is not None and self.whole
        return not constant.computed and not otherwise and not any(side % self.samples == 0 for side in constant.shape)

    def is_repeated(self, constant: Constant) -> bool:
        """Whether fixed numbers are the same for every sample, and have an axis for them, the first."""
        rows = constant.tensor
        return not constant.learned and rows.ndim > 1 and len(rows) == self.samples and not rows.is_meta and bool((rows == rows[:1]).all())

    def of_constant(self, constant: Constant) -> str:
        """How a program calls a constant."""
        self.weights.setdefault(id(constant.tensor), constant)
        return f"w{list(self.weights).index(id(constant.tensor))}"


def is_place(argument: Any) -> bool:
    """Whether an argument says where a tensor lies, which a program does not."""
    return argument is None or isinstance(argument, torch.device | torch.layout | torch.memory_format)


def given_arguments(target: Any, node: fx.Node) -> list[tuple[Any, Any]]:
    """Arguments of a call beside what the schema says of each, in its order."""
    schema = target._schema.arguments
    return [*zip(schema, node.args, strict=False), *((a, node.kwargs[a.name]) for a in schema if a.name in node.kwargs)]


def weight_of(constant: Constant) -> Weight:
    """What a program says of a constant. Raises InexpressibleError."""
    dtype = dtype_of(constant.tensor.dtype)
    return Weight(constant.shape, "float32" if constant.learned else dtype, constant.learned)


def dtype_of(dtype: torch.dtype) -> str:
    """How a program calls a type of numbers. Raises InexpressibleError."""
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise InexpressibleError(f"numbers of type {name}")
    return name
