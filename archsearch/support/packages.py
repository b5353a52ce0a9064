"""Packages that are optional: which extra brings them, and whether they are there."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

EXTRAS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("openvino",), "ncnn": ("ncnn", "pnnx")}
"""What each extra of archsearch brings."""

EXTRA_OF = {"onnxruntime": "onnx", "openvino": "openvino"}
"""Extras by the engine that they are for; torch needs none."""


class PackageError(ValueError):
    """An optional package that is not there; one line that says what to install."""


def require(extra: str, what: str) -> None:
    """Raise PackageError unless all modules of an extra can be imported; nothing is imported."""
    lacking = [name for name in EXTRAS.get(extra, ()) if find_spec(name) is None]
    if lacking:
        raise PackageError(f"{what} needs {', '.join(lacking)}: pip install 'archsearch[{extra}]'")


def named(package: str) -> str:
    """A package and its version, for people."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
