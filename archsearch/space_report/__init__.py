"""What a space holds before any of its networks is trained: choices, size, the spread of costs, and networks within a budget."""

from archsearch.space_report.sampling import Sample, sample, samples
from archsearch.space_report.survey import Histogram, Spread, Survey, draws, survey

__all__ = ["Histogram", "Sample", "Spread", "Survey", "draws", "sample", "samples", "survey"]
