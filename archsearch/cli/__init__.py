"""The command line: the only place that prints. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
HINTS = {
    "unknown op": "for an op of your own give --ops FILE",
    "No such option: --extend": "`archsearch resume RUN --trials 80` extends a run, likewise by --objective or --max-params",
}
"""What to do, by words of an error."""


class WrongUseError(ValueError):
    """A command that cannot be carried out as it was given; one line that says why and what to do."""


def main() -> None:
    """Run the command in sys.argv and exit: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of numpy and scipy: with small matrices more would wait for cores that train
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; what goes wrong becomes one line on stderr."""
    from archsearch.cli.app import app

    try:
        code = app(arguments, standalone_mode=False, prog_name="archsearch")
    except KeyboardInterrupt:
        print("archsearch: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of stdout had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return explain(error)
    return code if isinstance(code, int) else DONE


def explain(error: Exception) -> int:
    """Print an error that was foreseen as one line and return its exit code; raise any other."""
    if hasattr(error, "format_message"):  # what typer raises for unknown commands and options
        message, code = error.format_message(), WRONG_USE
        if not message:
            return code  # help was shown instead
    elif (found := exit_code(error)) is not None:
        message, code = str(error), found
    else:
        raise error
    hints = [hint for words, hint in HINTS.items() if words in message]
    print(f"archsearch: {' '.join('; '.join([message, *hints]).split())}", file=sys.stderr)
    return code


def exit_code(error: Exception) -> int | None:
    """Exit code of an error that was foreseen, which is any of archsearch's own classes; None of any other."""
    from archsearch.runs.store import RunExistsError
    from archsearch.solo.record import TrainingError
    from archsearch.spaces.space import SpaceError
    from archsearch.support.own_code import OwnFileError

    if isinstance(error, WrongUseError | OwnFileError | SpaceError | RunExistsError | TrainingError):
        return WRONG_USE
    return FAILED if type(error).__module__.startswith("archsearch.") else None
