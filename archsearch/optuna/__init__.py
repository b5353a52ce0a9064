"""Between archsearch and Optuna: runs as studies, studies as trials, strategies as samplers, spaces inside objectives."""

from archsearch.optuna.sampling import StrategySampler, sampler, suggest_network
from archsearch.optuna.studies import StudyError, read_study, write_study

__all__ = ["StrategySampler", "StudyError", "read_study", "sampler", "suggest_network", "write_study"]
