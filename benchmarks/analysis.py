"""Analysis in microseconds a node, against other tools, and of populations: `python -m benchmarks.analysis`."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from fvcore.nn import FlopCountAnalysis
from ptflops import get_model_complexity_info
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchinfo import summary

from archsearch import Genotype, analyse, compile_network, zoo
from archsearch.analysis.population import Population, analyse_population
from archsearch.ops import BatchNorm2d, Conv2d
from benchmarks import famous
from benchmarks.handwritten import CELL, INPUT, CellNet, cell_genotype
from benchmarks.timing import show

ROUNDS, PEER_ROUNDS, MEMBERS = 200, 5, 100_000
BARS = {"us a node": 2, "with training": 4, "times alone": 80, "times built": 40, "networks a second": 100_000}
IMAGE = (3, 224, 224)


class Case(NamedTuple):
    """One network: as a genotype, and as torch modules for the other tools."""

    genotype: Callable[[], Genotype]
    handwritten: Callable[[], nn.Module]
    shape: tuple[int, int, int]


CASES = {
    "ResNet-50": Case(partial(zoo.build, "resnet50"), famous.resnet50, IMAGE),
    "DenseNet-121": Case(partial(zoo.build, "densenet121"), famous.densenet121, IMAGE),
    "EfficientNet-B0": Case(partial(zoo.build, "efficientnet_b0"), famous.efficientnet_b0, IMAGE),
    "NAS-Bench-201 cell net": Case(cell_genotype, partial(CellNet, CELL), INPUT),
}


def shortest(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Shortest time of every call in seconds, taken in turns after one round to warm up.

    It is the processor's time, all of one thread, so that what else runs does not count.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            start = process_time()
            call()
            times[name].append(process_time() - start)
    return {name: min(taken[1:]) for name, taken in times.items()}


def static(genotype: Genotype) -> tuple[Any, ...]:
    """Params, MACs, bytes of inference, receptive field; the builder has inferred the shapes."""
    found = analyse(genotype, batch=64, optimizer="adam")
    return found.params, found.macs, found.inference_peak_bytes, found.receptive_field


def with_training(genotype: Genotype) -> tuple[Any, ...]:
    """The same, and the bytes of a training step."""
    found = analyse(genotype, batch=64, optimizer="adam")
    return found.params, found.macs, found.inference_peak_bytes, found.receptive_field, found.training_peak_bytes


def with_rows(genotype: Genotype) -> tuple[Any, ...]:
    """A row for each node."""
    return analyse(genotype, batch=64, optimizer="adam").rows


def built(case: Case) -> tuple[Any, ...]:
    """The genotype built, and analysed."""
    return static(case.genotype())


def by_torchinfo(network: nn.Module, x: torch.Tensor) -> int:
    """MACs by torchinfo."""
    return int(summary(network, input_data=x, verbose=0, device=x.device.type).total_mult_adds)


def by_fvcore(network: nn.Module, x: torch.Tensor) -> int:
    """MACs by fvcore."""
    return int(FlopCountAnalysis(network, x).unsupported_ops_warnings(False).total())


def by_ptflops(backend: str, network: nn.Module, x: torch.Tensor) -> int:
    """MACs by ptflops."""
    found = get_model_complexity_info(
        network, tuple(x.shape[1:]), as_strings=False, print_per_layer_stat=False, verbose=False, backend=backend,
        input_constructor=lambda _: x,
    )  # fmt: skip
    return int(found[0])


def by_torch(network: nn.Module, x: torch.Tensor) -> int:
    """MACs by torch's own counter."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x)
    return int(counter.get_total_flops()) // 2


TOOLS: dict[str, Callable[[nn.Module, torch.Tensor], int]] = {
    "torchinfo": by_torchinfo,
    "fvcore": by_fvcore,
    "ptflops, modules": partial(by_ptflops, "pytorch"),
    "ptflops, aten": partial(by_ptflops, "aten"),
    "torch's counter": by_torch,
}


def works(call: Callable[[], int]) -> bool:
    """Whether the tool takes this network there: no exception, and some MACs found."""
    try:
        return call() > 0
    except Exception:
        return False


def peers(case: Case) -> dict[str, Callable[[], int]]:
    """Every tool, on the CPU and on the meta device, with the module written by hand and the compiled one: those that work."""
    found: dict[str, Callable[[], int]] = {}
    for device in ("cpu", "meta"):
        with torch.device(device):
            networks = {"by hand": case.handwritten().eval(), "compiled": compile_network(case.genotype()).eval()}
            x = torch.zeros(1, *case.shape)
        for style, network in networks.items():
            found |= {f"{name}, {device}, {style}": partial(call, network, x) for name, call in TOOLS.items()}
    return {name: call for name, call in found.items() if works(call)}


def fresh(case: Case, device: str) -> nn.Module:
    """The module written by hand, made anew."""
    with torch.device(device):
        return case.handwritten().eval()


