"""What rules look at: a genotype, and what several of them need to know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from archsearch.analysis import receptive_field
from archsearch.analysis.receptive_field import Field, field_of, sides_of
from archsearch.analysis.views import Laid
from archsearch.analysis.windows import Stride, reaches
from archsearch.design.lint.roles import LEARNED_MAP
from archsearch.design.lint.slides import Slide, slides, slides_over
from archsearch.network.genotype import Genotype
from archsearch.ops.base import POINT, Facts, Op
from archsearch.ops.reading import NO_GRADIENT, SAME, WHOLE_INPUT
from archsearch.ops.tensor import TensorSpec


class Part(NamedTuple):
    """One node with its facts; `value` is the number of what it makes, `reads` are the numbers of what it reads.

    `slides`: its window down and across the image, of a convolution or pooling.
    """

    value: int
    op: Op
    reads: tuple[int, ...]
    name: str
    facts: Facts
    slides: tuple[Slide, Slide] | None

    @property
    def spec(self) -> TensorSpec:
        """Shape of what it makes."""
        return self.facts.spec


@dataclass(frozen=True)
class Subject:
    """A network under examination; `object_size`: height and width in pixels of what it is to see, where that is known."""

    genotype: Genotype
    object_size: tuple[int, int] | None = None

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All nodes, in order."""
        genotype, specs = self.genotype, self.genotype.specs
        found = []
        for value, (node, fact) in enumerate(zip(genotype.nodes, genotype.facts, strict=True), len(genotype.inputs)):
            window = slides(node.op, specs[node.inputs[0]], fact.spec) if slides_over(node.op) else None
            found.append(Part(value, node.op, node.inputs, node.name, fact, window))
        return tuple(found)

    @cached_property
    def alive(self) -> tuple[bool, ...]:
        """For every value, whether an output depends on it."""
        needed = [False] * len(self.genotype.specs)
        for output in self.genotype.outputs:
            needed[output] = True
        for part in reversed(self.parts):
            if needed[part.value]:
                for read in part.reads:
                    needed[read] = True
        return tuple(needed)

    @cached_property
    def living(self) -> tuple[Part, ...]:
        """The nodes that an output depends on, in order."""
        return tuple(part for part in self.parts if self.alive[part.value])

    @cached_property
    def readers(self) -> tuple[tuple[Part, ...], ...]:
        """For every value, the living nodes that read it; an output's reader outside the network is not among them."""
        found: list[list[Part]] = [[] for _ in self.genotype.specs]
        for part in self.living:
            for read in set(part.reads):
                found[read].append(part)
        return tuple(map(tuple, found))

    @cached_property
    def outputs(self) -> frozenset[int]:
        """Values that leave the network."""
        return frozenset(self.genotype.outputs)

    @cached_property
    def strides(self) -> list[Stride]:
        """For every value, how far apart in the image its positions lie, down and across."""
        return [reach[2:] for reach in reaches(self.genotype)]

    @cached_property
    def fields(self) -> list[Field]:
        """The receptive field of every value."""
        return self.fields_without((), ())

    def fields_without(self, blind: tuple[type[Op], ...], gates: tuple[type[Op], ...]) -> list[Field]:
        """The receptive field of every value, where ops of the classes `blind` count as if they read nothing.

        Those of the classes `gates` read everything only by way of them, and count as if they read one position of each input.
        """
        facts = [part.facts for part in self.parts]
        for place, (part, fact) in enumerate(zip(self.parts, facts, strict=True)):
            if isinstance(part.op, blind):
                facts[place] = replace(fact, reads=NO_GRADIENT, growth=True)
            elif isinstance(part.op, gates) and fact.reads == WHOLE_INPUT:
                facts[place] = replace(fact, reads=SAME, growth=None)
        whole, laid = sides_of(self.genotype), Laid(self.genotype.inputs, self.genotype.nodes, self.genotype.outputs, tuple(facts))
        return [field_of(reach, whole) for reach in receptive_field.reaches(laid)]

    @cached_property
    def params(self) -> int:
        """Learned elements of the living nodes."""
        return sum(part.facts.cost.params for part in self.living)

    @cached_property
    def macs(self) -> int:
        """Multiply-adds of the living nodes, for one sample."""
        return sum(part.facts.cost.macs for part in self.living)

    @cached_property
    def maps(self) -> tuple[Part, ...]:
        """The living learned linear maps: convolutions and matrix products with weights."""
        return tuple(part for part in self.living if isinstance(part.op, LEARNED_MAP))

    def spec(self, value: int) -> TensorSpec:
        """Shape of a value."""
        return self.genotype.specs[value]

    def name(self, value: int) -> str:
        """Name of a value."""
        return self.genotype.value_names[value]

    def made_by(self, value: int) -> Part | None:
        """The node that makes a value; None of an input."""
        offset = len(self.genotype.inputs)
        return self.parts[value - offset] if value >= offset else None

    def is_pointwise(self, part: Part) -> bool:
        """Whether a node works position by position and has the shape of the one value that it reads: a norm, an activation."""
        alone = len(part.reads) == 1 and part.facts.window == POINT
        return alone and part.spec == self.spec(part.reads[0]) and not isinstance(part.op, LEARNED_MAP)

    def only_reader(self, value: int) -> Part | None:
        """The node that alone reads a value which is no output."""
        readers = self.readers[value]
        return readers[0] if len(readers) == 1 and value not in self.outputs else None

    @cached_property
    def image(self) -> tuple[int, int] | None:
        """Height and width of the first input that is an image."""
        return next(((spec.shape[1], spec.shape[2]) for spec in self.genotype.inputs if len(spec.shape) == 3), None)
