"""Networks of a run, packed for its page: drawings of the best ones, the genotypes of as many as there is room for."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from archsearch.report.details import detail

MOST_DETAILS, MOST_TEXTS = 1_400_000, 5_000_000
"""Bytes of the page for drawings, and for genotypes."""
MOST_LETTERS = 24_000_000
"""Letters of genotypes that are drawn: some seconds of work."""
TOGETHER, BLOCK = 8, 2000
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
    room, letters, here = MOST_DETAILS, 0, list[tuple[int, dict[str, Any]]]()
    for number, text in texts:
        letters += len(text)
        if room <= 0 or letters > MOST_LETTERS:
            break
        here.append((number, {name: value for name, value in detail(text).items() if name != "genotype"}))
        if len(here) == TOGETHER:
            pack = details_pack(here, number)
            room -= len(pack.content)
            yield pack
            here = []
    if here:
        yield details_pack(here, here[-1][0])


def details_pack(here: Sequence[tuple[int, dict[str, Any]]], last: int) -> Pack:
    """Some details together."""
    return Pack(f"details-of-{last}", tuple(number for number, _ in here), packed([told for _, told in here]))


def text_packs(texts: Texts) -> Iterator[Pack]:
    """Genotypes cut into pieces, each piece once, the first first, until the page has enough of them."""
    room, numbers, networks, pieces = MOST_TEXTS, list[int](), list[list[int]](), dict[str, int]()
    for number, text in texts:
        numbers.append(number)
        networks.append([pieces.setdefault(piece, len(pieces)) for piece in text.split(BETWEEN)])
        if len(numbers) == BLOCK:
            pack = texts_pack(numbers, networks, pieces)
            room -= len(pack.content)
            numbers, networks, pieces = [], [], {}
            if room <= 0:
                return
            yield pack
    if numbers:
        yield texts_pack(numbers, networks, pieces)


def texts_pack(numbers: Sequence[int], networks: Sequence[Sequence[int]], pieces: dict[str, int]) -> Pack:
    """Some genotypes together."""
    return Pack(f"texts-of-{numbers[-1]}", tuple(numbers), packed({"between": BETWEEN, "pieces": list(pieces), "networks": networks}))


def elements(packs: Iterable[Pack]) -> str:
    """Packs as script elements that run nothing."""
    return "\n".join(f'<script type="application/gzip" id="{pack.id}">{pack.content}</script>' for pack in packs)


def index(details: Sequence[Pack], texts: Sequence[Pack], place: str) -> dict[str, Any]:
    """Where the page's script finds which trial."""
    drawn = sum(len(pack.numbers) for pack in details)
    left = f"The page holds drawings of the {drawn:,} best networks; this one is drawn by: archsearch draw {place}:TRIAL --out network.svg"
    return {"details": [[pack.id, *pack.numbers] for pack in details], "texts": [[pack.id, *pack.numbers] for pack in texts], "left": left}
