"""Runs of earlier formats: they are read as they are, and kept beside what is made of them."""

from __future__ import annotations

from pathlib import Path

from archsearch.runs.database import copy_database
from archsearch.runs.record import EARLIER
from archsearch.support.reading import parse, read_text
from archsearch.support.writing import whole, write_text


def keep_original(folder: Path) -> None:
    """Before a run of an earlier format is written to, copy it, once: `run.json` to `run.FORMAT.json`, `run.db` likewise.

    Raises:
        OSError, or an error of the database: there is no room for the copies, or it cannot be read.
    """
    try:
        text = read_text(folder / "run.json")
        data = parse(text)
    except (OSError, ValueError):
        return  # a new run, or none: who reads it says so
    form = data.get("format") if isinstance(data, dict) else None
    if form not in EARLIER:
        return
    number = str(form).rpartition("/")[2]
    record, database = folder / f"run.{number}.json", folder / f"run.{number}.db"
    if not database.exists():
        with whole(database) as draft:
            copy_database(folder / "run.db", draft)
    if not record.exists():
        write_text(record, text)
