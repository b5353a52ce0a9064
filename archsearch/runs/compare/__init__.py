"""Strategies side by side on a table of results."""

from archsearch.runs.compare.comparison import BASELINE, Comparison, compare, processes
from archsearch.runs.compare.playing import Match, Played, Player, is_part, play
from archsearch.runs.compare.quality import Goal, measures

__all__ = ["BASELINE", "Comparison", "Goal", "Match", "Played", "Player", "compare", "is_part", "measures", "play", "processes"]
