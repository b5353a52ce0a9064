"""Judge a network without training it, by zero-cost proxies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from archsearch.data.description import Description
from archsearch.engines.running import within_latency
from archsearch.evaluators.base import Candidate, Report
from archsearch.network.compiler import compile_network
from archsearch.proxies import check_proxies, metric_of
from archsearch.proxies.scoring import minibatch, proxy_scores
from archsearch.support.parts import absolute, code_digest
from archsearch.training.device import pick_device
from archsearch.training.options import Options


@dataclass(frozen=True)
class Proxy(Options):
    """Judge by zero-cost proxies, without training: each is a metric by its name, the higher the better (`--objective max:synflow`).

    Of the data one minibatch of the training part is seen, the same for all networks. There are: `params` and `macs`; `synflow`, what
    flows through all paths; `naswot`, how differently the ReLUs see the images; `jacov`, how differently the network reacts around
    them; `grad_norm`, `snip`, `fisher` and `grasp`, from the gradient of the loss; `zen`, how far the last map moves with the input. No
    weights are trained, so there is no test of the front and no model file: `train` judges what a search leaves.

    Args:
        proxies: Names of proxies, or `file.py:function` of your own, which gets a `Probe` (archsearch.proxies.base).
        images: Images in the minibatch.

    Raises:
        ValueError: an option out of range, an unknown proxy, or data that cannot be loaded (when they are first needed).
    """

    keeps_weights: ClassVar[bool] = False
    reports: ClassVar[int] = 1
    """How often `evaluate` reports; the options of a training are not for it."""
    proxies: tuple[str, ...] = ("synflow", "naswot")
    images: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        check_proxies(self.proxies)
        object.__setattr__(self, "proxies", tuple(map(absolute, self.proxies)))
        if type(self.images) is not int or self.images < 2:
            raise ValueError(f"images={self.images!r} must be a whole number of at least 2")

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        """The proxies of the network with weights drawn by `candidate.seed`, and `latency_ms` where it is limited; reported once.

        Raises:
            EvaluationError: rejected: too slow, not made for these data, or a proxy has no finite value for it.
        """
        self.check(candidate.genotype)
        genotype, latency = candidate.genotype, dict[str, float]()
        if candidate.max_latency_ms is not None:
            device = pick_device(self.device)
            network = compile_network(genotype, candidate.seed).to(device)
            shape, known = genotype.inputs[0].shape, candidate.latencies.get(self.times_on())
            latency = within_latency(network, shape, device, candidate.max_latency_ms, self.engine, known)
        found = proxy_scores(genotype, self.proxies, minibatch(self.feed(), self.images, self.data_seed), candidate.seed)
        report(0, found)
        return {**latency, **found}

    @property
    def metrics(self) -> tuple[str, ...]:
        """What `evaluate` measures."""
        return (*map(metric_of, self.proxies), "latency_ms")

    def describe(self) -> Description:
        """As the evaluator `train`, and the files that proxies of your own are in. Raises ValueError."""
        found, own = super().describe(), [name for name in self.proxies if ".py:" in name]
        return replace(found, fingerprint={**found.fingerprint, "proxies": code_digest(*own)}) if own else found
