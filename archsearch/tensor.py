"""What flows along an edge of a network: the shape of one sample, the batch axis left out."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

MAX_ELEMENTS = 2**31


class ShapeError(ValueError):
    """Shapes that do not fit; the message says what was expected, what came, and what to do."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape of one sample: (C, H, W) for images, (T, D) for tokens, (F,) for vectors.

    Raises:
        ShapeError: an axis is no whole number of at least 1, or the tensor has over 2**31 elements.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.shape) <= 4:
            raise ShapeError(f"a tensor has 1 to 4 axes besides the batch, got shape {self.shape}")
        for axis in self.shape:
            if type(axis) is not int or axis < 1:
                hint = "use a larger input, a smaller kernel or less stride"
                raise ShapeError(f"every axis must be a whole number of at least 1, got shape {self.shape}; {hint}")
        if prod(self.shape) > MAX_ELEMENTS:
            raise ShapeError(f"shape {self.shape} is over the limit of 2**31 elements; use smaller sizes")

    @property
    def channels(self) -> int:
        """Length of the first axis: channels of an image, features of a vector."""
        return self.shape[0]

    @property
    def elements(self) -> int:
        """Number of elements of one sample."""
        return prod(self.shape)

    def expect(self, rank: int, by: str) -> tuple[int, ...]:
        """Return the shape, or raise ShapeError when it has not `rank` axes."""
        if len(self.shape) != rank:
            names = {1: "a vector (F,)", 2: "tokens (T, D)", 3: "an image (C, H, W)"}
            hint = "insert flatten before it" if rank == 1 else "move it before flatten"
            raise ShapeError(f"{by} needs {names[rank]}, got shape {self.shape}; {hint}")
        return self.shape

    def __str__(self) -> str:
        return "x".join(map(str, self.shape))
