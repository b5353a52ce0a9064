"""A network into a folder of its own: every format by its exporter, whole or not at all, and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from archsearch.engines.program import EngineError
from archsearch.exporters.base import Card, ExportError, Format, Material, Preprocessing, Small
from archsearch.exporters.blame import blamed
from archsearch.exporters.config import CONFIG
from archsearch.exporters.drawings import DOT, MERMAID, SVG
from archsearch.exporters.exchange import EXCHANGE
from archsearch.exporters.folder import staged
from archsearch.exporters.intermediate import INTERMEDIATE
from archsearch.exporters.listing import GENOTYPE
from archsearch.exporters.mobile import MOBILE
from archsearch.exporters.model_card import CARD
from archsearch.exporters.program import PROGRAM
from archsearch.exporters.quantized import write_small
from archsearch.exporters.source import SOURCE
from archsearch.exporters.verify import Check, difference, inputs_of, outputs_of, verify
from archsearch.exporters.weights import WEIGHTS, load_weights
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.network.morphisms import fold_norms
from archsearch.support.nearest import nearest
from archsearch.support.packages import PackageError, require

FORMATS: dict[str, Format] = {
    "source": SOURCE,
    "safetensors": WEIGHTS,
    "genotype": GENOTYPE,
    "config": CONFIG,
    "card": CARD,
    "onnx": EXCHANGE,
    "openvino": INTERMEDIATE,
    "pt2": PROGRAM,
    "ncnn": MOBILE,
    "svg": SVG,
    "dot": DOT,
    "mermaid": MERMAID,
}
"""What can be written, by name; a new format is one file and one line here."""

STANDARD = ("source", "safetensors", "genotype", "config", "card")
FOLDED = 1e-5
"""Largest difference that folding batch norms may make, as a share of an output's largest value."""
CHECKS = "checks.json"
CHECKS_FORMAT = "archsearch.checks/1"


def gather(
    genotype: Genotype,
    weights: Path | Mapping[str, Tensor] | None = None,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    title: str = "",
    card: Card | None = None,
    inside: bool = False,
) -> Material:
    """Compile a genotype and put its weights in. Raises ExportError when they are of another network."""
    network = compile_network(genotype).eval()
    if weights is not None:
        load_weights(network, weights)
    given = preprocessing if isinstance(preprocessing, Preprocessing) else Preprocessing.from_dict(preprocessing or {})
    about = title or "A network found by archsearch."
    return Material(genotype, network, network.state_dict(), given, weights is not None, about, card or Card(), inside)


def chosen(formats: Sequence[str]) -> list[str]:
    """Formats by name in the order of the table, with those that they bring along. Raises ExportError for one that is not there."""
    unknown = next((name for name in formats if name not in FORMATS), None)
    if unknown is not None:
        raise ExportError(f"no format {unknown[:60]!r}; {nearest(unknown, sorted(FORMATS))}")
    wanted = {*formats, *(other for name in formats for other in FORMATS[name].brings)}
    for name in sorted(wanted):
        try:
            require(FORMATS[name].extra, f"format {name}")
        except PackageError as error:
            raise ExportError(str(error)) from error
    return [name for name in FORMATS if name in wanted]


def export_network(
    genotype: Genotype, folder: str | Path, weights: Path | Mapping[str, Tensor] | None = None,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None, *, title: str = "", card: Card | None = None,
    formats: Sequence[str] = STANDARD, inside: bool = False, fold: bool = False, check: bool = True, overwrite: bool = False,
    report: Callable[[Check], None] | None = None, quantize: Callable[[Material], Small] | None = None,
) -> Path:  # fmt: skip
    """Write a network into a folder of its own, whole or not at all.

    Args:
        genotype: The network.
        folder: A new folder; with `overwrite` files in an existing one are replaced.
        weights: A .safetensors file or a state dict of `compile_network(genotype)`; without it the weights are random.
        preprocessing: `mean` and `std` of every channel, names of the `classes`; from the dataset.
        title: First line of the source and of the card.
        card: How the network came to be: data, options, metrics.
        formats: Names from FORMATS.
        inside: Whether formats that hold the whole computation (onnx, openvino, pt2) take images in [0, 1] and normalise them.
        fold: Whether batch norms are written into the weights of what comes before them, in all formats.
        check: Run each format in its own engine in a fresh process, and compare; with others than STANDARD `checks.json` keeps that.
        overwrite: Whether files in an existing folder may be replaced.
        report: Called with what each check came to.
        quantize: Makes int8 of the network (`quantized.small_of`): an ONNX file more, and what it changes stands in the card.

    Raises:
        ExportError: a format unknown, without its packages or without words for a node; other weights, a folder there already, differences.
    """
    names, target = chosen(formats), Path(folder).absolute()
    material = gather(genotype, weights, preprocessing, title, card, inside)
    material = replace(without_norms(material) if fold else material, quantize=quantize)
    small = in_int8(material)
    with staged(target, overwrite) as staging:
        for name in names:
            written(name, material, staging)
        checks = checked(names, material, staging, report) if check else []
        if {*names} - {*STANDARD}:
            write_checks(staging, checks)
        if small is not None:
            write_small(small, staging)
    return target


def without_norms(material: Material) -> Material:
    """The material with its batch norms folded. Raises ExportError where that computes something else."""
    genotype, state = fold_norms(material.genotype, material.state)
    folded = gather(genotype, state, material.preprocessing, material.title, material.card, material.inside)
    for inputs in inputs_of(material).values():
        ours, theirs = (outputs_of(network, inputs) for network in (material.network, folded.network))
        difference("network with folded batch norms", theirs, ours, FOLDED)
    return replace(folded, trained=material.trained)


def in_int8(material: Material) -> Small | None:
    """The network in int8, where that is wanted. Raises ExportError as `written`."""
    with in_words("onnx", material):
        return material.small


def written(name: str, material: Material, folder: Path) -> None:
    """Write one format. Raises ExportError, which names the node that it cannot express."""
    with in_words(name, material):
        FORMATS[name].write(material, folder)


@contextmanager
def in_words(name: str, material: Material) -> Iterator[None]:
    """Turn whatever writing a format raises into ExportError, which names the node that it cannot express."""
    try:
        yield
    except (ExportError, OSError):
        raise
    except EngineError as error:
        raise ExportError(f"format {name}: {error}") from error
    except Exception as error:  # converters raise whatever they like
        raise ExportError(blamed(name, FORMATS[name], material, error)) from error


def checked(names: Sequence[str], material: Material, folder: Path, report: Callable[[Check], None] | None) -> list[Check]:
    """Check all that was written, one by one. Raises ExportError."""
    found = []
    for name in names:
        check = verify(folder, material, name, FORMATS[name])
        if check is not None:
            found.append(check)
            if report is not None:
                report(check)
    return found


def write_checks(folder: Path, checks: Sequence[Check]) -> None:
    """Write `checks.json`."""
    data = {"format": CHECKS_FORMAT, "checks": [check.to_dict() for check in checks]}
    (folder / CHECKS).write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")
