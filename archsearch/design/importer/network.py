"""From a module to a genotype with weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from torch import Tensor, device, fx, nn

from archsearch.design.importer.apart import Apart, told_apart
from archsearch.design.importer.calls.products import as_nodes
from archsearch.design.importer.calls.rolling import resolved
from archsearch.design.importer.checking import check as check_as_module
from archsearch.design.importer.content import Constant, Content, Scores, Seen
from archsearch.design.importer.interpret import Interpreter
from archsearch.design.importer.layout import Atom, InexpressibleError
from archsearch.design.importer.ledger import Ledger
from archsearch.design.importer.names import named
from archsearch.design.importer.place import ImporterError, Place, SharedWeightsError, refusal
from archsearch.design.importer.trace import Examples, Trace, trace, without_writes
from archsearch.design.importer.writer import Draft, Writer
from archsearch.network.builder import Value
from archsearch.network.compiler import compile_network, module_path
from archsearch.network.genotype import Genotype, GenotypeError, Node
from archsearch.network.genotype_json import input_names
from archsearch.ops import Aten
from archsearch.ops.tensor import ShapeError
from archsearch.support.calls import parse_calls

MOST_NAMED = 8
"""Operators that are named one by one."""
STATE = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Imported:
    """A module as a genotype.

    `state` is a state dict of `compile_network(genotype)` with the module's weights; `outputs` names what comes out, in order, as the
    module names it; `remarks` are lines about what was left out because inference does not need it, and about what no op of our own is.
    """

    genotype: Genotype
    state: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def borrowed(self) -> tuple[str, ...]:
        """Names of the nodes that are calls of torch's own operators, because no op of our own stands for them."""
        return tuple(node.name for node in self.genotype.nodes if isinstance(node.op, Aten))

    def network(self) -> fx.GraphModule:
        """The compiled network with the module's weights, in eval mode."""
        network = compile_network(self.genotype).eval()
        network.load_state_dict(dict(self.state))
        return network


def import_network(module: nn.Module, example_inputs: Examples, *, check: bool = True, strict: bool = False) -> Genotype:
    """The genotype of a module; `imported` gives the weights too. A module on the meta device has none, and is not checked.

    Args and Raises as `imported`.
    """
    if not check or is_meta(module):
        return drawing(module, example_inputs, strict).genotype
    return imported(module, example_inputs, strict=strict).genotype


def imported(module: nn.Module, example_inputs: Examples, *, check: bool = True, strict: bool = False) -> Imported:
    """A module, in eval mode, as a genotype with weights, by the calls of ATen that torch.export sees.

    Args:
        module: Any module whose forward pass torch.export follows; it stays as it is.
        example_inputs: A tensor (batch, ...), several in order, or a mapping by the names of `forward`'s parameters; only their shapes,
            types and devices are read.
        check: Run the module and the network on random inputs of those shapes, and compare what comes out.
        strict: Refuse what no op of our own stands for; otherwise it becomes calls of torch's own operators (`ops.Aten`).

    Raises:
        ImporterError: a forward pass that cannot be traced or run, an operator that no op expresses, weights that are used twice, a
            batch size that is written in the module; one line with the module's path and source line. With `check`, outputs that differ.
    """
    drawn = drawing(module, example_inputs, strict)
    if is_meta(module):
        raise ImporterError("the module is on the meta device, which holds no weights; use import_network for the genotype alone")
    found = Imported(drawn.genotype, state_of(drawn), drawn.outputs, drawn.remarks)
    if check:
        check_as_module(module, found, example_inputs)
    return found


def is_meta(module: nn.Module) -> bool:
    """Whether a module holds no weights, only their shapes."""
    return isinstance(module, nn.Module) and any(tensor.is_meta for tensor in module.state_dict().values())


@dataclass(frozen=True)
class Drawing:
    """A genotype, the drafts of its nodes, names of what comes out, and remarks."""

    genotype: Genotype
    drafts: tuple[Draft, ...]
    outputs: tuple[str, ...]
    remarks: tuple[str, ...]


def drawing(module: nn.Module, example_inputs: Examples, strict: bool = False) -> Drawing:
    """Trace a module and write its nodes. Raises ImporterError."""
    if not isinstance(module, nn.Module):
        raise ImporterError(f"only an nn.Module can become a genotype, got {type(module).__name__}")
    traced = trace(module, example_inputs)
    try:
        return drawn_from(module, traced, strict)
    except ImporterError:
        plain = without_writes(traced)
        if plain is not None:
            with suppress(ImporterError):
                return drawn_from(module, plain, strict)
        raise  # the first error says best what is wrong


