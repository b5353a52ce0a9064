"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A hidden file beside `path`: it takes that place when the block ends, and is gone when the block fails. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}")
    try:
        yield draft
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text, whole or not at all. Raises OSError."""
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")
