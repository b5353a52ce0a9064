"""Modules without weights as a person writes them in `forward`: `x + y`, `F.relu(x)`, `x.flatten(1)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from archsearch.exporters.source.calls import Argument, Call, Constant, one_line, text_of

ATOM, TIMES, PLUS = 3, 2, 1


class Text(NamedTuple):
    """Source of an expression, and how tightly it binds."""

    source: str
    binds: int = ATOM

    def within(self, binds: int) -> str:
        """The source as a part of an expression that binds so tightly."""
        return self.source if self.binds >= binds else f"({self.source})"


Write = Callable[[Call, Sequence[Text]], Text | None]
"""From what makes the module and its operands to an expression; None where there is none for these arguments."""


def function(name: str) -> Write:
    """A function of torch that takes the module's arguments by the same names."""

    def write(call: Call, operands: Sequence[Text]) -> Text:
        given = [Argument("", Constant(each.source, "Tensor")) for each in operands]
        return Text(one_line(Call(name, (*given, *call.arguments))))

    return write


def operator(sign: str, binds: int) -> Write:
    """Operands with a sign between them; those behind the first bind tighter, so that they are computed in the order of the module."""

    def write(call: Call, operands: Sequence[Text]) -> Text | None:
        if len(operands) < 2:
            return None
        first, *others = operands
        return Text(f" {sign} ".join([first.within(binds), *(each.within(binds + 1) for each in others)]), binds)

    return write


def concat(call: Call, operands: Sequence[Text]) -> Text:
    """Values side by side."""
    if operands[0].source.startswith("*"):
        return Text(f"torch.cat({operands[0].source[1:]}, {text_of(call, 'axis')})")
    return Text(f"torch.cat([{', '.join(each.source for each in operands)}], {text_of(call, 'axis')})")


def flatten(call: Call, operands: Sequence[Text]) -> Text | None:
    """All axes of a sample in one."""
    if (text_of(call, "start_dim"), text_of(call, "end_dim")) != ("1", "-1"):
        return None
    return Text(f"{operands[0].within(ATOM)}.flatten(1)")


def softmax(call: Call, operands: Sequence[Text]) -> Text | None:
    """Shares along an axis."""
    dim = text_of(call, "dim")
    return None if dim == "None" else Text(f"{operands[0].within(ATOM)}.softmax({dim})")


def cut(call: Call, operands: Sequence[Text]) -> Text | None:
    """Some places of the axis of channels."""
    start, length = int(text_of(call, "start")), int(text_of(call, "length"))
    if text_of(call, "axis") != "1":
        return None
    return Text(f"{operands[0].within(ATOM)}[:, {start or ''}:{start + length}]")


def itself(call: Call, operands: Sequence[Text]) -> Text:
    """Nothing is done."""
    return operands[0]


FUNCTIONS: dict[str, Write] = {
    **{
        f"nn.{name}": function(f"F.{given}")
        for name, given in {
            "ReLU": "relu",
            "ReLU6": "relu6",
            "SiLU": "silu",
            "GELU": "gelu",
            "Hardswish": "hardswish",
            "Hardsigmoid": "hardsigmoid",
            "Hardtanh": "hardtanh",
            "LeakyReLU": "leaky_relu",
            "ELU": "elu",
            "SELU": "selu",
            "Mish": "mish",
            "MaxPool2d": "max_pool2d",
            "AvgPool2d": "avg_pool2d",
            "AdaptiveAvgPool2d": "adaptive_avg_pool2d",
            "Upsample": "interpolate",
            "PixelShuffle": "pixel_shuffle",
        }.items()
    },
    "nn.Sigmoid": function("torch.sigmoid"),
    "nn.Tanh": function("torch.tanh"),
    "nn.Flatten": flatten,
    "nn.Softmax": softmax,
    "nn.Identity": itself,
    "layers.Add": operator("+", PLUS),
    "layers.Mul": operator("*", TIMES),
    "layers.Div": operator("/", TIMES),
    "layers.Concat": concat,
    "layers.Slice": cut,
}
"""By the name of the class; those of `layers` are written into the file only where they are needed as modules."""

LIGHT = ("norm", "relu", "elu", "gelu", "sigmoid", "swish", "tanh", "mish", "dropout", "silu", "identity")
"""Parts of names of modules that go on in the line of what they read."""


def is_light(name: str) -> bool:
    """Whether a module goes on in the line of what it reads, as norms and activations do."""
    return name in FUNCTIONS or any(word in name.lower() for word in LIGHT)
