"""Genotypes as JSON text: written one line a node, read strictly and within limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from archsearch.network import measured
from archsearch.network.node import Node
from archsearch.ops.base import OPS, Facts, Op
from archsearch.ops.fields import field_types, fits, from_data, is_required, to_data, type_name
from archsearch.ops.tensor import TensorSpec
from archsearch.support.nearest import nearest
from archsearch.support.reading import expect, keys, parse, shown

FORMAT = "archsearch.genotype/1"
MAX_NODES = 20_000


def input_names(count: int) -> tuple[str, ...]:
    """Names of so many inputs: `x`, or `x0`, `x1` and so on."""
    return ("x",) if count == 1 else tuple(f"x{i}" for i in range(count))


NODE = ("name", "op", "inputs", "weights", "measured")


class Parts(NamedTuple):
    """What a JSON text holds; `measured`: by the position of a node what is kept with it of its shape and costs, not yet read."""

    inputs: tuple[TensorSpec, ...]
    nodes: list[Node]
    outputs: tuple[int, ...]
    measured: dict[int, Any]


def dump(inputs: Sequence[TensorSpec], nodes: Sequence[Node], outputs: Sequence[int], facts: Sequence[Facts]) -> str:
    """JSON text of a genotype's parts; `facts`: what every node costs by itself."""
    names = [*input_names(len(inputs)), *(node.name for node in nodes)]
    lines = [json.dumps(node_to_dict(node, names, fact)) for node, fact in zip(nodes, facts, strict=True)]
    body = ",\n    ".join(lines)
    return (
        f'{{\n  "format": "{FORMAT}",\n  "inputs": {json.dumps([list(spec.shape) for spec in inputs])},\n'
        f'  "nodes": [\n    {body}\n  ],\n  "outputs": {json.dumps([names[i] for i in outputs])}\n}}\n'
    )


def node_to_dict(node: Node, names: Sequence[str], fact: Facts) -> dict[str, Any]:
    """A node's name, op and the names of the values that it reads; whose weights it uses, if not its own; what was measured of it."""
    data = {"name": node.name, "op": op_to_dict(node.op), "inputs": [names[i] for i in node.inputs]}
    if node.weights:
        data["weights"] = node.weights
    if node.op.measured:
        data["measured"] = measured.to_dict(fact)
    return data


def op_to_dict(op: Op) -> dict[str, Any]:
    """The op's kind and all its fields."""
    return {"kind": op.kind, **{f.name: to_data(getattr(op, f.name)) for f in fields(op)}}  # type: ignore[arg-type]


def load(text: str) -> Parts:
    """Parts of a genotype from JSON text. Raises ValueError, one line, with the node's name where one is at fault."""
    data = expect(parse(text), dict, "the file")
    keys(data, {"format", "inputs", "nodes", "outputs"}, "the file")
    if data["format"] != FORMAT:
        raise ValueError(f'"format" is {str(data["format"])[:60]!r}, expected "{FORMAT}"; this is no genotype, or one of another version')
    shapes = expect(data["inputs"], list, '"inputs"')
    specs = tuple(TensorSpec(tuple(expect(shape, list, 'an entry of "inputs"'))) for shape in shapes)
    index = {name: i for i, name in enumerate(input_names(len(specs)))}
    entries = expect(data["nodes"], list, '"nodes"')
    if len(entries) > MAX_NODES:
        raise ValueError(f"{len(entries)} nodes are over the limit of {MAX_NODES}")
    nodes, found = list[Node](), dict[int, Any]()
    for position, entry in enumerate(entries):
        node = read_node(entry, position, index)
        nodes.append(node)
        if "measured" in entry and node.op.measured:
            found[position] = entry["measured"]
        index.setdefault(node.name, len(specs) + position)
    outputs = tuple(look_up(name, index, '"outputs"') for name in expect(data["outputs"], list, '"outputs"'))
    return Parts(specs, nodes, outputs, found)


def look_up(name: Any, index: dict[str, int], what: str) -> int:
    """Index of the value of that name. Raises ValueError."""
    if not isinstance(name, str) or name not in index:
        raise ValueError(
            f"{what} reads {shown(name)}, which is neither an input nor made before it; "
            "order the nodes so that each reads only earlier ones (a cycle cannot be ordered)"
        )
    return index[name]


def read_node(entry: Any, position: int, index: dict[str, int]) -> Node:
    """One node. Raises ValueError."""
    keys(expect(entry, dict, f"node number {position}"), NODE, f"node number {position}", may_lack=NODE[3:])
    name = expect(entry["name"], str, f"the name of node number {position}")
    what = f"node '{name[:60]}'"
    op = op_from_dict(expect(entry["op"], dict, f'"op" of {what}'), what)
    reads = tuple(look_up(value, index, what) for value in expect(entry["inputs"], list, f'"inputs" of {what}'))
    return Node(op, reads, name, expect(entry.get("weights", ""), str, f'"weights" of {what}'))


def op_from_dict(data: dict[str, Any], what: str) -> Op:
    """The op of a kind and its fields; fields left out get their defaults. Raises ValueError."""
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in OPS:
        raise ValueError(f"{what}: unknown op {str(kind)[:60]!r}; {nearest(str(kind)[:60], sorted(OPS))}")
    hints = field_types(OPS[kind])
    given = {key: value for key, value in data.items() if key != "kind"}
    for key, value in given.items():
        if key not in hints:
            raise ValueError(f"{what}: {kind} has no field {key[:60]!r}; {nearest(key, sorted(hints)) if hints else 'it takes none'}")
        if not fits(value, hints[key]):
            raise ValueError(f"{what}: {kind}: {key}={shown(value)} has the wrong type, expected {type_name(hints[key])}")
    missing = [f.name for f in fields(OPS[kind]) if is_required(f) and f.name not in given]  # type: ignore[arg-type]
    if missing:
        raise ValueError(f"{what}: {kind} needs the field '{missing[0]}'")
    try:
        return OPS[kind](**{key: from_data(value, hints[key]) for key, value in given.items()})
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
    except Exception as error:  # the constructor of a user's op may do anything
        raise ValueError(f"{what}: {kind} cannot be made of these fields: {type(error).__name__}: {error}") from error
