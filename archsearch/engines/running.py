"""Networks timed in the engine that will run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from archsearch.engines.exchange import to_exchange
from archsearch.engines.intermediate import openvino, to_intermediate
from archsearch.engines.program import program_of
from archsearch.training.timing import STANDARD, Protocol, Timing, drawn, time_network, time_passes
from archsearch.trial import EvaluationError

Shapes = Sequence[tuple[int, ...]]
Runner = Callable[[], object]


def time_in(
    engine: str, network: nn.Module, shapes: Shapes, device: torch.device | None = None, batch: int = 1, protocol: Protocol = STANDARD
) -> Timing:
    """Measure forward passes of a batch in an engine of ENGINES, with as many threads as torch has here; `shapes` are those of one sample.

    torch runs on the device, the others on the CPU, after they have been given the network in their own form.

    Raises:
        PackageError: the engine is not installed. EngineError, or what its converter raises: it cannot run the network.
    """
    if engine == "torch":
        return time_network(network, shapes, device or torch.device("cpu"), batch, protocol)
    run = RUNNERS[engine](deepcopy(network).cpu(), shapes, batch, torch.get_num_threads())
    return time_passes(run, protocol)


def in_onnxruntime(network: nn.Module, shapes: Shapes, batch: int, threads: int) -> Runner:
    """A pass of a batch in ONNX Runtime."""
    names = [f"x{place}" for place in range(len(shapes))]
    session = session_of(to_exchange(program_of(network, shapes), names, []), threads)
    given = dict(zip(names, (tensor.numpy() for tensor in drawn(shapes, batch)), strict=True))
    return lambda: session.run(None, given)


def session_of(file: bytes, threads: int) -> Any:
    """ONNX Runtime's session of a file, on so many threads of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def in_openvino(network: nn.Module, shapes: Shapes, batch: int, threads: int) -> Runner:
    """A pass of a batch in OpenVINO, in float32."""
    model = to_intermediate(program_of(network, shapes), shapes, [f"x{place}" for place in range(len(shapes))])
    hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino().Core().compile_model(model, "CPU", hints).create_infer_request()
    given = [tensor.numpy() for tensor in drawn(shapes, batch)]
    return lambda: request.infer(given)


RUNNERS: dict[str, Callable[[nn.Module, Shapes, int, int], Runner]] = {"onnxruntime": in_onnxruntime, "openvino": in_openvino}
"""Engines other than torch: from a network, shapes of a sample, images at once and threads to what runs one pass."""


def within_latency(
    network: nn.Module, shape: tuple[int, ...], device: torch.device, limit_ms: float | None, engine: str = "torch",
    known: Mapping[str, float] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Latency of one image in an engine, and its spread, as they are `known` where they are; nothing without a limit.

    Raises:
        EvaluationError: rejected, it is over the limit.
    """
    if limit_ms is None:
        return {}
    metrics = dict(known or time_in(engine, network, [shape], device).metrics())
    if metrics["latency_ms"] > limit_ms:
        words = f"one forward pass takes {metrics['latency_ms']:.3g} ms, the limit is {limit_ms:g} ms"
        raise EvaluationError("rejected", words, metrics)
    return metrics
