"""Whether a class can be an op: checked once, when it is registered, so that no search finds out later."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from traceback import extract_tb
from typing import Any, NoReturn, TypeVar

from archsearch.ops.fields import checks_of, fault_of, field_types, holds, type_name
from archsearch.ops.tensor import ShapeError

R = TypeVar("R")

KIND = re.compile(r"\w[\w.-]{0,89}", re.ASCII)
METHODS = ("infer", "build", "cost", "saved", "saved_behind", "window", "operands", "is_identity", "channels_are")
PARTS = {"infer": "the shape of its result", "build": "its module"}


def check_declaration(cls: type, kind: object, base: type) -> None:
    """Raise ValueError, one line that names the class and the field, unless `cls` is an op that JSON carries."""
    if not (isinstance(kind, str) and KIND.fullmatch(kind)):
        raise ValueError(
            f"register({kind!r}): a kind is a name of letters, digits and _ (at most 90); write @register('my_op') above the class"
        )
    if not (isinstance(cls, type) and issubclass(cls, base)):
        fault(cls, kind, "is no subclass of archsearch.Op; write class X(Op) below @register and @dataclass(frozen=True)")
    check_form(cls, kind)
    check_methods(cls, kind)
    for name, why in field_faults(cls, base):
        fault(cls, kind, f"field {name!r}: {why}")
    taken = [name for name, p in inspect.signature(cls).parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    given = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    if sorted(taken) != sorted(given):
        words = ", ".join(taken) or "nothing", ", ".join(given) or "none"
        fault(cls, kind, f"its constructor takes {words[0]}, its fields are {words[1]}; leave __init__ to the dataclass, without InitVar")


def fault(cls: Any, kind: str, why: str) -> NoReturn:
    """Raise ValueError about a class."""
    raise ValueError(f"op {kind!r}: class {getattr(cls, '__name__', cls)} {why}")


def check_form(cls: Any, kind: str) -> None:
    """Raise ValueError unless the class is a dataclass that is frozen and compared by its fields."""
    own = [name for name in vars(cls).get("__annotations__", {}) if name not in ("kind", "commutative", "is_zero", "integer")]
    params = getattr(cls, "__dataclass_params__", None)
    if params is None or ("__dataclass_params__" not in vars(cls) and (own or "__init__" in vars(cls))):
        fault(cls, kind, "is no dataclass; write @dataclass(frozen=True) between @register and the class, and its fields as `k: int = 3`")
    if not (params.frozen and params.eq) or cls.__hash__ is None:
        fault(cls, kind, "must be compared by its fields and never change; write @dataclass(frozen=True)")


def check_methods(cls: Any, kind: str) -> None:
    """Raise ValueError unless the class has its methods."""
    for name in sorted(getattr(cls, "__abstractmethods__", ())):
        fault(cls, kind, f"has no `{name}`; write def {name}(self, ...), which gives {PARTS.get(name, 'what Op asks for')}")
    for name in METHODS:
        if not callable(getattr(cls, name)):
            fault(cls, kind, f"has a {name!r} that is no method; rename it, an op's {name} is called")


def field_faults(cls: Any, base: type) -> Iterator[tuple[str, str]]:
    """Fields that an op cannot have, with the reason."""
    try:
        types = field_types(cls)
    except Exception as error:  # annotations are any code
        yield "?", f"the types of fields cannot be read ({type(error).__name__}: {error}); name types that are known at the top of the file"
        return
    for f in fields(cls):
        why = fault_of_field(f, types[f.name], hasattr(base, f.name))
        if why:
            yield f.name, why


def fault_of_field(given: Field[Any], hint: Any, hides: bool) -> str:
    """Why a field cannot be one, or nothing."""
    if hides or given.name == "kind":
        return f"it hides the {given.name} that every op has; rename it"
    if not (given.init and given.compare):
        return "it must be given to the constructor and compared; leave init=False and compare=False away, or make it a property"
    if why := fault_of(hint):
        return why
    if given.default is not MISSING and not holds(given.default, hint):
        return f"its default {str(given.default)[:60]!r} is not {type_name(hint)[:100]}"
    return ""


class OpError(ValueError):
    """An op that breaks what every op promises; one line that names its kind and says what to do."""


def check_op(op: Any, base: type) -> None:
    """Raise OpError unless `op` is one of a registered class, and its fields have their types."""
    cls: Any = type(op)
    if isinstance(op, type):
        raise OpError(f"{op.__name__} is a class; make an op of it: {op.__name__}(...)")
    if not isinstance(op, base):
        raise OpError(f"{str(op)[:60]!r} is no op; give one such as Conv2d(16)")
    if "kind" not in vars(cls):
        raise OpError(f"class {cls.__name__} is not registered; write @register('{cls.__name__.lower()}') above it")
    for name, hint, plain in checks_of(cls):
        value = getattr(op, name)
        if type(value) not in plain and not holds(value, hint):
            raise OpError(f"{op.kind}: {name}={str(value)[:60]} has the wrong type {type(value).__name__}, expected {type_name(hint)}")  # type: ignore[attr-defined]


def given(op: Any, method: str, kind: type[R], answer: object) -> R:
    """What a method of an op gave. Raises OpError when it is of another kind."""
    if type(answer) is kind:
        return answer
    fix = "TensorSpec((channels, height, width)), or the spec of the input" if method == "infer" else f"{kind.__name__}(...)"
    raise OpError(f"{op.kind}: {method} returns {str(answer)[:40]}, expected a {kind.__name__}; return {fix}")


def failure(op: Any, inputs: int, error: Exception) -> ValueError:
    """What an exception inside a method of an op comes to: it does not take so many inputs, or it is broken."""
    if isinstance(error, TypeError) and not takes(op, inputs):
        return ShapeError(f"{op.kind} does not take {inputs} inputs")
    last = extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno} in {last.name}"
    return OpError(f"{op.kind} fails at {place}: {type(error).__name__}: {str(error)[:120]}; mend the class of the op")


def takes(op: Any, inputs: int) -> bool:
    """Whether the op's `infer` can be called with so many inputs."""
    try:
        inspect.signature(op.infer).bind(*range(inputs))
    except TypeError:
        return False
    return True


def home(cls: type) -> str:
    """Where a class is written, for people: its module, or the file of a user's own."""
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    own = file is not None and not cls.__module__.startswith("archsearch.")
    return f"{cls.__qualname__} in {file}" if own else f"{cls.__module__}.{cls.__qualname__}"
