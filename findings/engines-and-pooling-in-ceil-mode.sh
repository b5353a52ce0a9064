#!/usr/bin/env bash
# OpenVINO and ONNX Runtime: the size of max pooling in ceil mode, from one ONNX file that torch wrote.
#
# Guess: a valid ONNX file has one meaning, so that both engines give what torch gives.
# Seen (torch 2.13.0, onnxruntime 1.32.0, openvino 2026.4.1): windows of 2 with stride 2, padding 1 and ceil_mode on 7x7 are 4x4 in torch and
# in ONNX Runtime; OpenVINO makes 5x5, its last row and column the smallest float32. onnx's checker passes the file, and with
# full_check refuses it, since its own shape inference makes 5x5 too. With a border of its own and windows that do not hang over all agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 \
    onnxruntime==1.32.0 openvino==2026.4.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import io
import logging
import sys

import numpy as np
import torch
from torch import nn

logging.disable(logging.WARNING)
sys.modules["openvino_telemetry"] = None
import onnx
import onnxruntime
import openvino

print("torch", torch.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "openvino", openvino.__version__)
image = torch.randn(1, 2, 7, 7)


def shapes(module: nn.Module) -> tuple[bytes, list[np.ndarray]]:
    file = torch.onnx.export(module.eval(), (image,), dynamo=True, verbose=False).model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(file)
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(file)), "CPU")
    return file, [module(image).numpy(), session.run(None, {session.get_inputs()[0].name: image.numpy()})[0], compiled([image.numpy()])[0]]


file, found = shapes(nn.MaxPool2d(2, 2, padding=1, ceil_mode=True))
print("ceil mode: torch, ONNX Runtime, OpenVINO", [array.shape[2:] for array in found])
assert [array.shape[2:] for array in found] == [(4, 4), (4, 4), (5, 5)]
assert (found[2][..., -1] < -3e38).all()
onnx.checker.check_model(file)
try:
    onnx.checker.check_model(onnx.load_from_string(file), full_check=True)
    raise AssertionError("the full check passes now")
except onnx.shape_inference.InferenceError:
    print("onnx's full check refuses the file")
_, found = shapes(nn.Sequential(nn.ConstantPad2d((1, 1, 1, 1), -torch.inf), nn.MaxPool2d(2, 2)))
assert all(np.array_equal(array, found[0]) for array in found)
PY
echo "as seen before"
