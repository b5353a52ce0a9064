"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Folder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="Serve the run's page in the browser for as long as this command runs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
MaxParams = Annotated[str | None, typer.Option(metavar="COUNT", help="Hard limit on parameters, such as 50k.")]
MaxMacs = Annotated[str | None, typer.Option(metavar="COUNT", help="Hard limit on multiply-adds a sample, such as 5M.")]
MaxMemory = Annotated[str | None, typer.Option(metavar="BYTES", help="Hard limit on the peak of inference, one sample, such as 64MB.")]
MaxTrainingMemory = Annotated[str | None, typer.Option(metavar="BYTES", help="Hard limit on the peak of a training step.")]
Setting = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Setting of the space; repeat for several.")]
SPACE = "A space by name (see `spaces`), or your own file.py."
DATA = "Data set by name, an .npz, a .csv of paths and labels, a folder of images, or file.py:function of your own."
DataDir = Annotated[str, typer.Option(metavar="FOLDER", help="Where the files of a published dataset lie, such as mnist.")]
Size = Annotated[
    int,
    typer.Option(
        min=0, metavar="PIXELS", help="Bring all images to squares of this side, such as 64. (default: as they are)", show_default=False
    ),
]
Channels = Annotated[
    int,
    typer.Option(metavar="1|3", help="Make all images gray, or give all three channels. (default: as they are)", show_default=False),
]
MaxLatency = Annotated[float | None, typer.Option(metavar="MS", help="Hard limit on one forward pass, measured before training.")]
LatencyDevice = Annotated[
    str,
    typer.Option(
        metavar="FILE", help="What latency is predicted for, of `calibrate`; auto: this machine, where latency counts; none: nothing."
    ),
]
Objective = Annotated[list[str] | None, typer.Option(help="Metric to minimise, or max:NAME; repeat for several. (default: error, macs)")]
MoreObjectives = Annotated[
    list[str] | None, typer.Option("--objective", help="One more metric to minimise, or max:NAME, by which all trials are valued anew.")
]
StrategySet = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the strategy, such as population=30.")]
EvaluatorSet = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the evaluator, such as epochs=20.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(help="Where networks train; auto uses a GPU where there is one. (default: the evaluator's: cpu)"),
]
Engine = Annotated[
    Literal["torch", "onnxruntime", "openvino"] | None,
    typer.Option(help="What runs networks when latency is measured: one image, on as many threads as a worker has. (default: torch)"),
]
Fidelity = Annotated[
    str, typer.Option(metavar="NAME=VALUES", help="Rungs, such as epochs=3,9,27; auto: those that suit the data; none: all in full.")
]
Prefilter = Annotated[
    str, typer.Option(metavar="COUNT[:PROXIES]", help="Train the best of so many proposals by zero-cost proxies; 10:synflow,naswot.")
]
Foresight = Annotated[
    str, typer.Option(metavar="COUNT[:PROXIES]", help="Models begin with zero-cost proxies of so many networks; 50:synflow,naswot.")
]
Inherit = Annotated[bool, typer.Option("--inherit", help="Networks begin with the weights of the most similar one before.")]
Executor = Annotated[
    Literal["inline", "processes", "ray"] | None,
    typer.Option(help="Where workers run: in this process, as processes of this machine, or by Ray. (default: processes)"),
]
Address = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="Ray cluster, or auto for the one of this machine. (default: Ray on this machine alone)")
]
CpusPerTrial = Annotated[float, typer.Option(metavar="NUMBER", help="Cores that Ray sets aside for a network, and its threads.")]
GpusPerTrial = Annotated[float, typer.Option(metavar="NUMBER", help="GPUs likewise, such as 0.25; over 0, networks train there.")]
WarmStart = Annotated[
    str, typer.Option(metavar="FILE[:STUDY]", help="Study of Optuna over the same choices, whose trials the strategy hears of first.")
]
Schedule = Annotated[str, typer.Option(help="Which networks climb from rung to rung: asha, delayed_asha, halving or hyperband.")]
NETWORK = "A network of the zoo (see `zoo`), a run's folder (its best network), RUN:TRIAL, or a file with a genotype."
EXPORTED = "A run's folder (the knee of its front), RUN:TRIAL, a network of the zoo (see `zoo`), or a file with a genotype."
EXPORTS = "source, safetensors, genotype, config, card, onnx, openvino, pt2, ncnn, svg, dot, mermaid."
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
Ops = Annotated[list[str] | None, typer.Option("--ops", metavar="FILE", help="Python file that registers ops of your own; it is run.")]


def limits_of(params: str | None, macs: str | None, memory: str | None, training_memory: str | None) -> dict[str, str | None]:
    """Limits on known costs, as they were written."""
    return {"params": params, "macs": macs, "memory_bytes": memory, "training_memory_bytes": training_memory}
