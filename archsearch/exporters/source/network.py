"""Source of the class Network: modules nested by scope, then straight-line code."""

from __future__ import annotations

from collections.abc import Iterator

from archsearch import layers
from archsearch.exporters.base import ExportError
from archsearch.exporters.source.recorder import Call, Recorder
from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype, Node
from archsearch.ops.base import Op
from archsearch.ops.tensor import TensorSpec

LETTERS = tuple("xyzabcdefghijkmnpqrstuvw")
WIDTH = 130
Path = tuple[str, ...]


def init_lines(genotype: Genotype, recorder: Recorder) -> Iterator[str]:
    """Statements that build the modules, one a node, and one for every scope."""
    nodes = [node for node in genotype.nodes if not node.weights]
    paths = [path_of(node) for node in nodes]
    keyed = numbered(paths)
    made: set[Path] = set()
    for before, node, path in zip([None, *paths], nodes, paths, strict=False):
        if parted(before, path):
            yield ""
        for depth in range(1, len(path)):
            if path[:depth] not in made:
                made.add(path[:depth])
                yield assignment(path[:depth], keyed, Call("nn.ModuleDict" if path[:depth] in keyed else "nn.Module", ()))
        try:
            call = written(node.op, tuple([genotype.specs[i] for i in node.inputs]), recorder)
        except ExportError as error:
            raise ExportError(f"node '{node.name}': {node.op.kind} cannot be written as source: {error}") from error
        yield assignment(path, keyed, call)


def written(op: Op, inputs: tuple[TensorSpec, ...], recorder: Recorder) -> Call:
    """Source of the module of an op. Raises ExportError."""
    try:
        return recorder.written(op.build(recorder, *inputs))
    except (AttributeError, TypeError):  # a `build` that looks at the modules it makes, or fills their weights
        return recorder.written(op.build(layers, *inputs))


def forward_lines(genotype: Genotype) -> Iterator[str]:
    """Statements that compute the outputs, one a node; a value that is not read again gives its name to the next, or is deleted."""
    paths = [path_of(node) for node in genotype.nodes]
    keyed = numbered(paths)
    last = {value: position for position, node in enumerate(genotype.nodes) for value in node.inputs} | dict.fromkeys(
        genotype.outputs, len(paths)
    )
    names: dict[int, str] = dict(enumerate(genotype.input_names))
    for position, (node, path) in enumerate(zip(genotype.nodes, paths, strict=True)):
        value = len(genotype.inputs) + position
        if position and parted(paths[position - 1], path):
            yield ""
        arguments = ", ".join(names[i] for i in node.inputs)
        dying = sorted({i for i in node.inputs if last[i] == position}, key=lambda i: rank(names[i]))
        free = [names.pop(i) for i in dying]
        names[value] = free.pop(0) if free else fresh(set(names.values()))
        yield f"{names[value]} = {reference(path, keyed)}({arguments})"
        if value not in last:
            free.append(names.pop(value))
        if free:
            yield f"del {', '.join(free)}"
    yield f"return {', '.join(names[i] for i in genotype.outputs)}"


def path_of(node: Node) -> Path:
    """Where the module of a node stands."""
    return tuple(module_path(node.weights or node.name).split("."))


def parted(before: Path | None, path: Path) -> bool:
    """Whether a blank line stands between two nodes: where a scope of the first level ends or begins."""
    return before is not None and before[0] != path[0] and len(before) + len(path) > 2


def fresh(taken: set[str]) -> str:
    """The first variable that is free."""
    return next(name for name in (*LETTERS, *(f"v{i}" for i in range(len(taken) + 1))) if name not in taken)


def rank(name: str) -> tuple[int, int, str]:
    """Order of variables: the network's inputs and x first, so that the main path keeps its name."""
    return (LETTERS.index(name) if name in LETTERS else -1 if name[0] == "x" else len(LETTERS), len(name), name)


def numbered(paths: list[Path]) -> set[Path]:
    """Scopes all of whose parts begin with a digit; they become nn.ModuleDict."""
    parts: dict[Path, list[str]] = {}
    for path in paths:
        for depth in range(1, len(path)):
            parts.setdefault(path[:depth], []).append(path[depth])
    return {scope for scope, inside in parts.items() if all(part[0].isdigit() for part in inside)}


def is_attribute(part: str) -> bool:
    """Whether `self.part` can be written: no leading digit, and no name that Python changes inside a class."""
    return part.isidentifier() and not part.startswith("__")


def reference(path: Path, keyed: set[Path]) -> str:
    """How the class refers to a module of its own."""
    text = "self"
    for depth, part in enumerate(path):
        if is_attribute(part):
            text += f".{part}"
        else:
            text += f'["{part}"]' if path[:depth] in keyed else f'.get_submodule("{part}")'
    return text


def assignment(path: Path, keyed: set[Path], call: Call) -> str:
    """The statement that puts a module in its place; a long one has a line for each argument."""
    if is_attribute(path[-1]) or path[:-1] in keyed:
        before, after = f"{reference(path, keyed)} = ", ""
    else:
        before, after = f'{reference(path[:-1], keyed)}.add_module("{path[-1]}", ', ")"
    if len(before) + len(str(call)) <= WIDTH or len(call.arguments) < 2:
        return f"{before}{call}{after}"
    inner = "".join(f"    {argument},\n" for argument in call.arguments)
    return f"{before}{call.name}(\n{inner}){after}"
