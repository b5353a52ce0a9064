"""Processes of our own are spawned: each imports the main script first, which must not begin its work anew then."""

from __future__ import annotations

import os
import sys
from multiprocessing import current_process
from pathlib import Path

GUARD = 'put what it runs under `if __name__ == "__main__":`'
UNGUARDED = 86
"""Exit code of a process that was to work for a script and would have run the whole of it instead."""
UNGUARDED_LINE = f"a worker begins by importing the main script, and that began a search of its own; in the script, {GUARD}"


class SpawnError(Exception):
    """A main script that workers cannot import; one line that says what to do."""


def refuse_unguarded() -> None:
    """End this process, silently, when it is only being started: then it is the main script, imported, that has come here."""
    if getattr(current_process(), "_inheriting", False):  # what multiprocessing itself goes by
        os._exit(UNGUARDED)


def check_main() -> None:
    """Raise SpawnError when no process can be spawned from this one, because its main script is no file."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is not None and getattr(main, "__spec__", None) is None and not Path(file).is_file():
        raise SpawnError(f"workers import the main script, and {file} is no file: save it as one and {GUARD}, or search with workers=0")
