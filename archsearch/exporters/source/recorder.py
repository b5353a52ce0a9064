"""Stand-in for `layers` that makes no modules but the source text of the calls that would make them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from archsearch import layers
from archsearch.exporters.base import ExportError
from archsearch.exporters.source.calls import Argument, Call, Constant, Group, Repeat, Value
from archsearch.exporters.source.definitions import Definitions
from archsearch.exporters.source.functional import FUNCTIONS
from archsearch.exporters.source.literals import source_of, type_of

EMPTY = inspect.Parameter.empty
PLACES = frozenset({"device", "dtype"})
"""Arguments of torch's own modules that say where and in which type weights are made."""
FUNCTION_LAYERS = frozenset(name.removeprefix("layers.") for name in FUNCTIONS if name.startswith("layers."))


class Recorder:
    """Looks like `archsearch.layers` to an op's `build`; every class of modules in it returns a Call instead.

    `definitions` collects the source of modules that are not torch's own.
    """

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._signatures: dict[type[nn.Module], inspect.Signature] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(layers, name)
        recorded = isinstance(found, type) and issubclass(found, nn.Module) and found is not nn.Module
        return partial(self._record, found) if recorded else found

    def _record(self, cls: type[nn.Module], *args: Any, **named: Any) -> Call:
        if cls not in self._signatures:
            self._signatures[cls] = inspect.signature(cls)
        signature = self._signatures[cls]
        bound = signature.bind(*args, **named)
        bound.apply_defaults()
        arguments: list[Argument] = []
        for name, value in bound.arguments.items():
            parameter = signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                arguments += [Argument("", self.value(item)) for item in value]
            elif parameter.kind is parameter.VAR_KEYWORD:
                arguments += [Argument(key, self.value(item), keyword=True) for key, item in value.items()]
            elif value is not parameter.default or source_of(value) is not None:
                default = source_of(parameter.default) if by_name(parameter) and parameter.default is not EMPTY else None
                arguments.append(Argument(name, self.value(value), by_name(parameter), default))
        return without_stride(Call(self._name(cls), tuple(arguments)))

    def _name(self, cls: type[nn.Module]) -> str:
        """Name of a class; one that may be written as an expression is not written down yet."""
        name = f"layers.{cls.__name__}"
        return name if name in FUNCTIONS and getattr(layers, cls.__name__) is cls else self._definitions.name_of(cls)

    def names(self) -> set[str]:
        """Names that classes of the network cannot have."""
        return self._definitions.names() | FUNCTION_LAYERS

    def settled(self, value: Value) -> Value:
        """The same for a module that is made: all classes in it are written down."""
        if isinstance(value, Call):
            parts = self._settled_parts(value.arguments)
            name = value.name.removeprefix("layers.")
            return Call(value.name if name == value.name else self._definitions.name_of(getattr(layers, name)), parts)
        if isinstance(value, Group):
            return Group(value.brackets, self._settled_parts(value.items))
        return replace(value, call=self.settled_call(value.call)) if isinstance(value, Repeat) else value

    def _settled_parts(self, parts: tuple[Argument, ...]) -> tuple[Argument, ...]:
        return tuple([replace(part, value=self.settled(part.value)) for part in parts])

    def settled_call(self, call: Call) -> Call:
        """`settled` of a call."""
        found = self.settled(call)
        assert isinstance(found, Call)
        return found

    def value(self, value: Any) -> Value:
        """An argument as source. Raises ExportError for what has none."""
        if isinstance(value, Call):
            return value
        if (text := source_of(value)) is not None:
            return Constant(text, type_of(value))
        if isinstance(value, dict):
            return Group("{}", tuple(Argument(self.key(key), self.value(item), keyword=True) for key, item in value.items()))
        if type(value) in (list, tuple):
            return Group("[]" if type(value) is list else "()", tuple(Argument("", self.value(item)) for item in value))
        if isinstance(value, nn.Module):
            return self.written(value)
        raise ExportError(
            f"an argument {str(value)[:60]!r} of type {type(value).__name__} has no source; use numbers, texts and modules from `layers`"
        )

    def key(self, value: Any) -> str:
        """The key of a dict as source. Raises ExportError."""
        text = source_of(value)
        if text is None:
            raise ExportError(f"a key {str(value)[:60]!r} of type {type(value).__name__} has no source; use numbers and texts")
        return text

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


def without_stride(call: Call) -> Call:
    """A pooling whose windows do not overlap, without a stride: it is the kernel's size by default."""
    stride, kernel = call.argument("stride"), call.argument("kernel_size")
    if "Pool" not in call.name or stride is None or kernel is None or stride.default != "None" or stride.value != kernel.value:
        return call
    return Call(call.name, tuple([replace(a, value=Constant("None", "None")) if a is stride else a for a in call.arguments]))


def constructor(cls: type[nn.Module]) -> Mapping[str, inspect.Parameter]:
    """Arguments of a class; of torch's own those left out that say where and in which dtype weights are made."""
    given = inspect.signature(cls).parameters
    return {name: p for name, p in given.items() if name not in PLACES or not cls.__module__.startswith("torch.")}


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


def by_name(parameter: inspect.Parameter) -> bool:
    """Whether an argument is written with its name: all that have a default are."""
    return parameter.kind is parameter.KEYWORD_ONLY or (parameter.default is not EMPTY and parameter.kind is not parameter.POSITIONAL_ONLY)
