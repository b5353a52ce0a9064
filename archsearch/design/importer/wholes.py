"""Several calls that are one op: they are told by the trace, for what they make on the way has no op, or says less."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from archsearch.design.importer.calls.kinds import CASTS, REGROUPED, STRETCHED
from archsearch.design.importer.entries import given, name_of, writes_in_place

UNCHANGED = frozenset({*CASTS, *STRETCHED, "alias", "clone", "contiguous"})
"""Calls whose result has the elements of what they read, but for axes of length 1 that are repeated."""


@dataclass(frozen=True)
class Whole:
    """What calls are as one: a name in the table, and arguments, tensors of the trace among them."""

    name: str
    arguments: dict[str, Any]


def whole(node: fx.Node) -> Whole | None:
    """What a call is together with those that lead to it; None where it is just a call, or something on the way is written in place."""
    for pattern in PATTERNS.get(name_of(node), ()):
        found = pattern(given(node))
        if found is not None and not written_between(node, [part for part in found.arguments.values() if isinstance(part, fx.Node)]):
            return found
    return None


def written_between(node: fx.Node, reads: list[fx.Node]) -> bool:
    """Whether a call between what is read first on the way to a call and that call writes in place."""
    inner, seen = [node], {node, *reads}
    for part in inner:
        new = [source for source in part.all_input_nodes if source not in seen and source.op == "call_function"]
        inner += new
        seen.update(new)
    left = set(inner)
    while left:
        if writes_in_place(node):
            return True
        left.discard(node)
        node = node.prev
    return False


def bare(argument: Any) -> Any:
    """A tensor of the trace without calls around it that change no number."""
    while isinstance(argument, fx.Node) and argument.op == "call_function" and name_of(argument) in UNCHANGED:
        source = argument.args[0]
        if not isinstance(source, fx.Node) or dtype_of(source) != dtype_of(argument):
            break
        argument = source
    return argument


def dtype_of(node: fx.Node) -> torch.dtype | None:
    """Type of the numbers of a tensor of the trace."""
    return getattr(node.meta.get("val"), "dtype", None)


def shape_of(argument: Any) -> tuple[int, ...]:
    """Shape of a tensor of the trace; nothing for a number."""
    return tuple(getattr(argument.meta.get("val"), "shape", ())) if isinstance(argument, fx.Node) else ()


def made_by(argument: Any, *names: str) -> dict[str, Any] | None:
    """Arguments of the call that makes a tensor; None where it is no call of these names."""
    node = bare(argument)
    if not isinstance(node, fx.Node) or node.op != "call_function" or name_of(node) not in names:
        return None
    return given(node) if hasattr(node.target, "_schema") else None


def either_way(call: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Operands of a call in both orders."""
    yield call["self"], call["other"]
    yield call["other"], call["self"]


def number(argument: Any) -> float | None:
    """A number written in the module."""
    return float(argument) if isinstance(argument, int | float) and not isinstance(argument, bool) else None


def squared(argument: Any) -> Any:
    """What a tensor is the square of; None where it is none."""
    if (call := made_by(argument, "pow")) is not None:
        return bare(call["self"]) if number(call["exponent"]) == 2 else None
    if (call := made_by(argument, "square")) is not None:
        return bare(call["self"])
    call = made_by(argument, "mul")
    return bare(call["self"]) if call is not None and bare(call["self"]) is bare(call["other"]) else None


def of_squares(argument: Any, name: str) -> tuple[Any, list[int]] | None:
    """The tensor whose squares are summed up, or averaged, and over which axes, which stay with length 1; None where it is no such."""
    call = made_by(argument, name)
    if call is None or not call.get("keepdim") or not call.get("dim"):
        return None
    source = squared(call["self"])
    dims = call["dim"]
    return None if source is None else (source, [dims] if isinstance(dims, int) else list(dims))


def length(argument: Any) -> tuple[Any, list[int]] | None:
    """The tensor whose Euclidean length it is, and over which axes, which stay with length 1; None where it is none."""
    if (call := made_by(argument, "linalg_vector_norm", "norm")) is not None:
        order = call.get("ord", call.get("p", 2))
        if number(order) != 2 or not call.get("keepdim") or not call.get("dim"):
            return None
        dims = call["dim"]
        return bare(call["self"]), [dims] if isinstance(dims, int) else list(dims)
    call = made_by(argument, "sqrt")
    return None if call is None else of_squares(call["self"], "sum")


