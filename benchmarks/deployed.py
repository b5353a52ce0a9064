"""Exported networks where they run: `python -m benchmarks.deployed`.

With `--front` the front of a search by latency is measured again; with `--zoo` every network of the zoo goes to ONNX.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn

from archsearch import Genotype, analyse, compile_network, load_space, search
from archsearch.design.importer.checking import apart
from archsearch.engines.exchange import to_exchange
from archsearch.engines.quantizing import quantized
from archsearch.engines.running import session_of, time_in
from archsearch.evaluators.train import Train
from archsearch.exporters import ExportError, export_network, gather
from archsearch.strategies import Evolution
from archsearch.tasks import answers
from archsearch.training.timing import ENGINES, Protocol
from archsearch.zoo import build, names
from benchmarks import handwritten
from benchmarks.exported import module_in, smallest
from benchmarks.latency import sampled, spearman
from benchmarks.settled import settled
from benchmarks.timing import interleaved, ratio, show

ROUNDS, BAR = 30, 1.05
SMALL = ("resnet20_cifar", "wrn_16_8", "resnet18", "mobilenet_v2", "squeezenet1_1")
"""Networks that are quantised, at images of 32x32 or 64x64."""
TRIALS = 24
MOST_PARAMS = 60_000_000
SAMPLES, EQUAL, ROUNDINGS = 5, 1e-5, 4
"""Outputs of the zoo are equal within 1e-5, or four times what rounding does to them: random deep networks amplify it."""
QUICK = Protocol(rounds=5, passes=20, seconds=0.1)


def handwritten_pairs() -> Iterator[tuple[str, Genotype, nn.Module]]:
    """Three networks as genotypes, and written out by hand with the same weights."""
    makers: dict[str, tuple[Callable[[], Genotype], Callable[[], nn.Module]]] = {
        "cell": (handwritten.cell_genotype, lambda: handwritten.CellNet(handwritten.CELL)),
        "chain": (handwritten.chain_genotype, handwritten.ChainNet),
        "residual": (handwritten.residual_genotype, handwritten.ResidualNet),
    }
    for name, (genotype, module) in makers.items():
        yield name, genotype(), module().eval()


def against_handwritten() -> None:
    """Times of the exported forms as shares of the hand-written network's in torch, taken in turns; one image, one thread."""
    rows = []
    for name, genotype, module in handwritten_pairs():
        x = torch.rand(1, *genotype.inputs[0].shape)
        with tempfile.TemporaryDirectory() as scratch:
            folder = export_network(genotype, Path(scratch, "out"), formats=["source", "onnx"], check=False)
            network, session = module_in(folder).load(), session_of((folder / "model.onnx").read_bytes(), 1)
        calls = {"hand": partial(module, x), "model.py": partial(network, x), "onnx": partial(session.run, None, {"x": x.numpy()})}
        with torch.inference_mode():
            times = interleaved(calls, ROUNDS, repeats=5)
        shares = [ratio(times[form], times["hand"]) for form in ("model.py", "onnx")]
        rows.append([name, f"{1000 * min(times['hand']):.2f} ms", *(f"{share:.2f}" for share in shares)])
    show(f"against the network written by hand in torch; the bar is {BAR}", ["network", "by hand", "model.py", "ONNX Runtime"], rows)


def in_int8() -> None:
    """Size and latency of files in float32 and int8."""
    rows = []
    for name in SMALL:
        genotype = build(name, **({} if build(name).inputs[0].shape[1] <= 64 else {"input": (3, 64, 64)}))
        material = gather(genotype)
        file = to_exchange(material.program, ["x"], ["output"])
        small = quantized(file, torch.randn(64, *material.shapes[0], generator=torch.Generator().manual_seed(0)))
        given = {"x": np.random.default_rng(0).random((1, *material.shapes[0]), np.float32)}
        sessions = {"float32": session_of(file, 1), "int8": session_of(small, 1)}
        times = interleaved({form: partial(session.run, None, given) for form, session in sessions.items()}, ROUNDS)
        size = f"{len(file) / 1e6:.2f} MB", f"{len(small) / len(file):.2f}"
        rows.append([name, *size, f"{1000 * min(times['float32']):.2f} ms", f"{ratio(times['int8'], times['float32']):.2f}"])
    show("int8 against float32 in ONNX Runtime, one image, one thread", ["network", "float32", "size", "latency", "int8"], rows)


