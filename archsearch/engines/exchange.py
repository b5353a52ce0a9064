"""ONNX: the program as one file that ONNX Runtime and many other engines read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.export import ExportedProgram

from archsearch.engines.program import EngineError, quietly
from archsearch.support.packages import require

OPSET = 20
MOST_BYTES = 2**31 - 2**20
"""One protobuf message holds less than 2 GiB; the graph itself takes some of them."""


def to_exchange(program: ExportedProgram, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The ONNX file as bytes: named inputs and outputs, an open batch, weights inside, no places in files of this machine.

    Raises:
        PackageError: the packages are not there. EngineError: the weights are too large for one file.
    """
    require("onnx", "ONNX")
    size = sum(tensor.nbytes for tensor in (*program.state_dict.values(), *program.constants.values()) if isinstance(tensor, torch.Tensor))
    if size > MOST_BYTES:
        raise EngineError(f"its weights take {size / 1e9:.1f} GB, one ONNX file holds 2; choose openvino or pt2")
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    with quietly():
        made: Any = torch.onnx.export(
            program, (), dynamo=True, input_names=inputs, output_names=outputs, opset_version=OPSET, external_data=False, verbose=False
        )
        ClearMetadataAndDocStringPass()(made.model)
        proto: Any = made.model_proto
        return bytes(proto.SerializeToString())
