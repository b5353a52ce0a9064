"""Zero-cost proxies: the contract of each, values by plain formulas on tiny networks, ranks, and a search by them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from math import log, log1p, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archsearch import Builder, Genotype, compile_network
from archsearch.cli import run as run_command
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.proxy import Proxy
from archsearch.exporters import ExportError, export_trial
from archsearch.ops import (
    Add,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Hardsigmoid,
    LayerNorm,
    Linear,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Upsample,
    Zero,
)
from archsearch.proxies import PROXIES, check_proxies, load_proxy, metric_of, rank_product
from archsearch.proxies.base import Probe, readied, weights_of
from archsearch.proxies.codes import agreement, log_det
from archsearch.proxies.features import maps_of
from archsearch.proxies.scoring import Minibatch, minibatch, proxy_scores, score
from archsearch.runs.search import resume, search
from archsearch.runs.store import open_run
from archsearch.spaces.space import load_space
from archsearch.strategies import Random
from archsearch.tasks import Classification, Segmentation
from archsearch.trial import EvaluationError

SHAPE = (3, 8, 8)


def chain(*ops: object, shape: tuple[int, ...] = SHAPE) -> Genotype:
    b = Builder(shape)
    x = b.input
    for op in ops:
        x = b(op, x)
    return b.genotype(x)


def plain(width: int = 8, depth: int = 2, shape: tuple[int, int, int] = SHAPE) -> Genotype:
    blocks = [op for _ in range(depth) for op in (Conv2d(width, bias=False), BatchNorm2d(), ReLU())]
    return chain(*blocks, Dropout(0.5), GlobalAvgPool2d(), Flatten(), Linear(10), shape=shape)


def with_exits() -> Genotype:
    b = Builder(SHAPE)
    x, exits = b.input, []
    for stage in range(3):
        x = b(ReLU(), b(BatchNorm2d(), b(Conv2d(8, bias=False), x)))
        exits.append(b(Linear(10), b(Flatten(), b(GlobalAvgPool2d(), x)), name=f"exit{stage + 1}"))
        x = b(MaxPool2d(2), x)
    return b.genotype(*exits)


def unet() -> Genotype:
    b = Builder(SHAPE)
    fine = b(ReLU(), b(BatchNorm2d(), b(Conv2d(8, bias=False), b.input)))
    coarse = b(Upsample(2), b(ReLU(), b(BatchNorm2d(), b(Conv2d(8, bias=False), b(MaxPool2d(2), fine)))))
    return b.genotype(b(Conv2d(4, 1), b(Add(), fine, coarse)))


def residual() -> Genotype:
    b = Builder(SHAPE)
    x = b(Conv2d(8), b.input)
    y = b(Add(), x, b(Conv2d(8), b(ReLU(), x)))
    again = b(Conv2d(8), y, name="first")
    return b.genotype(b(Linear(10), b(Flatten(), b(Conv2d(8), b(ReLU(), again), weights=again))))


NETWORKS = {
    "plain": plain(),
    "exits": with_exits(),
    "masks": unet(),
    "no norm, shared weights": residual(),
    "tokens": chain(Flatten(), Linear(16), LayerNorm(), ReLU(), Linear(10)),
    "dead weights": replace(plain(), outputs=(0,)),
    "no weights": chain(ReLU(), AvgPool2d(8), Flatten(), shape=(10, 8, 8)),
}
SIGNED = sorted(PROXIES.keys() - {"grasp"})
"""Grasp has either sign, and a larger network may have the lower one."""


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def images_for(genotype: Genotype, count: int = 12) -> Minibatch:
    """Normal images; masks where the network gives maps."""
    rng = torch.Generator().manual_seed(1)
    shape, answer = genotype.inputs[0].shape, genotype.specs[genotype.outputs[0]].shape
    x = normal(count, *shape)
    if len(answer) == 1:
        return Minibatch(x, torch.arange(count) % answer[0], Classification(answer[0]))
    return Minibatch(x, torch.randint(answer[0], (count, *answer[1:]), generator=rng, dtype=torch.uint8), Segmentation(answer[0]))


def probe_of(genotype: Genotype, batch: Minibatch | None = None, seed: int = 0) -> Probe:
    return Probe(genotype, compile_network(genotype, seed), *(batch or images_for(genotype)), seed)


# The contract of every proxy


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", PROXIES)
def test_every_proxy_of_every_kind_of_network_is_one_finite_number_and_leaves_no_trace(name, network):
    probe = probe_of(NETWORKS[network])
    before = {key: value.clone() for key, value in probe.network.state_dict().items()}
    first = score(name, probe)
    torch.rand(100)  # what others draw changes nothing
    assert np.isfinite(first)
    assert isinstance(first, float)
    assert score(name, probe) == first
    assert {key: value.tolist() for key, value in probe.network.state_dict().items()} == {k: v.tolist() for k, v in before.items()}
    assert all(parameter.grad is None for parameter in probe.network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in probe.network.modules())


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_depends_on_the_seed_alone_and_not_on_what_is_computed_beside_it(name):
    genotype, batch = plain(), images_for(plain())
    alone = proxy_scores(genotype, [name], batch, seed=3)
    together = proxy_scores(genotype, tuple(PROXIES), batch, seed=3)
    assert alone == {name: together[name]}
    if name not in ("params", "macs"):
        assert proxy_scores(genotype, [name], batch, seed=4) != alone


@pytest.mark.parametrize("name", SIGNED)
def test_the_higher_the_better(name):
    batch = images_for(plain(), 16)
    nearly_blind = chain(AvgPool2d(8), Conv2d(2, 1, bias=False), BatchNorm2d(), ReLU(), Flatten(), Linear(10))
    for seed in range(3):
        assert proxy_scores(plain(32, 5), [name], batch, seed)[name] > proxy_scores(nearly_blind, [name], batch, seed)[name]


def test_every_proxy_says_what_it_is_and_where_it_is_from():
    for name in PROXIES:
        text = load_proxy(name).__doc__ or ""
        assert "\n" in text or text.endswith(".")
        assert name in ("params", "macs") or "arXiv:" in text


def test_dropout_takes_nothing_away_and_batch_norm_takes_the_minibatch():
    without = chain(*(node.op for node in plain().nodes if not isinstance(node.op, Dropout)))
    batch = images_for(plain())
    for name in ("snip", "naswot", "jacov", "fisher"):
        assert proxy_scores(plain(), [name], batch) == proxy_scores(without, [name], batch)
    network = readied(compile_network(chain(BatchNorm2d())))
    assert network(batch.images).mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-6)


# Values by plain formulas


def weights(genotype: Genotype, seed: int = 0) -> list[np.ndarray]:
    return [weight.detach().numpy().astype(np.float64) for weight in compile_network(genotype, seed).parameters()]


def softmax_regression() -> tuple[Probe, np.ndarray, np.ndarray, np.ndarray]:
    """A linear network, its weights, inputs, and the gradient of the mean cross-entropy at its scores."""
    genotype = chain(Linear(4, bias=False), shape=(5,))
    probe = probe_of(genotype, Minibatch(normal(6, 5), torch.arange(6) % 4, Classification(4)))
    (w,), x = weights(genotype), probe.images.numpy().astype(np.float64)
    return probe, w, x, residue(w, x)


def residue(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    scores = np.exp(x @ w.T)
    return (scores / scores.sum(1, keepdims=True) - np.eye(len(w))[np.arange(len(x)) % len(w)]) / len(x)


def test_gradient_proxies_of_a_softmax_regression():
    probe, w, x, r = softmax_regression()
    slope = r.T @ x
    assert score("grad_norm", probe) == pytest.approx(np.linalg.norm(slope), rel=1e-5)
    assert score("snip", probe) == pytest.approx(np.abs(w * slope).sum(), rel=1e-5)
    channels = ((x @ w.T * r) ** 2).mean(0) / 2
    assert score("fisher", probe) == pytest.approx((channels * 5).sum(), rel=1e-5)
    step = 1e-5
    bend = (residue(w + step * slope, x).T @ x - residue(w - step * slope, x).T @ x) / (2 * step)
    assert score("grasp", probe) == pytest.approx(-(w * bend).sum(), rel=1e-4)


def test_fisher_sums_over_places_before_it_squares():
    genotype = chain(Conv2d(3, 1, bias=False), GlobalAvgPool2d(), Flatten())
    probe = probe_of(genotype, Minibatch(normal(6, *SHAPE), torch.arange(6) % 3, Classification(3)))
    (w,), x = weights(genotype), probe.images.numpy().astype(np.float64)
    maps = np.einsum("oc,nchw->nohw", w[:, :, 0, 0], x)
    scores = np.exp(maps.mean((2, 3)))
    r = (scores / scores.sum(1, keepdims=True) - np.eye(3)[np.arange(6) % 3]) / 6
    channels = ((maps * r[:, :, None, None] / 64).sum((2, 3)) ** 2).mean(0) / 2
    assert score("fisher", probe) == pytest.approx((channels * 3).sum(), rel=1e-4)


def test_the_loss_of_several_exits_is_their_mean():
    probe = probe_of(with_exits())
    network = readied(probe.network)
    losses = [torch.nn.functional.cross_entropy(answer, probe.truth) for answer in network(probe.images)]
    slopes = torch.autograd.grad(torch.stack(losses).mean(), weights_of(network))
    assert score("grad_norm", probe) == pytest.approx(sum(float(slope.norm()) for slope in slopes), rel=1e-4)


def test_synflow_of_a_chain_is_what_flows_through_every_layer():
    genotype = chain(Linear(3, bias=False), Linear(2, bias=False), shape=(4,))
    first, second = map(np.abs, weights(genotype))
    flow = (second @ first @ np.ones(4)).sum()  # each layer passes all of it on
    assert score("synflow", probe_of(genotype, Minibatch(torch.zeros(2, 4), torch.zeros(2).long(), Classification(2)))) == pytest.approx(
        log1p(2 * flow), rel=1e-6
    )


def test_synflow_counts_biases_as_they_flow_and_takes_norms_out():
    bare = chain(Linear(3), ReLU(), Linear(10), shape=(4,))
    first, bias, second, _ = map(np.abs, weights(bare))
    hidden = first @ np.ones(4) + bias
    total = (second @ (first @ np.ones(4))).sum() + (second @ hidden).sum()
    batch = Minibatch(torch.zeros(2, 4), torch.zeros(2).long(), Classification(10))
    assert score("synflow", probe_of(bare, batch)) == pytest.approx(log1p(total), rel=1e-6)
    normed = chain(Conv2d(4, bias=False), BatchNorm2d(), ReLU(), Conv2d(4, bias=False), BatchNorm2d(), Flatten(), Linear(10))
    without = chain(*(node.op for node in normed.nodes if not isinstance(node.op, BatchNorm2d)))
    assert score("synflow", probe_of(normed)) == pytest.approx(score("synflow", probe_of(without)))


def test_naswot_counts_units_on_the_same_side_of_zero():
    codes = np.array([[1, 0, 1, 1], [1, 1, 0, 1], [0, 0, 0, 1]], dtype=bool)
    kernel = np.array([[sum(a == b) for b in codes] for a in codes], dtype=np.float64)
    assert agreement(torch.tensor(codes)).tolist() == kernel.tolist()
    assert log_det(torch.tensor(kernel)) == pytest.approx(np.linalg.slogdet(kernel)[1])
    x = torch.tensor(np.where(codes, 1.0, -1.0)).float()
    probe = probe_of(chain(ReLU(), shape=(4,)), Minibatch(x, torch.arange(3), Classification(4)))
    assert score("naswot", probe) == pytest.approx(np.linalg.slogdet(kernel)[1])


def test_naswot_of_images_that_no_unit_tells_apart_is_low_and_finite():
    probe = probe_of(plain())
    same = replace(probe, images=probe.images[:1].expand(12, -1, -1, -1).clone())
    assert np.isfinite(score("naswot", same))
    assert score("naswot", same) < score("naswot", probe) - 50
    linear = score("naswot", probe_of(chain(Flatten(), Linear(10))))
    assert linear == pytest.approx(12 * log(1e-3))
    assert linear < score("naswot", same)


def test_jacov_of_a_linear_network_is_that_of_equal_jacobians():
    probe = probe_of(chain(Flatten(), Linear(10)))
    n, k = len(probe.images), 1e-5
    wanted = -(log(n + k) + 1 / (n + k) + (n - 1) * (log(k) + 1 / k))
    assert score("jacov", probe) == pytest.approx(wanted, rel=1e-6)


def test_jacov_by_finite_differences():
    genotype = chain(Flatten(), Linear(6), Sigmoid(), Linear(3), shape=(1, 2, 4))
    probe = probe_of(genotype, Minibatch(normal(4, 1, 2, 4), torch.arange(4) % 3, Classification(3)))
    network, rows, step = compile_network(genotype).double(), [], 1e-5
    for image in probe.images.double():
        moved = [
            network((image + sign * step * e)[None]).sum().item() for e in torch.eye(8).double().reshape(8, 1, 2, 4) for sign in (1, -1)
        ]
        values = np.array(moved).reshape(8, 2)
        rows.append((values[:, 0] - values[:, 1]) / (2 * step))
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(rows)) + 1e-5
    assert score("jacov", probe) == pytest.approx(-(np.log(eigenvalues) + 1 / eigenvalues).sum(), rel=1e-3)


def test_zen_of_a_convolution_is_the_expected_step_of_its_outputs():
    conv = chain(Conv2d(64, 1, bias=False), GlobalAvgPool2d(), Flatten(), Linear(10))
    length = 2 * sqrt(2 / pi)  # of three normal weights, in the mean
    wanted = log(64 * 64 * 0.01 * length * sqrt(2 / pi))
    assert score("zen", probe_of(conv)) == pytest.approx(wanted, abs=0.1)
    normed = chain(Conv2d(64, 1, bias=False), BatchNorm2d(), GlobalAvgPool2d(), Flatten(), Linear(10))
    assert score("zen", probe_of(normed)) == pytest.approx(wanted, abs=0.15)


def test_zen_looks_at_the_last_maps():
    assert [spec.shape for spec in outputs_of(maps_of(plain()))] == [(8, 8, 8)]
    assert [spec.shape for spec in outputs_of(maps_of(with_exits()))] == [(8, 8, 8), (8, 4, 4), (8, 2, 2)]
    assert [spec.shape for spec in outputs_of(maps_of(unet()))] == [(4, 8, 8)]
    assert [spec.shape for spec in outputs_of(maps_of(chain(Linear(3), shape=(4,))))] == [(3,)]


def test_zen_of_a_network_that_does_not_react_is_low_and_finite():
    b = Builder(SHAPE)
    genotype = b.genotype(b(Linear(10), b(Flatten(), b(GlobalAvgPool2d(), b(BatchNorm2d(), b(Zero(), b.input))))))
    assert score("zen", probe_of(genotype)) == pytest.approx(2 * log(1e-12))


def outputs_of(genotype: Genotype) -> list:
    return [genotype.specs[i] for i in genotype.outputs]


def test_costs_are_those_of_the_analysis():
    found = proxy_scores(plain(), ["params", "macs"], images_for(plain()))
    assert found == {"params": 3 * 8 * 9 + 8 * 8 * 9 + 32 + 90, "macs": (3 * 8 * 9 + 8 * 8 * 9) * 64 + 80}


def test_the_names_of_proxies_and_their_ranks_need_no_torch():
    code = "import sys; from archsearch.proxies import rank_product; assert rank_product({'a': [1, 2]}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# What a proxy cannot say


def test_a_network_that_a_proxy_cannot_judge_is_rejected_with_the_reason():
    for name, genotype, words in (
        ("grasp", chain(Conv2d(4), Hardsigmoid(), Flatten(), Linear(10)), "grasp derives twice"),
        ("synflow", chain(*[Linear(64)] * 600, shape=(64,)), "proxy synflow of this network is inf: its untrained numbers"),
    ):
        with pytest.raises(EvaluationError, match=words) as raised:
            score(name, probe_of(genotype))
        assert raised.value.failure.kind == "rejected"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "must be names parted by commas"),
        (("synflo",), r"unknown proxy 'synflo'; did you mean synflow"),
        (("snip", "snip"), "proxy 'snip' is given twice"),
        (("mine.py:snip", "snip"), "proxy 'snip' is given twice"),
        (("mine.py:snip", "zen"), "no file mine.py; give a proxy of your own as file.py:function"),
        (("mine.py:",), "must be the name of a function in a file"),
    ],
)
def test_names_that_are_none_are_met_with_what_to_write(names, words):
    with pytest.raises(ValueError, match=words):
        check_proxies(names)


# Ranks


def test_the_rank_product_by_hand():
    found = rank_product({"a": [1.0, 5.0, 3.0], "b": [10.0, 30.0, 20.0]})
    assert found == pytest.approx([1 / 3, 1, 2 / 3])
    assert rank_product({"a": [2, 2, 9]}) == pytest.approx([0.5, 0.5, 1])
    assert rank_product({"a": [1, float("nan")], "b": [float("-inf"), 4]}) == pytest.approx([sqrt(0.5), sqrt(0.5)])
    assert rank_product({"a": []}) == []


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=8))
def test_the_rank_product_is_the_mean_of_the_logarithms_of_the_ranks(pairs):
    columns = list(zip(*pairs, strict=True))
    for found, pair in zip(rank_product({"a": columns[0], "b": columns[1]}), pairs, strict=True):
        ranks = [
            sum(other < value for other in column) + (1 + sum(other == value for other in column)) / 2
            for column, value in zip(columns, pair, strict=True)
        ]
        assert found == pytest.approx(sqrt(ranks[0] * ranks[1]) / len(pairs))


@pytest.mark.parametrize("scores", [{}, {"a": [1, 2], "b": [1]}])
def test_a_rank_product_needs_a_value_of_every_proxy_for_each_candidate(scores):
    with pytest.raises(ValueError, match="every proxy needs one value for each candidate"):
        rank_product(scores)


# The evaluator, and a search


def quiet(epoch: int, metrics: dict[str, float]) -> bool:
    return False


def test_the_evaluator_measures_its_proxies_on_one_minibatch():
    evaluator, genotype, curve = Proxy(proxies=("snip", "zen"), images=20), plain(shape=(1, 8, 8)), []
    found = evaluator.evaluate(Candidate(0, genotype, 7), lambda epoch, metrics: bool(curve.append((epoch, metrics))))
    assert found == proxy_scores(genotype, ("snip", "zen"), minibatch(evaluator.feed(), 20), seed=7)
    assert curve == [(0, found)]
    assert evaluator.metrics == ("snip", "zen", "latency_ms")
    assert len(minibatch(evaluator.feed(), 10**6).images) == 1079
    assert "latency_ms" in evaluator.evaluate(Candidate(0, genotype, 7, max_latency_ms=1000), quiet)
    with pytest.raises(EvaluationError, match="the limit is 1e-06 ms"):
        evaluator.evaluate(Candidate(0, genotype, 7, max_latency_ms=1e-6), quiet)
    with pytest.raises(EvaluationError, match="data 'digits' need"):
        evaluator.evaluate(Candidate(0, plain(), 7), quiet)


def test_the_evaluator_judges_masks():
    evaluator = Proxy(data="shapes", proxies=tuple(PROXIES), images=4)
    channels, height, width = evaluator.setting()["input"]
    b = Builder((channels, height, width))
    genotype = b.genotype(b(Conv2d(evaluator.setting()["classes"], 1), b(ReLU(), b(BatchNorm2d(), b(Conv2d(4), b.input)))))
    assert evaluator.evaluate(Candidate(0, genotype, 0), quiet).keys() == PROXIES.keys()


@pytest.mark.parametrize(("options", "words"), [({"images": 1}, "images=1 must be"), ({"proxies": ("nas",)}, "unknown proxy 'nas'")])
def test_options_are_checked(options, words):
    with pytest.raises(ValueError, match=words):
        Proxy(**options)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_command(list(arguments)) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_search_by_proxies_gives_a_front_and_a_report_and_no_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = ["--objective", "max:synflow,macs", "--trials", "4", "--workers", "0", "--strategy", "random", "--out", "x"]
    found = json.loads(told(capsys, "search", "small_cell", "--evaluator", "proxy", *asked, "--json"))
    assert found["front"]
    assert found["export"] is None
    run = open_run(Path("x"))
    assert {"synflow", "naswot", "macs"} <= run.trials[0].metrics.keys()
    assert run.trials[0].values[0] == -run.trials[0].metrics["synflow"]
    assert not list(Path("x").rglob("*.safetensors"))
    assert "Synflow" in told(capsys, "show", "x")
    assert json.loads(told(capsys, "resume", "x", "--trials", "5", "--workers", "0", "--json"))["export"] is None
    assert len(open_run(Path("x")).trials) == 5
    with pytest.raises(ExportError, match="its evaluator saved none"):
        export_trial(run, run.front()[0].number)


def test_a_run_repeats_and_resumes_exactly(tmp_path):
    space, judge = load_space("small_cell"), Proxy(images=16)
    given = {"objectives": ("max:naswot", "params"), "seed": 3, "workers": 0}
    whole = search(space, Random(), judge, trials=6, out=tmp_path / "whole", **given)
    search(space, Random(), judge, trials=3, out=tmp_path / "half", **given)
    half = resume(tmp_path / "half", space, Random(), judge, trials=6)
    assert [trial.metrics for trial in half.trials] == [trial.metrics for trial in whole.trials]


MINE = """
def depth(probe):
    return len(probe.genotype.nodes)
"""


def test_a_proxy_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    evaluator = Proxy(proxies=("mine.py:depth", "params"))
    assert metric_of(evaluator.proxies[0]) == "depth"
    assert evaluator.evaluate(Candidate(0, plain(shape=(1, 8, 8)), 0), quiet)["depth"] == len(plain().nodes)
    before = evaluator.describe().fingerprint
    (tmp_path / "mine.py").write_text(MINE + "\n")
    assert evaluator.describe().fingerprint["proxies"] != before["proxies"]
    assert "proxies" not in Proxy().describe().fingerprint
