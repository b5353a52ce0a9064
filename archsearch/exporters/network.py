"""A network into a folder of its own: every file by its exporter, whole or not at all, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from archsearch.exporters.base import Card, Exporter, ExportError, Material, Preprocessing
from archsearch.exporters.config import write_config
from archsearch.exporters.folder import staged
from archsearch.exporters.model_card import write_card
from archsearch.exporters.source import write_source
from archsearch.exporters.verify import verify
from archsearch.exporters.weights import load_weights, write_weights
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.support.nearest import nearest


def write_genotype(material: Material) -> bytes:
    """`genotype.json` as bytes: archsearch reads it back."""
    return material.genotype.to_json().encode("utf-8")


EXPORTERS: dict[str, Exporter] = {
    "model.py": write_source,
    "model.safetensors": write_weights,
    "genotype.json": write_genotype,
    "config.json": write_config,
    "README.md": write_card,
}
"""What can be written, by file name; a new format is one function and one line here."""

STANDARD = ("model.py", "model.safetensors", "genotype.json", "config.json", "README.md")


def gather(
    genotype: Genotype,
    weights: Path | Mapping[str, Tensor] | None = None,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    title: str = "",
    card: Card | None = None,
) -> Material:
    """Compile a genotype and put its weights in. Raises ExportError when they are of another network."""
    network = compile_network(genotype).eval()
    if weights is not None:
        load_weights(network, weights)
    given = preprocessing if isinstance(preprocessing, Preprocessing) else Preprocessing.from_dict(preprocessing or {})
    title = title or "A network found by archsearch."
    return Material(genotype, network, network.state_dict(), given, weights is not None, title, card or Card())


def export_network(
    genotype: Genotype,
    folder: str | Path,
    weights: Path | Mapping[str, Tensor] | None = None,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    *,
    title: str = "",
    card: Card | None = None,
    files: Sequence[str] = STANDARD,
    check: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write a network into a folder of its own, whole or not at all.

    Args:
        genotype: The network.
        folder: A new folder; with `overwrite` files in an existing one are replaced.
        weights: A .safetensors file or a state dict of `compile_network(genotype)`; without it the weights are random.
        preprocessing: `mean` and `std` of every channel, names of the `classes`; from the dataset.
        title: First line of the source and of the card.
        card: How the network came to be: data, options, metrics.
        files: Names from EXPORTERS.
        check: Run `model.py` in a fresh process without archsearch and compare its output to 1e-5.
        overwrite: Whether files in an existing folder may be replaced.

    Raises:
        ExportError: other weights, a folder that exists or cannot be written, or files that do not compute the same.
    """
    unknown = next((name for name in files if name not in EXPORTERS), None)
    if unknown is not None:
        raise ExportError(f"no exporter {unknown!r}; {nearest(unknown, sorted(EXPORTERS))}")
    target = Path(folder).absolute()
    material = gather(genotype, weights, preprocessing, title, card)
    with staged(target, overwrite) as staging:
        for name in files:
            (staging / name).write_bytes(EXPORTERS[name](material))
        if check and {"model.py", "model.safetensors"} <= set(files):
            verify(staging, genotype, material.network)
    return target
