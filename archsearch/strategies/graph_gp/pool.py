"""The networks that the model knows: candidates, those seen, and how alike they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from archsearch.network.genotype import Genotype
from archsearch.network.similarity import Counts, subtree_counts
from archsearch.spaces.catalogue import Catalogue, Entry
from archsearch.spaces.space import Choices
from archsearch.strategies.graph_gp.kernel import HEIGHTS, PARTS, Features, Matrix


class Pool:
    """Networks by number, each once: those of trials, which are `seen`, and candidates, with the similarity of all to those seen.

    `seen` has the numbers of the trials' networks in the order of the trials, `foretold` those of networks that proxies judged. Candidates
    are the newest ones, `most` at least and about twice as many at most: a candidate that was asked about some hundred times without being
    the best will not be it.
    """

    def __init__(self, catalogue: Catalogue, most: int) -> None:
        self.catalogue, self._most = catalogue, most
        self.entries: list[Entry] = []
        self.seen: list[int] = []
        self.foretold: list[int] = []
        self._numbers: dict[str, int] = {}
        self._features = Features()
        self._columns: dict[int, int] = {}
        self._similarities: Matrix = np.zeros((PARTS, 64, 64))
        self._rows = 0

    def number(self, entry: Entry) -> int:
        """Number of a network, which joins when it is new."""
        found = self._numbers.pop(entry.fingerprint, None)
        if found is None:
            found = len(self.entries)
            self.entries.append(entry)
            self._features.add(self.catalogue.derived(entry, subtrees), entry.choices)
        self._numbers[entry.fingerprint] = found  # the last one is the newest
        return found

    def trim(self) -> None:
        """Let the oldest candidates go when there are too many. Numbers change."""
        if len(self.entries) <= len(self.seen) + len(self.foretold) + 2 * self._most:
            return
        kept = sorted({*self.seen, *self.foretold, *list(self._numbers.values())[-self._most :]})
        places = dict(zip(kept, range(len(kept)), strict=True))
        self.entries = [self.entries[i] for i in kept]
        self.seen, self.foretold = ([places[i] for i in numbers] for numbers in (self.seen, self.foretold))
        self._numbers = {fingerprint: places[i] for fingerprint, i in self._numbers.items() if i in places}
        self._features.keep(kept)
        self._columns.clear()
        self._rows = 0

    def known(self, choices: Choices) -> int | None:
        """Number of the network of full choices, if it has joined."""
        return self._numbers.get(self.catalogue.look_up(choices).fingerprint)

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
