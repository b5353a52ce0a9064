"""Calls that stand for a module that is one op as a whole."""

from __future__ import annotations

from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.elementwise import applied
from archsearch.design.importer.calls.windows import tiled_alike
from archsearch.design.importer.content import Constant, Content, Seen
from archsearch.design.importer.layout import InexpressibleError
from archsearch.design.importer.leaves import op_of
from archsearch.design.importer.place import Place
from archsearch.design.importer.writer import Writer
from archsearch.ops import Scale, Softsign, StochasticDepth, Tanhshrink, WindowAttention

EVERYWHERE = (Scale, Softsign, StochasticDepth, Tanhshrink)
"""Ops that work element by element without weights, so that the order of the elements does not matter."""


def leaf(writer: Writer, call: Call) -> Content:
    """The op of the module at that path, with the module's weights."""
    path = call["path"]
    module, place = writer.module.get_submodule(path), Place(path, call.place.line)
    reads = call["values"]
    if not all(isinstance(content, Seen) for content in reads):
        raise InexpressibleError("it reads a constant, or scores of attention")
    if isinstance(op := op_of(module, reads[0].value.spec), EVERYWHERE):
        return applied(writer, op, reads[0], place)
    plain = [writer.plain(seen, call.place) for seen in reads]
    op = op_of(module, *(seen.value.spec for seen in plain))
    if isinstance(op, WindowAttention):
        op = tiled_alike(writer, op, plain[0].value)
    learned = {name: writer.ledger.parameter(f"{path}.{name}".lstrip("."), tensor) for name, tensor in module.named_parameters()}
    stored = {name: Constant(tensor) for name, tensor in module.state_dict().items() if name not in learned}
    values = [seen.value for seen in plain]
    return writer.seen(writer.emit(op, *values, place=place, weights={**learned, **stored}, hinted=False))
