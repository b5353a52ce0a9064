"""What every network of a population costs: the walkers of `memory` and `training`, with arrays for numbers.

A thousand networks whose storages live and die alike are walked at once. So each figure is the one that `analyse` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsearch.analysis.cost import check_settings, training_peak
from archsearch.analysis.memory import ITEM_BYTES, Graph, Units, inference_memory, state_bytes
from archsearch.analysis.population.networks import Population, Table
from archsearch.analysis.population.partition import Part
from archsearch.analysis.training import training_memory
from archsearch.network.genotype import Genotype, Node
from archsearch.ops.base import Amount, Cost, Facts, Inner
from archsearch.ops.saved import Moments, Saved
from archsearch.ops.tensor import TensorSpec

Ints = NDArray[np.int64]
Numbers = list[Any]  # whole numbers, or arrays of them with one entry a network
CHUNK = 4096
"""Networks walked at once: few enough that what is live of them stays in a core's cache."""
MOST = 2**63 - 1


class Crowd(NamedTuple):
    """A population as the walkers see a genotype: the numbers in `facts` are arrays where they vary."""

    inputs: tuple[TensorSpec, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    facts: tuple[Facts, ...]


class Slot(NamedTuple):
    """A number that varies: the class of every network, and the number of every class."""

    part: Part
    column: Ints


class Kin(NamedTuple):
    """Networks whose storages live and die alike: which they are, and for every node the facts of one of them, and its numbers.

    `slots` are those that stand among the numbers; `varies` says of which nodes.
    """

    members: Ints
    facts: list[Facts]
    numbers: list[list[int | Slot]]
    varies: list[bool]
    slots: list[Slot]


@dataclass(frozen=True, eq=False)
class PopulationAnalysis:
    """The figures of `Analysis`, one entry a network, as int64; each is worked out when it is first asked for.

    Raises:
        OverflowError: a figure may pass 2**63.
    """

    population: Population
    batch: int
    dtype: str
    optimizer: str

    @cached_property
    def params(self) -> Ints:
        """Learned elements."""
        return self._total(lambda fact: fact.cost.params)

    @cached_property
    def buffers(self) -> Ints:
        """Elements of state that is not learned."""
        return self._total(lambda fact: fact.cost.buffers)

    @cached_property
    def macs(self) -> Ints:
        """Multiply-adds for one sample."""
        return self._total(lambda fact: fact.cost.macs)

    @property
    def flops(self) -> Ints:
        """Floating point operations for one sample: 2 x macs."""
        return 2 * self.macs

    @cached_property
    def state_bytes(self) -> Ints:
        """Weights and buffers."""
        item = ITEM_BYTES[self.dtype]
        return self._total(lambda fact: state_bytes(fact.cost, item))

    @cached_property
    def inference_peak_bytes(self) -> Ints:
        """Largest number of bytes in inference."""
        return self.state_bytes + self._walked(self._inference, self._kinds(training=False))[0]

    @property
    def training_peak_bytes(self) -> Ints:
        """Largest number of bytes in one training step."""
        return self.state_bytes + self._steps[0]

    @property
    def saved_bytes(self) -> Ints:
        """What autograd keeps between forward and backward pass."""
        return self._steps[1]

    @cached_property
    def _steps(self) -> list[Ints]:
        return self._walked(self._training, self._kinds(training=True))

    def _kinds(self, training: bool) -> list[Kin]:
        tables = self.population.tables_behind(self.batch, training)
        return self._even_kinds if tables is self.population.tables else list(kinds(self.population, tables))

    @cached_property
    def _even_kinds(self) -> list[Kin]:
        return list(kinds(self.population, self.population.tables))

    def _inference(self, graph: Graph, largest: Callable[[Numbers], Any]) -> Numbers:
        return [largest(inference_memory(graph, self._units).moments)]

    def _training(self, graph: Graph, largest: Callable[[Numbers], Any]) -> Numbers:
        training = training_memory(graph, self._units)
        return [training_peak(training, ITEM_BYTES[self.dtype], self.optimizer, largest), training.saved]

    @property
    def _units(self) -> Units:
        return Units(ITEM_BYTES[self.dtype], self.batch)

    def _total(self, number: Callable[[Facts], int]) -> Ints:
        """The sum over the nodes of a number of theirs, for every network."""
        sums: dict[int, tuple[Part, list[int]]] = {}
        for table in self.population.tables:
            _, sofar = sums.setdefault(id(table.part), (table.part, [0] * table.part.classes))
            for at, fact in enumerate(table.facts):
                sofar[at] += number(fact)
        check_fits(sum(max(sofar) for _, sofar in sums.values()))
        total = np.zeros(len(self.population), np.int64)
        for part, sofar in sums.values():
            total += np.array(sofar, np.int64).take(part.codes) if part.classes > 1 else sofar[0]
        return total

    def _walked(self, walk: Callable[[Graph, Callable[[Numbers], Any]], Numbers], kins: Sequence[Kin]) -> list[Ints]:
        """What a walker finds for every network, a chunk after the other."""
        found: list[Ints] = []
        template = self.population.template
        for kin in kins:
            # With every number at its largest no sum along the way is larger in any network.
            bounds = walk(crowd(template, kin, {id(slot): int(slot.column.max()) for slot in kin.slots}), max)
            check_fits(max(bounds) + int(self.state_bytes.max()))
            found = found or [np.empty(len(self.population), np.int64) for _ in bounds]
            for members in chunks(kin.members, len(self.population)):
                codes = {id(slot.part): slot.part.codes[members] for slot in kin.slots}
                numbers = {id(slot): slot.column.take(codes[id(slot.part)]) for slot in kin.slots}
                for place, result in zip(found, walk(crowd(template, kin, numbers), largest), strict=True):
                    place[members] = result
        return found


def analyse_population(
    population: Population, batch: int = 1, dtype: str = "float32", optimizer: str = "sgd"
) -> PopulationAnalysis:  # fmt: skip
    """Cost of every network of a population; arguments and errors as for `analyse`."""
    check_settings(batch, dtype, optimizer)
    return PopulationAnalysis(population, batch, dtype, optimizer)


def check_fits(number: int) -> None:
    """Raise OverflowError when a number may not fit into int64."""
    if number > MOST:
        raise OverflowError("a figure of this population may pass 2**63; analyse its networks one by one, whose numbers have no limit")


def chunks(members: Ints, size: int) -> list[Ints] | list[slice]:
    """Networks to be walked at once: slices, which copy nothing, where the members are all of so many networks."""
    count = -(-len(members) // CHUNK)
    if len(members) < size:
        return np.array_split(members, count)
    bounds = [size * place // count for place in range(count + 1)]
    return [slice(*ends) for ends in pairwise(bounds)]


def largest(moments: Numbers) -> Any:
    """The largest number for every network."""
    varied = [moment for moment in moments if isinstance(moment, np.ndarray)]
    steady = max([moment for moment in moments if not isinstance(moment, np.ndarray)], default=0)
    if not varied:
        return steady
    most = np.maximum(varied[0], steady)
    for moment in varied[1:]:
        np.maximum(most, moment, out=most)
    return most


def kinds(population: Population, tables: Sequence[Table]) -> Iterator[Kin]:
    """The networks, parted where facts in these tables differ in more than their numbers."""
    inside, parts = list[tuple[Table, list[int]]](), []
    for table in tables:
        forms: dict[object, int] = {}
        place = [forms.setdefault(form(fact), len(forms)) for fact in table.facts]
        parts.append(population.partitions.merge(table.part, place, len(forms)))
        inside.append((table, place))
    split, within = population.partitions.join(parts)
    for kind in range(split.classes):
        members = np.flatnonzero(split.codes == kind) if split.classes > 1 else np.arange(len(population))
        facts, numbers, slots = [], [], dict[tuple[int, bytes], Slot]()
        for (table, place), chosen in zip(inside, within, strict=True):
            alike = [place[at] == chosen[kind] for at in range(len(place))]
            one = table.facts[alike.index(True)]
            facts.append(one)
            numbers.append(read_numbers(table.part, [fact if same else one for fact, same in zip(table.facts, alike, strict=True)], slots))
        varies = [any(isinstance(number, Slot) for number in own) for own in numbers]
        yield Kin(members, facts, numbers, varies, list(slots.values()))


def form(fact: Facts) -> tuple[object, ...]:
    """All that the walkers branch on."""
    saved = fact.saved
    return (
        fact.integer, fact.learned, fact.passes, fact.keeps, fact.extra is None, fact.plain, fact.straight, saved.inputs,
        saved.output, saved.crossed, saved.view, saved.eval_view, saved.gradient, saved.handed, saved.rows == 1, saved.stretched,
        len(saved.inner), saved.more is None, saved.waiting is None, saved.spread, saved.joins, saved.beside, saved.anew,
        *[len(stated) for stated in stated_by(saved)],
    )  # fmt: skip


def stated_by(saved: Saved) -> list[Moments]:
    """Amounts at moments that may be the peak."""
    return [saved.training, saved.inference, saved.backward, saved.front]


def read_numbers(part: Part, facts: Sequence[Facts], slots: dict[tuple[int, bytes], Slot]) -> list[int | Slot]:
    """The numbers of a node: a slot of its own, or one that has the same numbers already, where they vary."""
    rows = [numbers_of(fact) for fact in facts]
    check_fits(max(map(max, rows)))
    found: list[int | Slot] = []
    for column in zip(*rows, strict=True):
        if min(column) == max(column):
            found.append(column[0])
            continue
        numbers = np.array(column, np.int64)
        found.append(slots.setdefault((id(part), numbers.tobytes()), Slot(part, numbers)))
    return found


def numbers_of(fact: Facts) -> list[int]:
    """All that the walkers add up."""
    saved, inner = fact.saved, [number for part in fact.saved.inner for number in part]
    plain = [fact.elements, fact.cost.params, *(fact.extra or (0, 0, 0)), saved.eval_elements, saved.eval_indices, *inner]
    return plain if fact.plain and fact.straight and saved.more is None and not saved.training else plain + amounts_of(saved)


def amounts_of(saved: Saved) -> list[int]:
    """The numbers of all amounts."""
    alone = [amount for amount in (saved.more, saved.waiting) if amount is not None]
    amounts = [*alone, *[amount for stated in stated_by(saved) for amount in stated]]
    return [number for amount in amounts for number in amount.numbers()]


def crowd(template: Genotype, kin: Kin, numbers: Mapping[int, Any]) -> Crowd:
    """The networks as the walkers see a genotype: `numbers` says by the id of a slot what stands in its place."""
    facts = [
        with_numbers(fact, [numbers[id(number)] if isinstance(number, Slot) else number for number in own]) if varies else fact
        for fact, own, varies in zip(kin.facts, kin.numbers, kin.varies, strict=True)
    ]
    return Crowd(template.inputs, template.nodes, template.outputs, tuple(facts))


def with_numbers(fact: Facts, numbers: Sequence[Any]) -> Facts:
    """The facts with other numbers."""
    elements, params, kept, indices, statistics, eval_elements, eval_indices, *more = numbers
    saved, extra = fact.saved, None if fact.extra is None else (kept, indices, statistics)
    if more or not fact.plain:
        parts, amounts = more[: 2 * len(saved.inner)], iter(more[2 * len(saved.inner) :])
        inner = tuple(Inner(*pair) for pair in zip(parts[::2], parts[1::2], strict=True))
        saved = replace(saved, eval_elements=eval_elements, eval_indices=eval_indices, inner=inner, **other_amounts(saved, amounts))
    return Facts(  # said in full: `replace` takes ten times as long, which counts for every node of every chunk
        fact.spec, elements, Cost(params=params), saved, fact.window, fact.integer, fact.learned, fact.passes, fact.keeps, extra,
        fact.plain, fact.straight, fact.growth, fact.widens, fact.reads, fact.normal, fact.same, fact.cuts,
    )  # fmt: skip


def other_amounts(saved: Saved, numbers: Iterator[Any]) -> dict[str, Any]:
    """The amounts with other numbers, field by field."""

    def read(amount: Amount) -> Amount:
        return Amount(*[next(numbers) for _ in amount.numbers()])

    alone = {name: None if getattr(saved, name) is None else read(getattr(saved, name)) for name in ("more", "waiting")}
    names = ("training", "inference", "backward", "front")
    return {**alone, **{name: tuple([read(amount) for amount in getattr(saved, name)]) for name in names}}
