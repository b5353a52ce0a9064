"""`model.ncnn.param` and `model.ncnn.bin`: ncnn's own form, for phones and small boards."""

from __future__ import annotations

from pathlib import Path

from archsearch.engines.mobile import to_mobile
from archsearch.exporters.base import Format, Material

FILES = ("model.ncnn.param", "model.ncnn.bin")
LOADING = f"""
import ncnn

network = ncnn.Net()
network.opt.use_vulkan_compute = False
for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
    setattr(network.opt, name, False)
assert network.load_param({FILES[0]!r}) == 0, "ncnn cannot read its layers"
assert network.load_model({FILES[1]!r}) == 0, "ncnn cannot read its weights"


def one(*arrays):
    extractor = network.create_extractor()
    for name, array in zip(network.input_names(), arrays, strict=True):
        extractor.input(name, ncnn.Mat(array).clone())  # it owns its numbers then
    found = [extractor.extract(name) for name in network.output_names()]
    assert all(code == 0 for code, _ in found), "ncnn cannot run it"
    return [numpy.array(mat) for _, mat in found]


def run(*arrays):
    return [numpy.stack(outputs) for outputs in zip(*map(one, *arrays))]
"""


def write(material: Material, folder: Path) -> None:
    """Write both files. Raises EngineError, or UnknownLayerError for an operator that ncnn does not know."""
    for name, data in zip(FILES, to_mobile(material.exchange, material.shapes), strict=True):
        (folder / name).write_bytes(data)


MOBILE = Format(
    FILES, write, LOADING, engine="ncnn", extra="ncnn", without=("archsearch", "torch", "pnnx"), allowed=1e-4, whole=True
)  # fmt: skip
