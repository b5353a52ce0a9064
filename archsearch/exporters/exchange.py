"""`model.onnx`: for ONNX Runtime, and many other engines."""

from __future__ import annotations

from archsearch.exporters.base import Material, one_file

LOADING = """
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
names = [given.name for given in session.get_inputs()]


def run(*arrays):
    return session.run(None, dict(zip(names, arrays)))
"""


def write_exchange(material: Material) -> bytes:
    """The ONNX file as bytes. Raises EngineError, or what the converter raises for an operator that it does not know."""
    return material.exchange


EXCHANGE = one_file(
    "model.onnx", write_exchange, loading=LOADING, engine="onnxruntime", extra="onnx", without=("archsearch", "torch"), whole=True
)
