#!/usr/bin/env bash
# Pillow: gray TIFF files that say that 0 is white (PhotometricInterpretation 0, TIFF 6.0 page 17).
#
# Guess: what a file means does not hang on how many bits its pixels have: the same picture in 8 and in 16 bits opens as the same gray.
# Seen (Pillow 13.0.0): of 8 bits the values are inverted, so that white is 255; of 16 bits (mode I;16) they come as they are stored, so
# that white is 0, and the picture is a negative. Nothing says so but the tag itself, image.tag_v2[262]. And `convert("L")` of mode I;16
# cuts off at 255 instead of scaling, so that nearly all of such a picture becomes white either way.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import struct

import PIL
from PIL import Image

print("Pillow", PIL.__version__)
SHARES = (0, 1, 2, 3)
"""Four pixels in a row, from nothing to three thirds of the largest value."""


def tiff(bits: int, white_is_zero: bool) -> str:
    """A file of one strip, written by hand by the specification."""
    values = [share * (2**bits - 1) // 3 for share in SHARES]
    pixels = struct.pack(f"<{len(values)}{'B' if bits == 8 else 'H'}", *values)
    tags = {256: 4, 257: 1, 258: bits, 259: 1, 262: int(not white_is_zero), 273: 8, 277: 1, 278: 1, 279: len(pixels)}
    fields = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items())
    name = f"{bits}-{white_is_zero}.tif"
    with open(name, "wb") as file:
        file.write(b"II" + struct.pack("<HI", 42, 8 + len(pixels)) + pixels + struct.pack("<H", len(tags)) + fields + bytes(4))
    return name


def shown(bits: int, white_is_zero: bool) -> list[float]:
    """The gray of each pixel as Pillow reads it, black 0 and white 1."""
    with Image.open(tiff(bits, white_is_zero)) as image:
        return [round(image.getpixel((x, 0)) / (2**bits - 1), 2) for x in range(4)]


for bits in (8, 16):
    print(f"{bits} bits: 0 is black {shown(bits, False)}, 0 is white {shown(bits, True)}")
assert shown(8, False) == shown(16, False) == [0, 0.33, 0.67, 1]
assert shown(8, True) == [1, 0.67, 0.33, 0]
assert shown(16, True) == [0, 0.33, 0.67, 1], "Pillow now reads 16 bits as it reads 8: the finding is gone"
with Image.open(tiff(16, False)) as image:
    cut = list(image.convert("L").tobytes())
print("16 bits, 0 is black, convert('L'):", cut)
assert cut == [0, 255, 255, 255], "convert now scales"
PY
