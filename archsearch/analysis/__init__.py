"""What a genotype costs, exactly, without building anything."""

from archsearch.analysis.budget import COSTS, Budget, known_costs
from archsearch.analysis.cost import ITEM_BYTES, OPTIMIZERS, Analysis, Row, analyse

__all__ = ["COSTS", "ITEM_BYTES", "OPTIMIZERS", "Analysis", "Budget", "Row", "analyse", "known_costs"]
