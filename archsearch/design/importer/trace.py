"""A module's forward pass as a graph of ATen calls, by torch.export, with samples of our own count."""

from __future__ import annotations

import inspect
import logging
import traceback
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from archsearch.design.importer.calls.kinds import DROPPED
from archsearch.design.importer.entries import name_of, shares_memory, writes_in_place
from archsearch.design.importer.leaves import marked
from archsearch.design.importer.place import LIBRARY, ImporterError, described
from archsearch.ops.tensor import ShapeError, TensorSpec

Examples = Tensor | Sequence[Tensor] | Mapping[str, Tensor]
STANDARD = str(Path(logging.__file__).parent.parent)
"""Folder of Python's own library."""
BATCHES = (211, 223, 227, 229, 233, 239)
"""Primes that divide hardly any size which people write into a module; inputs so large take no memory, because nothing is computed."""
STORED = {InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR}


@dataclass(frozen=True)
class Trace:
    """A traced forward pass.

    `stored`: tensors of the module by the name of their graph node, with their names in the module; `inputs`: names of the nodes of
    the inputs; `specs`: their shapes; `outputs`: what comes out, flat, with a name for each; `batch`: samples that were traced.
    """

    program: torch.export.ExportedProgram
    stored: Mapping[str, tuple[str, Tensor]]
    inputs: tuple[str, ...]
    specs: tuple[TensorSpec, ...]
    outputs: tuple[Any, ...]
    output_names: tuple[str, ...]
    batch: int

    @property
    def graph(self) -> fx.Graph:
        """The calls, in order."""
        calls: fx.Graph = self.program.graph
        return calls


def trace(module: nn.Module, examples: Examples, also: int | None = None) -> Trace:
    """Trace a module in eval mode; its own mode and methods are as before afterwards. `also`: samples of another trace, to be told apart.

    Raises:
        ImporterError: examples that are no tensors with a common batch axis, or a forward pass that torch.export cannot follow.
    """
    given, names = listed(module, examples)
    batch = batch_for(given, {also, *(side for tensor in module.state_dict().values() for side in tensor.shape)})
    specs = tuple(TensorSpec(tuple(tensor.shape[1:])) for tensor in given)
    made = [torch.empty((batch, *tensor.shape[1:]), dtype=tensor.dtype, device=tensor.device) for tensor in given]
    arguments = ((), dict(zip(names, made, strict=True))) if names else (tuple(made), {})
    with ExitStack() as stack:
        for surroundings in (evaluated(module), marked(module), unheard(), torch.no_grad()):
            stack.enter_context(surroundings)
        try:
            program = torch.export.export(module, *arguments, strict=False)
        except ImporterError:
            raise
        except Exception as error:  # the module's own code runs here
            raise ImporterError(untraceable(error, specs)) from error
    return read(program, specs, batch)


def listed(module: nn.Module, examples: Examples) -> tuple[list[Tensor], list[str]]:
    """Examples in the order of the forward pass, and their names where they have some."""
    if isinstance(examples, Mapping):
        known = [name for name in inspect.signature(module.forward).parameters if name in examples]
        names = [*known, *(name for name in examples if name not in known)]
        return [examples[name] for name in names], names
    return [examples] if isinstance(examples, Tensor) else list(examples), []


