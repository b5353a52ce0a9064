"""What a rule of thumb is, and what it says of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple, get_args

from archsearch.design.lint.subject import Subject
from archsearch.support.nearest import nearest

Level = Literal["error", "warning", "hint"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""The gravest first: the network cannot do its work; it wastes or loses something; something better is known."""
WHOLE = "/"
"""Place of a finding that is about the whole network."""


class LintError(ValueError):
    """A check that cannot be made as asked; one line."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says: `where` is a node's or scope's name, or `/` for the whole network; `fix` what to do."""

    rule: str
    level: Level
    where: str
    message: str
    fix: str

    def plain(self) -> dict[str, str]:
        """The finding as plain data."""
        return asdict(self)


class Found(NamedTuple):
    """What a rule's function gives for every place; `level` where it is less grave there than the rule as a whole."""

    where: str
    message: str
    fix: str
    level: Level | None = None


Check = Callable[[Subject], Iterator[Found]]


class Rule(NamedTuple):
    """A rule of thumb: its name, how grave a breach is at most, why it is a rule, and the function that looks for breaches."""

    name: str
    level: Level
    reason: str
    check: Check

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """Breaches of the rule, in the order of the nodes."""
        return (Finding(self.name, level or self.level, where, message, fix) for where, message, fix, level in self.check(subject))

    def plain(self) -> dict[str, str]:
        """The rule as plain data."""
        return {"rule": self.name, "level": self.level, "reason": self.reason}


RULES: dict[str, Rule] = {}


def rule(name: str, level: Level, reason: str) -> Callable[[Check], Check]:
    """Decorator: put a function into the table of rules; its docstring says when it speaks."""

    def add(check: Check) -> Check:
        RULES[name] = Rule(name, level, reason, check)
        return check

    return add


def rule_named(name: str) -> Rule:
    """The rule of that name. Raises LintError with the nearest ones."""
    if name not in RULES:
        raise LintError(f"no rule is called {name[:60]!r}; {nearest(name[:60], sorted(RULES))}")
    return RULES[name]
