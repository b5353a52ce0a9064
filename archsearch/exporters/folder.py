"""Write a folder so that it is there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archsearch.exporters.base import ExportError


@contextmanager
def staged(folder: Path, overwrite: bool) -> Iterator[Path]:
    """A new folder beside `folder` to write into; afterwards it takes that place, or after an error is removed.

    With `overwrite`, files of the same names in an existing folder are replaced, and others stay.

    Raises:
        ExportError: the folder exists, or cannot be written.
    """
    if folder.exists() and not (overwrite and folder.is_dir()):
        raise ExportError(
            f"{folder} exists already; "
            + ("choose another folder, or replace its files (--force)" if folder.is_dir() else "it is a file, choose a folder")
        )
    staging = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        staging.mkdir(parents=True)
        yield staging
        move(staging, folder)
    except OSError as error:
        raise ExportError(
            f"{folder} cannot be written: {error.strerror or error}; free space or rights, or choose another folder"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def move(staging: Path, folder: Path) -> None:
    """Put a finished folder in its place; of a folder that is there all files of those names are replaced, or none. Raises OSError."""
    if not folder.exists():
        staging.replace(folder)
        return
    replaced: list[tuple[Path, Path]] = []
    try:
        for path in sorted(staging.iterdir()):
            target, before = folder / path.name, staging / f".{path.name}.before"
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if target.exists():
                target.replace(before)
            replaced.append((target, before))
            path.replace(target)
    except OSError:
        for target, before in reversed(replaced):
            target.unlink(missing_ok=True)
            if before.exists():
                before.replace(target)
        raise
