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
        if type(self.shape) is not tuple:
            object.__setattr__(self, "shape", tuple_of(self.shape))
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
    def channel_axis(self) -> int:
        """Position of the channels: first of images (C, H, W) and vectors (F,), second of tokens (T, D) and boxes (N, C, H, W)."""
        return 1 if len(self.shape) in (2, 4) else 0

    @property
    def width(self) -> int:
        """Length of the channel axis."""
        return self.shape[self.channel_axis]

    @property
    def size(self) -> tuple[int, ...]:
        """The shape without its channel axis."""
        axis = self.channel_axis
        return self.shape[:axis] + self.shape[axis + 1 :]

    def with_width(self, width: int) -> TensorSpec:
        """The same shape with so many channels. Raises ShapeError."""
        axis = self.channel_axis
        return TensorSpec((*self.shape[:axis], width, *self.shape[axis + 1 :]))

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


def tuple_of(shape: object) -> tuple[object, ...]:
    """A shape that was given as a list. Raises ShapeError for anything else."""
    if isinstance(shape, list):
        return tuple(shape)
    raise ShapeError(f"a shape is a tuple of whole numbers such as (3, 32, 32), got {str(shape)[:60]!r}")
