"""The frame of every page that is one file and asks no host for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import PurePosixPath
from posixpath import normpath

IMPORT = re.compile(r'^import \{[^}]*\} from "(\.[\w./-]+)";\n', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.M)
POLICY = "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
PAGE = """<!doctype html>
<html lang="en"{marks}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


def offline_page(
    title: str, body: str, style: str, script: str, digests: Sequence[str] = (), policy: str = "", live: str | None = None
) -> str:
    """A page with a style and a script as text. `body` is HTML; `digests`: those of scripts that its own one adds; `policy`: more of it.

    A `live` page is one that a server gives; its script finds there from which place of the news on it is to ask for more.
    """
    admitted = " ".join(f"'sha256-{each}'" for each in (digest(script), *digests))
    rules = POLICY.format(scripts=admitted) + (f"; {policy}" if policy else "")
    marks = "" if live is None else f' data-live="yes" data-place="{escape(live)}"'
    return PAGE.format(marks=marks, policy=rules, title=escape(title), style=style, body=body, script=script)


def asset(path: str) -> str:
    """Text of a file of archsearch, by its path in the package."""
    return files("archsearch").joinpath(path).read_text(encoding="utf-8")


def bundle(entry: str) -> str:
    """A module of JavaScript with all that it imports, as one script: every module once, after those that it imports.

    Paths are those in the package; imports are relative, one a line, and keep their names, so that no two modules have one name in common.
    """
    texts: dict[str, str] = {}
    gather(entry, texts)
    return '"use strict";\n(() => {\n' + "\n".join(texts.values()) + "})();\n"


def gather(path: str, texts: dict[str, str]) -> None:
    """Put a module behind those that it imports, its imports and exports taken out."""
    if path in texts:
        return
    text = asset(path)
    for name in IMPORT.findall(text):
        gather(normpath(f"{PurePosixPath(path).parent}/{name}"), texts)
    texts[path] = EXPORT.sub("", IMPORT.sub("", text)).strip() + "\n"


def digest(text: str) -> str:
    """SHA-256 in base64, as a content security policy names inline scripts."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def script_json(data: str) -> str:
    """JSON text that may stand inside a script element: nothing in it can end the element. Raises ValueError when it is none."""
    json.loads(data)
    for letter in "<>&\u2028\u2029":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    return data
