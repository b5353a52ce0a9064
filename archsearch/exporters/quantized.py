"""`model.int8.onnx`, calibrated on training images, and `quantized.json`: what it costs in accuracy, and saves in size and time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from archsearch.analysis.exits import exits
from archsearch.engines.quantizing import InSession, calibration, error_in, quantized
from archsearch.exporters.base import ExportError, Figures, Material, Small
from archsearch.support.packages import named
from archsearch.tasks import Feed
from archsearch.training.timing import drawn, time_passes

FORMAT = "archsearch.quantized/1"
FILES = ("model.int8.onnx", "quantized.json")


def small_of(material: Material, feed: Feed, say: Callable[[str], None] = lambda line: None) -> Small:
    """The network in int8, and what that changes, which is said, too.

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
    file = quantized(material.exchange, in_pixels(images))
    macs = [output.macs for output in exits(material.genotype)]
    before, after = (figures(InSession(data, 1, in_pixels), data, material, feed, macs) for data in (material.exchange, file))
    small = Small(file, len(images), len(feed.test[0]), named("onnxruntime"), before, after)
    say(words(small))
    return small


def figures(session: InSession, file: bytes, material: Material, feed: Feed, macs: list[int]) -> Figures:
    """Error on the test part, size, and latency of one image, of one file."""
    image = drawn(material.shapes, 1)[0]
    with torch.inference_mode():
        latency = time_passes(lambda: session(image))
    return Figures(error_in(session, feed, feed.test, macs), len(file), 1000 * latency.median)


def write_small(small: Small, folder: Path) -> None:
    """Write both files."""
    about = {"format": FORMAT, "engine": small.engine, "calibrated_on": small.calibrated_on, "tested_on": small.tested_on, "threads": 1}
    found = {**about, "batch": 1, "float32": small.before._asdict(), "int8": small.after._asdict()}
    (folder / FILES[0]).write_bytes(small.file)
    (folder / FILES[1]).write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def words(small: Small) -> str:
    """What changed, on one line."""
    before, after = small.before, small.after
    return (
        f"int8: test error {after.test_error:.2%}, before {before.test_error:.2%}; {after.bytes:,.0f} bytes, before "
        f"{before.bytes:,.0f}; {after.latency_ms:.3g} ms for one image, before {before.latency_ms:.3g} (one thread)"
    )