def raised(argument: Any) -> tuple[Any, float] | None:
    """What a number is added to, and the number; None where it is no such sum."""
    call = made_by(argument, "add")
    if call is None or call.get("alpha", 1) != 1:
        return None
    found = [(one, number(other)) for one, other in either_way(call) if number(other) is not None]
    return (found[0][0], found[0][1] or 0.0) if found else None


def over_floored_length(call: dict[str, Any]) -> Whole | None:
    """X over its length, or over a number where that is greater."""
    floor = made_by(call["other"], "clamp_min", "clamp")
    if floor is None or floor.get("max") is not None or call.get("rounding_mode") is not None or (eps := number(floor["min"])) is None:
        return None
    return of_itself("unit_length", call["self"], length(floor["self"]), eps)


def over_mean_length(call: dict[str, Any]) -> Whole | None:
    """Lengths of channels over their mean, to which a number is added."""
    lengths, summed = length(call["self"]), raised(call["other"])
    mean = None if summed is None else made_by(summed[0], "mean")
    if lengths is None or summed is None or mean is None or not mean.get("keepdim") or call.get("rounding_mode") is not None:
        return None
    if bare(mean["self"]) is not bare(call["self"]) or len(lengths[1]) != 2 or len(mean["dim"] or ()) != 1:
        return None
    return Whole("response_gate", {"self": lengths[0], "dim": lengths[1], "channels": mean["dim"][0], "eps": summed[1]})


def over_root_mean_square(call: dict[str, Any]) -> Whole | None:
    """X over the root of the mean of its squares and a number."""
    root = made_by(call["other"], "sqrt")
    return None if root is None or call.get("rounding_mode") is not None else root_mean_square(call["self"], root["self"])


def times_inverse_root(call: dict[str, Any]) -> Whole | None:
    """The same as a product with the inverse of the root."""
    for x, other in either_way(call):
        root = made_by(other, "rsqrt")
        if root is not None and (found := root_mean_square(x, root["self"])) is not None:
            return found
    return None


def root_mean_square(x: Any, mean: Any) -> Whole | None:
    """X over the root of what must be the mean of its squares and a number."""
    summed = raised(mean)
    return None if summed is None else of_itself("root_mean_square", x, of_squares(summed[0], "mean"), summed[1])


def standard_convolution(call: dict[str, Any]) -> Whole | None:
    """A convolution by filters that batch norm without statistics brings to mean 0 and variance 1, maybe with a gain."""
    norm = made_by(viewed(call["weight"]), "batch_norm")
    if norm is None or norm["running_mean"] is not None or norm["bias"] is not None or not norm["training"]:
        return None
    filters, gain, scale = viewed(norm["input"]), norm["weight"], 1.0
    if shape_of(norm["input"])[:2] != (1, *shape_of(filters)[:1]) or shape_of(filters) != shape_of(call["weight"]):
        return None
    if gain is not None and (product := made_by(viewed(gain), "mul")) is not None:
        factors = [(one, number(other)) for one, other in either_way(product) if number(other) is not None]
        gain, scale = (factors[0][0], factors[0][1] or 0.0) if factors else (gain, 1.0)
    rest = {name: value for name, value in call.items() if name != "weight"}
    return Whole("standard_convolution", {**rest, "weight": filters, "gain": gain, "scale": scale, "eps": norm["eps"]})


def viewed(argument: Any) -> Any:
    """A tensor of the trace before its elements, in order, were given another shape."""
    argument = bare(argument)
    while isinstance(argument, fx.Node) and argument.op == "call_function" and name_of(argument) in REGROUPED:
        argument = bare(argument.args[0])
    return argument


def of_itself(name: str, x: Any, found: tuple[Any, list[int]] | None, eps: float) -> Whole | None:
    """The whole, where what x is divided by was found to be made of x itself."""
    if found is None or found[0] is not bare(x) or not isinstance(found[0], fx.Node):
        return None
    return Whole(name, {"self": found[0], "dim": found[1], "eps": eps})


PATTERNS: dict[str, tuple[Callable[[dict[str, Any]], Whole | None], ...]] = {
    "conv2d": (standard_convolution,),
    "div": (over_floored_length, over_mean_length, over_root_mean_square),
    "mul": (times_inverse_root,),
}
"""How calls of a name may end something whole."""
