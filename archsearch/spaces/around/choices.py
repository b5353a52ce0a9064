"""The choices that a network leaves open, each with its options, and what an option decides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from archsearch.spaces.around.scopes import Block
from archsearch.spaces.around.shortcuts import Shortcut
from archsearch.spaces.around.stretches import Stretch


@dataclass
class Decisions:
    """What differs from the network as given.

    `scales`: by root of ties, what its unit becomes. `kernels`: by node. `lengths`: blocks of a run, by its number. `dropped`:
    shortcuts by their sum. `linked`: by the end of a stretch, its start. `gone`: values that are not made any more.
    """

    scales: dict[int, int] = field(default_factory=dict)
    kernels: dict[int, int] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)
    dropped: dict[int, Shortcut] = field(default_factory=dict)
    linked: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Choice(ABC):
    """One decision. `given`: the option that is the network as it is; `sites`: values that it concerns."""

    kind: ClassVar[str]
    name: str
    options: tuple[Any, ...]
    given: Any
    sites: tuple[int, ...]

    @abstractmethod
    def decide(self, option: Any, decisions: Decisions) -> None:
        """Note what an option means."""


@dataclass(frozen=True)
class WidthChoice(Choice):
    """How wide the ops are whose widths are tied: the options are widths of the first of them."""

    kind = "width"
    root: int
    unit: int

    def decide(self, option: Any, decisions: Decisions) -> None:
        if option != self.given:
            decisions.scales[self.root] = option * self.unit // self.given


@dataclass(frozen=True)
class KernelChoice(Choice):
    """The side of a convolution's kernel."""

    kind = "kernel"

    def decide(self, option: Any, decisions: Decisions) -> None:
        if option != self.given:
            decisions.kernels.update(dict.fromkeys(self.sites, option))


@dataclass(frozen=True)
class DepthChoice(Choice):
    """How many blocks a run has."""

    kind = "depth"
    run: int
    blocks: tuple[Block, ...]

    def decide(self, option: Any, decisions: Decisions) -> None:
        length = decisions.lengths[self.run] = option
        for block in self.blocks[length:]:
            decisions.gone.update(block.values)


@dataclass(frozen=True)
class ShortcutChoice(Choice):
    """Whether shortcuts stay."""

    kind = "shortcut"
    ways: tuple[Shortcut, ...]

    def decide(self, option: Any, decisions: Decisions) -> None:
        if not option:
            for way in self.ways:
                decisions.dropped[way.end] = way
                decisions.gone.update(way.chain)


@dataclass(frozen=True)
class LinkChoice(Choice):
    """Whether stretches get a shortcut."""

    kind = "link"
    stretches: tuple[Stretch, ...]

    def decide(self, option: Any, decisions: Decisions) -> None:
        if option:
            decisions.linked.update((stretch.end, stretch.start) for stretch in self.stretches)
