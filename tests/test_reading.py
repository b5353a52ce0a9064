"""Text and JSON from files: within limits, strictly, and one line of words for whatever is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archsearch.support.reading import (
    FLAG,
    LIST,
    MAX_LINE,
    MAX_TEXT,
    MAX_WORD,
    NUMBER,
    OBJECT,
    SCALAR,
    TEXT,
    Kind,
    at,
    at_least,
    each,
    fields,
    formatted,
    holding,
    maybe,
    named,
    one_line,
    over,
    parse,
    place,
    read_text,
    reason,
    shown,
)

# Lines for people


def test_a_line_is_one_short_and_shows_what_cannot_be_printed() -> None:
    assert one_line("  a\n\tb \r\n c") == "a b c"
    assert one_line("red \x1b[31m\x07") == "red \\x1b[31m\\x07"
    assert one_line("x" * 1000) == "x" * (MAX_LINE - 1) + "…"
    assert one_line("x" * MAX_LINE) == "x" * MAX_LINE
    assert len(one_line("\x00" * 10**7, 20)) == 20


def test_reasons_leave_out_numbers_and_paths_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file") as raised:
        read_text(tmp_path / "none")
    assert reason(raised.value) == "No such file or directory"
    assert reason(ValueError("a\nb")) == "a b"
    assert reason(KeyError()) == "KeyError"
    assert len(reason(ValueError("x" * 10**6))) == 150


def test_long_paths_lose_their_beginning_and_the_line_stays_short() -> None:
    assert place("/a/b") == "/a/b"
    long = "/" + "d" * 900 + "/file.json"
    assert place(long).startswith("…d")
    assert place(long).endswith("d/file.json")
    line = at(long, "it is\nwrong " * 100, "genotype")
    assert line.startswith("genotype …d")
    assert "/file.json: it is wrong it is" in line
    assert len(line) == MAX_LINE
    assert "\n" not in line
    assert at("f", "words") == "f: words"


# Text


def test_text_is_utf8_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "t"
    for data in ("häß".encode(), b"\xef\xbb\xbf" + "häß".encode()):
        path.write_bytes(data)
        assert read_text(path) == "häß"
    path.write_bytes(b"ab\xff")
    with pytest.raises(ValueError, match=r"^not a text in UTF-8: byte 2 is none of one$"):
        read_text(path)
    path.write_bytes("a".encode("utf-16"))
    with pytest.raises(ValueError, match="not a text in UTF-8: byte 0"):
        read_text(path)


def test_a_text_over_the_limit_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "t"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: no disk holds it, and no memory
    with pytest.raises(ValueError, match=r"^it has over 10 bytes, which is the limit$"):
        read_text(path, 10)
    os.truncate(path, 10)
    assert read_text(path, 10) == "\0" * 10


# JSON


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"not valid JSON at line 1, column 1: .*; the file may be cut off"),
        ('{"a": 1,\n "b": ', r"not valid JSON at line 2, column \d+"),
        ("[1] 2", "Extra data"),
        ('{"a": 1, "a": 2}', "key 'a' stands twice in one object"),
        ('[{"b": {"' + "k" * 99 + '": 1, "' + "k" * 99 + '": 2}}]', f"key '{'k' * 60}' stands twice"),
        ("[NaN]", "NaN is not allowed; write a finite number"),
        ("[-Infinity]", "-Infinity is not allowed"),
        ("1e400", "1e400 is not allowed; write a finite number"),
        ("1" * 301, "a number of 301 digits is not allowed; write at most 300"),
        ("[" * 101, "nested too deeply: over 100 brackets within each other"),
        ('{"a":' * 101, "nested too deeply"),
        ('"\\ud800"', "a text holds half of a character"),
        ('{"\\udfff": 1}', "a text holds half of a character"),
    ],
)
def test_what_is_no_plain_json_gets_one_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}|{words}") as raised:
        parse(text)
    assert len(str(raised.value)) <= MAX_LINE
    assert "\n" not in str(raised.value)


def test_plain_json_is_read_as_it_stands() -> None:
    assert parse('\ufeff{"a": [1, 2.5, null, true, "\\u00e4 \\ud83d\\ude00"]}') == {"a": [1, 2.5, None, True, "ä 😀"]}
    assert parse("1" * 300) == int("1" * 300)
    assert parse("[" * 100 + "]" * 100)
    assert parse('["' + "[" * 500 + '\\"[{"]') == ["[" * 500 + '"[{'], "brackets in a text nest nothing"
    assert parse("[[]" + ",[]" * 500 + "]") == [[]] * 501, "side by side is not deep"


def test_a_text_that_is_too_long_is_not_parsed() -> None:
    assert parse("1" + " " * (MAX_TEXT - 1)) == 1
    with pytest.raises(ValueError, match=r"^the text has 16,777,217 characters, over the limit of 16,777,216$"):
        parse("1" + " " * MAX_TEXT)


# Kinds of fields

KINDS: list[tuple[Kind, list[object], list[object]]] = [
    (FLAG, [True, False], [0, 1, None, "true"]),
    (NUMBER, [0, -1, 1.5], [True, "1", None, float("nan"), float("inf")]),
    (TEXT, ["", "ä", "x" * MAX_WORD], ["x" * (MAX_WORD + 1), "a\nb", "\x1b", 1, None]),
    (LIST, [[], [1]], [{}, "ab", None, (1,)]),
    (OBJECT, [{}, {"a": []}], [[], None, {"\n": 1}, {"x" * (MAX_WORD + 1): 1}]),
    (SCALAR, [None, True, 1, 2.5, "a"], [[], {}, "a\nb", float("nan")]),
    (at_least(1), [1, 2**63 - 1], [0, 2**63, 1.0, True, "1"]),
    (at_least(0, 3), [0, 3], [-1, 4]),
    (over(0), [0.1, 1], [0, -1, True, "1"]),
    (each(at_least(0)), [[], [0, 1]], [[-1], [1, "1"], {}, "01"]),
    (each(FLAG, least=1), [[True]], [[], [1]]),
    (named(NUMBER), [{}, {"a": 1}], [{"a": "1"}, [1], {"\n": 1}]),
    (maybe(TEXT), [None, "a"], [1, []]),
    (holding({"a": NUMBER, "b": FLAG}), [{"a": 1, "b": True}], [{"a": 1}, {"a": 1, "b": 1}, {"a": 1, "b": True, "c": 0}, [], None]),
]


@pytest.mark.parametrize(("kind", "fitting", "other"), KINDS, ids=[kind.words[:30] for kind, _, _ in KINDS])
def test_a_kind_takes_what_it_says_and_nothing_else(kind: Kind, fitting: list[object], other: list[object]) -> None:
    assert [value for value in fitting if not kind.fits(value)] == []
    assert [value for value in other if kind.fits(value)] == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], r"the thing must be an object \{\.\.\.\}, got \[\]"),
        ([1, 2], r"the thing must be an object \{\.\.\.\}, got a list of 2"),
        ({"size": 1}, r'the thing has no "name"'),
        ({"name": "a", "size": 1, "sise": 2}, r"the thing has an unknown field 'sise'; .*size"),
        ({"name": "a", "size": "1"}, r'"size" of the thing must be a number, got "1"'),
        ({"name": {"a": 1}}, r'"name" of the thing must be a text of .*, got an object of 1'),
        ({"name": "x" * 10**5}, r'"name" of the thing must be a text of .*, got "x{59}$'),
    ],
)
def test_fields_are_exactly_those_wanted(data: object, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}") as raised:
        fields(data, {"name": TEXT, "size": NUMBER}, "the thing", may_lack=("size",))
    assert len(str(raised.value)) <= MAX_LINE


def test_fields_that_may_lack_stay_away() -> None:
    wanted = {"name": TEXT, "size": NUMBER}
    assert fields({"name": "a"}, wanted, "the thing", may_lack=("size",)) == {"name": "a"}
    assert fields({"size": 2, "name": "a"}, wanted, "the thing") == {"size": 2, "name": "a"}


def test_a_format_is_taken_out_or_the_line_says_what_was_expected() -> None:
    data = {"format": "a/2", "x": 1}
    assert formatted(data, "a/1", "a/2") == "a/2"
    assert data == {"x": 1}
    with pytest.raises(ValueError, match=r'its format is "b", expected an object of format "a/1"; it is another file'):
        formatted({"format": "b"}, "a/1")
    with pytest.raises(ValueError, match=r"its format is null, expected"):
        formatted({}, "a/1")
    with pytest.raises(ValueError, match=r"^it is a list of 3, expected"):
        formatted([1, 2, 3], "a/1")


def test_values_are_shown_in_a_few_words_whatever_their_size() -> None:
    assert [shown(value) for value in (None, True, 1.5, "a", [], {}, [1] * 10**6, {"a": 1})] == [
        "null", "true", "1.5", '"a"', "[]", "{}", "a list of 1000000", "an object of 1",
    ]  # fmt: skip
    assert len(shown("x" * 10**6)) <= 60
    assert len(shown(10**299)) <= 60
