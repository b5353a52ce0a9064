"""Networks in whole numbers of 8 bits: ONNX Runtime's static quantisation, calibrated on training images, and what is lost by it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archsearch.engines.exchange import to_exchange
from archsearch.engines.program import program_of, quietly
from archsearch.engines.running import session_of
from archsearch.support.packages import require
from archsearch.tasks import Feed, measure
from archsearch.tasks.anytime import by_exit

Pair = tuple[Tensor, Tensor]
METRICS = ("model_bytes", "int8_error", "int8_bytes")
"""Size of the ONNX file, the error of the quantised one, and its size."""
IMAGES, BATCH = 256, 64
"""Training images that ranges are taken from, and how many go through at once."""


def calibration(feed: Feed) -> Tensor:
    """Training images as a network sees them, (at most IMAGES, C, H, W) float32, without what widens them for training."""
    images = feed.train[0][:IMAGES]
    (height, width), (tall, wide) = images.shape[2:], feed.size
    top, left = (height - tall) // 2, (width - wide) // 2
    return feed.normalised(images[:, :, top : top + tall, left : left + wide]).cpu().contiguous()


def quantized(file: bytes, images: Tensor) -> bytes:
    """An ONNX file of one input in int8: weights by channel, activations by the range that these images show.

    Weights take 7 of the 8 bits, so that sums do not overflow on processors without VNNI. Raises PackageError.
    """
    require("onnx", "int8")
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = iter(torch.split(images, BATCH))

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            batch = next(self.batches, None)
            return None if batch is None else {name: batch.numpy()}

    name = session_of(file, 1).get_inputs()[0].name
    with tempfile.TemporaryDirectory() as scratch, silence():
        given, prepared, made = (Path(scratch, f"{step}.onnx") for step in ("given", "prepared", "made"))
        given.write_bytes(file)
        quant_pre_process(given, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared, made, Reader(), per_channel=True, reduce_range=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8
        )
        return made.read_bytes()


@contextmanager
def silence() -> Iterator[None]:
    """Without what the quantiser says to the logger of all."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with quietly():
            yield
    finally:
        logging.disable(before)


class InSession(nn.Module):
    """An ONNX file as a module, for what measures modules; `before` is done to its inputs."""

    def __init__(self, file: bytes, threads: int, before: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.session, self.before = session_of(file, threads), before
        self.name = self.session.get_inputs()[0].name

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        found = self.session.run(None, {self.name: self.before(x).cpu().numpy()})
        outputs = tuple(torch.from_numpy(array).to(x.device) for array in found)
        return outputs if len(outputs) > 1 else outputs[0]


def error_in(file: nn.Module, feed: Feed, part: Pair, macs: Sequence[int]) -> float:
    """The error of a file on a part of the data; of several outputs that of the dearest in multiply-adds."""
    return by_exit(measure(file, feed, part, BATCH), macs)["error"]


def deployed(network: nn.Module, shape: tuple[int, ...], feed: Feed, part: Pair, macs: Sequence[int]) -> dict[str, float]:
    """METRICS of a trained network on the CPU, with one input of that shape, on a part of the data."""
    file = to_exchange(program_of(network, [shape]), ["x"], [])
    whole = quantized(file, calibration(feed))
    error = error_in(InSession(whole, torch.get_num_threads()), feed, part, macs)
    return {"model_bytes": float(len(file)), "int8_error": error, "int8_bytes": float(len(whole))}
