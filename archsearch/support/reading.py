"""How text and JSON from files are read: within limits, strictly, and with one line of words for whatever is wrong."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from itertools import accumulate
from math import isfinite, isinf
from pathlib import Path
from typing import Any, NamedTuple

from archsearch.support.nearest import nearest

MAX_TEXT = 16 * 2**20
"""Characters of a text."""
MAX_DIGITS = 300
MAX_DEPTH = 100
MAX_LINE = 300
MAX_WORD = 4096
"""Characters of a line for people, and of one name or path in a file."""
MARK = "\ufeff"
"""The byte order mark that some editors write before a text; it says nothing."""
TEXTS = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
"""The texts of JSON, whose brackets open nothing."""
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def one_line(text: str, most: int = MAX_LINE) -> str:
    """The text on one line of at most so many characters, without any that cannot be shown."""
    shown = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in " ".join(text[: 4 * most].split()))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def reason(error: BaseException, most: int = 150) -> str:
    """Why something went wrong, in a few words: of the system's errors without numbers and paths."""
    words = (error.strerror or "") if isinstance(error, OSError) else ""
    return one_line(words or str(error) or type(error).__name__, most)


def at(path: str | os.PathLike[str], words: str, kind: str = "") -> str:
    """One line for people: kind and path of a file, and what is wrong there."""
    return one_line(f"{kind} {place(path)}: {words}".lstrip())


def place(path: str | os.PathLike[str]) -> str:
    """A path for people, its beginning left out where it is long."""
    text = one_line(os.fspath(path), MAX_WORD)
    return text if len(text) <= MAX_LINE // 2 else f"…{text[-MAX_LINE // 2 :]}"


def read_text(path: Path, most: int = MAX_TEXT) -> str:
    """The text of a file in UTF-8, without a byte order mark.

    Raises:
        OSError: it cannot be read. ValueError: it is no such text, or has over `most` bytes.
    """
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has over {most:,} bytes, which is the limit")
    return decoded(data)


def decoded(data: bytes) -> str:
    """Text from its bytes in UTF-8, without a byte order mark. Raises ValueError."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not a text in UTF-8: byte {error.start} is none of one") from None


def parse(text: str) -> Any:
    """JSON text within limits, without repeated keys, NaN, infinity or halves of characters. Raises ValueError."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"the text has {len(text):,} characters, over the limit of {MAX_TEXT:,}")
    text = text.removeprefix(MARK)
    check_depth(text)
    try:
        found = json.loads(text, object_pairs_hook=unique_keys, parse_constant=refuse_constant, parse_int=whole, parse_float=finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}; the file may be cut off") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if "\\u" in text:
        check_characters(found)
    return found


def check_depth(text: str) -> None:
    """Raise ValueError when brackets stand within each other over MAX_DEPTH times."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    brackets = TEXTS.sub("", text).encode(errors="replace").translate(None, NO_BRACKETS)
    if max(accumulate(STEPS[each] for each in brackets), default=0) > MAX_DEPTH:
        raise ValueError(f"nested too deeply: over {MAX_DEPTH} brackets within each other")


def check_characters(data: Any) -> None:
    """Raise ValueError when a text holds half of a character, which no file or terminal takes."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a character (\\ud800 to \\udfff alone); write the whole") from None


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict, or ValueError when a key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {twice[:60]!r} stands twice in one object")
    return found


def refuse_constant(name: str) -> Any:
    """Raise ValueError: NaN and infinities are no JSON."""
    raise ValueError(f"{name} is not allowed; write a finite number")


def whole(digits: str) -> int:
    """A whole number, or ValueError when it has too many digits to be one of ours."""
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is not allowed; write at most {MAX_DIGITS}")
    return int(digits)


def finite(digits: str) -> float:
    """A number with a fraction or an exponent, or ValueError when it is beyond floating point."""
    value = float(digits)
    if isinf(value):
        raise ValueError(f"{digits[:60]} is not allowed; write a finite number")
    return value


def shown(value: Any) -> str:
    """A value that was read from JSON in a few words, whatever its size."""
    if isinstance(value, dict | list) and value:
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return json.dumps(value[:60] if isinstance(value, str) else value)[:60]


class Kind(NamedTuple):
    """What a field must be: in words, and as a test."""

    words: str
    fits: Callable[[Any], bool]


