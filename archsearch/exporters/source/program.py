"""What an exported file does when it is run as a program: it checks itself, or says what images show."""

from __future__ import annotations

import math
import textwrap

import torch
from torch import Tensor

from archsearch.analysis import analyse
from archsearch.exporters.base import Material
from archsearch.exporters.source.literals import source_of
from archsearch.network.genotype import Genotype
from archsearch.tasks import answers

CHECK = '''
def self_check() -> None:
    """Run the weights on a fixed input and compare with what the network gave there when it was exported."""
    inputs = [torch.linspace(-1, 1, math.prod(shape)).reshape(1, *shape) for shape in INPUTS]
    with torch.inference_mode():
        outputs = load()(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    print("{summary};", *(tuple(x.shape) for x in inputs), "->", *(tuple(y.shape) for y in outputs))
    for y, marks in zip(outputs, EXPECTED, strict=True):
        numbers = y.float().flatten()
        found = torch.stack([numbers.abs().mean(), numbers[0], numbers[-1]])
        if marks[0] < math.inf and not torch.allclose(found, torch.tensor(marks), rtol=0, atol=1e-3 * marks[0], equal_nan=True):
            sys.exit(f"the outputs are not those that were exported: {{found.tolist()}}, expected {{list(marks)}}; are the weights others?")
    print("the outputs are those that were exported")
'''
IMAGES = '''
def classify_images(paths: list[str]) -> None:
    """{about}"""
    from PIL import Image

    network, (channels, height, width) = load(), INPUTS[0]
    for path in paths:
        image = Image.open(path)  # of 16 bits the upper 8 are taken
        image = (image.convert("I").point(lambda value: value / 256) if image.mode.startswith("I;16") else image).convert("{mode}")
{crop}        image = image{cropped}.resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).reshape(height, width, channels).permute(2, 0, 1)
        with torch.inference_mode():
            scores = network({given}){output}[0]
{tell}
'''
CROP = """
side = min(image.size)  # the largest square in the middle, as in training
left, top = (image.width - side) // 2, (image.height - side) // 2
"""
TELL = """
best = scores.softmax(0).topk(min(3, len(scores)))
print(f"{path}:", ", ".join(f"{NAME} {share:.1%}" for share, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)))
"""
TELL_MAP = """
found = scores.argmax(0)
Image.frombytes("L", (found.shape[1], found.shape[0]), bytes(found.flatten().tolist())).save(f"{path}.classes.png")
shares = sorted(((float((found == i).float().mean()), i) for i in found.unique().tolist()), reverse=True)
print(f"{path}.classes.png:", ", ".join(f"{NAME} {share:.1%}" for share, i in shares))
"""
MAIN = """
if __name__ == "__main__":
    {call}
"""


def does(material: Material) -> str:
    """What the file does as a program, in words."""
    images = "`python model.py IMAGES` says what they show (with Pillow), " if images_function(material) else ""
    return f"{images}`python model.py` checks the weights"


def program(material: Material) -> list[str]:
    """The functions, and what runs them."""
    check = CHECK.format(summary=counts(material.genotype)).strip()
    images = images_function(material)
    asked = "classify_images(sys.argv[1:])" if images else 'sys.exit("this network does not say what images show; give no arguments")'
    call = f"{asked} if sys.argv[1:] else self_check()"
    return [*images, check, MAIN.format(call=call).strip()]


def images_function(material: Material) -> list[str]:
    """What takes images, where the network takes one image and gives scores for classes, of the image or of every pixel."""
    genotype, known = material.genotype, material.preprocessing
    shape = genotype.inputs[0].shape
    last = max(range(len(genotype.outputs)), key=lambda place: genotype.outputs[place])  # of several exits the one that has seen most
    scores = genotype.specs[genotype.outputs[last]].shape
    if len(genotype.inputs) > 1 or len(shape) != 3 or shape[0] not in (1, 3) or len(scores) not in (1, 3) or scores[0] > 255 < len(scores):
        return []
    name = "CLASSES[i]" if len(known.classes) == scores[0] else "class {i}"
    tell = (TELL if len(scores) == 1 else TELL_MAP).replace("{NAME}", f"{{{name}}}" if known.classes else name)
    text = IMAGES.format(
        about="Print the likeliest classes of every image."
        if len(scores) == 1
        else "Write the class of every pixel of an image beside it, and print their shares.",
        mode="RGB" if shape[0] == 3 else "L",
        crop=inner(CROP) + "\n" if shape[1] == shape[2] else "",
        cropped=".crop((left, top, left + side, top + side))" if shape[1] == shape[2] else "",
        given="preprocess(pixels[None] / 255)" if known.mean else "pixels[None] / 255",
        output=f"[{last}]" if len(genotype.outputs) > 1 else "",
        tell=inner(tell),
    )
    return [text.strip()]


def inner(text: str) -> str:
    """Lines of the loop."""
    return textwrap.indent(text.strip(), " " * 8)


def counts(genotype: Genotype) -> str:
    """Params and MACs in words."""
    analysis = analyse(genotype)
    return f"{analysis.params:,} params, {analysis.macs:,} MACs a sample"


def listed(shape: tuple[int, ...]) -> str:
    """A shape without its brackets."""
    return ", ".join(map(str, shape))


def constants(material: Material) -> list[str]:
    """Constants at the top of the file."""
    given = material.preprocessing
    lines = [
        'WEIGHTS = Path(__file__).with_name("model.safetensors")',
        f"INPUTS = {tuple(spec.shape for spec in material.genotype.inputs)}",
    ]
    if given.classes:
        lines.append(f"CLASSES = {source_of(given.classes)}")
    if given.mean:
        lines += [f"MEAN = {given.mean!r}", f"STD = {given.std!r}"]
    return [*lines, f"EXPECTED = {source_of(expected(material))}  # of each output at a fixed input: mean size, first and last number"]


def expected(material: Material) -> tuple[tuple[float, float, float], ...]:
    """What the network gives at a fixed input: for every output the mean of its absolute numbers, the first and the last one."""
    inputs = [torch.linspace(-1, 1, math.prod(spec.shape)).reshape(1, *spec.shape) for spec in material.genotype.inputs]
    with torch.inference_mode():
        return tuple(marks(output) for output in answers(material.network(*inputs)))


def marks(output: Tensor) -> tuple[float, float, float]:
    """Three numbers that tell an output from others, to six digits."""
    numbers = output.float().flatten()
    size, first, last = (float(f"{float(number):.6g}") for number in (numbers.abs().mean(), numbers[0], numbers[-1]))
    return size, first, last
