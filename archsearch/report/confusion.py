"""Which classes are taken for which: counts as tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from archsearch.explaining.explanation import Ints, confused, ious
from archsearch.report.markup import Cell, Column, table
from archsearch.report.pictures import colour_of
from archsearch.units import DASH

MOST_MATRIX, MOST_CLASSES, MOST_PAIRS, LETTERS = 24, 200, 20, 40
"""Classes of a matrix and of a table, pairs that are listed, letters of a class."""


def percent(share: float | None) -> str:
    """A share in words; a dash where there is none."""
    if share is None or not np.isfinite(share):
        return DASH
    return f"{100 * share:.2f}%" if share < 0.0995 else f"{100 * share:.1f}%"


def short(name: str) -> str:
    """The name of a class as HTML."""
    return escape(name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}\u2026")


def of_images(names: Sequence[str], counts: Ints) -> str:
    """A matrix where the classes are few, then each class by itself, or the pairs that are confused most where they are many."""
    if len(names) <= MOST_MATRIX:
        return matrix(names, counts) + by_class(names, counts)
    return pairs(names, counts) + by_class(names, counts)


def matrix(names: Sequence[str], counts: Ints) -> str:
    """The counts as a matrix: rows are right, columns answered."""
    totals = counts.sum(1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    heads = "".join(f'<th scope="col"><div>{short(name)}</div></th>' for name in names)
    lines = []
    for row, name in enumerate(names):
        cells = "".join(cell(int(counts[row, at]), float(shares[row, at]), row == at) for at in range(len(names)))
        lines.append(f'<tr><th scope="row">{short(name)}</th>{cells}</tr>')
    body = "\n".join(lines)
    head = f"<thead><tr><td></td>{heads}</tr></thead>"
    return f'<div class="scroll matrix" tabindex="0"><table>{head}\n<tbody>\n{body}\n</tbody></table></div>'


def cell(count: int, share: float, right: bool) -> str:
    """One cell of the matrix; mistakes are coloured more strongly, as they are few."""
    if not count:
        return '<td class="none">0</td>'
    tint, strength = ("share", 0.55 * share) if right else ("miss", min(0.75, 0.08 + 2.5 * share))
    return f'<td style="background: rgba(var(--{tint}), {strength:.3f})">{count:,}</td>'


def by_class(names: Sequence[str], counts: Ints) -> str:
    """A row for each class: how many images, how many of them are answered right, and what the others are taken for."""
    heads = [Column("Class", text=True), Column("Images", sorts=True), Column("Right", sorts=True), Column("Most taken for", text=True)]
    rows = []
    for label, name in enumerate(names[:MOST_CLASSES]):
        total, right = int(counts[label].sum()), int(counts[label, label])
        share = right / total if total else float("nan")
        others = counts[label].copy()
        others[label] = 0
        taken = [f"{short(names[at])} ({others[at]:,})" for at in np.argsort(-others, kind="stable")[:3] if others[at]]
        value = share if total else None
        rows.append([Cell(short(name)), Cell(f"{total:,}", total), Cell(percent(share), value), Cell(", ".join(taken) or DASH)])
    return table(heads, rows) + cut(len(names))


def pairs(names: Sequence[str], counts: Ints) -> str:
    """The pairs of classes that are confused most."""
    rows = [
        [Cell(short(names[right])), Cell(short(names[given])), Cell(f"{count:,}"), Cell(percent(count / counts[right].sum()))]
        for right, given, count in confused(counts)[:MOST_PAIRS]
    ]
    return table([Column("Right", text=True), Column("Answered", text=True), Column("Images"), Column("Of the class")], rows)


def of_masks(names: Sequence[str], counts: Ints) -> str:
    """A row for each class of pixels: its colour, intersection over union, and how much of it is found and right."""
    heads = [Column("Class", text=True), *(Column(name, sorts=True) for name in ("IoU", "Found", "Right", "Pixels"))]
    rows = []
    for label, name in enumerate(names[:MOST_CLASSES]):
        hits, there, given = float(counts[label, label]), int(counts[label].sum()), int(counts[:, label].sum())
        shares = [float(ious(counts)[label]), *(hits / of if of else float("nan") for of in (there, given))]
        cells = [Cell(percent(share), share if np.isfinite(share) else None) for share in shares]
        rows.append([Cell(f"{swatch(label)}{short(name)}"), *cells, Cell(f"{there:,}", there)])
    return table(heads, rows) + cut(len(names))


def swatch(label: int) -> str:
    """A square in the colour of a class."""
    return f'<i class="swatch" style="background: rgb{colour_of(label)}"></i>'


def cut(count: int) -> str:
    """Words on classes that are not shown."""
    return f'<p class="note">The first {MOST_CLASSES} of {count:,} classes are shown.</p>' if count > MOST_CLASSES else ""
