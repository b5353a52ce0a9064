"""`README.md`: a card for people and for hubs of models, whose metadata stand in front of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from archsearch.analysis import analyse
from archsearch.exporters.base import Card, Material, Small, one_file, option_words
from archsearch.support.reading import one_line
from archsearch.units import prefixed, unit

TASKS = {"classification": "image-classification", "segmentation": "image-segmentation"}
METRICS = {"error": ("accuracy", "Accuracy"), "balanced_error": ("balanced_accuracy", "Balanced accuracy")}
"""Errors, whose counterparts are what hubs show."""
PLAIN = {"miou": ("mean_iou", "Mean IoU"), "pixel_accuracy": ("pixel_accuracy", "Pixel accuracy")}
SHOWN = 12
"""So many classes are named."""
LICENCE = """None is given with these files: whoever publishes them chooses one, and names it by `license:` in the metadata on top.
Mind that of the data that the weights were learnt from."""


def write_card(material: Material) -> bytes:
    """`README.md` as bytes."""
    return ("\n".join(["---", *metadata(material), "---", "", *text(material)]) + "\n").encode("utf-8")


def metadata(material: Material) -> Iterator[str]:
    """Lines of YAML."""
    card = material.card
    task = TASKS.get(card.description.task, "")
    yield "library_name: pytorch"
    if task:
        yield f"pipeline_tag: {task}"
    yield "tags:"
    yield from (f"- {tag}" for tag in ("archsearch", "neural-architecture-search", "safetensors"))
    results = list(results_of(card)) if task and card.data else []
    if not results:
        return
    yield "metrics:"
    yield from dict.fromkeys(f"- {kind}" for _, kind, _, _ in results)
    yield "model-index:"
    yield f"- name: {quoted(card.name or 'network')}"
    yield "  results:"
    for part in dict.fromkeys(part for part, _, _, _ in results):
        yield f"  - task: {{type: {task}}}"
        yield f"    dataset: {{type: {quoted(card.data)}, name: {quoted(card.data)}, split: {part}}}"
        yield "    metrics:"
        yield from (f"    - {{type: {kind}, value: {value:.6g}, name: {quoted(name)}}}" for p, kind, name, value in results if p == part)


def results_of(card: Card) -> Iterator[tuple[str, str, str, float]]:
    """Part, kind, name and value of what hubs show: shares of what is right."""
    for part, metrics in card.metrics.items():
        for name, value in metrics.items():
            if name in METRICS and not (name == "error" and "miou" in metrics):
                yield part, *METRICS[name], 1 - value
            elif name in PLAIN:
                yield part, *PLAIN[name], value


def quoted(words: str) -> str:
    """A text as YAML has it, in double quotes."""
    return json.dumps(one_line(words), ensure_ascii=False)


def text(material: Material) -> Iterator[str]:
    """Lines of the card."""
    yield f"# {plain(material.title)}"
    yield ""
    yield from about(material)
    yield from ("", "## Use", "", *usage(material))
    yield from ("", "## Results", "", *results(material))
    yield from ("", "## Costs", "", *costs(material))
    if material.small is not None:
        yield from ("", "## In int8", "", *in_int8(material.small, material.card.description.task))
    if material.card.data or material.card.description.notes:
        yield from ("", "## Data", "", *data(material.card))
    if material.card.history or material.card.options:
        yield from ("", "## How it was made", "", *made(material.card))
    yield from ("", "## Limits", "", *limits(material))
    yield from ("", "## Licence", "", *LICENCE.split("\n"))


def plain(words: str) -> str:
    """A text on one line, without signs that Markdown would take for its own."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in one_line(words))


def about(material: Material) -> Iterator[str]:
    """What it reads and gives."""
    genotype, classes = material.genotype, material.preprocessing.classes
    yield "A network for PyTorch, whose source needs torch alone."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| reads | {' and '.join(shape_words(spec.shape) for spec in genotype.inputs)}, float32 |"
    yield f"| gives | {' and '.join(shape_words(genotype.specs[value].shape) for value in genotype.outputs)} |"
    if classes:
        named = ", ".join(plain(name) for name in classes[:SHOWN])
        more = f" and {len(classes) - SHOWN} more, in `config.json`" if len(classes) > SHOWN else ""
        yield f"| classes | {len(classes)}: {named}{more} |"
    yield f"| weights | {'trained' if material.trained else 'NOT trained: random'} |"


def shape_words(shape: tuple[int, ...]) -> str:
    """A shape with its batch."""
    return f"(N, {', '.join(map(str, shape))})"


