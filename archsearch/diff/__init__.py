"""What two networks differ in: nodes removed, added, changed, renamed, and what that does to every cost."""

from archsearch.diff.comparison import diff
from archsearch.diff.difference import Change, Cost, Difference, Row

__all__ = ["Change", "Cost", "Difference", "Row", "diff"]
