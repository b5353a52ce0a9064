"""What a network costs, as proxies: the plainest there are, and hard to beat (White et al. 2022, arXiv:2210.03230)."""

from __future__ import annotations

from archsearch.proxies.base import Probe


def params(probe: Probe) -> float:
    """Number of parameters."""
    return float(sum(fact.cost.params for fact in probe.genotype.facts))


def macs(probe: Probe) -> float:
    """Multiply-adds for one sample."""
    return float(sum(fact.cost.macs for fact in probe.genotype.facts))
