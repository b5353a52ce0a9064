"""What an edit is, and how several are made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from archsearch.design.edit.draft import Draft, EditError
from archsearch.design.edit.repair import repaired
from archsearch.network.genotype import Genotype
from archsearch.support.reading import one_line


class Edit(ABC):
    """One change to a network, as data; `str` gives the text that `parse_edit` reads."""

    @abstractmethod
    def change(self, draft: Draft) -> None:
        """Make the change; shapes are mended afterwards. Raises EditError."""


def apply(genotype: Genotype, edits: Iterable[Edit]) -> Genotype:
    """The genotype after these edits in order, shapes mended once at the end; all are made or none.

    Raises:
        EditError: an edit cannot be made, or shapes do not fit and no answer is obvious; the message names the node.
    """
    draft, edits = Draft(genotype), list(edits)
    where = ""
    try:
        for number, edit in enumerate(edits, 1):
            where = f"edit {number}, '{edit}': " if len(edits) > 1 else ""
            edit.change(draft)
        where = ""
        return repaired(draft)
    except EditError as error:
        raise EditError(one_line(f"{where}{error}")) from error
