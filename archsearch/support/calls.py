"""A few calls in a row as text: `mean.dim(x0, [2, 3], true); mul.Tensor(x0, v0)`.

`x0`, `x1` are what is read, `w0`, `w1` weights, `v0`, `v1` what the calls before have made, `v0.1` the second of several results. `N` is
the number of samples, `N*4` four times that. Numbers, `true`, `false`, `none`, types such as `float32`, texts in quotes and lists are as
they are.

A call in plain form is its operator with the overload, its arguments in order, and those by name. There a text names a value, and
`("samples", 4)`, `("dtype", "float32")`, `("text", "tanh")`, `("list", 2, 3)` are what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

MOST_CALLS, MOST_LETTERS, MOST_NESTED = 64, 8000, 3
TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:inf|\d{1,20}(?:\.\d{0,30})?(?:e[+-]?\d{1,3})?)(?![\w.]))"
    r"|(?P<name>[A-Za-z_]\w{0,99}(?:\.\w{1,100})?)|'(?P<text>[\w ,>.\-]{0,100})'|(?P<mark>[\[\](),;*=]))"
)
READ = re.compile(r"[xwv]\d{1,4}(?:\.\d{1,4})?")
DTYPES = ("bool", "float16", "float32", "float64", "int32", "int64", "uint8")
WORDS = {"true": True, "false": False, "none": None}
WEIGHT = re.compile(rf"(?P<fixed>fixed )?(?:(?P<dtype>{'|'.join(DTYPES)}) )?(?P<sides>scalar|[1-9]\d{{0,10}}(?:x[1-9]\d{{0,10}}){{0,7}})")
Tokens = list[tuple[str, str]]


class Call(NamedTuple):
    """One call in plain form."""

    target: str
    arguments: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...] = ()

    @property
    def operator(self) -> str:
        """The operator without its overload."""
        return self.target.partition(".")[0]

    def reads(self) -> Iterator[str]:
        """Names of the values that it reads, which of several left out."""
        return reads_of((*self.arguments, *(value for _, value in self.named)))


def reads_of(arguments: Iterable[Any]) -> Iterator[str]:
    """Names of values among arguments, lists opened."""
    for argument in arguments:
        if isinstance(argument, str):
            yield argument.partition(".")[0]
        elif isinstance(argument, tuple) and argument[0] == "list":
            yield from reads_of(argument[1:])


@lru_cache(maxsize=4096)
def parse_calls(program: str) -> tuple[Call, ...]:
    """The calls of a text. Raises ValueError, one line."""
    if len(program) > MOST_LETTERS:
        raise ValueError(f"a program of {len(program):,} letters is over the limit of {MOST_LETTERS:,}")
    tokens = tokens_of(program)
    calls = [parse_call(tokens)]
    while tokens[-1] == ("mark", ";"):
        tokens.pop()
        calls.append(parse_call(tokens))
        if len(calls) > MOST_CALLS:
            raise ValueError(f"a program has over {MOST_CALLS} calls; write an op of your own")
    expect(tokens, "end")
    return tuple(calls)


def tokens_of(program: str) -> Tokens:
    """Kinds and texts of the tokens, the last first, before them one that ends all."""
    found, place, text = [], 0, program.rstrip()
    while place < len(text):
        token = TOKEN.match(text, place)
        if token is None:
            raise ValueError(f"a program cannot be read at {text[place : place + 20]!r}")
        found.append((str(token.lastgroup), token[str(token.lastgroup)]))
        place = token.end()
    return [("end", ""), *reversed(found)]


def expect(tokens: Tokens, kind: str, text: str = "") -> str:
    """Take the next token, which must be of a kind, and have a text if one is given. Raises ValueError."""
    if tokens[-1][0] != kind or (text and tokens[-1][1] != text):
        raise ValueError(f"a program has {tokens[-1][1][:30]!r} where {text or kind} is due")
    return tokens.pop()[1]


def parse_call(tokens: Tokens) -> Call:
    """The call that comes next."""
    target = expect(tokens, "name")
    expect(tokens, "mark", "(")
    arguments: list[Any] = []
    named: list[tuple[str, Any]] = []
    while tokens[-1] != ("mark", ")"):
        if arguments or named:
            expect(tokens, "mark", ",")
        if tokens[-1][0] == "name" and len(tokens) > 1 and tokens[-2] == ("mark", "="):
            name = expect(tokens, "name")
            tokens.pop()
            named.append((name, parse_value(tokens)))
        else:
            arguments.append(parse_value(tokens))
    tokens.pop()
    return Call(target, tuple(arguments), tuple(named))


def parse_value(tokens: Tokens, nested: int = 0) -> Any:
    """The argument that comes next."""
    kind, text = tokens.pop()
    if kind == "number":
        return int(text) if text.removeprefix("-").isdigit() else float(text)
    if kind == "text":
        return ("text", text)
    if (kind, text) == ("mark", "[") and nested < MOST_NESTED:
        return parse_list(tokens, nested)
    if kind == "name" and text == "N":
        if tokens[-1] != ("mark", "*"):
            return ("samples", 1)
        tokens.pop()
        return ("samples", int(expect(tokens, "number")))
    if kind == "name" and text in WORDS:
        return WORDS[text]
    if kind == "name" and text in DTYPES:
        return ("dtype", text)
    if kind == "name" and READ.fullmatch(text):
        return text
    raise ValueError(f"a program has {text[:30]!r} where an argument is due")


def parse_list(tokens: Tokens, nested: int) -> tuple[Any, ...]:
    """The rest of a list."""
    found: list[Any] = ["list"]
    while tokens[-1] != ("mark", "]"):
        if len(found) > 1:
            expect(tokens, "mark", ",")
        found.append(parse_value(tokens, nested + 1))
    tokens.pop()
    return tuple(found)


def program_of(calls: Iterable[tuple[str, tuple[Any, ...], tuple[tuple[str, Any], ...]]]) -> str:
    """The text of calls in plain form."""
    return "; ".join(
        f"{target}({', '.join([*map(text_of, arguments), *(f'{name}={text_of(value)}' for name, value in named)])})"
        for target, arguments, named in calls
    )


def text_of(argument: Any) -> str:
    """The text of an argument in plain form."""
    if argument is None or isinstance(argument, bool):
        return {None: "none", True: "true", False: "false"}[argument]
    if not isinstance(argument, tuple):
        return str(argument)
    kind, *rest = argument
    if kind == "list":
        return f"[{', '.join(map(text_of, rest))}]"
    if kind == "samples":
        return "N" if rest[0] == 1 else f"N*{rest[0]}"
    return f"'{rest[0]}'" if kind == "text" else str(rest[0])


class Weight(NamedTuple):
    """A tensor of a program's own: its shape, its type, and whether it is learned."""

    shape: tuple[int, ...]
    dtype: str
    learned: bool


def parse_weight(text: str) -> Weight:
    """A weight from its text: `64x3x3`, `fixed 64x1x1`, `fixed int64 49x49`, `fixed scalar`. Raises ValueError."""
    found = WEIGHT.fullmatch(text)
    if found is None or (found["dtype"] and not found["fixed"]):
        raise ValueError(f"a weight is {text[:60]!r}; write its sides as 64x3x3, before them `fixed`, and a type, where it is not learned")
    shape = () if found["sides"] == "scalar" else tuple(map(int, found["sides"].split("x")))
    return Weight(shape, found["dtype"] or "float32", not found["fixed"])


def weight_text(weight: Weight) -> str:
    """What `parse_weight` reads."""
    sides = "x".join(map(str, weight.shape)) or "scalar"
    return sides if weight.learned else " ".join(["fixed", *([] if weight.dtype == "float32" else [weight.dtype]), sides])
