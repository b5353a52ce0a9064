"""A dashboard beside a search: in a process of its own, so that the search is not held up, for as long as the search lasts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path

from archsearch.support.spawning import SpawnError, check_main
from archsearch.support.threads import one_thread_each

STARTING_S = 60.0
ENDING_S = 2.0
NICE = 5
"""The search goes before."""


@contextmanager
def beside(folder: Path) -> Iterator[str]:
    """The address where the run in a folder is served until the block ends, or this process does.

    Raises:
        SpawnError: it cannot be started; one line.
    """
    check_main()
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=live, args=(theirs, os.fspath(folder.absolute())), daemon=True)
    with one_thread_each():
        process.start()
    theirs.close()
    try:
        yield heard(ours)
    finally:
        ours.close()
        process.terminate()
        process.join(ENDING_S)
        process.kill()
        process.join()


def heard(pipe: Connection) -> str:
    """The address that the process tells. Raises SpawnError."""
    try:
        if not pipe.poll(STARTING_S):
            raise SpawnError(f"the dashboard did not start within {STARTING_S:g} s; search without --dashboard, and serve it later")
        done, words = pipe.recv()
    except (EOFError, OSError):
        raise SpawnError("the dashboard ended while it started; search without --dashboard, and serve it later") from None
    if not done:
        raise SpawnError(words)
    return str(words)


def live(pipe: Connection, folder: str) -> None:
    """Serve a run, which may be about to begin, until the process that asked for it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the search's to handle
    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(AttributeError, OSError):  # not on every system
        os.nice(NICE)
    from archsearch.live.server import PORT, DashboardError, listen

    try:
        try:
            served = listen(Path(folder), port=PORT, alone=True)
        except DashboardError:  # taken, as by the dashboard of another search
            served = listen(Path(folder), port=0, alone=True)
    except DashboardError as error:
        pipe.send((False, str(error)))
        return
    pipe.send((True, served.address))
    served.run()


def end_with_parent() -> None:
    """Wait until the parent is gone, then end."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(0)
