"""Networks of a run, packed for its page: drawings of the best ones, the genotypes of as many as there is room for."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from archsearch.report.details import detail

MOST_DETAILS, MOST_TEXTS = 1_400_000, 5_000_000
"""Bytes of the page for drawings, and for genotypes."""
MOST_LETTERS = 24_000_000
"""Letters of genotypes that are drawn: some seconds of work."""
TOGETHER, BLOCK = 8, 500
"""Networks that are unpacked together: of drawings, and of genotypes."""
BETWEEN = "},{"
"""Where genotypes are cut into pieces; most pieces are in many genotypes."""
Texts = Iterable[tuple[int, str]]


class Pack(NamedTuple):
    """What a script element of the page holds, and the trials that it is about."""

    id: str
    numbers: tuple[int, ...]
    content: str


def packed(data: Any) -> str:
    """Plain data as JSON in gzip in base64."""
    return base64.b64encode(gzip.compress(json.dumps(data, separators=(",", ":"), allow_nan=False).encode(), 9, mtime=0)).decode()


def detail_packs(texts: Texts) -> Iterator[Pack]:
    """Drawings and memory of networks, the first first, until the page has enough of them."""
    room, letters, waiting = MOST_DETAILS, 0, iter(texts)
    while room > 0 and letters < MOST_LETTERS and (here := list(islice(waiting, TOGETHER))):
        letters += sum(len(text) for _, text in here)
        told = [{name: value for name, value in detail(text).items() if name != "genotype"} for _, text in here]
        numbers = tuple(number for number, _ in here)
        pack = Pack(f"details-of-{numbers[-1]}", numbers, packed(told))
        room -= len(pack.content)
        yield pack


def text_packs(texts: Texts) -> Iterator[Pack]:
    """Genotypes cut into pieces, each piece once, the first first, as many as the page has room for."""
    room, waiting = MOST_TEXTS, iter(texts)
    while here := list(islice(waiting, BLOCK)):
        pieces = dict[str, int]()
        networks = [[pieces.setdefault(piece, len(pieces)) for piece in text.split(BETWEEN)] for _, text in here]
        content = packed({"between": BETWEEN, "pieces": list(pieces), "networks": networks})
        room -= len(content)
        if room < 0:
            return
        numbers = tuple(number for number, _ in here)
        yield Pack(f"texts-of-{numbers[-1]}", numbers, content)


def elements(packs: Iterable[Pack]) -> str:
    """Packs as script elements that run nothing."""
    return "\n".join(f'<script type="application/gzip" id="{pack.id}">{pack.content}</script>' for pack in packs)


def index(details: Sequence[Pack], texts: Sequence[Pack], place: str) -> dict[str, Any]:
    """Where the page's script finds which trial."""
    drawn = sum(len(pack.numbers) for pack in details)
    left = f"The page holds drawings of the {drawn:,} best networks; this one is drawn by: archsearch draw {place}:TRIAL --out network.svg"
    return {"details": [[pack.id, *pack.numbers] for pack in details], "texts": [[pack.id, *pack.numbers] for pack in texts], "left": left}
