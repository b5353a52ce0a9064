"""How a training computes: parts of a batch, layouts, number formats, schedules, averages, and going on from a checkpoint."""

from __future__ import annotations

import shutil
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from archsearch import Builder, Genotype, compile_network, layers
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.layers.thinned import thinned
from archsearch.ops import BatchNorm2d, Conv2d, DepthwiseConv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, ReLU
from archsearch.tasks import Feed
from archsearch.training import epochs as epochs_module
from archsearch.training.averaging import Average
from archsearch.training.checkpoint import load_standing, optimizer_tensors, restore_optimizer, save_standing
from archsearch.training.failures import CheckpointError
from archsearch.training.loop import Training
from archsearch.training.mean_filter import MeanFilter, with_mean_filters
from archsearch.training.memory import images_at_once
from archsearch.training.numerics import Numerics, fast_bfloat16, gains
from archsearch.training.optimizer import SCHEDULES, make_optimizer, set_rates
from archsearch.trial import EvaluationError
from tests.runs import StoppedError, stopping

CPU = torch.device("cpu")
TRAIN = Train(epochs=1, batch=16, optimizer="sgd", lr=0.1, weight_decay=0.0, warmup=0.0, shift=0.0, precision="float32")


def convolutional(norm: bool = False, dropout: float = 0.0) -> Genotype:
    b = Builder((1, 8, 8))
    x = b(Conv2d(8), b.input)
    x = b(ReLU(), b(BatchNorm2d(), x) if norm else x)
    x = b(Flatten(), b(GlobalAvgPool2d(), b(Conv2d(8), x)))
    return b.genotype(b(Linear(10), b(Dropout(dropout), x) if dropout else x))


def training(options: Train, genotype: Genotype | None = None, feed: Feed | None = None) -> Training:
    network = compile_network(genotype or convolutional())
    return Training(options, network, feed or options.feed(), torch.Generator().manual_seed(0))


def first_batch(of: Training) -> tuple[Tensor, Tensor]:
    return next(of.data.epoch(of.batch, torch.Generator().manual_seed(1)))[0]


def gradients(of: Training) -> list[Tensor]:
    return [weight.grad.clone() for weight in of.network.parameters() if weight.grad is not None]


# A batch in parts


def masks_feed() -> Feed:
    return Train(data="shapes", epochs=1, batch=8, shift=0.0).feed()


