"""Small text files, read within a limit."""

from __future__ import annotations

from pathlib import Path

from archsearch.genotype_json import MAX_TEXT


def read_text(path: Path, most: int = 4 * MAX_TEXT) -> str:
    """The text of a file in UTF-8, a byte order mark left out. Raises ValueError for what is no such file, or over `most` bytes."""
    if not path.is_file():
        raise ValueError("there is no such file")
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    if len(data) > most:
        raise ValueError(f"it has over {most:,} bytes")
    return text
