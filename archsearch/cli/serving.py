"""`dashboard`, and a dashboard beside a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_text, remark
from archsearch.runs.standing import Standing

Tick = Callable[[Standing], None]


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
    with ExitStack() as stack:
        waiting = [folder]

        def begin(at: Standing) -> None:
            from archsearch.live.beside import beside

            if waiting and (at.running or at.done or at.epoch):
                remark(f"dashboard  {stack.enter_context(beside(waiting.pop()))}")

        def with_dashboard(tick: Tick | None) -> Tick:
            def update(at: Standing) -> None:
                if tick is not None:
                    tick(at)
                begin(at)

            return update

        yield with_dashboard
