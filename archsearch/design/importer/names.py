"""Names for the nodes, from the paths of the modules that made them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from unicodedata import combining, normalize

from archsearch.design.importer.calls.kinds import PERMUTED, REGROUPED, SAME, STRETCHED
from archsearch.design.importer.writer import Draft
from archsearch.network.genotype import MAX_PARTS
from archsearch.ops import Aten
from archsearch.ops.base import Op
from archsearch.support.calls import parse_calls

LONGEST = 90
WORDLIKE = re.compile(r"\w", re.ASCII)
VIEWS = frozenset({*REGROUPED, *PERMUTED, *SAME, *STRETCHED})


def named(drafts: Sequence[Draft], taken: Iterable[str]) -> list[str]:
    """A name for every node: its module's where it is that of one kind of node, else the op's kind within the module's scope."""
    wanted = [parts_of(draft) for draft in drafts]
    kinds: dict[tuple[str, ...], set[str]] = {}
    for draft, path in zip(drafts, wanted, strict=True):
        kinds.setdefault(path, set()).add(draft.op.kind)
    scopes = {path[:depth] for path in wanted for depth in range(len(path))}
    used = {*taken, *("/".join(scope) for scope in scopes)}
    names = []
    for draft, path in zip(drafts, wanted, strict=True):
        own = bool(path) and len(kinds[path]) == 1 and path not in scopes
        names.append(unused("/".join(path if own else (*path, word_of(draft.op))), used))
    return names


def word_of(op: Op) -> str:
    """What a node is called for what it does: the op's kind, or the operator that a program calls last, views left out."""
    if not isinstance(op, Aten):
        return op.kind
    called = [call.operator for call in parse_calls(op.program)]
    return next((name for name in reversed(called) if name not in VIEWS), called[-1])


def parts_of(draft: Draft) -> tuple[str, ...]:
    """Path of a node's module, or of its weights where they are deeper, as parts of a name."""
    path, hint = draft.place.path, draft.hint.partition(".parametrizations.")[0]
    for ending in (".weight", ".weight_v", "_weight", ".bias", "_bias"):
        hint = hint.removesuffix(ending)
    inside = hint == path or hint.startswith(f"{path}." if path else "")
    words = [safe(part) for part in (hint if hint and inside else path).split(".")]
    return tuple(word for word in words if word)[: MAX_PARTS - 2]


def safe(part: str) -> str:
    """A part of a path in letters that a name may have: without accents, other letters by their number."""
    plain = "".join(letter for letter in normalize("NFKD", part.replace("ß", "ss")) if not combining(letter))
    return "".join(letter if WORDLIKE.fullmatch(letter) else "_" if letter.isascii() else f"u{ord(letter):x}" for letter in plain)[:LONGEST]


def unused(name: str, used: set[str]) -> str:
    """The name, numbered if it is taken, and taken from now on."""
    count, found = 0, name
    while found in used:
        count += 1
        found = f"{name}_{count}"
    used.add(found)
    return found
