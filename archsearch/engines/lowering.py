"""Operators that engines read differently, or not at all, in words that all of them read alike; the values stay the same.

Windows of pooling that hang over the border (`ceil_mode`) become a border of their own and windows that do not: of those ONNX Runtime and
OpenVINO make different sizes and means. Max pooling to a size that the image cannot be shared out to, and fractional max pooling, become
maxima of slices: they have no operator in ONNX. Nor has a randomized leaky ReLU, which in inference is a leaky one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, prod
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram

ATEN = torch.ops.aten
Pair = tuple[int, int]
NONE: Mapping[str, Any] = {}


def lowered(program: ExportedProgram) -> ExportedProgram:
    """Change the program where it has to be; nodes keep their names, so that its signature still holds."""
    program.graph.eliminate_dead_code()
    for node in list(program.graph.nodes):
        rule = RULES.get(node.target)
        if rule is not None:
            rule(node)
    program.graph.eliminate_dead_code()
    program.graph_module.recompile()
    return program


def put(node: fx.Node, target: Any, *args: Any, named: Mapping[str, Any] = NONE) -> fx.Node:
    """A new node before another one, which belongs to the same module; of its value shape and type are known."""
    with node.graph.inserting_before(node):
        made = node.graph.call_function(target, args, dict(named))
    with value_of(node).fake_mode:  # type: ignore[attr-defined]
        made.meta = {"val": target(*fx.map_arg(args, lambda given: given.meta["val"]), **named)}
    if "nn_module_stack" in node.meta:
        made.meta["nn_module_stack"] = node.meta["nn_module_stack"]
    return made


def bordered(node: fx.Node, image: fx.Node, border: Sequence[int], value: float) -> fx.Node:
    """An image with a border of a value: to the left and right, above and below."""
    given, (left, right, above, below) = value_of(image), border
    *samples, high, wide = given.shape
    with node.graph.inserting_before(node):
        made = node.graph.call_function(ATEN.pad.default, (image, list(border), "constant", value))
    with given.fake_mode:  # type: ignore[attr-defined]  # computing it would fix the batch
        made.meta = {**node.meta, "val": given.new_empty((*samples, high + above + below, wide + left + right))}
    return made


def become(node: fx.Node, target: Any, *args: Any, named: Mapping[str, Any] = NONE) -> None:
    """Let a node be another operator; its name and its value stay."""
    node.target, node.args, node.kwargs = target, args, dict(named)


def pair(value: Sequence[int] | int) -> Pair:
    """Height and width of what may be given as one number."""
    found = (value, value) if isinstance(value, int) else tuple(value)
    return (found[0], found[-1])


def arguments(node: fx.Node) -> dict[str, Any]:
    """All arguments of an operator by name, defaults too."""
    known = node.target._schema.arguments  # type: ignore[union-attr]
    given = {argument.name: argument.default_value for argument in known}
    return given | {argument.name: value for argument, value in zip(known, node.args, strict=False)} | node.kwargs


def value_of(node: fx.Node) -> Tensor:
    """Shape and type of what a node makes; of several the first."""
    found = node.meta["val"]
    return found if isinstance(found, Tensor) else found[0]


def hanging(given: dict[str, Any], made: Tensor) -> Pair:
    """By how many pixels the last windows hang over the padded image, below and to the right."""
    windows = (given["kernel_size"], given["stride"] or given["kernel_size"], given["padding"], given.get("dilation", 1))
    found = []
    for axis, size in enumerate(given["self"].meta["val"].shape[-2:]):
        kernel, stride, padding, dilation = (pair(value)[axis] for value in windows)
        span = (made.shape[axis - 2] - 1) * stride + dilation * (kernel - 1) + 1
        found.append(max(0, span - size - 2 * padding))
    return found[0], found[1]


def max_pool(node: fx.Node) -> None:
    """Max pooling in ceil mode: a border of minus infinity where windows hang over."""
    given = arguments(node)
    if not given["ceil_mode"]:
        return
    down, right = hanging(given, value_of(node))
    image = given["self"]
    if down or right:
        image = bordered(node, image, (0, right, 0, down), -inf)
    become(node, node.target, image, given["kernel_size"], given["stride"], given["padding"], given["dilation"], False)


def max_pool_places(node: fx.Node) -> None:
    """The same where places of maxima are asked for: those in the wider image, brought back to this one."""
    given = arguments(node)
    if not given["ceil_mode"]:
        return
    (_, right), width = hanging(given, value_of(node)), given["self"].meta["val"].shape[-1]
    max_pool(node)
    if not right:
        return
    for user in [user for user in node.users if user.args[1] == 1]:
        places = put(user, user.target, *user.args)
        rows = put(user, ATEN.floor_divide.default, places, width + right)
        become(user, ATEN.sub.Tensor, places, put(user, ATEN.mul.Tensor, rows, right))


def avg_pool(node: fx.Node) -> None:
    """Average pooling in ceil mode, or with a divisor of its own.

    In ceil mode: a border of zeros, and the mean over the pixels that count, which are counted the same way.
    """
    given = arguments(node)
    kernel, stride, padding, divisor = (given[name] for name in ("kernel_size", "stride", "padding", "divisor_override"))
    border = hanging(given, value_of(node)) if given["ceil_mode"] else (0, 0)
    if border == (0, 0) and not divisor:
        become(node, node.target, given["self"], kernel, stride, padding, False, given["count_include_pad"])
        return
    down, right = border
    image = bordered(node, given["self"], (0, right, 0, down), 0.0) if down or right else given["self"]
    means = put(node, node.target, image, kernel, stride, padding, False, True)
    if divisor:
        become(node, ATEN.mul.Tensor, means, prod(pair(kernel)) / divisor)
    else:
        become(node, ATEN.div.Tensor, means, shares(node, given, border))


def shares(node: fx.Node, given: dict[str, Any], border: Pair) -> fx.Node:
    """Of every window the share of its pixels that counts: in the image, or in its padding where that counts too."""
    (high, wide), (down, right), (above, left) = given["self"].meta["val"].shape[-2:], border, pair(given["padding"])
    edge = [left, left + right, above, above + down]
    if given["count_include_pad"]:
        high, wide, edge = high + 2 * above, wide + 2 * left, [0, right, 0, down]
    counted = put(node, ATEN.full.default, [1, 1, high, wide], 1.0)
    whole = bordered(node, counted, edge, 0.0)
    return put(node, ATEN.avg_pool2d.default, whole, given["kernel_size"], given["stride"])


def slices_of(node: fx.Node, rows: Sequence[Pair], columns: Sequence[Pair]) -> None:
    """Let the values of a pooling be the maxima of slices of rows, then of columns: from, up to."""
    for user in list(node.users):
        image = node.args[0]
        for axis, cuts in ((2, rows), (3, columns)):
            parts = [put(user, ATEN.amax.default, put(user, ATEN.slice.Tensor, image, axis, *cut), [axis], True) for cut in cuts]
            if axis == 2:
                image = put(user, ATEN.cat.default, parts, axis)
        become(user, ATEN.cat.default, parts, 3)


def adaptive_max_pool(node: fx.Node) -> None:
    """Max pooling to a size: plain pooling where the image can be shared out evenly, else maxima of slices."""
    image, made = value_of(node.args[0]).shape[-2:], value_of(node).shape[-2:]  # type: ignore[arg-type]
    if any(user.args[1] != 0 for user in node.users):
        return
    if all(size % places == 0 for size, places in zip(image, made, strict=True)):
        kernel = [size // places for size, places in zip(image, made, strict=True)]
        for user in list(node.users):
            become(user, ATEN.max_pool2d.default, node.args[0], kernel, kernel)
        return
    cuts = [[(place * size // places, -(-(place + 1) * size // places)) for place in range(places)]
            for size, places in zip(image, made, strict=True)]  # fmt: skip
    slices_of(node, *cuts)


def fractional_max_pool(node: fx.Node) -> None:
    """Fractional max pooling with windows of the middle draw, as in inference: maxima of slices where torch puts those windows."""
    if any(user.args[1] != 0 for user in node.users):
        return
    (high, wide), kernel, size = value_of(node.args[0]).shape[-2:], pair(node.args[1]), pair(node.args[2])  # type: ignore[arg-type]
    rising = torch.arange(high * wide, dtype=torch.float64).view(1, 1, high, wide)  # the largest of a window is its last
    _, last = ATEN.fractional_max_pool2d.default(rising, kernel, size, torch.full((1, 1, 2), 0.5, dtype=torch.float64))
    rows, columns = (last[0, 0, :, 0] // wide + 1).tolist(), (last[0, 0, 0] % wide + 1).tolist()
    slices_of(node, [(end - kernel[0], end) for end in rows], [(end - kernel[1], end) for end in columns])


def random_relu(node: fx.Node) -> None:
    """Randomized leaky ReLU with the slope that it has in inference: the middle of its range."""
    given = arguments(node)
    become(node, ATEN.leaky_relu.default, given["self"], (given["lower"] + given["upper"]) / 2)


def index_add(node: fx.Node) -> None:
    """Sums of channels by place, as a 1x1 convolution with a table of zeros and ones: no engine takes them by int32."""
    given = arguments(node)
    parts = given["source"]
    if given["dim"] != 1 or value_of(parts).ndim != 4 or given["alpha"] != 1:
        return
    rows = put(node, ATEN.unsqueeze.default, put(node, ATEN.arange.default, value_of(node).shape[1]), 1)
    table = put(node, ATEN.eq.Tensor, rows, put(node, ATEN.unsqueeze.default, given["index"], 0))
    weight = put(node, ATEN._to_copy.default, table, named={"dtype": value_of(parts).dtype})
    for axis in (2, 3):
        weight = put(node, ATEN.unsqueeze.default, weight, axis)
    become(node, ATEN.add.Tensor, given["self"], put(node, ATEN.conv2d.default, parts, weight))


RULES: dict[Any, Callable[[fx.Node], None]] = {
    ATEN.max_pool2d.default: max_pool,
    ATEN.max_pool2d_with_indices.default: max_pool_places,
    ATEN.avg_pool2d.default: avg_pool,
    ATEN.adaptive_max_pool2d.default: adaptive_max_pool,
    ATEN.fractional_max_pool2d.default: fractional_max_pool,
    ATEN.rrelu.default: random_relu,
    ATEN.index_add.default: index_add,
    ATEN.index_add_.default: index_add,
}
"""What is rewritten, by torch's operator."""
