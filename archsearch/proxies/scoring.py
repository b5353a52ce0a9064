"""The values of several proxies for one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from archsearch.layers.thinned import thinned
from archsearch.network.compiler import compile_network
from archsearch.network.genotype import Genotype
from archsearch.proxies import load_proxy, metric_of
from archsearch.proxies.base import Probe, readied
from archsearch.support.randomness import seeded
from archsearch.tasks import Feed, Task
from archsearch.trial import EvaluationError


class Minibatch(NamedTuple):
    """Images as networks see them, (N, C, H, W), what is true of them, (N,) or (N, H, W), and the task."""

    images: Tensor
    truth: Tensor
    task: Task


def minibatch(feed: Feed, count: int, seed: int = 0) -> Minibatch:
    """So many images of the training part at random, prepared as training prepares them; all where there are not more."""
    generator = torch.Generator(feed.mean.device).manual_seed(seed)
    images, truth = next(feed.epoch(min(count, len(feed)), generator))[0]
    return Minibatch(images, truth, feed.task)


def proxy_scores(genotype: Genotype, names: Sequence[str], batch: Minibatch, seed: int = 0) -> dict[str, float]:
    """Values of proxies, by `metric_of` their names, for a network with weights drawn by `seed`; the same seed gives the same values.

    For one number a candidate, see `rank_product` of a population's values.

    Raises:
        EvaluationError: rejected, where a proxy has no finite value for this network; it says why.
        ValueError: as `load_proxy`.
    """
    network = thinned(compile_network(genotype, seed)).to(batch.images.device)
    probe = Probe(genotype, network, *batch, seed)
    return {metric_of(name): score(name, probe) for name in names}


def score(name: str, probe: Probe) -> float:
    """The value of one proxy; the probe's network stays as it was. Raises as `proxy_scores`."""
    proxy = load_proxy(name)
    with seeded(probe.seed, probe.images.device):
        found = proxy(replace(probe, network=readied(probe.network)))
    value = float(found.detach() if isinstance(found, Tensor) else found)
    if not isfinite(value):
        why = "its untrained numbers grow beyond all bounds; a norm, or another proxy, may help"
        raise EvaluationError("rejected", f"proxy {metric_of(name)} of this network is {value}: {why}")
    return value
