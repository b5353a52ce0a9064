"""Calls of torch's own operators that no other layer makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["AtenCalls"]

SMALL = 0.02
"""Deviation of learned numbers of at most one axis: they are shifts as often as factors."""


class AtenCalls(nn.Module):
    """A few calls in a row on the inputs `x0`, `x1`, on weights `w0`, `w1`, and on what the calls before have made, `v0`, `v1`.

    A call is the operator with its overload, its arguments in order, and those by name. A text names a value, `v0.1` the second of several;
    `("list", ...)`, `("text", ...)`, `("dtype", ...)` are what they say, and `("samples", 4)` is four times the number of samples.
    A weight is its shape, its type and whether it is learned.
    """

    def __init__(self, calls: tuple[Any, ...], weights: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self.calls, self.weights = calls, weights
        self.operators = [operator_of(call[0]) for call in calls]
        self.last = last_reads(calls)
        for number, (shape, dtype, learned) in enumerate(weights):
            if learned:
                self.register_parameter(f"w{number}", nn.Parameter(torch.empty(shape)))
            else:
                self.register_buffer(f"w{number}", torch.zeros(shape, dtype=getattr(torch, dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the learned weights anew: those of several axes as torch's layers do, others near 0."""
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.kaiming_uniform_(weight, 5**0.5)
            else:
                nn.init.normal_(weight, std=SMALL)

    def forward(self, *values: Tensor) -> Tensor:
        known: dict[str, Any] = {f"x{number}": value for number, value in enumerate(values)}
        known |= {f"w{number}": getattr(self, f"w{number}") for number in range(len(self.weights))}
        samples = values[0].shape[0]
        del values
        for number, (operator, call) in enumerate(zip(self.operators, self.calls, strict=True)):
            arguments = [filled(argument, known, samples) for argument in call[1]]
            named = {name: filled(argument, known, samples) for name, argument in call[2]}
            known[f"v{number}"] = operator(*arguments, **named)
            del arguments, named
            for name in self.last[number]:
                del known[name]
        result: Tensor = known[f"v{len(self.calls) - 1}"]
        return result

    def extra_repr(self) -> str:
        return ", ".join(call[0] for call in self.calls)


def operator_of(target: str) -> Any:
    """The operator of a name and an overload."""
    name, _, overload = target.partition(".")
    return getattr(getattr(torch.ops.aten, name), overload)


def last_reads(calls: tuple[Any, ...]) -> list[list[str]]:
    """For every call the values that none behind it reads, and that it may let go."""
    last: dict[str, int] = {f"v{number}": number for number in range(len(calls) - 1)}
    for number, call in enumerate(calls):
        for name in names_in((*call[1], *(argument for _, argument in call[2]))):
            last[name] = number
    return [[name for name, end in last.items() if end == number] for number in range(len(calls))]


def names_in(arguments: tuple[Any, ...]) -> list[str]:
    """Names of values among arguments, lists opened."""
    names = [argument.partition(".")[0] for argument in arguments if isinstance(argument, str)]
    return names + [
        name for argument in arguments if isinstance(argument, tuple) and argument[0] == "list" for name in names_in(argument[1:])
    ]


def filled(argument: Any, known: Mapping[str, Any], samples: int) -> Any:
    """An argument with values in the place of their names."""
    if isinstance(argument, str):
        name, _, part = argument.partition(".")
        return known[name][int(part)] if part else known[name]
    if not isinstance(argument, tuple):
        return argument
    kind, *rest = argument
    if kind == "list":
        return [filled(part, known, samples) for part in rest]
    if kind == "samples":
        return rest[0] * samples
    return getattr(torch, rest[0]) if kind == "dtype" else rest[0]
