"""One PNG, JPEG or TIFF file: turned as its camera noted, laid on a ground where it is transparent, and masks as the numbers they hold."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from archsearch.data.base import Bytes
from archsearch.support.reading import at, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

DEEP = ("I;16", "I;16B")
"""Modes of Pillow for gray of 16 bits, which its `convert` cuts off at 255."""
GRAY, COLOUR, NUMBERS = ("1", "L", "LA", *DEEP), ("RGB", "RGBA", "P", "CMYK", "YCbCr"), ("1", "L", "P")
"""Modes of Pillow: of gray and of coloured images, and of masks, where a pixel is the number of its class."""
FORMATS = ("PNG", "JPEG", "TIFF")
UNPACKED = ("raw", "packbits")
"""How TIFF files may be stored: what Pillow reads by itself, not by libtiff, which writes to stderr what it finds wrong."""
INVERTED, WHITE_IS_ZERO = 262, 0
"""TIFF's number for what 0 stands for, and its value where that is white."""
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error, zlib.error)
ORIENTATION, ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)
"""EXIF's number for how the camera was held, and the values by which width and height change places."""
MOST_PACKED = 8 * 1032
"""Pixels that one byte of a file can stand for, at most."""
WHITE, BLACK = 255, 0


class DamagedError(ValueError):
    """A file that is no image, or no whole one; one line with its name."""


class ModeError(ValueError):
    """A whole image of a kind that is not read."""


class Head(NamedTuple):
    """What a file says of itself: Pillow's mode, bits of a gray pixel, and (width, height) as it is looked at."""

    mode: str
    bits: int
    size: tuple[int, int]


def read_head(path: Path, modes: tuple[str, ...]) -> Head:
    """Read the head of a file. Raises DamagedError, or ValueError with its name for one of another mode."""
    with opened(path) as image:
        if image.mode not in modes:
            raise ModeError(f"is of mode {image.mode}; save it with 8 bits, {'gray' if modes == NUMBERS else 'gray or RGB'}")
        width, height = image.size
        size = (height, width) if orientation(image) in ON_ITS_SIDE else (width, height)
        return Head("LA" if raw_mode(image).startswith("LA") else image.mode, bits_of(image), size)


def read_pixels(path: Path, mode: str, ground: int) -> tuple[Bytes, bool]:
    """Pixels (H, W) or (H, W, 3) in that mode of Pillow, and whether any was transparent, which shows the ground. Raises DamagedError."""
    with opened(path) as stored:
        check_length(stored, path)
        image = shallow(stored) if stored.mode in DEEP else stored
        see_through = image.mode in ("LA", "RGBA") or "transparency" in image.info
        alpha = np.asarray(image.convert("RGBA"), np.uint8)[..., 3:] if see_through else None
        pixels = np.asarray(turned(stored, image.convert(mode)), np.uint8)
        if alpha is None or alpha.min() == WHITE:
            return pixels, False
        from PIL.Image import fromarray

        share = np.asarray(turned(stored, fromarray(alpha[..., 0])), np.float64) / 255
        share = share[..., None] if pixels.ndim == 3 else share
        return np.rint(pixels * share + ground * (1 - share)).astype(np.uint8), True


def read_numbers(path: Path) -> Bytes:
    """The numbers (H, W) of a mask as they are stored, whatever its bits. Raises DamagedError."""
    with opened(path) as image:
        check_length(image, path)
        bits = bits_of(image)
        values = np.asarray(turned(image, image), np.uint8)
        return values // (255 // (2**bits - 1)) if image.mode == "L" and bits < 8 else values


def shallow(image: Image) -> Image:
    """Gray of 16 bits in 8, the upper ones, as Pillow reads colours of 16 bits; with the gray that is transparent, if one is."""
    from PIL.Image import fromarray, merge

    values = np.asarray(image).astype(np.uint16)
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(INVERTED) == WHITE_IS_ZERO:
        values = ~values  # of 8 bits Pillow does so itself
    gray = fromarray((values >> 8).astype(np.uint8))
    clear = image.info.get("transparency")
    return gray if clear is None else merge("LA", (gray, fromarray(np.where(values == clear, 0, WHITE).astype(np.uint8))))


def bits_of(image: Image) -> int:
    """Bits of a channel as stored, of 1 to 16; Pillow stretches 2 and 4 of gray to 8 when it decodes, and gives 8 of 16 in colour."""
    if image.mode == "1":
        return 1
    return {"L;2": 2, "L;4": 4}.get(raw_mode(image), 16 if "16" in raw_mode(image) else 8)


def raw_mode(image: Image) -> str:
    """How pixels stand in the file of an image that is not decoded yet, as Pillow calls it."""
    raw = [tile[3] for tile in getattr(image, "tile", ())] if image.format != "JPEG" else []
    word = raw[0] if raw and isinstance(raw[0], str) else raw[0][0] if raw and raw[0] else image.mode
    return str(word)


def orientation(image: Image) -> int:
    """How the camera was held, as EXIF numbers it; 1 is upright, as is a file whose note cannot be read, which no viewer turns.

    Images of TIFF files are turned when Pillow decodes them, and their size is told so from the beginning.
    """
    if image.format == "TIFF":
        return 1
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # to look further Pillow would decode the image
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except BROKEN:
        return 1


def turned(image: Image, made: Image) -> Image:
    """What was made of an image, upright by the image's own note."""
    from PIL.Image import Transpose

    ways = {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
    }  # fmt: skip
    way = ways.get(orientation(image))
    return made if way is None else made.transpose(way)


def check_length(image: Image, path: Path) -> None:
    """Raise ValueError when the file is too short for the size that its head tells: before anything of that size is made."""
    width, height = image.size
    if width * height > MOST_PACKED * path.stat().st_size:
        raise ValueError(f"says {width}x{height} pixels, for which it is too short; it may be cut off")


def check_tiff(image: Image) -> None:
    """Raise ModeError for a TIFF file that is packed, or holds several images."""
    packed = next((tile[0] for tile in getattr(image, "tile", ()) if tile[0] not in UNPACKED), None)
    if packed is not None:
        raise ModeError(f"is packed ({str(image.info.get('compression', packed))[:40]}); save it unpacked, or as PNG")
    with suppress(EOFError):
        image.seek(1)
        raise ModeError("holds several images; save each in a file of its own")
    image.seek(0)


@contextmanager
def opened(path: Path) -> Iterator[Image]:
    """An image file; whatever is wrong with it or is raised inside becomes one DamagedError that names it."""
    from PIL import Image, UnidentifiedImageError  # not needed by who has no image files

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images and odd notes: sizes are checked here
            # From memory: of a file, Pillow asks for as many bytes as a damaged head tells, and room is made for them.
            with Image.open(io.BytesIO(path.read_bytes()), formats=FORMATS) as image:
                if image.format == "TIFF":
                    check_tiff(image)
                yield image
    except ModeError as error:
        raise ValueError(at(path, str(error), "data")) from error
    except (*BROKEN, Image.DecompressionBombError) as error:
        words = "is no readable PNG, JPEG or TIFF" if isinstance(error, UnidentifiedImageError) else reason(error)
        raise DamagedError(at(path, words, "data")) from error
