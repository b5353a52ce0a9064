"""The networks that the model knows: candidates, those seen, and how alike they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from archsearch.catalogue import Catalogue, Entry
from archsearch.genotype import Genotype
from archsearch.similarity import Counts, subtree_counts
from archsearch.space import Choices
from archsearch.strategies.graph_gp.kernel import HEIGHTS, PARTS, Features, Matrix


class Pool:
    """Networks by number, each once, and the similarity of every one to those seen; what is worked out stays."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.entries: list[Entry] = []
        self._numbers: dict[str, int] = {}
        self._features = Features()
        self._columns: dict[int, int] = {}
        self._similarities: Matrix = np.zeros((PARTS, 64, 64))
        self._rows = 0

    def number(self, entry: Entry) -> int:
        """Number of a network, which joins when it is new."""
        found = self._numbers.get(entry.fingerprint)
        if found is None:
            found = self._numbers[entry.fingerprint] = len(self.entries)
            self.entries.append(entry)
            self._features.add(self.catalogue.derived(entry, subtrees), entry.choices)
        return found

    def known(self, choices: Choices) -> int | None:
        """Number of the network of full choices, if it has joined."""
        return self._numbers.get(self.catalogue.look_up(choices, np.random.default_rng(0)).fingerprint)

    def find(self, choices: Choices, rng: np.random.Generator) -> Entry | None:
        """The network of these choices, or None when they make none."""
        try:
            return self.catalogue.look_up(choices, rng)
        except ValueError:
            return None

    def similarities(self, numbers: Sequence[int], seen: Sequence[int]) -> Matrix:
        """(PARTS, numbers, seen)."""
        self._fill(seen)
        columns = np.array([self._columns[i] for i in seen])
        width = len(columns)
        if np.array_equal(columns, np.arange(width)):  # as they came: a slice, where picking would copy
            return self._similarities[:, np.asarray(numbers), :width]
        return np.asarray(self._similarities[:, np.asarray(numbers)[:, None], columns[None]])

    def _fill(self, seen: Iterable[int]) -> None:
        known, fresh = list(self._columns), [i for i in dict.fromkeys(seen) if i not in self._columns]
        rows, columns = len(self.entries), len(known) + len(fresh)
        self._reserve(rows, columns)
        if rows > self._rows and known:
            self._similarities[:, self._rows : rows, : len(known)] = self._features.similarities(slice(self._rows, rows), known)
        if fresh:
            self._similarities[:, :rows, len(known) : columns] = self._features.similarities(slice(0, rows), fresh)
            self._columns.update({number: len(known) + i for i, number in enumerate(fresh)})
        self._rows = rows

    def _reserve(self, rows: int, columns: int) -> None:
        _, high, wide = self._similarities.shape
        if rows <= high and columns <= wide:
            return
        grown = np.zeros((PARTS, max(high, 2 * rows), max(wide, 2 * columns)))
        grown[:, :high, :wide] = self._similarities
        self._similarities = grown


def subtrees(genotype: Genotype) -> Counts:
    """What the kernel looks at in a network."""
    return subtree_counts(genotype, HEIGHTS)
