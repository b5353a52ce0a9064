"""`strategies` and `evaluators`: what there is to search and judge with, and its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import cleandoc
from typing import Any

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_prose, print_table, print_text
from archsearch.evaluators import EVALUATORS, load_evaluator
from archsearch.runs.search import METHODS, load_method


def strategies_command(name: str | None, json: bool) -> None:
    """List strategies with their options, or describe one."""
    listed(name, METHODS, load_method, "--strategy", "--strategy-set", json)


def evaluators_command(name: str | None, json: bool) -> None:
    """List evaluators with their options, or describe one."""
    listed(name, EVALUATORS, load_evaluator, "--evaluator", "--evaluator-set", json)


def listed(name: str | None, table: Mapping[str, str], load: Callable[[str], Any], flag: str, option: str, json: bool) -> None:
    """Print all parts of a table, or one of them, or one of the user's own."""
    found = [described(one, load) for one in ([name] if name else sorted(table))]
    if json:
        print_json(found)
    elif name:
        print_part(found[0], flag, option)
    else:
        rows = [[part["name"], part["about"], ", ".join(f"{n}={v}" for n, v in part["options"].items()) or "none"] for part in found]
        print_table([flag, "About", f"Options ({option} NAME=VALUE)"], rows, left=3, prose=("About", f"Options ({option} NAME=VALUE)"))


def described(name: str, load: Callable[[str], Any]) -> dict[str, Any]:
    """A strategy or evaluator as plain data. Raises WrongUseError when there is none of this name."""
    try:
        made = load(name)
    except ImportError as error:
        return {"name": name, "about": f"needs a library: {error}", "options": {}, "text": "", "meanings": {}}
    except ValueError as error:
        raise WrongUseError(str(error)) from error
    text, meanings = parted(cleandoc(made.__doc__ or ""))[0], meanings_of(made)
    options = {f.name: shown(f) for f in fields(made) if f.init} if is_dataclass(made) else {}
    return {"name": name, "about": text.partition("\n")[0], "options": options, "text": text, "meanings": meanings}


def meanings_of(made: type) -> dict[str, str]:
    """What a class, and those that it inherits options from, say of each of them."""
    found: dict[str, str] = {}
    for cls in reversed(made.__mro__):
        found |= parted(cleandoc(vars(cls).get("__doc__") or ""))[1]
    return found


def parted(text: str) -> tuple[str, dict[str, str]]:
    """A docstring without its `Args:` and `Raises:`, and what it says of each argument."""
    before, _, after = text.partition("\nArgs:\n")
    meanings: dict[str, str] = {}
    for line in after.partition("\n\n")[0].splitlines():
        name, colon, words = line.strip().partition(": ")
        if colon and line.startswith("    ") and not line.startswith("     "):
            latest = name
            meanings[latest] = words
        elif meanings:
            meanings[latest] += f" {line.strip()}"
    paragraphs = before.partition("\nRaises:\n")[0].strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs), meanings


def shown(option: Field[Any]) -> str:
    """The default of an option in words, as it is written on the command line."""
    value = option.default_factory() if option.default_factory is not MISSING else option.default
    if value is MISSING:
        return "(to be given)"
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def print_part(part: Mapping[str, Any], flag: str, option: str) -> None:
    """One strategy or evaluator: what it does, and its options with their defaults."""
    print_prose(f"{flag} {part['name']}: {part['text'] or part['about']}")
    print_text("")
    rows = [[name, value or "(none)", part["meanings"].get(name, "")] for name, value in part["options"].items()]
    print_table([f"Option ({option})", "Default", "Meaning"], rows, left=3, prose=("Meaning",))
