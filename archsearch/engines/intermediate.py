"""OpenVINO's intermediate representation: the program as a graph in XML, and its weights beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

from archsearch.engines.program import quietly
from archsearch.support.packages import require


def openvino() -> Any:
    """The package, without its telemetry, which would tell its makers what is converted. Raises PackageError where it is not there."""
    require("openvino", "OpenVINO")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # then it takes a stub of its own
    import openvino

    return openvino


def to_intermediate(
    program: ExportedProgram, shapes: Sequence[tuple[int, ...]], inputs: Sequence[str], outputs: Sequence[str] | None = None
) -> Any:
    """OpenVINO's model of the program; `shapes` are those of one sample of each input, the batch stays open. Raises PackageError."""
    ov = openvino()
    with quietly():
        model = ov.convert_model(program)
    model.reshape({place: ov.PartialShape([-1, *shape]) for place, shape in enumerate(shapes)})
    ports = [*model.inputs, *([] if outputs is None else model.outputs)]
    for port, name in zip(ports, [*inputs, *(outputs or [])], strict=True):
        port.set_names({name})
    return model


def write_intermediate(model: Any, path: Path) -> None:
    """Write `path`, which ends in .xml, and a .bin of the same name; weights stay float32, where OpenVINO would halve them."""
    openvino().save_model(model, str(path), compress_to_fp16=False)
