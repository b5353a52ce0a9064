"""Model files that run on their own: source that needs torch alone, weights, and the genotype."""

from archsearch.exporters.base import Card, Exporter, ExportError, Material, Preprocessing
from archsearch.exporters.network import EXPORTERS, STANDARD, export_network, gather
from archsearch.exporters.of_run import export, export_trial
from archsearch.exporters.source import source_text

__all__ = [
    "EXPORTERS",
    "STANDARD",
    "Card",
    "ExportError",
    "Exporter",
    "Material",
    "Preprocessing",
    "export",
    "export_network",
    "export_trial",
    "gather",
    "source_text",
]
