"""The network as Python source that needs torch alone: `model.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import groupby

from torch import Tensor

from archsearch.exporters.base import Material, in_torch, one_file
from archsearch.exporters.source.definitions import Definitions
from archsearch.exporters.source.network import network_texts
from archsearch.exporters.source.program import constants, counts, does, listed, program
from archsearch.exporters.source.reader import read_safetensors
from archsearch.exporters.source.recorder import Recorder
from archsearch.network.genotype import Genotype

PREPROCESS = '''
def preprocess(images: Tensor) -> Tensor:
    """Float images in [0, 1], (N, {shape}) -> what the network was trained on: (images - MEAN) / STD, channel by channel."""
    if not images.is_floating_point() or images.shape[1:] != INPUTS[0]:
        raise ValueError(f"expected float images in [0, 1] of shape (N, {shape}), got {{images.dtype}} {{tuple(images.shape)}}")
    mean, std = (torch.tensor(values, dtype=images.dtype, device=images.device).reshape(-1, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std
'''
IMAGES = " with float images in [0, 1]"
LOAD = '''
def load(path: str | Path = WEIGHTS) -> Network:
    """The network with its weights, in eval mode, on the CPU. Raises ValueError, RuntimeError: damaged weights, or another network's."""
    network = Network()
    network.load_state_dict(read_safetensors(path))
    return network.eval()
'''


def source_text(material: Material) -> str:
    """Source of `model.py`: the class Network, `load`, what takes images, and a check of itself.

    Raises:
        ExportError: an op whose module cannot be written as source.
    """
    definitions = Definitions()
    for module in ("json", "math", "sys", "torch"):
        definitions.need(module)
    definitions.need("pathlib", "Path")
    parts = [*defined(material.genotype, material.state, definitions), LOAD.strip()]
    if material.preprocessing.mean:
        parts.append(PREPROCESS.format(shape=listed(material.genotype.inputs[0].shape)).strip())
    parts += [inspect.getsource(read_safetensors).strip(), *program(material)]
    head = [docstring(material), "", "from __future__ import annotations", "", *definitions.imports(), "", *constants(material)]
    return "\n\n\n".join(["\n".join(head), *parts]) + "\n"


def defined(genotype: Genotype, state: Mapping[str, Tensor], definitions: Definitions) -> list[str]:
    """The class Network and what it is made of; what that imports is known to `definitions` then. Raises as `source_text`."""
    definitions.need("torch", "Tensor", "nn")
    classes = network_texts(genotype, state, Recorder(definitions))
    if any("OrderedDict(" in text for text in classes):
        definitions.need("collections", "OrderedDict")
    if any("F." in text for text in classes):
        definitions.need("torch.nn", "functional as F")
    return [*definitions.texts.values(), *classes]


def class_text(genotype: Genotype, state: Mapping[str, Tensor]) -> str:
    """Source of the class Network alone, for weights of these names, on whatever device. Raises as `source_text`."""
    definitions = Definitions()
    definitions.need("torch")
    parts = defined(genotype, state, definitions)
    return "\n\n\n".join(["\n".join(["from __future__ import annotations", "", *definitions.imports()]), *parts]) + "\n"


def write_source(material: Material) -> bytes:
    """`model.py` as bytes."""
    return source_text(material).encode("utf-8")


def docstring(material: Material) -> str:
    """What the file holds and how it is used."""
    genotype, given = material.genotype, material.preprocessing
    name = genotype.input_names[0] if len(genotype.inputs) == 1 else ", ".join(genotype.input_names)
    rows = [("input", "; ".join(f"(N, {listed(spec.shape)}) float32" for spec in genotype.inputs))]
    rows += [("output", "; ".join(outputs(genotype)))]
    if given.classes:
        rows[-1] = ("output", f"{rows[-1][1]}, a logit for each of the {len(given.classes)} classes in CLASSES")
    rows += [("cost", counts(genotype)), ("weights", "model.safetensors, " + ("trained" if material.trained else "NOT trained: random"))]
    table = "\n".join(f"    {key:9}{value}" for key, value in rows)
    call = f"load()({'preprocess(images)' if given.mean else name})"
    usage = f"`from model import load{', preprocess' if given.mean else ''}`, then `{call}`{IMAGES if given.mean else ''}"
    title = " ".join(material.title.replace("\\", "/").replace('"', "'").split())
    return f'"""{title}\n\n{table}\n\nNeeds torch alone: {usage}.\nAs a program: {does(material)}.\n"""'


def outputs(genotype: Genotype) -> Iterator[str]:
    """Shapes of the outputs, equal ones in a row once."""
    for shape, run in groupby(f"(N, {listed(genotype.specs[i].shape)})" for i in genotype.outputs):
        number = len(list(run))
        yield shape if number == 1 else f"{number} times {shape}"


SOURCE = one_file(
    "model.py",
    write_source,
    loading=in_torch("import model\n\nnetwork = model.load()"),
    without=("archsearch", "safetensors"),
    brings=("safetensors",),
)
