"""ncnn's form of a network, for phones and small boards: its own converter, PNNX, makes it of the ONNX file."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from archsearch.engines.program import EngineError, quietly
from archsearch.support.packages import require

SECONDS = 600


class UnknownLayerError(Exception):
    """What the converter left as it was: an operator that ncnn has no layer for."""


def to_mobile(file: bytes, shapes: Sequence[tuple[int, ...]]) -> tuple[bytes, bytes]:
    """Layers as text, and weights in float32; `shapes` are those of one sample of each input. ncnn takes one sample at a time.

    Raises:
        PackageError: the packages are not there. EngineError: the converter breaks. UnknownLayerError: ncnn lacks an operator.
    """
    require("ncnn", "ncnn")
    with quietly():
        from pnnx import EXEC_PATH
    sizes = ",".join(f"[1,{','.join(map(str, shape))}]" for shape in shapes)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "model.onnx").write_bytes(file)
        command = [EXEC_PATH, "model.onnx", f"inputshape={sizes}", "fp16=0"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise EngineError(f"PNNX was not done after {SECONDS} s; choose another format") from error
        made = [folder / name for name in ("model.ncnn.param", "model.ncnn.bin")]
        if done.returncode or not all(path.is_file() for path in made):
            raise EngineError(f"PNNX ended with {done.returncode} and made nothing of it; choose another format")
        layers, weights = (path.read_bytes() for path in made)
    unknown = unknown_in(layers.decode())
    if unknown:
        raise UnknownLayerError(f"ncnn has no layer for {', '.join(unknown)}")
    return layers, weights


def unknown_in(layers: str) -> list[str]:
    """Operators that stand under torch's name, `F.fold` or `Tensor.reshape`: those of ncnn are single words."""
    kinds = (line.split(maxsplit=1)[0] for line in layers.splitlines()[2:] if line.strip())
    return sorted({kind for kind in kinds if not kind.isalnum()})