def batch_for(examples: Sequence[Tensor], sides: Collection[int | None] = ()) -> int:
    """Samples to trace with: a number that nobody writes into a module, so that a batch size that is written there shows.

    Raises:
        ImporterError: examples that are no tensors with a common batch axis.
    """
    if not examples or not all(isinstance(tensor, Tensor) for tensor in examples):
        raise ImporterError("example inputs must be tensors (batch, ...), one for each input of the module")
    if not all(tensor.is_floating_point() for tensor in examples):
        raise ImporterError(
            "example inputs must be floating-point tensors; a genotype's values are numbers, it has no op that looks up rows"
        )
    shapes = [tuple(tensor.shape) for tensor in examples]
    if any(len(shape) < 2 for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
        raise ImporterError(f"example inputs of shapes {', '.join(map(str, shapes))} must all be (batch, ...) with one batch size")
    for shape in shapes:
        try:
            TensorSpec(shape[1:])
        except ShapeError as error:
            raise ImporterError(f"example input of shape {shape}: {error}") from error
    taken = [side for side in (*sides, *(side for shape in shapes for side in shape)) if side]
    return next((batch for batch in BATCHES if all(side % batch for side in taken)), BATCHES[-1])


@contextmanager
def evaluated(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode, and each of its parts back into its own, with the buffers and attributes that it had."""
    own = [part for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]
    modes = {part: part.training for part in module.modules()}
    before = {part: (dict(vars(part)), dict(part._buffers)) for part in own}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
        for part, (attributes, buffers) in before.items():
            part._buffers.clear()
            part._buffers.update(buffers)
            vars(part).clear()
            vars(part).update(attributes)


@contextmanager
def unheard() -> Iterator[None]:
    """Keep what torch's tracer warns, logs and prints to itself: what goes wrong becomes one line."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def untraceable(error: Exception, specs: tuple[TensorSpec, ...]) -> str:
    """Why the forward pass cannot be followed, and the line of it that was last."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((LIBRARY, STANDARD, str(Path(__file__).parent), "<"))]
    where = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    if isinstance(error, GuardOnDataDependentSymNode):
        return f"the module cannot be traced{where}: what it does depends on the numbers of an input; let it depend on shapes alone"
    shapes = " and ".join(str(spec.shape) for spec in specs)
    why = f"for samples of shape {shapes}: {described(error)}"
    return f"the module cannot be traced{where} {why}; torch.export must be able to follow its forward pass"


def read(program: torch.export.ExportedProgram, specs: tuple[TensorSpec, ...], batch: int) -> Trace:
    """What an exported program says, in our words."""
    signature = program.graph_signature
    stored = {}
    for spec in signature.input_specs:
        if spec.kind in STORED and spec.target is not None:
            held = program.state_dict if spec.target in program.state_dict else program.constants
            stored[spec.arg.name] = (spec.target, held[spec.target])
    inputs = tuple(spec.arg.name for spec in signature.input_specs if spec.kind is InputKind.USER_INPUT)
    outputs = tuple(program.graph.output_node().args[0])
    structure = program.call_spec.out_spec
    names = tuple(name for name, _ in leaves_of(structure.unflatten(range(len(outputs)))))
    if len(names) != len(outputs):  # a class of the user's own
        names = tuple(map(str, range(len(outputs))))
    return Trace(program, stored, inputs, specs, outputs, names, batch)


def without_writes(traced: Trace) -> Trace | None:
    """The same with a new tensor wherever the module writes into one that it has made; None where that is nowhere, or torch cannot.

    Nor where it writes into what dropout hands on: in inference that is the tensor that dropout reads, but torch takes it for another.
    """
    nodes = list(traced.graph.nodes)
    if not any(writes_in_place(node) for node in nodes) or any(name_of(node) in DROPPED and is_written(node) for node in nodes):
        return None
    try:
        with unheard(), torch.no_grad():
            program = traced.program.run_decompositions({})
    except Exception:  # torch's own passes run here, over anything that a module may do
        return None
    if any(spec.kind is not OutputKind.USER_OUTPUT for spec in program.graph_signature.output_specs):
        return None  # it writes into its own state
    for node in program.graph.find_nodes(op="call_function", target=torch.ops.aten._native_batch_norm_legit_no_training.default):
        as_batch_norm(node)
    for node in program.graph.find_nodes(op="call_function", target=torch.ops.aten.copy.default):
        as_source(node)
    return read(program, traced.specs, traced.batch)


def is_written(node: fx.Node) -> bool:
    """Whether what a call makes is written in place, itself or through a view of it."""
    return any(
        (writes_in_place(user) and user.args[0] is node) or (not writes_in_place(user) and shares_memory(user) and is_written(user))
        for user in node.users
    )


def as_source(node: fx.Node) -> None:
    """Put what was written over all of a tensor in its place."""
    written, source = node.args[:2]
    assert isinstance(written, fx.Node)
    assert isinstance(source, fx.Node)
    if written.meta["val"].shape == source.meta["val"].shape and written.meta["val"].dtype == source.meta["val"].dtype:
        node.replace_all_uses_with(source)
        node.graph.erase_node(node)


def as_batch_norm(node: fx.Node) -> None:
    """Put the call that modules make in place of the one that torch makes of it, whose first result is theirs."""
    values, weight, bias, mean, variance, momentum, eps = node.args
    with node.graph.inserting_before(node):
        arguments = (values, weight, bias, mean, variance, False, momentum, eps, False)
        norm = node.graph.call_function(torch.ops.aten.batch_norm.default, arguments)
    norm.meta = {**node.meta, "val": node.meta["val"][0]}
    for part in list(node.users):
        if part.args[1] == 0:
            part.replace_all_uses_with(norm)
        node.graph.erase_node(part)
    node.graph.erase_node(node)


def leaves_of(structure: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Names, dotted where nested, of what comes out, in order."""
    if isinstance(structure, Mapping):
        parts = [(str(key), value) for key, value in structure.items()]
    elif isinstance(structure, tuple | list):
        keys = getattr(structure, "_fields", range(len(structure)))
        parts = [(str(key), value) for key, value in zip(keys, structure, strict=True)]
    else:
        yield name or "output", structure
        return
    for key, value in parts:
        yield from leaves_of(value, f"{name}.{key}" if name else key)
