"""Stand-in for `layers` that makes no modules but the source text of the calls that would make them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from archsearch import layers
from archsearch.exporters.base import ExportError
from archsearch.exporters.source.definitions import Definitions

EMPTY = inspect.Parameter.empty


@dataclass(frozen=True)
class Call:
    """Source of one module: the name of its class, and its arguments."""

    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


class Recorder:
    """Looks like `archsearch.layers` to an op's `build`; every class of modules in it returns a Call instead.

    `definitions` collects the source of modules that are not torch's own.
    """

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def __getattr__(self, name: str) -> Any:
        found = getattr(layers, name)
        recorded = isinstance(found, type) and issubclass(found, nn.Module) and found is not nn.Module
        return partial(self._record, found) if recorded else found

    def _record(self, cls: type[nn.Module], *args: Any, **named: Any) -> Call:
        bound = inspect.signature(cls).bind(*args, **named)
        texts: list[str] = []
        for name, value in bound.arguments.items():
            parameter = bound.signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                texts += [self.text(item) for item in value]
            elif parameter.kind is parameter.VAR_KEYWORD:
                texts += [f"{key}={self.text(item)}" for key, item in value.items()]
            elif not is_default(value, parameter.default):
                texts.append(f"{name}={self.text(value)}" if by_name(parameter) else self.text(value))
        return Call(self._definitions.name_of(cls), tuple(texts))

    def text(self, value: Any) -> str:
        """Python source of an argument. Raises ExportError for what has none."""
        if value is None or isinstance(value, Call) or type(value) in (bool, int):
            return str(value)
        if type(value) is str:
            return repr(value)
        if type(value) is float:
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        if isinstance(value, dict):
            return f"{{{', '.join(f'{self.text(key)}: {self.text(item)}' for key, item in value.items())}}}"
        if type(value) in (list, tuple):
            return self._sequence(value)
        if isinstance(value, nn.Module):
            return str(self.written(value))
        raise ExportError(
            f"an argument {str(value)[:60]!r} of type {type(value).__name__} has no source; use numbers, texts and modules from `layers`"
        )

    def _sequence(self, values: Sequence[Any]) -> str:
        inner = ", ".join(self.text(item) for item in values)
        if type(values) is list:
            return f"[{inner}]"
        return f"({inner},)" if len(values) == 1 else f"({inner})"

    def written(self, module: Any) -> Call:
        """Source of a module that an op made without `layers`, read off attributes with the names of its arguments.

        Raises:
            ExportError: it has no such attributes.
        """
        if isinstance(module, Call):
            return module
        cls = type(module)
        if not isinstance(module, nn.Module):
            raise ExportError(f"build returns {cls.__name__}, expected a module; return what `layers` makes")
        if cls in (nn.Sequential, nn.ModuleList) and list(module._modules) == [str(place) for place in range(len(module._modules))]:
            parts = list(module.children())
            return self._record(cls, *(parts if cls is nn.Sequential else [parts]))
        if cls.__init__ is nn.Module.__init__:
            return self._record(cls)
        return self._record(cls, **{name: argument(module, name, p) for name, p in constructor(cls).items()})


def constructor(cls: type[nn.Module]) -> Mapping[str, inspect.Parameter]:
    """Arguments of a class; of torch's own those left out that say where and in which dtype weights are made."""
    given = inspect.signature(cls).parameters
    return {name: p for name, p in given.items() if name not in ("device", "dtype") or not cls.__module__.startswith("torch.")}


def argument(module: nn.Module, name: str, parameter: inspect.Parameter) -> Any:
    """The argument that a module was made with, by the attribute of its name; whether it has a weight, where the argument says so.

    Raises:
        ExportError: there is no such attribute.
    """
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or not hasattr(module, name):
        kind = type(module).__name__
        raise ExportError(f"module {kind} does not keep its argument {name!r} as an attribute; keep it, or build from `layers`")
    value = getattr(module, name)
    has = isinstance(parameter.default, bool) and (value is None or isinstance(value, Tensor))
    return value is not None if has else value


def is_default(value: Any, default: Any) -> bool:
    """Whether an argument may be left out."""
    return default is not EMPTY and type(value) is type(default) and bool(value == default)


def by_name(parameter: inspect.Parameter) -> bool:
    """Whether an argument is written with its name: all that have a default are."""
    return parameter.kind is parameter.KEYWORD_ONLY or (parameter.default is not EMPTY and parameter.kind is not parameter.POSITIONAL_ONLY)