def usage(material: Material) -> Iterator[str]:
    """How it is loaded, in five lines."""
    given = material.preprocessing.mean
    names = material.genotype.input_names
    yield "```python"
    yield "from safetensors.torch import load_file"
    yield f"from model import Network{', preprocess' if given else ''}"
    yield "network = Network()"
    yield 'network.load_state_dict(load_file("model.safetensors"))'
    call = "preprocess(images)" if given else ", ".join(names)
    yield f"outputs = network.eval()({call}){'  # float images in [0, 1]' if given else ''}"
    yield "```"
    yield ""
    yield "`model.load()` does the same with torch alone. `python model.py` checks that the weights give what they gave when exported."
    yield "`genotype.json` is the network as archsearch reads it."


def results(material: Material) -> Iterator[str]:
    """What was measured on each part of the data."""
    card = material.card
    if not card.metrics:
        yield (
            "Nothing was measured: the weights are random." if not material.trained else "Nothing is recorded of what these weights reach."
        )
        return
    parts = list(card.metrics)
    names = list(dict.fromkeys(name for metrics in card.metrics.values() for name in metrics))
    yield f"| metric | {' | '.join(parts)} |"
    yield f"|---|{'---:|' * len(parts)}"
    for name in names:
        cells = [measured(card, part, name) for part in parts]
        yield f"| {plain(name)} | {' | '.join(cells)} |"
    if "test" in parts:
        yield ""
        yield "The test part was looked at once, after all choices had been made by the validation part."


def measured(card: Card, part: str, name: str) -> str:
    """A metric with its deviation over seeds."""
    value = card.metrics[part].get(name)
    deviation = card.spread.get(part, {}).get(name)
    words = unit(name).text(value)
    return words if deviation is None else f"{words} (over all seeds: standard deviation {unit(name).text(deviation)})"


def costs(material: Material) -> Iterator[str]:
    """What it costs, computed and not measured."""
    found = analyse(material.genotype)
    yield f"{found.params:,} parameters, {prefixed(found.macs)} multiply-adds a sample; {prefixed(found.inference_peak_bytes, 'B')} at the"
    yield "peak of inference of one sample in float32, weights included (computed from the network, not measured)."


def in_int8(small: Small, task: str) -> Iterator[str]:
    """What int8 costs in accuracy, or mean IoU, and saves."""
    before, after, right = small.before, small.after, "mean IoU" if task == "segmentation" else "accuracy"
    yield f"`model.int8.onnx` holds it in whole numbers of 8 bits, calibrated on {small.calibrated_on:,} training images."
    yield ""
    yield "| | float32 | int8 |"
    yield "|---|---:|---:|"
    yield f"| {right} on the test part ({small.tested_on:,} images) | {1 - before.test_error:.2%} | {1 - after.test_error:.2%} |"
    yield f"| size of the file | {prefixed(before.bytes, 'B')} | {prefixed(after.bytes, 'B')} |"
    yield f"| latency | {before.latency_ms:.3g} ms | {after.latency_ms:.3g} ms |"
    yield ""
    yield f"Both as ONNX files, measured in {small.engine} where they were exported: one image at a time, one thread."


def data(card: Card) -> Iterator[str]:
    """What it was trained on, and what was done to that."""
    counts = ", ".join(f"{number:,} {name}" for name, number in card.counts().items())
    yield f"{plain(card.data) or 'Data'}{f': {counts}' if counts else ''}."
    if card.description.mean:
        yield (
            "Pixels in [0, 1] are normalised channel by channel: "
            + "; ".join(
                f"mean {mean:.6g}, standard deviation {std:.6g}"
                for mean, std in zip(card.description.mean, card.description.std, strict=True)
            )
            + "."
        )
    if card.description.notes:
        yield ""
        yield from (f"- {plain(note)}" for note in card.description.notes)


def made(card: Card) -> Iterator[str]:
    """How it came to be."""
    yield from (f"- {sentence}" for sentence in card.history)
    if card.told():
        yield f"- Options: {plain(option_words(card.told()))}."
    if card.versions:
        yield f"- With {', '.join(f'{plain(name)} {plain(version)}' for name, version in card.versions.items())}."


def limits(material: Material) -> Iterator[str]:
    """What it is not good for."""
    card, genotype = material.card, material.genotype
    if not material.trained:
        yield "- The weights are random: it has to be trained before it is of any use."
    if len(genotype.inputs) == 1 and len(genotype.inputs[0].shape) == 3:
        sides = "x".join(map(str, genotype.inputs[0].shape))
        yield f"- It reads images of {sides} (channels, height, width); others have to be brought to that."
    if material.preprocessing.classes and material.trained:
        yield "- It knows the classes above and no others, and gives one of them for whatever it is shown; its scores are not calibrated."
    if card.metrics:
        yield "- The figures hold for images like those it was measured on, split by one seed; how it does on others was not measured."


CARD = one_file("README.md", write_card)