def drawn_from(module: nn.Module, traced: Trace, strict: bool) -> Drawing:
    """Write the nodes of a traced module, with numbers that several of them read as values, if that is what it takes."""
    try:
        return written(module, traced, strict)
    except SharedWeightsError:
        apart = told_apart(traced, dict(module.named_parameters(remove_duplicate=False)))
        if apart.values or apart.inner:
            with suppress(ImporterError):
                return written(module, traced, strict, apart)
        raise


def written(module: nn.Module, traced: Trace, strict: bool, apart: Apart | None = None) -> Drawing:
    """The nodes of a traced module. Raises ImporterError."""
    parameters = dict(module.named_parameters(remove_duplicate=False))
    ledger = Ledger(parameters.items())
    writer = Writer(module, traced.specs, Atom(traced.batch, batch=True), ledger, strict)
    interpreter = Interpreter(writer, apart)
    for node, (name, tensor) in traced.stored.items():
        held = tensor.detach() if tensor.is_meta else tensor.detach().cpu()
        stored = ledger.parameter(name, held) if name in parameters else Constant(held, (name,), fresh=False)
        interpreter.define(node, stored)
    for number, node in enumerate(traced.inputs):
        interpreter.define(node, writer.input(number))
    remark_hidden(module, writer)
    interpreter.run(traced.graph)
    outputs, names = outputs_of(traced, interpreter, writer)
    remark_unused(writer, parameters)
    return finished(writer, outputs, names, parameters)


def remark_hidden(module: nn.Module, writer: Writer) -> None:
    """Note dropout that does not even show in inference."""
    for path, part in module.named_modules():
        if isinstance(part, nn.MultiheadAttention) and part.dropout:
            text = f"dropout({part.dropout}) of attention's scores has no op; it is left out, which changes training alone"
            writer.remark(text, Place(path))


def remark_unused(writer: Writer, parameters: Mapping[str, Tensor]) -> None:
    """Note parameters that the forward pass does not read, by the outermost modules that hold no others."""
    unused = writer.ledger.unused()
    whole = [name for name, count in unused.items() if count == parameters[name].numel()]
    remark_left_out(writer, parameters, whole, parameters.keys() - whole, "inference does not read them")
    for name in unused.keys() - whole:
        writer.remarks.append(f"{unused[name]:,} parameters of {name} are left out: inference does not read them")


def remark_dead(writer: Writer, parameters: Mapping[str, Tensor], alive: Collection[Draft]) -> None:
    """Note parameters of branches whose results nobody reads."""
    read = {name for draft in alive for name in draft.names}
    dead = {name for draft in writer.drafts for name in draft.names if name in parameters} - read
    remark_left_out(writer, parameters, sorted(dead), read, "no output depends on what is made with them")


def remark_left_out(writer: Writer, parameters: Mapping[str, Tensor], names: Collection[str], used: Collection[str], why: str) -> None:
    """Note parameters that the genotype has not, by the outermost modules that hold no others."""
    if wholes := dict.fromkeys(outermost(name, used) for name in names):
        count = sum(parameters[name].numel() for name in names)
        writer.remarks.append(f"{count:,} parameters of {', '.join(wholes)} are left out: {why}")


def remark_borrowed(writer: Writer, nodes: Collection[Node]) -> None:
    """Note what no op of our own stands for, and by which calls it is made."""
    borrowed = [node.op for node in nodes if isinstance(node.op, Aten)]
    calls = Counter(call.operator for op in borrowed for call in parse_calls(op.program))
    if borrowed:
        words = ", ".join(f"{name} {count}x" if count > 1 else name for name, count in calls.most_common(MOST_NAMED))
        more = ", ..." if len(calls) > MOST_NAMED else ""
        writer.remarks.append(f"{len(borrowed)} of {len(nodes)} nodes are calls of torch's own, for which there is no op: {words}{more}")


def outermost(name: str, used: Collection[str]) -> str:
    """The shortest part of a parameter's path that no parameter in use begins with."""
    parts = name.split(".")
    heads = (".".join(parts[:depth]) for depth in range(1, len(parts)))
    return next((head for head in heads if not any(other.startswith(f"{head}.") for other in used)), name)


def outputs_of(traced: Trace, interpreter: Interpreter, writer: Writer) -> tuple[list[int], list[str]]:
    """Values that come out, and their names. Raises ImporterError."""
    numbers, names = [], []
    for name, argument in zip(traced.output_names, traced.outputs, strict=True):
        place = Place("")
        content = interpreter.result(argument)
        if content is None:
            continue
        try:
            numbers.append(value_of(writer, as_nodes(writer, resolved(writer, content, place), place), place).number)
        except (InexpressibleError, ShapeError) as error:
            try:
                borrowed = interpreter.borrowed(argument)
                number = None if borrowed is None else writer.plain(borrowed, place).value.number
            except (InexpressibleError, ShapeError):
                number = None
            if number is None:
                raise refusal(f"output {name!r}", place, str(error)) from error
            numbers.append(number)
        names.append(name)
    if not numbers:
        raise ImporterError("the module returns no tensor")
    return numbers, names


