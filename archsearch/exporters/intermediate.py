"""`model.xml` and `model.bin`: OpenVINO's own form."""

from __future__ import annotations

from pathlib import Path

from archsearch.engines.intermediate import to_intermediate, write_intermediate
from archsearch.exporters.base import Format, Material

LOADING = """
import openvino

compiled = openvino.Core().compile_model("model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def run(*arrays):
    found = compiled(arrays)
    return [found[port] for port in compiled.outputs]
"""


def write(material: Material, folder: Path) -> None:
    """Write both files. Raises EngineError, or what the converter raises for an operator that it does not know."""
    write_intermediate(
        to_intermediate(material.program, material.shapes, material.genotype.input_names, material.outputs), folder / "model.xml"
    )


INTERMEDIATE = Format(
    ("model.xml", "model.bin"), write, LOADING, engine="openvino", extra="openvino", without=("archsearch", "torch", "openvino_telemetry"),
    allowed=1e-4, whole=True,
)  # fmt: skip
