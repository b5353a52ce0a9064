"""Plotly for the browser, made ready for pages that draw few kinds of charts: a quarter of its size, and as much quicker to start."""

from __future__ import annotations

import json
import re
from hashlib import sha256

from plotly.offline import get_plotlyjs

from archsearch.support.offline_page import asset

KINDS = ("bar",)
"""Of charts that our pages draw; points and lines are part of the core."""
UNUSED = "figures/plotly_unused.json"
"""Of one version, by its digest, the parts that nothing uses once the other kinds are not made known; by `python -m tests.unused`."""
WRAPPED = re.compile(r"(.*?\n\} \(typeof self [^\n]*?, )(\(\) => \{\n.*\})(\)\);\n*)", re.S)
"""How the library begins and ends: a few lines that call a function, which is nearly all of it."""
REGISTERED = re.compile(r"([\w$]+\.register\(\[)((?:[\w$]+\(\),?)+)(\]\))")
"""Where it makes all kinds of charts known; each module is run by that, and else never."""
MODULE = re.compile(r'moduleType:"(\w+)",name:"(\w+)"')
CALL = re.compile(r"([\w$]+)\(\)")
HOPS = 4
"""Modules that hand on another one, until there is one that says what it is."""


def library_text() -> str:
    """The library that the installed plotly brings, as text, without what no page of ours draws.

    The one large function stands in parentheses: engines parse such a one once, others in passing and again when they are called. A plotly
    that is written in another way stays whole, and takes longer to start; of a version that is not known the kinds alone are left out.
    """
    return called_at_once(shortened(with_kinds(str(get_plotlyjs()), KINDS)))


def with_kinds(text: str, kinds: tuple[str, ...]) -> str:
    """The library with only these kinds of charts made known, besides what is no kind of chart; as it is where one of them is not found."""
    found = REGISTERED.search(text)
    if found is None:
        return text
    modules = {module: kind_of(text, module) for module in CALL.findall(found[2])}
    if not set(kinds) <= set(modules.values()):
        return text
    kept = ",".join(f"{module}()" for module, kind in modules.items() if kind in ("", *kinds))
    return text[: found.start(2)] + kept + text[found.end(2) :]


def kind_of(text: str, module: str) -> str:
    """The kind of chart that a module is; empty for another one, and where that is not to be seen."""
    for _ in range(HOPS):
        start = text.find(f"var {module}=")
        body = text[start : text.find("});var ", start)] if start >= 0 else ""
        told, called = MODULE.search(body), CALL.search(body)
        if told or called is None:
            return told[2] if told and told[1] == "trace" else ""
        module = called[1]
    return ""


def shortened(text: str) -> str:
    """The library without the parts that nothing uses; as it is where these are not known."""
    known = json.loads(asset(UNUSED))
    if sha256(text.encode()).hexdigest() != known["sha256"]:
        return text
    kept, at = [], 0
    for start, length in known["unused"]:
        kept.append(text[at:start])
        at = start + length
    return "".join([*kept, text[at:]])


def called_at_once(text: str) -> str:
    """The library with its one large function in parentheses."""
    found = WRAPPED.fullmatch(text)
    return text if found is None else "{}({}){}".format(*found.groups())
