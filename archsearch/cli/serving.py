"""`dashboard`, and a dashboard beside a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_text, remark
from archsearch.cli.progress import Tick
from archsearch.runs.standing import Standing


def dashboard_command(root: Path, host: str, port: int) -> None:
    """Serve a run, or all runs of a folder, until Ctrl-C."""
    check_installed()
    from archsearch.live.server import serve

    serve(root, host, port, lambda address: print_text(f"Dashboard  {address}  (Ctrl-C ends it)"))


def check_installed() -> None:
    """Raise WrongUseError where the libraries of the dashboard are missing."""
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise WrongUseError('the dashboard needs Starlette and uvicorn; install them with: pip install "archsearch[dashboard]"')


@contextmanager
def served(folder: Path, wanted: bool) -> Iterator[Callable[[Tick | None], Tick | None]]:
    """What makes of a function for progress one that also serves the run, where that is wanted, once its first evaluation begins.

    The dashboard ends with the block.
    """
    if not wanted:
        yield lambda tick: tick
        return
    check_installed()
    from archsearch.live.beside import beside

    begun = False
    with ExitStack() as stack:

        def with_dashboard(tick: Tick | None) -> Tick:
            def update(at: Standing) -> None:
                nonlocal begun
                if tick is not None:
                    tick(at)
                if not begun and (at.running or at.done or at.epoch):
                    begun = True
                    remark(f"dashboard  {stack.enter_context(beside(folder))}")

            return update

        yield with_dashboard
