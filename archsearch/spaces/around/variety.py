"""What may differ in the networks around a given one."""

from __future__ import annotations

from dataclasses import dataclass

from archsearch.spaces.space import SpaceError


@dataclass(frozen=True)
class Variety:
    """Settings of a space around a network; what is empty or false stays as given.

    `widths`: factors of the given ones, 1 for as given. `kernels`: sides that convolutions may have besides the given one.
    `depths`: runs of equal blocks have 1 block up to `deeper` more than given. `shortcuts`: may be dropped. `links`: stretches that
    keep the shape may get a shortcut. `alike`: neighbouring blocks that are equal stay so, with one choice for all of them. `keep`:
    choices that stay as given, by name or pattern: "layer1/*" is all in a scope, "*.kernel" all of a kind.

    Raises:
        SpaceError: a factor, a kernel, a number or a pattern that cannot be.
    """

    widths: tuple[float, ...] = (0.5, 1.0, 1.5)
    kernels: tuple[int, ...] = (3, 5, 7)
    depths: bool = True
    deeper: int = 1
    shortcuts: bool = True
    links: bool = True
    alike: bool = True
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value, fits, words in (
            ("widths", self.widths, is_factor, "factors over 0 and up to 100, such as 0.5, 1.0"),
            ("kernels", self.kernels, is_side, "odd whole numbers from 1 to 99, such as 3, 5"),
            ("keep", self.keep, is_text, "names of choices, or patterns such as 'layer1/*'"),
        ):
            if not isinstance(value, tuple | list) or not all(map(fits, value)):
                raise SpaceError(f"around: {name}={value!r} must be {words}")
            object.__setattr__(self, name, tuple(value))
        if type(self.deeper) is not int or not 0 <= self.deeper <= 100:
            raise SpaceError(f"around: deeper={self.deeper!r} must be a whole number from 0 to 100")


def is_factor(value: object) -> bool:
    """Whether a value is a factor of widths."""
    return type(value) in (int, float) and 0 < value <= 100  # type: ignore[operator]


def is_text(value: object) -> bool:
    """Whether a value is a text that is not empty."""
    return isinstance(value, str) and value != ""


def is_side(value: object) -> bool:
    """Whether a value is the side of a kernel."""
    return type(value) is int and 1 <= value <= 99 and value % 2 == 1