def engines_agree() -> None:
    """Rank correlation of latency in torch with that in other engines."""
    genotypes = sampled()
    found = {
        engine: np.array([time_in(engine, compile_network(g), [g.inputs[0].shape], protocol=QUICK).shortest for g in genotypes])
        for engine in ENGINES
    }
    macs = np.array([analyse(genotype).macs for genotype in genotypes], float)
    rows = []
    for engine, times in found.items():
        spread = f"{1000 * times.min():.2f} to {1000 * times.max():.2f} ms"
        rows.append([engine, spread, f"{spearman(times, found['torch']):.3f}", f"{spearman(times, macs):.3f}"])
    show(f"{len(genotypes)} cell networks, one image, one thread", ["engine", "latency", "Spearman with torch", "with MACs"], rows)


def front_again() -> None:
    """Latency of a front in ONNX Runtime, as the search measured it and as its end measured it again."""
    judge = Train(epochs=1, engine="onnxruntime")
    space = load_space("cell", **judge.setting())
    with tempfile.TemporaryDirectory() as scratch:
        run = search(
            space, Evolution(population=8, tournament=3), judge, objectives=("error", "latency_ms"), trials=TRIALS, out=Path(scratch, "run")
        )
        pairs = [(trial.number, trial.metrics["latency_ms"], run.tests[trial.number]["latency_ms"]) for trial in run.front()]
    rows = [[str(number), f"{before:.3f} ms", f"{again:.3f} ms", f"{again / before - 1:+.1%}"] for number, before, again in pairs]
    show(f"the front of {TRIALS} cell networks on the digits, one image, one thread", ["trial", "latency", "again", "apart"], rows)
    apart = [abs(again / before - 1) for _, before, again in pairs]
    print(f"apart by {median(apart):.1%} in the median, by {max(apart):.1%} at most; the bar is 10 %")


def whole_zoo(first: int, step: int) -> None:
    """Export every network to ONNX, and say which cannot be, or differ: every so many from one on."""
    taken = names()[first::step]
    failed = 0
    for name in taken:
        genotype = smallest(name)
        if analyse(genotype).params > MOST_PARAMS:
            print(f"{name}: left out, over {MOST_PARAMS:,} params", flush=True)
            continue
        start = time.perf_counter()
        network = settled(genotype)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                folder = export_network(genotype, Path(scratch, "out"), network.state_dict(), formats=["onnx"], check=False)
            except ExportError as error:
                failed += 1
                print(f"{name}: FAILED {error}", flush=True)
                continue
            gap, rounding = distances(network, folder / "model.onnx", [spec.shape for spec in genotype.inputs])
        is_equal = gap <= max(EQUAL, ROUNDINGS * rounding)
        failed += not is_equal
        words = "" if is_equal else "FAILED "
        taken_s = time.perf_counter() - start
        print(f"{name}: {words}{gap:.1e} in ONNX Runtime; torch is {rounding:.1e} from float64; {taken_s:.0f} s", flush=True)
    print(f"{failed} of {len(taken)} failed")


@torch.inference_mode()
def distances(network: nn.Module, file: Path, shapes: Sequence[Sequence[int]]) -> tuple[float, float]:
    """How far outputs in ONNX Runtime are from those in torch, and these from float64, as shares of the greatest."""
    inputs = [torch.randn(SAMPLES, *shape, generator=torch.Generator().manual_seed(0)) for shape in shapes]
    session = session_of(file.read_bytes(), 1)
    given = {port.name: x.numpy() for port, x in zip(session.get_inputs(), inputs, strict=True)}
    found = [torch.from_numpy(output) for output in session.run(None, given)]
    singles = answers(network.eval()(*inputs))
    doubles = answers(network.double()(*(x.double() for x in inputs)))
    pairs = zip(singles, found, strict=True), zip(doubles, singles, strict=True)
    gap, rounding = (max(apart(wanted, own) for wanted, own in pair) for pair in pairs)
    return gap, rounding


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    if "--zoo" in sys.argv:
        rest = [int(number) for number in sys.argv[sys.argv.index("--zoo") + 1 :]]
        whole_zoo(*(rest or (0, 1)))
        return
    if "--front" in sys.argv:
        front_again()
        return
    against_handwritten()
    in_int8()
    engines_agree()


if __name__ == "__main__":
    main()
