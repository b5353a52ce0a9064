"""Which learned elements are in use: nodes that are not one module have none in common."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from archsearch.design.importer.content import Constant
from archsearch.design.importer.layout import InexpressibleError
from archsearch.design.importer.place import Place


class TakenError(InexpressibleError):
    """Learned elements that another node has."""


class Ledger:
    """All parameters, numbered element by element, and where each was first used."""

    def __init__(self, parameters: Iterable[tuple[str, Tensor]]) -> None:
        self._spans: dict[str, tuple[int, int]] = {}
        first: dict[int, int] = {}
        total = 0
        for name, tensor in parameters:  # one parameter may have two names
            start = first.setdefault(id(tensor), total)
            self._spans[name] = (start, start + tensor.numel())
            total = max(total, start + tensor.numel())
        self._used = torch.zeros(total, dtype=torch.bool)
        self._users: dict[str, Place] = {}
        self._taken: list[tuple[slice | Tensor, Tensor | bool, list[str]]] = []

    def parameter(self, name: str, tensor: Tensor) -> Constant:
        """A parameter as a constant."""
        return Constant(tensor.detach(), (name,), self._spans[name][0], fresh=False)

    def take(self, constant: Constant, place: Place) -> Tensor:
        """The elements as weights of a node. Raises InexpressibleError when some are in use, or are computed from others."""
        names = ", ".join(constant.names)
        if constant.computed:
            raise InexpressibleError(f"its weights are computed from {names} by aten.{constant.computed}; give it parameters as they are")
        if not constant.learned:
            return constant.tensor
        places = self._places(constant)
        first = next((self._users[name] for name in constant.names if name in self._users), place)
        if bool(self._used[places].any()):
            fix = "give each its own copy: only nodes of one op share weights, and then all of them"
            raise TakenError(f"weights of {names} are used here and at {first}; {fix}")
        if isinstance(places, Tensor) and torch.unique(places).numel() < places.numel():
            raise InexpressibleError(f"elements of {names} are repeated as weights; no op shares weights among channels or places")
        self.use(constant, place)
        return constant.tensor

    def use(self, constant: Constant, place: Place) -> None:
        """Note that the elements are in use, whoever uses them besides."""
        if not constant.learned:
            return
        places = self._places(constant)
        held = self._used[places]
        before = held.clone() if bool(held.any()) else False
        self._used[places] = True
        self._taken.append((places, before, [name for name in constant.names if name not in self._users]))
        for name in constant.names:
            self._users.setdefault(name, place)

    @property
    def takes(self) -> int:
        """How often something was taken."""
        return len(self._taken)

    def give_back(self, takes: int) -> None:
        """Forget what was taken since there were so many takes."""
        while len(self._taken) > takes:
            places, before, names = self._taken.pop()
            self._used[places] = before
            for name in names:
                del self._users[name]

    def unused(self) -> dict[str, int]:
        """Parameters of which some elements are in no use, and how many."""
        counts = {name: stop - start - int(self._used[start:stop].sum()) for name, (start, stop) in self._spans.items()}
        return {name: count for name, count in counts.items() if count}

    @staticmethod
    def _places(constant: Constant) -> slice | Tensor:
        """Where the elements are among all that are learned."""
        if constant.start is not None:
            return slice(constant.start, constant.start + constant.tensor.numel())
        places = constant.numbers().flatten()
        return places[places >= 0]
