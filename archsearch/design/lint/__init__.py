"""The rules of thumb of network design as checks: `lint(genotype)` says which of them a network breaks, where, and what to do.

A module here is a family of rules; each rule is one function with its name, level and reason, and puts itself into RULES.
"""

from __future__ import annotations

from collections.abc import Collection

from archsearch.design.lint import cost, depth, order, resolution, waste, windows
from archsearch.design.lint.base import LEVELS, RULES, Finding, Level, LintError, Rule, rule_named
from archsearch.design.lint.subject import Subject
from archsearch.network.genotype import Genotype

__all__ = ["LEVELS", "RULES", "Finding", "Level", "LintError", "Rule", "lint"]

FAMILIES = (waste, windows, resolution, depth, order, cost)


def lint(genotype: Genotype, *, object_size: tuple[int, int] | None = None, ignore: Collection[str] = ()) -> tuple[Finding, ...]:
    """What the rules say of a network, the gravest first, then rule by rule in the order of the nodes.

    Args:
        genotype: The network.
        object_size: Height and width in pixels of what it is to recognise; half of the image where that is not known.
        ignore: Names of rules to leave out.

    Raises:
        LintError: a name in `ignore` is no rule.
    """
    left_out = {rule_named(name).name for name in ignore}
    subject = Subject(genotype, object_size)
    found = [finding for rule in RULES.values() if rule.name not in left_out for finding in rule.findings(subject)]
    return tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level)))
