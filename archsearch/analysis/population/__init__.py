"""Many networks of one topology, analysed at once: `analyse_population(Population(template, {"stem:channels": widths}))`."""

from archsearch.analysis.population.costs import PopulationAnalysis, analyse_population
from archsearch.analysis.population.networks import Population

__all__ = ["Population", "PopulationAnalysis", "analyse_population"]
