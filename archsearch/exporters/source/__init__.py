"""The network as Python source that needs torch alone: `model.py`."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable

from archsearch.analysis import analyse
from archsearch.exporters.base import Material
from archsearch.exporters.source.definitions import Definitions
from archsearch.exporters.source.network import forward_lines, init_lines
from archsearch.exporters.source.reader import read_safetensors
from archsearch.exporters.source.recorder import Recorder
from archsearch.network.genotype import Genotype

NETWORK = '''
class Network(nn.Module):
    """{shapes}"""

    def __init__(self) -> None:
        super().__init__()
{init}

    def forward(self, {inputs}) -> {result}:
{forward}
'''
PREPROCESS = '''
def preprocess(images: Tensor) -> Tensor:
    """Float images in [0, 1], (N, {shape}) -> what the network was trained on: (images - MEAN) / STD, channel by channel."""
    if not images.is_floating_point() or images.shape[1:] != INPUTS[0]:
        raise ValueError(f"expected float images in [0, 1] of shape (N, {shape}), got {{images.dtype}} {{tuple(images.shape)}}")
    mean, std = (torch.tensor(values, dtype=images.dtype, device=images.device).reshape(-1, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std
'''
LOAD = '''
def load(path: str | Path = WEIGHTS) -> Network:
    """The network with its weights, in eval mode, on the CPU.

    Raises:
        ValueError: the file is damaged. RuntimeError: it holds the weights of another network.
    """
    network = Network()
    network.load_state_dict(read_safetensors(path))
    return network.eval()
'''
MAIN = """
if __name__ == "__main__":
    with torch.inference_mode():
        outputs = load()(*(torch.zeros(1, *shape) for shape in INPUTS))
    shapes = [tuple(output.shape) for output in (outputs if isinstance(outputs, tuple) else (outputs,))]
    print(f"{summary}; zeros of shape {{', '.join(str((1, *shape)) for shape in INPUTS)}} give {{', '.join(map(str, shapes))}}")
"""


def source_text(material: Material) -> str:
    """Source of `model.py`: the class Network, `load`, and `preprocess` where means are known.

    Raises:
        ExportError: an op whose module cannot be written as source.
    """
    definitions = Definitions()
    for module in ("json", "math", "torch"):
        definitions.need(module)
    definitions.need("pathlib", "Path")
    definitions.need("torch", "Tensor", "nn")
    network = network_text(material.genotype, Recorder(definitions))
    parts = [*definitions.texts.values(), network.strip(), LOAD.strip()]
    if material.preprocessing.mean:
        parts.append(PREPROCESS.format(shape=listed(material.genotype.inputs[0].shape)).strip())
    parts += [inspect.getsource(read_safetensors).strip(), MAIN.format(summary=counts(material.genotype)).strip()]
    head = [docstring(material), "", "from __future__ import annotations", "", *definitions.imports(), "", *constants(material)]
    return "\n\n\n".join(["\n".join(head), *parts]) + "\n"


def write_source(material: Material) -> bytes:
    """`model.py` as bytes."""
    return source_text(material).encode("utf-8")


def network_text(genotype: Genotype, recorder: Recorder) -> str:
    """Source of the class Network."""
    outputs = " and ".join(f"(N, {listed(genotype.specs[i].shape)})" for i in genotype.outputs)
    inputs = " and ".join(f"{name} (N, {listed(spec.shape)})" for name, spec in zip(genotype.input_names, genotype.inputs, strict=True))
    return NETWORK.format(
        shapes=f"{inputs} -> {outputs}.",
        init=indented(init_lines(genotype, recorder)),
        inputs=", ".join(f"{name}: Tensor" for name in genotype.input_names),
        result=f"tuple[{', '.join(['Tensor'] * len(genotype.outputs))}]" if len(genotype.outputs) > 1 else "Tensor",
        forward=indented(forward_lines(genotype)),
    )


def indented(lines: Iterable[str]) -> str:
    """The body of a method; blank lines at its start are dropped."""
    return textwrap.indent("\n".join(lines).lstrip("\n"), " " * 8)


def listed(shape: tuple[int, ...]) -> str:
    """A shape without its brackets."""
    return ", ".join(map(str, shape))


def counts(genotype: Genotype) -> str:
    """Params and MACs in words."""
    analysis = analyse(genotype)
    return f"{analysis.params:,} params, {analysis.macs:,} MACs a sample"


def docstring(material: Material) -> str:
    """What the file holds and how it is used."""
    genotype, given = material.genotype, material.preprocessing
    name = genotype.input_names[0] if len(genotype.inputs) == 1 else ", ".join(genotype.input_names)
    rows = [("input", "; ".join(f"(N, {listed(spec.shape)}) float32" for spec in genotype.inputs))]
    rows += [("output", "; ".join(f"(N, {listed(genotype.specs[i].shape)})" for i in genotype.outputs))]
    if given.classes:
        rows[-1] = ("output", f"{rows[-1][1]}, a logit for each of the {len(given.classes)} classes in CLASSES")
    rows += [("cost", counts(genotype)), ("weights", "model.safetensors, " + ("trained" if material.trained else "NOT trained: random"))]
    table = "\n".join(f"    {key:9}{value}" for key, value in rows)
    call = f"network({'preprocess(images)' if given.mean else name})"
    after = "" if not given.mean else "      # float images in [0, 1]"
    usage = f"    from model import load{', preprocess' if given.mean else ''}\n\n    network = load()\n    outputs = {call}{after}"
    title = " ".join(material.title.replace("\\", "/").replace('"', "'").split())
    return f'"""{title}\n\n{table}\n\nThis file needs torch and nothing else.\n\n{usage}\n"""'


def constants(material: Material) -> list[str]:
    """Constants at the top of the file."""
    given = material.preprocessing
    lines = [
        'WEIGHTS = Path(__file__).with_name("model.safetensors")',
        f"INPUTS = {tuple(spec.shape for spec in material.genotype.inputs)}",
    ]
    if given.classes:
        lines.append(f"CLASSES = {given.classes!r}")
    if given.mean:
        lines += [f"MEAN = {given.mean!r}", f"STD = {given.std!r}"]
    return lines