def against_peers(name: str, case: Case) -> list[str]:
    """Cells of one row: the fastest tool, its time and ours for the analysis of a ready network and from nothing, and both ratios."""
    calls: dict[str, Callable[[], Any]] = {**peers(case)}
    genotype = case.genotype()
    macs = by_torch(fresh(case, "meta"), torch.zeros(1, *case.shape, device="meta"))
    if macs != analyse(genotype).macs:
        raise ValueError(f"{name} is not the same network by hand: {macs} MACs against {analyse(genotype).macs}")
    own = shortest({"alone": partial(static, genotype), "built": partial(built, case)}, ROUNDS)
    making = shortest({device: partial(fresh, case, device) for device in ("cpu", "meta")}, PEER_ROUNDS)
    theirs = shortest(calls, PEER_ROUNDS)
    fastest = min(theirs, key=theirs.__getitem__)
    # From nothing: every tool on the device where making the module and reading it take least together.
    whole = min(taken + making[tool.split(", ")[-2]] for tool, taken in theirs.items())
    alone, anew = own["alone"], own["built"]
    return [
        name, fastest, f"{1e3 * theirs[fastest]:.1f}", f"{1e3 * alone:.3f}", f"{theirs[fastest] / alone:.0f}",
        f"{1e3 * whole:.1f}", f"{1e3 * anew:.2f}", f"{whole / anew:.0f}",
    ]  # fmt: skip


def per_node(name: str, case: Case) -> list[str]:
    """Nodes, and microseconds a node of the analysis, with the training peak, with rows, and of building."""
    genotype = case.genotype()
    calls = {"static": static, "training": with_training, "rows": with_rows}
    timed: dict[str, Callable[[], Any]] = {key: partial(call, genotype) for key, call in calls.items()}
    times = shortest({**timed, "build": case.genotype}, ROUNDS)
    nodes = len(genotype.nodes)
    return [name, str(nodes), *[f"{1e6 * taken / nodes:.2f}" for taken in times.values()]]


def population_values(template: Genotype) -> dict[str, np.ndarray[Any, Any]]:
    """Other widths and kernels for every network: of each 3x3 convolution that a batch norm alone follows, and of each group of widths."""
    rng, values = np.random.default_rng(0), dict[str, np.ndarray[Any, Any]]()
    readers = {node.inputs[0]: node for node in template.nodes if isinstance(node.op, BatchNorm2d)}
    widths: dict[int, np.ndarray[Any, Any]] = {}
    for value, node in enumerate(template.nodes, len(template.inputs)):
        if isinstance(node.op, Conv2d) and value in readers:
            channels = node.op.channels
            if channels not in widths:
                widths[channels] = channels // 8 * rng.choice([2, 4, 6, 8, 10], MEMBERS)
            values[f"{node.name}:channels"] = widths[channels]
            if node.op.kernel == 3:
                values[f"{node.name}:kernel"] = rng.choice([1, 3, 5], MEMBERS)
        elif isinstance(node.op, Conv2d):
            values[f"{node.name}:channels"] = widths[node.op.channels]
    return values


def population(name: str, case: Case) -> list[str]:
    """Networks a second, without the training peak and with it, and how many times that is what one after the other gives."""
    template = case.genotype()
    values = population_values(template)
    times = []
    for _ in range(3):
        began = process_time()
        found = analyse_population(Population(template, values), batch=64, optimizer="adam")
        _ = found.params, found.macs, found.inference_peak_bytes
        middle = process_time()
        _ = found.training_peak_bytes
        times.append((middle - began, process_time() - began))
    plain, whole = (min(taken) for taken in zip(*times, strict=True))
    single = shortest({"one": partial(built, case)}, ROUNDS)["one"]
    return [name, f"{len(values)}", f"{MEMBERS / plain:,.0f}", f"{MEMBERS / whole:,.0f}", f"{single * MEMBERS / plain:.0f}"]


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    bars = f"bars: {BARS['us a node']} us a node, {BARS['with training']} with the training peak"
    columns = ["network", "nodes", "us a node", "with training peak", "with rows", "building"]
    show(f"analysis of a genotype, shortest of {ROUNDS}; {bars}", columns, [per_node(*item) for item in CASES.items()])
    rows = [against_peers(*item) for item in CASES.items()]
    bars = f"bars: {BARS['times alone']} times alone, {BARS['times built']} with building"
    columns = ["network", "fastest tool", "ms", "ours", "times", "built: ms", "ours", "times"]
    show(f"against {len(TOOLS)} tools, ms of the ready network, and with making it; {bars}", columns, rows)
    rows = [population(name, CASES[name]) for name in ("ResNet-50", "NAS-Bench-201 cell net")]
    columns = ["topology", "columns", "networks a second", "with training peak", "times one by one"]
    show(f"{MEMBERS:,} networks of one topology at once; bar: {BARS['networks a second']:,} a second", columns, rows)


if __name__ == "__main__":
    main()