FLAG = Kind("true or false", lambda value: type(value) is bool)
NUMBER = Kind("a number", lambda value: type(value) in (int, float) and isfinite(value))
OBJECT = Kind("an object", lambda value: isinstance(value, dict) and all(map(is_word, value)))
LIST = Kind("a list", lambda value: isinstance(value, list))
SCALAR = Kind("a text, a number, true, false or null", lambda value: value is None or isinstance(value, bool) or is_scalar(value))
TEXT = Kind(f"a text of at most {MAX_WORD:,} printable letters", lambda value: is_word(value))


def is_word(value: Any) -> bool:
    """Whether this is a text that can be shown: short enough, and nothing in it moves a terminal's cursor."""
    return isinstance(value, str) and len(value) <= MAX_WORD and value.isprintable()


def is_scalar(value: Any) -> bool:
    """Whether this is a text or a number."""
    return is_word(value) or NUMBER.fits(value)


def at_least(least: int, most: int = 2**63 - 1) -> Kind:
    """A whole number from `least` on."""
    return Kind(f"a whole number of at least {least}", lambda value: type(value) is int and least <= value <= most)


def over(limit: float) -> Kind:
    """A number over a limit."""
    return Kind(f"a number over {limit:g}", lambda value: NUMBER.fits(value) and value > limit)


def each(kind: Kind, least: int = 0) -> Kind:
    """A list of what is of a kind."""
    words = f"a list of entries that are each {kind.words}"
    return Kind(words, lambda value: isinstance(value, list) and len(value) >= least and all(map(kind.fits, value)))


def named(kind: Kind) -> Kind:
    """An object that holds what is of a kind, by name."""
    words = f"an object that holds by name what is each {kind.words}"
    return Kind(words, lambda value: OBJECT.fits(value) and all(map(kind.fits, value.values())))


def maybe(kind: Kind) -> Kind:
    """The kind, or null."""
    return Kind(f"null or {kind.words}", lambda value: value is None or kind.fits(value))


def holding(wanted: Mapping[str, Kind]) -> Kind:
    """An object with exactly these fields."""

    def fits(value: Any) -> bool:
        return isinstance(value, dict) and value.keys() == wanted.keys() and all(wanted[name].fits(value[name]) for name in wanted)

    return Kind(f"an object of {', '.join(wanted)}", fits)


def fields(data: Any, wanted: Mapping[str, Kind], what: str, may_lack: Collection[str] = ()) -> dict[str, Any]:
    """An object read from JSON, with exactly the wanted fields, each of its kind; those in `may_lack` may be missing.

    Raises:
        ValueError: anything else; the line names the field at fault, as one of `what`.
    """
    found: dict[str, Any] = expect(data, dict, what)
    keys(found, wanted, what, may_lack)
    for name, value in found.items():
        if not wanted[name].fits(value):
            raise ValueError(f'"{name}" of {what} must be {wanted[name].words}, got {shown(value)}')
    return found


def formatted(data: Any, *known: str) -> str:
    """The format that an object says it is of, taken out of it. Raises ValueError when it is none of those known."""
    form = data.pop("format", None) if isinstance(data, dict) else None
    if not isinstance(form, str) or form not in known:
        of = f"its format is {shown(form)}" if isinstance(data, dict) else f"it is {shown(data)}"
        raise ValueError(f'{of}, expected an object of format "{known[0]}"; it is another file, or of another version')
    return form


def expect(value: Any, kind: type, what: str) -> Any:
    """The value, or ValueError when it is of another type."""
    if not isinstance(value, kind):
        names: dict[type, str] = {dict: "an object {...}", list: "a list [...]", str: "a text"}
        raise ValueError(f"{what} must be {names[kind]}, got {shown(value)}")  # noqa: TRY004 one kind of error for all damage
    return value


def keys(data: Mapping[str, Any], wanted: Collection[str], what: str, may_lack: Collection[str] = ()) -> None:
    """Raise ValueError for a key that is missing or unknown."""
    missing, unknown = set(wanted) - set(may_lack) - data.keys(), data.keys() - set(wanted)
    if missing:
        raise ValueError(f'{what} has no "{min(missing)}"')
    if unknown:
        name = min(unknown)
        raise ValueError(f"{what} has an unknown field {name[:60]!r}; {nearest(name[:60], sorted(wanted))}")
