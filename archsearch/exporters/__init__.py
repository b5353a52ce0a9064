"""Model files that run on their own: source, weights, files for engines, drawings; each checked where it runs."""

from archsearch.exporters.base import Card, ExportError, Format, Material, Preprocessing
from archsearch.exporters.network import FORMATS, STANDARD, export_network, gather
from archsearch.exporters.of_run import export, export_trial
from archsearch.exporters.source import source_text

__all__ = [
    "FORMATS",
    "STANDARD",
    "Card",
    "ExportError",
    "Format",
    "Material",
    "Preprocessing",
    "export",
    "export_network",
    "export_trial",
    "gather",
    "source_text",
]
