"""What of plotly's library for the browser our pages do not use: `python -m tests.unused` writes it down for the installed one."""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from pathlib import Path

from plotly.offline import get_plotlyjs

from archsearch.figures.library import KINDS, UNUSED, with_kinds

ROOT = Path(__file__).parents[1]
TYPESCRIPT = ROOT / "node_modules/typescript/lib/typescript.js"
FILE = ROOT / "archsearch" / UNUSED


def unused() -> str:
    """Parts that nothing uses, as JSON: the digest of the text that they are of, and where each begins and how long it is."""
    text = with_kinds(str(get_plotlyjs()), KINDS)
    command = ["node", str(Path(__file__).with_suffix(".mjs")), str(TYPESCRIPT)]
    parts = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return json.dumps({"sha256": sha256(text.encode()).hexdigest(), "unused": json.loads(parts)}, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    FILE.write_text(unused(), encoding="utf-8")
