"""`config.json`: what a network reads and gives, how images are prepared, what it costs, and how it came to be."""

from __future__ import annotations

import json
from typing import Any

from archsearch.analysis import analyse
from archsearch.exporters.base import CONFIG_FORMAT, Material, one_file


def write_config(material: Material) -> bytes:
    """`config.json` as bytes."""
    return (json.dumps(config_of(material), indent=2, allow_nan=False) + "\n").encode()


def config_of(material: Material) -> dict[str, Any]:
    """The configuration as plain data; classes also under the names that hubs of models know."""
    genotype, given, card = material.genotype, material.preprocessing, material.card
    costs = analyse(genotype)
    found: dict[str, Any] = {
        "format": CONFIG_FORMAT,
        "model_type": "archsearch",
        "architectures": ["Network"],
        "title": material.title,
        "fingerprint": genotype.fingerprint,
        "task": card.description.task,
        "inputs": [list(spec.shape) for spec in genotype.inputs],
        "outputs": [list(genotype.specs[value].shape) for value in genotype.outputs],
        "torch_dtype": "float32",
        "trained": material.trained,
        "mean": list(given.mean),
        "std": list(given.std),
        "num_labels": len(given.classes),
        "id2label": {str(number): name for number, name in enumerate(given.classes)},
        "params": costs.params,
        "macs": costs.macs,
        "memory_bytes": costs.inference_peak_bytes,
        "data": card.data,
        "images": card.counts(),
        "metrics": {part: dict(metrics) for part, metrics in card.metrics.items()},
        "training": card.told(),
        "versions": dict(card.versions),
    }
    return {name: value for name, value in found.items() if value or name in ("trained", "params", "macs")}


CONFIG = one_file("config.json", write_config)
