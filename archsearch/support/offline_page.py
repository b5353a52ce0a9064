"""The frame of every page that is one file and asks no host for anything."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files

POLICY = "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
PAGE = """<!doctype html>
<html lang="en">
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


def offline_page(title: str, body: str, package: str, digests: Sequence[str] = ()) -> str:
    """A page with the `page.css` and `page.js` of a package. `body` is HTML; `digests`: those of scripts that its own one adds."""
    style, script = (files(package).joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    policy = POLICY.format(scripts=" ".join(f"'sha256-{each}'" for each in (digest(script), *digests)))
    return PAGE.format(policy=policy, title=escape(title), style=style, body=body, script=script)


def digest(text: str) -> str:
    """SHA-256 in base64, as a content security policy names inline scripts."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def script_json(data: str) -> str:
    """JSON text that may stand inside a script element: nothing in it can end the element. Raises ValueError when it is none."""
    json.loads(data)
    for letter in "<>&\u2028\u2029":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    return data
