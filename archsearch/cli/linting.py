"""`lint`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import typer

from archsearch.cli import FAILED, WrongUseError
from archsearch.cli.console import print_json, print_table, print_text
from archsearch.cli.targets import find_network, load_ops
from archsearch.design.lint import LEVELS, RULES, Finding, LintError, lint

SHOWN = 3
"""So many places of a rule stand in the text; all of them in the JSON."""


def lint_command(target: str | None, object_size: str | None, ignore: Sequence[str], strict: bool, ops: list[str], json: bool) -> None:
    """Check a network by the rules of thumb, or list the rules; ends with 1 on errors, when strict on warnings too."""
    load_ops(ops)
    if target is None:
        list_rules(json)
        return
    try:
        found = lint(find_network(target), object_size=parse_object(object_size), ignore=ignore)
    except LintError as error:
        raise WrongUseError(str(error)) from error
    counts = {level: sum(finding.level == level for finding in found) for level in LEVELS}
    if json:
        print_json({"network": target, "counts": counts, "findings": [finding.plain() for finding in found]})
    else:
        print_findings(found)
        print_text(f"{target}: {', '.join(plural(count, level) for level, count in counts.items())}")
    if counts["error"] or (strict and counts["warning"]):
        raise typer.Exit(FAILED)


def list_rules(json: bool) -> None:
    """All rules with their levels and reasons, the gravest first."""
    rules = sorted(RULES.values(), key=lambda rule: (LEVELS.index(rule.level), rule.name))
    if json:
        print_json([rule.plain() for rule in rules])
    else:
        print_table(["Rule", "Level", "Reason"], [[rule.name, rule.level, rule.reason] for rule in rules], left=3, prose=("Reason",))


def parse_object(text: str | None) -> tuple[int, int] | None:
    """Height and width of `64` or `48x64`. Raises WrongUseError."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", text.strip())
    if match is None or not int(match[1]) or (match[2] and not int(match[2])):
        raise WrongUseError(f"--object {text[:60]!r} must be pixels, such as 64 or 48x64 (height x width)")
    return int(match[1]), int(match[2] or match[1])


def print_findings(found: Sequence[Finding]) -> None:
    """Findings rule by rule: the first one in full, the places of the others by name."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in found:
        groups.setdefault((finding.level, finding.rule), []).append(finding)
    for (level, rule), members in groups.items():
        first, *others = members
        place = "" if first.where == "/" else f" at {first.where}"
        print_text(f"{level}: {rule}{place}\n  {first.message}\n  why: {RULES[rule].reason}\n  fix: {first.fix}")
        if others:
            more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            print_text(f"  also at {', '.join(other.where for other in others[:SHOWN])}{more}")
        print_text("")


def plural(count: int, word: str) -> str:
    """A count with its word."""
    return f"{count} {word}{'' if count == 1 else 's'}"
