"""What an exported folder says of the images that its network takes."""

from __future__ import annotations

from pathlib import Path

from archsearch.exporters.base import CONFIG_FORMAT, ExportError, Preprocessing
from archsearch.support.reading import NUMBER, TEXT, at, each, fields, formatted, named, parse, read_text, reason

SAID = {"mean": each(NUMBER), "std": each(NUMBER), "id2label": named(TEXT)}


def read_preprocessing(path: Path) -> Preprocessing:
    """Means, stds and classes of a `config.json`; what it does not say stays empty, and whatever else it says is left to others.

    Raises:
        ExportError: it cannot be read, or is no configuration of an exported network.
    """
    try:
        data = parse(read_text(path))
        formatted(data, CONFIG_FORMAT)
        found = fields({name: value for name, value in data.items() if name in SAID}, SAID, "the configuration", may_lack=SAID)
        labels = found.get("id2label", {})
        if list(labels) != [str(number) for number in range(len(labels))]:
            raise ValueError('"id2label" must name the classes by their numbers, from 0 on in order')
        return Preprocessing(tuple(found.get("mean", ())), tuple(found.get("std", ())), tuple(labels.values()))
    except (OSError, ValueError, ExportError) as error:
        raise ExportError(at(path, f"{reason(error)}; give a folder that archsearch exported")) from error