@pytest.mark.parametrize("options", [TRAIN, replace(TRAIN, balanced=True), replace(TRAIN, label_smoothing=0.3, balanced=True)])
@pytest.mark.parametrize("at_once", [5, 1])
def test_the_gradient_of_a_batch_in_parts_is_that_of_the_whole(options: Train, at_once: int) -> None:
    whole, parts = training(options), training(replace(options, at_once=at_once))
    images, truth = first_batch(whole)
    assert len(images) == 16
    assert parts.gradient(images, [(truth, 1.0)]).item() == pytest.approx(whole.gradient(images, [(truth, 1.0)]).item(), rel=1e-5)
    for one, other in zip(gradients(whole), gradients(parts), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    assert max(gradient.abs().max() for gradient in gradients(whole)) > 1e-3


def test_the_gradient_of_blended_images_in_parts_is_that_of_the_whole() -> None:
    whole, parts = training(replace(TRAIN, balanced=True)), training(replace(TRAIN, balanced=True, at_once=3))
    images, truth = first_batch(whole)
    blend = [(truth, 0.7), (truth.flip(0), 1 - 0.7)]
    whole.gradient(images, blend)
    parts.gradient(images, blend)
    for one, other in zip(gradients(whole), gradients(parts), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-3)


class Narrow(nn.Module):
    """A network that has memory for so many images, and counts what it is given."""

    def __init__(self, inner: nn.Module, most: int) -> None:
        super().__init__()
        self.inner, self.most = inner, most
        self.given: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.given.append(len(images))
        if len(images) > self.most:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory")
        found: Tensor = self.inner(images)
        return found


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    whole, narrow = training(TRAIN), training(TRAIN)
    narrow.network = network = Narrow(narrow.network, 5)
    images, truth = first_batch(whole)
    whole.gradient(images, [(truth, 1.0)])
    narrow.gradient(images, [(truth, 1.0)])
    assert network.given == [16, 8, 4, 4, 4, 4]
    assert narrow.at_once == 4
    for one, other in zip(gradients(whole), gradients(narrow), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_one_image_that_does_not_fit_is_a_failure_of_memory() -> None:
    narrow = training(TRAIN)
    narrow.network = network = Narrow(narrow.network, 0)
    images, truth = first_batch(narrow)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        narrow.gradient(images, [(truth, 1.0)])
    assert network.given == [16, 8, 4, 2, 1]


def test_the_predicted_peak_chooses_how_many_go_at_once() -> None:
    assert images_at_once(convolutional(), 64, "adamw", CPU) == 64
    code = (
        "import resource, torch; from tests.test_trainer import convolutional, CPU, images_at_once; from archsearch import analyse\n"
        "from archsearch.training.memory import data_bytes\n"
        "peak = lambda batch: analyse(convolutional(), batch=batch, optimizer='adamw').training_peak_bytes\n"
        "limit = data_bytes() + (peak(2**16) + peak(2**17)) // 2\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))\n"
        "print(images_at_once(convolutional(), 2**19, 'adamw', CPU))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    assert found.stdout.strip() == str(2**16)


# Layout and numbers


def test_convolutions_compute_with_the_channels_of_a_pixel_side_by_side() -> None:
    of = training(TRAIN)
    weights = [weight for weight in of.network.parameters() if weight.ndim == 4]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)
    plain = compile_network(convolutional())
    images, truth = first_batch(of)
    assert images.is_contiguous(memory_format=torch.channels_last)
    of.gradient(images, [(truth, 1.0)])
    nn.functional.cross_entropy(plain(images.contiguous()), truth, label_smoothing=TRAIN.label_smoothing).backward()
    for one, other in zip(gradients(of), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad, atol=1e-6, rtol=1e-4)


def test_bfloat16_is_for_forward_passes_alone() -> None:
    numerics = Numerics(CPU, bfloat16=True)
    of = Training(TRAIN, compile_network(convolutional()), TRAIN.feed(), torch.Generator(), numerics)
    exact = training(TRAIN)
    images, truth = first_batch(exact)
    assert of.gradient(images, [(truth, 1.0)]).item() == pytest.approx(exact.gradient(images, [(truth, 1.0)]).item(), rel=0.01)
    assert {weight.dtype for weight in of.network.parameters()} == {gradient.dtype for gradient in gradients(of)} == {torch.float32}
    different = [not torch.equal(one, other) for one, other in zip(gradients(of), gradients(exact), strict=True)]
    assert any(different)


def test_bfloat16_is_chosen_for_dense_convolutions_that_are_large_enough() -> None:
    if not fast_bfloat16(CPU):
        pytest.skip("this processor has no bfloat16")

    def wide(*ops: object) -> Genotype:
        b = Builder((64, 16, 16))
        x = b.input
        for op in ops:
            x = b(op, x)
        return b.genotype(x)

    assert gains(wide(Conv2d(64), ReLU(), Conv2d(64)), CPU)
    assert not gains(wide(Conv2d(64), DepthwiseConv2d(3), Conv2d(64)), CPU)
    assert not gains(wide(Conv2d(64), Conv2d(64, groups=4)), CPU)
    assert not gains(convolutional(), CPU)


# Rates, gradients, averages


def test_one_cycle_is_that_of_torch() -> None:
    network, steps = nn.Linear(3, 2), 200
    theirs = torch.optim.AdamW(network.parameters(), 0.1)
    cycle = torch.optim.lr_scheduler.OneCycleLR(theirs, 0.1, steps, pct_start=0.25, cycle_momentum=True)
    options = replace(TRAIN, optimizer="adamw", schedule="onecycle", warmup=0.25)
    ours = make_optimizer(options, network)
    for step in range(steps - 1):
        set_rates(ours, options, step / (steps - 1))
        mine, other = ours.param_groups[0], theirs.param_groups[0]
        assert mine["lr"] == pytest.approx(other["lr"], abs=2e-3), step
        assert mine["betas"][0] == pytest.approx(other["betas"][0], abs=1e-2), step
        theirs.step()
        cycle.step()


def test_constant_rises_and_stays() -> None:
    constant = SCHEDULES["constant"]
    assert [constant(done, 0.2) for done in (0.2, 0.5, 1.0)] == [1, 1, 1]
    assert constant(0.1, 0.2) == pytest.approx(0.11 / 0.21)


def test_a_gradient_is_clipped_to_its_longest() -> None:
    def moved(clip: float) -> float:
        of = training(replace(TRAIN, clip=clip))
        before = [weight.detach().clone() for weight in of.network.parameters()]
        of.take_step(*first_batch(of))
        moves = [(new - old).flatten() for old, new in zip(before, of.network.parameters(), strict=True)]
        return torch.cat(moves).detach().norm().item() / 0.1

    assert moved(0.01) == pytest.approx(0.01, rel=1e-3)
    assert moved(1e5) == pytest.approx(moved(0.0), rel=1e-5)
    assert moved(0.0) > 0.02


def test_an_average_forgets_its_beginning_and_is_what_is_kept(tmp_path: Path) -> None:
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, 0.5)
    values, expected = [3.0, 5.0, 7.0, 9.0], network.weight.item()
    for step, value in enumerate(values, start=1):
        network.weight.data.fill_(value)
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    with average.swapped():
        assert network.weight.item() == pytest.approx(expected)
    assert network.weight.item() == 9
    plain, averaged = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    options = replace(TRAIN, epochs=2)
    options.evaluate(Candidate(0, convolutional(norm=True), 0, plain), lambda *_: False)
    replace(options, ema=0.99).evaluate(Candidate(0, convolutional(norm=True), 0, averaged), lambda *_: False)
    one, other = load_file(plain), load_file(averaged)
    assert one.keys() == other.keys()
    assert not torch.equal(one["conv2d.weight"], other["conv2d.weight"])


def test_blended_images_are_the_shares_that_the_loss_heeds() -> None:
    of = training(replace(TRAIN, mixup=1.0))
    images, truth = first_batch(of)
    inputs, [(first, share), (second, rest)] = of.blended(images, truth)
    assert 0 < share < 1
    assert share + rest == 1
    assert torch.equal(first, truth)
    matches = [(share * images[0] + (1 - share) * other - inputs[0]).abs().max().item() for other in images]
    partner = min(range(len(images)), key=matches.__getitem__)
    assert matches[partner] < 1e-6
    assert second[0] == truth[partner]
    outputs = of.network(inputs)
    smooth = TRAIN.label_smoothing
    one, other = (nn.functional.cross_entropy(outputs, labels, label_smoothing=smooth) for labels in (first, second))
    together = share * one + rest * other
    assert of.loss(outputs, [(first, share), (second, rest)]).item() == pytest.approx(together.item(), rel=1e-5)


# Part of the data


def test_a_fraction_of_the_data_has_every_class_in_the_same_share() -> None:
    whole, tenth = TRAIN.feed(), replace(TRAIN, fraction=0.1).feed()
    counts, few = (torch.bincount(feed.train[1], minlength=10) for feed in (whole, tenth))
    assert few.tolist() == [-(-count // 10) for count in counts.tolist()]
    assert torch.equal(replace(TRAIN, fraction=0.1).feed().train[0], tenth.train[0])
    assert not torch.equal(replace(TRAIN, fraction=0.1, data_seed=1).feed().train[0], tenth.train[0])
    assert len(tenth.validation[1]) == len(whole.validation[1])


# Going on


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every epoch."""
    monkeypatch.setattr(epochs_module, "SECONDS_BETWEEN", -1.0)


LONG = replace(TRAIN, epochs=4, optimizer="adamw", lr=0.01, shift=0.2, ema=0.9, mixup=0.4, cutout=0.3)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("options", [LONG, replace(LONG, optimizer="momentum", ema=0.0), replace(LONG, precision="bfloat16")])
def test_a_training_that_was_stopped_goes_on_to_the_bit(options: Train, tmp_path: Path) -> None:
    network, whole, broken = convolutional(norm=True, dropout=0.3), tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    curves: list[list[dict[str, float]]] = [[], []]
    expected = options.evaluate(Candidate(0, network, 3, whole), lambda _, metrics: bool(curves[0].append(metrics)))
    with pytest.raises(StoppedError, match="stopped by the test"):
        options.evaluate(Candidate(0, network, 3, broken), stopping(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.checkpoint.safetensors", "whole.safetensors"]
    torch.manual_seed(99)
    assert options.evaluate(Candidate(0, network, 3, broken), lambda _, metrics: bool(curves[1].append(metrics))) == expected
    assert curves[0] == curves[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.safetensors", "whole.safetensors"]
    one, other = load_file(whole), load_file(broken)
    assert all(torch.equal(one[name], other[name]) for name in one.keys() | other.keys())


@pytest.mark.usefixtures("often")
def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    network, weights = convolutional(), tmp_path / "w.safetensors"
    with pytest.raises(StoppedError, match="stopped by the test"):
        LONG.evaluate(Candidate(0, network, 3, weights), stopping(3))
    checkpoint = tmp_path / "w.checkpoint.safetensors"
    for options, genotype, seed, words in [
        (LONG, convolutional(norm=True), 3, "it is of another training: network=.*, now given"),
        (LONG, network, 4, "it is of another training: seed=3, now given 4"),
        (replace(LONG, lr=0.5), network, 3, r"it is of another training: lr=0.01, now given 0.5; delete it"),
    ]:
        with pytest.raises(CheckpointError, match=words):
            options.evaluate(Candidate(0, genotype, seed, weights), lambda *_: False)
    found = load_standing(checkpoint)
    assert found is not None
    for name, tensor, words in [
        ("random/0", torch.zeros(3), "holds no 'random/0'"),
        ("average/x", torch.zeros(3), "its averages are of another network"),
        ("optimizer/0/exp_avg", torch.zeros(3), "of weight 0 what AdamW does not"),
    ]:
        save_standing(checkpoint, found.state, {**found.tensors, name: tensor})
        with pytest.raises(CheckpointError, match=words):
            LONG.evaluate(Candidate(0, network, 3, weights), lambda *_: False)
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="delete it"):
        LONG.evaluate(Candidate(0, network, 3, weights), lambda *_: False)


def test_what_an_optimiser_remembers_goes_with_the_layout_of_the_weights() -> None:
    """Fused optimisers go through memory as it lies: a moment in another order than its weight would move the wrong numbers."""
    one, other = training(replace(TRAIN, optimizer="adamw")), training(replace(TRAIN, optimizer="adamw"))
    batch = first_batch(one)
    one.take_step(*batch)
    plain = {name: value.clone().contiguous() for name, value in optimizer_tensors(one.optimizer).items()}
    other.network.load_state_dict(one.network.state_dict())
    restore_optimizer(other.optimizer, plain)
    other.step = one.step
    for of in (one, other):
        of.take_step(*batch)
    for a, b in zip(one.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_training_that_learns_nothing_is_stalled() -> None:
    told: list[int] = []
    with pytest.raises(EvaluationError, match=r"after 3 of 6 epochs the loss is 2.*, guessing gives 2.3; it learns nothing") as caught:
        replace(TRAIN, epochs=6, lr=1e-9).evaluate(Candidate(0, convolutional(), 0), lambda epoch, _: bool(told.append(epoch)))
    assert caught.value.failure.kind == "stalled"
    assert told == [0, 1]
    replace(TRAIN, epochs=6, lr=0.5).evaluate(Candidate(0, convolutional(), 0), lambda *_: False)


@pytest.mark.parametrize(
    ("kernel", "padding", "counts"), [(3, 1, False), (3, 1, True), ((3, 5), (1, 2), False), (2, 0, True), (3, 0, False), (1, 0, True)]
)
def test_mean_filters_are_average_pooling(kernel: int, padding: int, counts: bool) -> None:
    pool = nn.AvgPool2d(kernel, 1, padding, count_include_pad=counts)
    network = with_mean_filters(nn.Sequential(nn.Sequential(nn.AvgPool2d(kernel, 1, padding, count_include_pad=counts))))
    assert isinstance(network[0][0], MeanFilter)
    for size in ((9, 11), (7, 7)):
        images = [torch.randn(2, 5, *size, generator=torch.Generator().manual_seed(0)).requires_grad_() for _ in range(2)]
        outputs = [pool(images[0]), network(images[1])]
        torch.testing.assert_close(*outputs)
        for output in outputs:
            output.square().sum().backward()
        torch.testing.assert_close(images[0].grad, images[1].grad)
    assert not network.state_dict()


def test_a_network_that_was_judged_can_be_trained() -> None:
    network = with_mean_filters(nn.Sequential(nn.Conv2d(1, 3, 1), nn.AvgPool2d(3, 1, 1, count_include_pad=False)))
    with torch.inference_mode():
        before = network(torch.ones(1, 1, 5, 5))
    network(torch.ones(1, 1, 5, 5)).sum().backward()
    assert network[0].weight.grad is not None
    assert torch.equal(network(torch.ones(1, 1, 5, 5)), before)


def test_other_pooling_stays() -> None:
    others = [nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(2), nn.AvgPool2d(3, 1, 1, ceil_mode=True), nn.AvgPool2d(3, 1, 1, divisor_override=2)]
    network = with_mean_filters(nn.Sequential(*others))
    assert not any(isinstance(module, MeanFilter) for module in network.modules())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 8, 1, stride=2),
        nn.Conv2d(4, 8, 1, stride=(1, 3), bias=False),
        layers.CoordConv2d(3, 5, 1, 9, 9, stride=2),
        layers.WeightNormConv2d(4, 8, 1, stride=2),
        layers.WeightStandardConv2d(4, 8, 1, stride=2),
    ],
    ids=repr,
)
def test_strided_convolutions_of_few_channels_are_taken_apart_and_stay_what_they_are(layer: nn.Module) -> None:
    x = torch.randn(3, 3 if isinstance(layer, layers.CoordConv2d) else 4, 9, 9, generator=torch.Generator().manual_seed(0))
    plain, apart = deepcopy(layer), thinned(deepcopy(layer))
    assert apart.stride == (1, 1)
    assert apart.state_dict().keys() == plain.state_dict().keys()
    again = deepcopy(thinned(apart)).to(memory_format=torch.channels_last)
    results = [network(images) for network, images in ((plain, x), (again, x.to(memory_format=torch.channels_last)))]
    torch.testing.assert_close(results[1], results[0])
    for result in results:
        result.square().sum().backward()
    for ours, theirs in zip(again.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-3)


def test_other_strides_stay() -> None:
    others = [nn.Conv2d(16, 4, 1, 2), nn.Conv2d(4, 4, 3, 2), nn.Conv2d(4, 4, 1, 2, 1), nn.ConvTranspose2d(4, 4, 1, 2), nn.MaxPool2d(1, 2)]
    strides = [layer.stride for layer in others]
    assert [layer.stride for layer in thinned(nn.Sequential(*others))] == strides


# Compiled


@pytest.mark.slow  # the compiler takes a minute on a slow machine
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # which torch.compile itself calls
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_a_compiled_step_is_the_plain_one() -> None:
    trainings = [training(replace(TRAIN, compile=compile, epochs=60), convolutional(norm=True)) for compile in (False, True)]
    batch = first_batch(trainings[0])
    losses = [[float(each.take_step(*batch)) for _ in range(3)] for each in trainings]
    assert trainings[1].compiled is not None
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(*(each.network.state_dict() for each in trainings), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_a_short_training_is_not_compiled() -> None:
    short = training(replace(TRAIN, compile=True))
    assert short.total < 3000
    assert short.compiled is None


def test_without_a_compiler_it_is_said_before_the_search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"compile=true needs a C\+\+ compiler"):
        replace(TRAIN, compile=True)
