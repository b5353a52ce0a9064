"""The page of an explanation: what a trained network does with images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

from archsearch.explaining.explanation import Exit, Explanation, Floats, Ints, Mistake, Sample, Score
from archsearch.report import confusion, pictures
from archsearch.report.confusion import percent, short, swatch
from archsearch.report.markup import Cell, Column, table
from archsearch.report.page import filled, write_page
from archsearch.report.sections import Section
from archsearch.units import prefixed

MOST_STRIPS, TILES = 4, 8
"""Images whose layers are shown, and channels in a row."""
CHANNEL, KERNEL = 97, 44
"""How wide a channel and a kernel are shown."""

MINUS = "\u2212"


def report_explanation(found: Explanation, path: str | Path) -> Path:
    """Write the page to a file. Raises as `write_page`."""
    return write_page(explanation_page(found), path)


def explanation_page(found: Explanation) -> str:
    """The page as HTML text; it holds its pictures, and no script but that of every page."""
    shown = [*outputs(found), *classes(found), *mistakes(found), samples(found), *layers(found), *filters(found)]
    return filled(found.title, header(found), shown, "<footer></footer>")


def header(found: Explanation) -> str:
    """Title, what was looked at, headline numbers, notes."""
    style = files("archsearch.report").joinpath("explanation.css").read_text(encoding="utf-8")
    numbers = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{escape(note)}</small></dd></div>" for name, value, note in headline(found))
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    about = f'<h1>{escape(found.title)}</h1>\n<p class="about">{escape(found.source)}</p>\n<dl class="numbers">{numbers}</dl>'
    told = f'\n<ul class="notes">{notes}</ul>' if notes else ""
    return f"<style>\n{style}</style>\n<header>\n{about}{told}\n</header>"


def headline(found: Explanation) -> Iterator[tuple[str, str, str]]:
    """Numbers to see first: name, value, a few words."""
    last, masks = found.exits[-1], found.masks
    if last.error is not None and masks:
        yield "Mean IoU", percent(1 - last.error), "mean over the classes"
        yield "Pixels", percent(1 - last.wrong), "answered right"
    elif last.error is not None:
        yield "Error", percent(last.error), "share of wrong answers"
    detail = f"{len(found.samples):,} of them in detail" if found.judged else "what they show is not known"
    yield "Images", f"{found.judged or len(found.samples):,}", detail
    yield "Classes", f"{len(found.classes):,}", "of pixels" if masks else "of images"


def outputs(found: Explanation) -> Iterator[Section]:
    """What each exit of an any-time network answers; nothing for a single one."""
    if len(found.exits) == 1:
        return
    known = found.exits[-1].error is not None
    heads = [Column("Output", text=True), Column("MACs"), *([Column("Error")] if known else [])]
    rows = [
        [Cell(escape(one.name)), Cell(prefixed(one.macs)), *([] if one.error is None else [Cell(percent(one.error))])]
        for one in found.exits
    ]
    note = "The network answers at several exits, here the cheapest first. Where nothing else is said, what follows is of the last one."
    yield Section("Exits", note, table(heads, rows))


def classes(found: Explanation) -> Iterator[Section]:
    """Each class by itself, and which are taken for which, for every exit."""
    if found.exits[-1].counts is None:
        return
    names = found.classes
    if found.masks:
        note = "IoU: intersection over union over all pixels of all images. Found: of the pixels of the class. Right: of those answered so."
        yield Section("Classes", note, per_exit(found, lambda counts: confusion.of_masks(names, counts)))
    else:
        note = "A row for each class as it is, a column for each answer; numbers of images, coloured by their share of the row."
        yield Section("Which is taken for which", note, per_exit(found, lambda counts: confusion.of_images(names, counts)))


def per_exit(found: Explanation, tables: Callable[[Ints], str]) -> str:
    """Tables of the last exit, and folded those of the others."""

    def of(one: Exit) -> str:
        return "" if one.counts is None else tables(one.counts)

    *earlier, last = found.exits
    return of(last) + "".join(f"<details><summary>exit {escape(one.name)}</summary>{of(one)}</details>" for one in earlier)


def mistakes(found: Explanation) -> Iterator[Section]:
    """Images with the worst mistakes."""
    if not found.mistakes:
        return
    if found.masks:
        note = "Images with the largest share of wrong pixels: the image, the classes as they are, and as they were answered."
        yield Section("Worst answers", note, shots((masks_of(one) for one in found.mistakes), 3), key=key(found))
    else:
        note = "What the network was most certain of and wrong."
        yield Section("Most confident mistakes", note, shots(mistake(found, one) for one in found.mistakes))


def shots(cards: Iterator[str], pictures_each: int = 1) -> str:
    """Cards side by side, each with so many pictures."""
    return f'<div class="shots of{pictures_each}">{"".join(cards)}</div>'


def mistake(found: Explanation, one: Mistake) -> str:
    """An image with the class that it is, and the one that was answered."""
    assert one.truth is not None
    assert one.answer is not None
    picture = pictures.image(pictures.shown(one.picture), f"{one.name}: {found.classes[one.truth]} taken for {found.classes[one.answer]}")
    words = (
        f'<b class="wrong">{short(found.classes[one.answer])}</b> {percent(one.share)}<small>is {short(found.classes[one.truth])}</small>'
    )
    return f"<figure>{picture}<figcaption>{words}</figcaption></figure>"


def masks_of(one: Mistake) -> str:
    """An image beside its classes of pixels as they are and as they were answered."""
    assert one.true_mask is not None
    assert one.mask is not None
    shown = [
        part(pictures.image(pictures.shown(one.picture), one.name), "image"),
        part(pictures.image(pictures.overlay(one.true_mask, one.picture), f"{one.name}: classes as they are"), "as it is"),
        part(pictures.image(pictures.overlay(one.mask, one.picture), f"{one.name}: classes as answered"), "answered"),
    ]
    caption = f"{escape(one.name)}<small>{percent(one.share)} of its pixels wrong</small>"
    return f'<figure><div class="row">{"".join(shown)}</div><figcaption>{caption}</figcaption></figure>'


def part(picture: str, words: str) -> str:
    """A picture with a word below it."""
    return f"<span>{picture}{escape(words)}</span>"


def key(found: Explanation) -> str:
    """The colours of the classes of pixels."""
    return f'<p class="key">{"".join(f"<span>{swatch(label)}{short(name)}</span>" for label, name in enumerate(found.classes))}</p>'


def samples(found: Explanation) -> Section:
    """Some images, each with its answers and the maps of what they hang on."""
    note = (
        "Gradient: how much the score of the answer changes with each pixel, the lighter the more (Simonyan et al. 2014). Covered: orange "
        "where the answer loses certainty when a square in the image's mean colour lies there, blue where it gains (Zeiler & Fergus 2014)."
    )
    if found.masks:
        note += " Both ask for the pixels that were answered with one class."
    cards = (sample(found, one) for one in found.samples)
    return Section(
        "What answers hang on",
        note,
        shots(cards, 5 if found.masks else 3),
        key=key(found) if found.masks else "",
    )


def sample(found: Explanation, one: Sample) -> str:
    """One image with its maps and answers."""
    asked = found.classes[one.asked.label]
    shown = [part(pictures.image(pictures.shown(one.picture), one.name), "image")]
    for mask, words in ((one.true_mask, "as it is"), (one.mask, "answered")):
        if mask is not None:
            shown.append(part(pictures.image(pictures.overlay(mask, one.picture), f"{one.name}: classes {words}"), words))
    shown.append(part(pictures.image(pictures.heat(one.saliency), f"{one.name}: gradient of {asked}"), "gradient"))
    lost = float(one.occlusion.flat[np.abs(one.occlusion).argmax()])
    covered = pictures.image(pictures.for_and_against(one.occlusion, one.picture), f"{one.name}: {asked}, covered")
    shown.append(part(covered, f"covered, {'+' if lost < 0 else MINUS}{100 * abs(lost):.2g}%"))
    return f'<figure><div class="row">{"".join(shown)}</div><figcaption>{caption(found, one)}</figcaption></figure>'


def caption(found: Explanation, one: Sample) -> str:
    """What an image is, and what each exit answered."""
    *earlier, last = one.answers
    lines = [] if one.truth is None else [f"is <b>{short(found.classes[one.truth])}</b>"]
    if found.masks:
        lines.append(f"the maps ask for {short(found.classes[one.asked.label])}, certain by {percent(one.asked.share)}")
    lines += [f"{escape(exit_.name)}: {answers(found, one, given)}" for exit_, given in zip(found.exits, earlier, strict=False)]
    return f"{answers(found, one, last)}<small>{'<br>'.join([escape(one.name), *lines])}</small>"


def answers(found: Explanation, one: Sample, given: tuple[Score, ...]) -> str:
    """The best classes with their shares, the first one marked where it is known to be wrong."""
    first, *others = given
    look = ' class="wrong"' if one.truth not in (None, first.label) else ""
    rest = "".join(f", {short(found.classes[score.label])} {percent(score.share)}" for score in others)
    of = " of the pixels" if found.masks else ""
    return f"<b{look}>{short(found.classes[first.label])}</b> {percent(first.share)}{rest}{of}"


def layers(found: Explanation) -> Iterator[Section]:
    """What some layers make of some images."""
    if not found.layers:
        return
    note = "The strongest channels of some layers, each by itself from none (dark) to its most (light)."
    rows = []
    for one in found.samples[:MOST_STRIPS]:
        strips = [strip(name, planes) for name, planes in zip(found.layers, one.layers, strict=True)]
        picture = pictures.image(pictures.shown(one.picture), one.name)
        rows.append(f'<div class="layers"><figure>{picture}{escape(one.name)}</figure><div>{"".join(strips)}</div></div>')
    yield Section("What layers make of it", note, "".join(rows))


def strip(name: str, planes: Floats) -> str:
    """Channels of a layer side by side."""
    sheet = pictures.tiles([pictures.heat(np.abs(plane)) for plane in planes], TILES)
    size = "x".join(map(str, planes.shape[1:]))
    picture = pictures.image(sheet, f"{len(planes)} channels of {name}", most=8 * pictures.MOST_SIDE, wide=CHANNEL * len(planes))
    return f'<figure class="strip">{picture}<figcaption>{escape(name)}, {size}</figcaption></figure>'


def filters(found: Explanation) -> Iterator[Section]:
    """Kernels of the first layer."""
    if found.filters is None:
        return
    kernels = found.filters.kernels
    shown = [pictures.stretched(kernel if kernel.shape[2] == 3 else kernel.mean(2)) for kernel in kernels]
    sheet = pictures.tiles(shown, 2 * TILES)
    size = "x".join(map(str, kernels.shape[1:3]))
    note = f"Kernels of {found.filters.name}, {size}, which reads the image; mid-gray is 0, each by itself up to black and white."
    picture = pictures.image(
        sheet, f"{len(kernels)} kernels of {found.filters.name}", most=8 * pictures.MOST_SIDE, wide=KERNEL * min(2 * TILES, len(kernels))
    )
    yield Section("First layer", note, f'<figure class="strip">{picture}</figure>')