def value_of(writer: Writer, content: Content, place: Place) -> Value:
    """The value that an output is. Raises InexpressibleError."""
    if isinstance(content, Scores):
        raise InexpressibleError("it is a product of two values, which is known as a part of attention alone")
    if not isinstance(content, Seen):
        raise InexpressibleError("it does not depend on an input, or is no tensor of the network")
    return writer.plain(content, place).value


def finished(writer: Writer, outputs: list[int], names: list[str], parameters: Mapping[str, Tensor]) -> Drawing:
    """The nodes that an output depends on, under names. Raises ImporterError."""
    alive = living(writer, outputs)
    for draft in doubled(writer, alive):
        if draft.instead is not None:  # what it has taken up is read by others too: apart again
            writer.drafts[writer.drafts.index(draft)] = draft.instead
    alive = living(writer, outputs)
    if twice := doubled(writer, alive):
        raise shared(twice)
    offset = len(writer.inputs)
    place = {i: i for i in range(offset)} | {number: offset + position for position, number in enumerate(alive)}
    drafts = [writer.drafts[number - offset] for number in alive]
    words = named(drafts, input_names(offset))
    first: dict[object, str] = {}
    for draft, word in zip(drafts, words, strict=True):
        first.setdefault(draft.module, word)
    nodes = tuple(
        Node(draft.op, tuple(place[i] for i in draft.reads), word, "" if first[draft.module] == word else first[draft.module])
        for draft, word in zip(drafts, words, strict=True)
    )
    known = tuple(draft.facts for draft in drafts)
    try:
        genotype = Genotype(writer.inputs, nodes, tuple(place[number] for number in outputs), known)
    except GenotypeError as error:
        raise ImporterError(str(error)) from error
    remark_dead(writer, parameters, drafts)
    remark_borrowed(writer, nodes)
    return Drawing(genotype, tuple(drafts), tuple(names), tuple(writer.remarks))


def doubled(writer: Writer, alive: list[int]) -> list[Draft]:
    """Nodes that have weights in common with another, and are not one module with it."""
    drafts = [writer.drafts[number - len(writer.inputs)] for number in alive]
    modules = {(draft.module, draft.op): draft for draft in drafts}
    holders = Counter(id(tensor) for draft in modules.values() for tensor in own_weights(draft))
    return [draft for draft in drafts if any(holders[id(tensor)] > 1 for tensor in own_weights(draft))]


def own_weights(draft: Draft) -> list[Tensor]:
    """Weights and statistics that no other node may have; fixed numbers of calls may be copied."""
    fixed = {f"w{i}" for i, text in enumerate(draft.op.weights) if text.startswith("fixed")} if isinstance(draft.op, Aten) else ()
    return [tensor for name, tensor in draft.weights.items() if name not in fixed]


def shared(drafts: list[Draft]) -> ImporterError:
    """What to say of nodes that have weights or statistics in common with one another."""
    first = drafts[0]
    if any(first.weights[key] is draft.weights.get(key) for key in STATE if key in first.weights for draft in drafts[1:]):
        return refusal(f"statistics of {first.op.kind} are used at two nodes,", first.place, "give each its own norm")
    return refusal("weights are read with and without what is added to them,", first.place, "name the sum and read it alone")


def living(writer: Writer, outputs: list[int]) -> list[int]:
    """Numbers of the values, in order, that outputs depend on and nodes make."""
    offset, alive = len(writer.inputs), set(outputs)
    for number in range(offset + len(writer.drafts) - 1, offset - 1, -1):
        if number in alive:
            alive.update(writer.drafts[number - offset].reads)
    return sorted(number for number in alive if number >= offset)


def state_of(drawn: Drawing) -> dict[str, Tensor]:
    """A state dict of the compiled network; what the module had no tensor for is as it is before training."""
    with device("meta"):  # drawing weights that are replaced would take most of the time of a large network
        state = dict(compile_network(drawn.genotype).state_dict())
    for node, draft in zip(drawn.genotype.nodes, drawn.drafts, strict=True):
        for key, tensor in draft.weights.items() if not node.weights else ():
            name = f"{module_path(node.name)}.{key}"
            state[name] = tensor.detach().to("cpu", state[name].dtype).reshape(state[name].shape)
    if any(tensor.is_meta for tensor in state.values()):
        fresh = compile_network(drawn.genotype).state_dict()
        state = {name: fresh[name] if tensor.is_meta else tensor for name, tensor in state.items()}
    return state
