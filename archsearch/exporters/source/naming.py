"""Names that a person would choose for classes and functions of modules."""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from archsearch.exporters.source.calls import Call, Choice, Group, Repeat, Value, text_of

GENERAL = frozenset({"block", "layer", "unit", "module", "layers", "blocks", "features", "stage", "conv", "body"})
PLURAL = frozenset({"features", "layers", "blocks"})
WORDS = (
    ("conv", "conv"),
    ("norm", "norm"),
    ("relu", "relu"),
    ("linear", "linear"),
    ("pool", "pool"),
    ("pad", "pad"),
    ("dropout", "dropout"),
    ("attention", "attention"),
)
SHORT = {"silu": "silu", "gelu": "gelu", "sigmoid": "sigmoid", "hardswish": "hardswish", "elu": "elu", "upsample": "upsample"}


def word_of(path: Sequence[str]) -> str:
    """The last part of a path that is a word, without its number."""
    for part in reversed(path):
        if word := re.sub(r"(_?\d+[a-z]?)+$", "", part).strip("_"):
            return word
    return ""


def camel(word: str) -> str:
    """A word as the name of a class."""
    return "".join(part[:1].upper() + part[1:] for part in word.split("_") if part)


def calls_in(value: Value) -> Iterator[Call]:
    """Calls within a value that make one module each; of equal ones the first."""
    if isinstance(value, Choice | Repeat):
        yield from calls_in(value.call)
    elif isinstance(value, Group):
        for part in value.items:
            yield from calls_in(part.value)
    elif isinstance(value, Call):
        if value.name != "nn.Sequential":
            yield value
            return
        for part in value.arguments:
            yield from calls_in(part.value)


def class_name(paths: Sequence[Sequence[str]], calls: Sequence[Call]) -> str:
    """Name of a class by the scopes' own word, or by what stands in it."""
    last = paths[0][-1]
    if len(paths) == 1 and not last[0].isdigit():
        return camel(last.strip("_")) or "Block"
    word = Counter(word_of(path[-1:]) for path in paths).most_common(1)[0][0]
    if word and word.lower() not in GENERAL:
        return camel(word)
    return known_block(calls) or camel("block" if word.lower() in PLURAL else word) or "Block"


def known_block(calls: Sequence[Call]) -> str:
    """What people call a block whose modules run in this order; empty for others."""
    names = [call.name.lower() for call in calls]
    convs = [call for call in calls if "conv" in call.name.lower()]
    if names[-1:] == ["layers.mul"] and any("avgpool" in name for name in names):
        return "SqueezeExcite"
    if "layers.add" not in names:
        return ""
    if any("attention" in name for name in names):
        return "TransformerBlock"
    kernels = [text_of(call, "kernel_size") for call in convs]
    if any(is_depthwise(call) for call in convs):
        return "InvertedResidual"
    if len(kernels) >= 3 and kernels[0] == kernels[2] == "1" != kernels[1]:
        return "Bottleneck"
    return "BasicBlock" if kernels[:2] == ["3", "3"] else "ResidualBlock"


def is_depthwise(conv: Call) -> bool:
    """Whether each channel is convolved by itself."""
    groups = text_of(conv, "groups")
    return groups == text_of(conv, "in_channels") != "1"


def function_name(paths: Sequence[Sequence[str]], calls: Sequence[Call]) -> str:
    """Name of a function that makes a Sequential: what follows what in it, or the scopes' word."""
    words = [short(call.name) if call.name.startswith("nn.") else "" for call in calls]
    if len(words) <= 4 and all(words):
        return "_".join(words)
    word = Counter(word_of(path) for path in paths).most_common(1)[0][0].lower()
    if word in PLURAL or not word.isidentifier():
        return "block"
    return f"{word}_block" if keyword.iskeyword(word) or hasattr(builtins, word) else word


def short(name: str) -> str:
    """What a module is, in a word; empty for one that is not known."""
    plain = name.rpartition(".")[2].lower()
    for part, word in (*WORDS, *SHORT.items()):
        if part in plain:
            return word
    return plain if name.startswith("nn.") and plain.isidentifier() else ""


class Names:
    """Names that are given once."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = {*taken}

    def free(self, wish: str) -> str:
        """The name, with a number where it is taken."""
        number, found = 1, wish
        while found in self._taken:
            number += 1
            found = f"{wish}{number}" if wish[-1:].isalpha() else f"{wish}_{number}"
        self._taken.add(found)
        return found
