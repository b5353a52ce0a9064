"""What no input reaches is computed once; of learned elements it is known where they went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.kinds import CASTS, INDICES, MOVES
from archsearch.design.importer.content import Constant, Content, Rolled, Seen
from archsearch.design.importer.layout import InexpressibleError
from archsearch.design.importer.place import first_line


def folded(target: Any, call: Call) -> Content:
    """Carry out a call whose arguments are all known. Raises InexpressibleError."""
    if not hasattr(target, "_schema"):
        raise InexpressibleError("it computes with a size that depends on numbers; let sizes depend on shapes alone")
    if torch.Tag.nondeterministic_seeded in getattr(target, "tags", ()) and not is_off(call):
        raise InexpressibleError("it draws random numbers; a genotype has none but in dropout")
    reads = list(constants_in(call.arguments.values()))
    if target._schema.is_mutable and isinstance(call.first, Constant) and not call.first.fresh:
        raise InexpressibleError("it writes into a tensor of the module; a genotype has no state of its own")
    if (
        target._schema.is_mutable
        and any(constant.learned for constant in reads)
        and not (isinstance(call.first, Constant) and call.first.computed)
    ):
        raise InexpressibleError("it writes learned numbers in place; no op has weights that are computed")
    tensors = carried_out(target, {name: real(content) for name, content in call.arguments.items()})
    names = tuple(dict.fromkeys(name for constant in reads for name in constant.names))
    made = Constant(torch.empty(0), names, fresh=not shares_memory(tensors, [c.tensor for c in reads if not c.fresh]))
    learned = [constant for constant in reads if constant.learned]
    if not learned:
        return spread(tensors, lambda tensor, _: replace(made, tensor=tensor))
    if call.name == "_weight_norm" and call["dim"] == 0:
        return replace(made, tensor=tensors, computed=call.name, parts=(call["v"], call["g"]))
    computed = next((constant.computed for constant in learned if constant.computed), "")
    if call.name in CASTS and not computed:
        places = learned[0].numbers()
    elif call.name in MOVES and not computed:
        places = carried_out(target, {name: located(name, content) for name, content in call.arguments.items()})
    else:
        return spread(tensors, lambda tensor, _: replace(made, tensor=tensor, computed=computed or call.name))
    return spread(tensors, lambda tensor, numbers: replace(made, tensor=tensor, places=numbers), places)


def is_off(call: Call) -> bool:
    """Whether a call that may draw random numbers draws none, as dropout in inference."""
    return call.get("train") is False


def spread(tensors: Any, make: Any, others: Any = None) -> Content:
    """Constants of one tensor or of several."""
    if isinstance(tensors, list | tuple):
        return tuple(make(tensor, others[i] if others is not None else None) for i, tensor in enumerate(tensors))
    return make(tensors, others) if isinstance(tensors, Tensor) else tensors


def shares_memory(made: Any, tensors: list[Tensor]) -> bool:
    """Whether what was made lies in the memory of one of the tensors."""
    results = made if isinstance(made, list | tuple) else [made]
    known = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    return any(isinstance(tensor, Tensor) and tensor.untyped_storage().data_ptr() in known for tensor in results)


def carried_out(target: Any, arguments: dict[str, Any]) -> Any:
    """Results of a call on real tensors, on the CPU."""
    if "device" in arguments:
        arguments["device"] = torch.device("cpu")
    positional = [arguments.pop(a.name) for a in target._schema.arguments if not a.kwarg_only and a.name in arguments]
    try:
        return target(*positional, **arguments)
    except RuntimeError as error:
        raise InexpressibleError(f"it cannot be computed in advance: {first_line(error)}") from error


def constants_in(values: Any) -> Iterator[Constant]:
    """All constants, lists opened."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from constants_in(value)
        elif isinstance(value, Constant):
            yield value


def real(content: Content) -> Any:
    """Tensors for contents; of what depends on an input, only the shape."""
    if isinstance(content, list | tuple):
        return [real(part) for part in content]
    if isinstance(content, Rolled | Seen):
        return torch.empty(content.layout.shape)
    return content.tensor if isinstance(content, Constant) else content


def located(name: str, content: Content) -> Any:
    """Numbers of learned elements for constants, but for those that say where elements are."""
    if isinstance(content, list | tuple):
        return [located(name, part) for part in content]
    if isinstance(content, Constant):
        return content.tensor if name in INDICES else content.numbers()
    return content
