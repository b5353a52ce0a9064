"""What a genotype costs, exactly, without building anything."""

from archsearch.analysis.budget import COSTS, LATENCY, PREDICTED, Budget, known_costs
from archsearch.analysis.cost import OPTIMIZERS, Analysis, Row, Timeline, analyse
from archsearch.analysis.exits import Exit
from archsearch.analysis.latency import Device, latency_ms, read_device
from archsearch.analysis.memory import ITEM_BYTES

__all__ = [
    "COSTS",
    "ITEM_BYTES",
    "LATENCY",
    "OPTIMIZERS",
    "PREDICTED",
    "Analysis",
    "Budget",
    "Device",
    "Exit",
    "Row",
    "Timeline",
    "analyse",
    "known_costs",
    "latency_ms",
    "read_device",
]
