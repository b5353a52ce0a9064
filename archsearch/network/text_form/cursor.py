"""Reading one line from left to right, with errors that say where."""

from __future__ import annotations

import re

from archsearch.network.genotype import GenotypeError
from archsearch.support.reading import one_line

BLANK = r"[ \t\r]*+"
END = re.compile(BLANK + r"(#.*)?$")
REST = re.compile(BLANK + r"([^\s,()\[\]#]*)")


class TextError(GenotypeError):
    """A text that describes no genotype, op or edit; the message says where and what to do."""


class Cursor:
    """A place in one line; `number` is the line's number in its text, 0 when the text is one line."""

    __slots__ = ("at", "line", "number", "start")

    def __init__(self, line: str, number: int = 0) -> None:
        self.line, self.number = line, number
        self.at = self.start = 0

    def take(self, pattern: re.Pattern[str]) -> str:
        """The pattern's first group if it matches here, else nothing; `start` is where the group begins."""
        found = pattern.match(self.line, self.at)
        if found is None:
            return ""
        self.at, self.start = found.end(), found.start(1)
        return found[1] or ""

    def next(self) -> str:
        """What stands here, for an error: up to the next blank, comma or bracket."""
        found = REST.match(self.line, self.at)
        text = found[1] if found else ""
        self.start = found.start(1) if found else self.at
        return text or self.line[self.start : self.start + 1]

    def end(self) -> None:
        """Raise TextError unless nothing but a comment follows."""
        if END.match(self.line, self.at) is None:
            raise self.error(f"unexpected {shown(self.next())}; end the line here, or write a comment after #")

    def error(self, message: str, at: int | None = None) -> TextError:
        """The error with its place, the start of the last token unless `at` is given."""
        return error_at(self.number, (self.start if at is None else at) + 1, message)


def error_at(line: int, column: int, message: str) -> TextError:
    """A TextError with its place; line 0 is the only line there is."""
    return TextError(one_line(f"line {line}, column {column}: {message}" if line else f"column {column}: {message}"))


def shown(text: str) -> str:
    """A piece of foreign text for an error: quoted, in ASCII, cut at 60 characters."""
    return ascii(text[:60]) if text else "the end of the line"
