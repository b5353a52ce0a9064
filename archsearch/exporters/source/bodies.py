"""The text of one class: its head, the modules that it makes, and how it calls them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from archsearch.exporters.source.calls import WIDTH, Choice, Value, text_of
from archsearch.exporters.source.containers import Containers
from archsearch.exporters.source.forward import body
from archsearch.exporters.source.functional import FUNCTIONS, Text
from archsearch.exporters.source.parameters import Parameter
from archsearch.exporters.source.plans import Plan
from archsearch.exporters.source.recorder import Recorder
from archsearch.ops.tensor import TensorSpec

FEW = 4
"""So many results are named one by one in the head of `forward`."""
LAYERS = 3
"""So many layers that read all before them are called in a loop."""


def class_text(plan: Plan, inputs: Sequence[str], about: str, specs: Sequence[TensorSpec], recorder: Recorder) -> str:
    """Source of a class. `inputs`: names of what `forward` takes; `about`: the docstring."""
    steps = range(len(plan.model.steps))
    containers = Containers(plan.model, [plan.is_expression(step) for step in steps])
    alone = len(plan.kind.members) == 1

    def note(value: int) -> str:
        return f"  # {specs[value].shape}" if alone else ""

    def write(step: int, operands: Sequence[Text]) -> Text:
        return expression(plan, step, operands, containers)

    init = ["super().__init__()", *made_in(plan, containers, recorder)]
    forward = dense(plan, inputs) or body(plan.model, [plan.is_light(step) for step in steps], write, inputs, note)
    outputs = len(plan.model.outputs)
    result = "Tensor" if outputs == 1 else f"tuple[{', '.join(['Tensor'] * outputs)}]" if outputs <= FEW else "tuple[Tensor, ...]"
    lines = [f"class {plan.name}(nn.Module):", f'    """{about}"""', ""]
    if len(init) > 1:
        lines += [*indented(heading("def __init__", ["self", *signature(plan.parameters)], "None"), 4), *indented(init, 8), ""]
    head = heading("def forward", ["self", *(f"{name}: Tensor" for name in inputs)], result)
    return "\n".join([*lines, *indented(head, 4), *indented(forward, 8)])


def indented(lines: Iterable[str], depth: int) -> list[str]:
    """Lines further in."""
    return [textwrap.indent(line, " " * depth) for line in lines]


def made_in(plan: Plan, containers: Containers, recorder: Recorder) -> Iterator[str]:
    """Statements that make the modules, in the order of their first nodes."""
    modules: dict[int, Value] = {}
    yield from (f"self.{flag} = {flag}" for flag in dict.fromkeys(plan.flag(step) for step in sorted(plan.optional) if plan.is_sum(step)))
    for number, step in enumerate(plan.model.steps):
        if not plan.is_expression(number) and not step.again:
            call = recorder.settled_call(plan.call(number))
            modules[number] = Choice(plan.flag(number), call) if plan.flag(number) else call
    yield from containers.statements(modules)


def expression(plan: Plan, step: int, operands: Sequence[Text], containers: Containers) -> Text:
    """Source of what a step makes of its operands."""
    call = plan.plain(step)
    if call is None or not plan.is_expression(step):
        return Text(f"{containers.reference(step)}({', '.join(each.source for each in operands)})")
    made = FUNCTIONS[call.name](call, operands)
    assert made is not None
    if not plan.flag(step):
        return made
    return Text(f"{made.source} if self.{plan.flag(step)} else {operands[plan.kind.standing(step)].source}", 0)


def dense(plan: Plan, inputs: Sequence[str]) -> list[str]:
    """`forward` of a class whose layers read all values before them, which are joined in the end; nothing for others."""
    *layers, last = plan.model.steps
    call = plan.plain(len(layers))
    if len(layers) < LAYERS or call is None or call.name != "layers.Concat" or plan.optional or not all(plan.takes_all[:-1]):
        return []
    values = list(plan.model.inputs)
    for layer in layers:
        if layer.reads != tuple(values) or len(layer.makes) != 1 or len(layer.path) > 1:
            return []
        values += layer.makes
    if last.makes != plan.model.outputs or not last.reads or last.reads != tuple(values[-len(last.reads) :]):
        return []
    skipped = len(values) - len(last.reads)
    return [
        f"values = [{', '.join(inputs)}]",
        "for layer in self.children():",
        "    values.append(layer(*values))",
        f"return torch.cat(values{f'[{skipped}:]' if skipped else ''}, {text_of(call, 'axis')})",
    ]


def heading(name: str, parameters: Sequence[str], result: str) -> list[str]:
    """The head of a function; a long one has a line for its parameters, or one for each."""
    inner = ", ".join(parameters)
    flat = f"{name}({inner}) -> {result}:"
    if len(flat) <= WIDTH:
        return [flat]
    lines = [inner] if len(inner) < WIDTH - 4 else [f"{each}," for each in parameters]
    return [f"{name}(", *(f"    {line}" for line in lines), f") -> {result}:"]


def signature(parameters: Sequence[Parameter]) -> list[str]:
    """Parameters of a class or function with their types, those with a default last."""
    required = [f"{p.name}: {p.type()}" for p in parameters if p.default is None]
    return [*required, *(f"{p.name}: {p.type()} = {p.default}" for p in parameters if p.default is not None)]
