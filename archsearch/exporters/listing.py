"""The genotype itself, as JSON that archsearch reads back."""

from __future__ import annotations

from archsearch.exporters.base import Material, one_file


def write_genotype(material: Material) -> bytes:
    """`genotype.json` as bytes."""
    return material.genotype.to_json().encode("utf-8")


GENOTYPE = one_file("genotype.json", write_genotype)
