"""A network as a program of torch's own operators, for batches of any size: what the files of all engines are made from."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram

from archsearch.engines.lowering import lowered

EXAMPLES = 2
"""Images in the batch that is traced: with one, torch takes the batch for a constant."""
TRACES = ("stack_trace", "custom", "from_node")
"""What torch notes of every operator that tells of this machine: files, lines of source."""
TALKERS = ("torch.onnx", "torch.export", "onnx_ir", "onnxscript", "openvino")
"""Loggers of converters."""


class EngineError(ValueError):
    """A network that an engine or its file cannot hold; one line that says what to do."""


class Normalised(nn.Module):
    """A network that is given images in [0, 1] and normalises them itself, channel by channel: (x - mean) / std."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None])

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        found: Tensor | tuple[Tensor, ...] = self.network((x - self.mean) / self.std)
        return found


@contextmanager
def quietly() -> Iterator[None]:
    """Without what torch and the converters say of each other's ways, which is nothing that a user could mend."""
    logs = [logging.getLogger(name) for name in TALKERS]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)


def program_of(network: nn.Module, shapes: Sequence[tuple[int, ...]]) -> ExportedProgram:
    """Trace a network on the CPU in eval mode; `shapes` are those of one sample of each input. The first axis stays open.

    Operators that engines do not read alike are rewritten (`lowered`). It keeps neither the images that it was traced with
    nor where its source lies. Raises EngineError where the number of images is fixed, or whatever torch raises for what it cannot trace.
    """
    batch = Dim("batch")
    inputs = tuple(torch.zeros(EXAMPLES, *shape) for shape in shapes)
    with quietly(), torch.no_grad():
        program = torch.export.export(network.eval(), inputs, dynamic_shapes=tuple({0: batch} for _ in shapes), strict=False)
        program = stripped(lowered(program))
    if any(isinstance(node.meta["val"].shape[0], int) for node in program.graph.nodes if node.name in program.graph_signature.user_inputs):
        raise EngineError(f"its code fixes the number of images at once to {EXAMPLES}")
    return program


def stripped(program: ExportedProgram) -> ExportedProgram:
    """The program, without the images that it was traced with and without places in files."""
    program.example_inputs = None
    for module in program.graph_module.modules():
        if isinstance(module, fx.GraphModule):
            for node in module.graph.nodes:
                for name in TRACES:
                    node.meta.pop(name, None)
    return program
