"""What two networks differ in: nodes removed, added, changed, renamed, and what that does to every cost."""

from archsearch.design.diff.comparison import diff
from archsearch.design.diff.difference import Change, Cost, Difference, Row

__all__ = ["Change", "Cost", "Difference", "Row", "diff"]
