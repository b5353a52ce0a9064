"""`model.int8.onnx`, calibrated on training images, and `quantized.json`: what it costs in accuracy, and saves in size and time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from archsearch.analysis.exits import exits
from archsearch.engines.exchange import to_exchange
from archsearch.engines.quantizing import InSession, calibration, error_in, quantized
from archsearch.exporters.base import ExportError, Material
from archsearch.support.packages import named
from archsearch.tasks import Feed
from archsearch.training.timing import drawn, time_passes

FORMAT = "archsearch.quantized/1"
FILES = ("model.int8.onnx", "quantized.json")


def write_quantized(material: Material, folder: Path, feed: Feed, say: Callable[[str], None] = lambda line: None) -> None:
    """Write both files; error on the test part, bytes, and milliseconds of one image on one thread, before and after.

    Raises:
        ExportError: a network of several inputs. PackageError: no ONNX Runtime.
    """
    if len(material.shapes) != 1:
        raise ExportError(f"int8 is calibrated on images, and this network reads {len(material.shapes)} inputs; leave --quantize out")
    mean, std = feed.mean.cpu(), feed.std.cpu()

    def in_pixels(x: Tensor) -> Tensor:
        """What the file wants: images as they are where it normalises them itself."""
        return x * std + mean if material.inside else x

    images = calibration(feed)
    file = to_exchange(material.program, material.genotype.input_names, material.outputs)
    files = {"float32": file, "int8": quantized(file, in_pixels(images))}
    macs = [output.macs for output in exits(material.genotype)]
    found = {name: figures(InSession(data, 1, in_pixels), data, material, feed, macs) for name, data in files.items()}
    before, after = found["float32"], found["int8"]
    say(
        f"int8: test error {after['test_error']:.2%}, before {before['test_error']:.2%}; {after['bytes']:,.0f} bytes, before "
        f"{before['bytes']:,.0f}; {after['latency_ms']:.3g} ms for one image, before {before['latency_ms']:.3g} (one thread)"
    )
    about = {"format": FORMAT, "engine": named("onnxruntime"), "calibrated_on": len(images), "tested_on": len(feed.test[0]), "threads": 1}
    (folder / FILES[0]).write_bytes(files["int8"])
    (folder / FILES[1]).write_text(json.dumps({**about, "batch": 1, **found}, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def figures(session: InSession, file: bytes, material: Material, feed: Feed, macs: list[int]) -> dict[str, float]:
    """Error on the test part, size, and latency of one image, of one file."""
    image = drawn(material.shapes, 1)[0]
    with torch.inference_mode():
        latency = time_passes(lambda: session(image))
    return {"test_error": error_in(session, feed, feed.test, macs), "bytes": len(file), "latency_ms": 1000 * latency.median}
