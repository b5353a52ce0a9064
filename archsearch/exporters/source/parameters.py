"""What differs between scopes of one class, as parameters: numbers that are always equal are one."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from archsearch.exporters.source.calls import Argument, Call, Constant, Leaf, leaves

CHANNELS = ("channels", "features", "width", "normalized_shape", "num_parameters", "groups", "embed_dim")
RESIDUAL = ("residual", "adds_input")
HIDDEN = frozenset({"self", "nn", "F", "torch", "i", "_", "range", "super", "float", "OrderedDict", *keyword.kwlist})
"""What the text of a class or function reads besides its parameters."""
INTO, OUT = ("in_channels", "in_features"), ("out_channels", "out_features")


@dataclass
class Column:
    """One constant of a class: the step and the number of the constant in it, and its value in every scope; None where the step lacks."""

    step: int
    place: int
    leaf: Leaf
    values: list[Constant | None]


@dataclass
class Parameter:
    """An argument of a class: its columns, its value in every scope, and the default's source."""

    columns: list[Column]
    values: list[Constant | None]
    name: str = ""
    default: str | None = None

    def type(self) -> str:
        """As it is annotated."""
        return " | ".join(sorted({value.type for value in self.values if value is not None}, key=lambda name: (name == "None", name)))

    def of(self, member: int) -> Argument:
        """The argument for one scope."""
        value = self.values[member] or next(each for each in self.values if each is not None and each.text == self.default)
        return Argument(self.name, value, self.default is not None, self.default)


def arguments_of(parameters: Sequence[Parameter], member: int) -> tuple[Argument, ...]:
    """The arguments for one scope, those with a default last."""
    return tuple([each.of(member) for each in sorted(parameters, key=lambda each: each.default is not None)])


def columns_of(step: int, calls: Sequence[Call | None]) -> Iterator[Column]:
    """The constants of a step; `calls` in every scope."""
    rows = [None if call is None else list(leaves(call)) for call in calls]
    model = next(row for row in rows if row is not None)
    for place, leaf in enumerate(model):
        yield Column(step, place, leaf, [None if row is None else row[place].constant for row in rows])


def presence(step: int, name: str, calls: Sequence[Call | None]) -> Column:
    """Whether a scope has an optional step, as a constant."""
    values: list[Constant | None] = [Constant(str(call is not None), "bool") for call in calls]
    return Column(step, -1, Leaf(name, "", "False", Constant("False", "bool")), values)


def parameters_of(
    columns: Sequence[Column], names: Sequence[str], taken: Collection[str]
) -> tuple[list[Parameter], dict[tuple[int, int], str]]:
    """Columns that vary, those of one kind that are always equal as one parameter; and what stands for them.

    `names`: of the steps; `taken`: names that the parameters must not hide.
    """
    found: list[Parameter] = []
    for column in sorted(columns, key=lambda each: None in each.values):  # those that every scope has come first
        if len({value for value in column.values if value is not None}) < 2:
            continue
        known = next((each for each in found if family(each.columns[0]) == family(column) and agree(each.values, column.values)), None)
        if known is None:
            found.append(Parameter([column], list(column.values)))
        else:
            known.columns.append(column)
            known.values = [one or other for one, other in zip(known.values, column.values, strict=True)]
    found.sort(key=lambda each: min((column.step, column.place) for column in each.columns))
    halves = {id(each): kernel for each in found for kernel in found if is_half(each, kernel)}
    kept = [each for each in found if id(each) not in halves]
    name_all(kept, names, {*taken, *HIDDEN})
    for parameter in kept:
        parameter.default = default_of(parameter)
    texts = {id(each): halves[id(each)].name + " // 2" if id(each) in halves else each.name for each in found}
    return kept, {(column.step, column.place): texts[id(each)] for each in found for column in each.columns}


def is_half(padding: Parameter, kernel: Parameter) -> bool:
    """Whether a padding is always half of a kernel, so that images keep their size."""
    if padding.columns[0].leaf.argument != "padding" or kernel.columns[0].leaf.argument != "kernel_size":
        return False
    pairs = [(a, b) for a, b in zip(padding.values, kernel.values, strict=True) if a is not None]
    return all(a and b and a.type == b.type == "int" and int(a.text) == int(b.text) // 2 for a, b in pairs)


def agree(one: Sequence[Constant | None], other: Sequence[Constant | None]) -> bool:
    """Whether two columns are equal wherever both have a value."""
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def family(column: Column) -> str:
    """Columns that may be one parameter: counts of channels, and others of one name."""
    name = column.leaf.argument
    return "channels" if is_channels(name) else "flag" if column.place < 0 else name


def is_channels(name: str) -> bool:
    """Whether an argument counts channels."""
    return name.endswith(CHANNELS)


def default_of(parameter: Parameter) -> str | None:
    """The default: that of the modules, where it is one of the values; or what most have, where some need none."""
    values = [value.text for value in parameter.values if value is not None]
    given = {column.leaf.default for column in parameter.columns}
    if len(given) == 1 and None not in given and (default := given.pop()) in values:
        return default
    return Counter(values).most_common(1)[0][0] if len(values) < len(parameter.values) else None


def name_all(parameters: list[Parameter], names: Sequence[str], taken: set[str]) -> None:
    """Give every parameter a name of its own."""
    widths = [each for each in parameters if family(each.columns[0]) == "channels"]
    first, last = ends(widths)
    for parameter in parameters:
        arguments = [column.leaf.argument for column in parameter.columns]
        for wish in wishes(parameter, arguments, first, last, names):
            if wish not in taken and wish.isidentifier():
                parameter.name = wish
                break
        taken.add(parameter.name)


def ends(widths: Sequence[Parameter]) -> tuple[Parameter | None, Parameter | None]:
    """Which counts of channels go into the first layer that has such, and come out of the last."""
    into = [(column.step, column.place, n) for n, each in enumerate(widths) for column in each.columns if column.leaf.argument in INTO]
    out = [(column.step, column.place, n) for n, each in enumerate(widths) for column in each.columns if column.leaf.argument in OUT]
    return (widths[min(into)[2]] if into else None), (widths[max(out)[2]] if out else None)


def wishes(
    parameter: Parameter, arguments: list[str], first: Parameter | None, last: Parameter | None, names: Sequence[str]
) -> Iterator[str]:
    """Names for a parameter, the best first."""
    if {*arguments} == {"groups"}:
        yield "groups"
    if family(parameter.columns[0]) == "channels":
        if parameter is first:
            yield "channels" if parameter is last else next(name for name in arguments if name in INTO)
        elif parameter is last:
            yield next(name for name in arguments if name in OUT)
        else:
            yield from (name for name in arguments if name not in (*INTO, *OUT, "groups", "num_features", "normalized_shape"))
        yield from ("channels",) if len(arguments) == 1 and first is last is None else ("width",)
    else:
        yield next((name for name in RESIDUAL if name in arguments), arguments[0])
    places = {column.leaf.part or names[column.step] for column in parameter.columns} - {""}
    yield from sorted(f"{place}_{arguments[0]}" for place in places)
    word = arguments[0] if arguments[0].isidentifier() else "value"
    yield from (f"{word}_{number}" for number in count(2))
