"""Tasks: losses and metrics against brute force, tiles, exits, segmentation and any-time networks in training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from archsearch import Builder, Genotype
from archsearch.analysis.exits import exits as exits_of
from archsearch.blocks.decoder import double_conv, down, up
from archsearch.data import VOID, load_data
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.exporters import export_network, gather, source_text
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU
from archsearch.runs.search import search
from archsearch.spaces.space import Pick, Space
from archsearch.strategies import Random
from archsearch.tasks import TASKS, Classification, Segmentation, feed_of, joint_loss, measure, size_of, task_of
from archsearch.tasks.anytime import anytime_error, by_exit, exit_macs
from archsearch.tasks.base import Task
from archsearch.tasks.feed import places, predict
from archsearch.trial import EvaluationError

CPU = torch.device("cpu")


def go_on(epoch: int, metrics: dict[str, float]) -> bool:
    return False


def unet(width: int = 8, depth: int = 2, classes: int = 4, shape: tuple[int, int, int] = (3, 24, 24)) -> Genotype:
    b = Builder(shape)
    x, skips = double_conv(b, b.input, width), []
    for level in range(1, depth + 1):
        skips.append(x)
        x = down(b, x, width << level)
    for level in reversed(range(depth)):
        x = up(b, x, skips[level], width << level)
    return b.genotype(b(Conv2d(classes, 1), x, name="head"))


def with_exits(stages: int = 3, width: int = 8, backwards: bool = False) -> Genotype:
    b = Builder((1, 8, 8))
    x, exits = b.input, []
    for stage in range(stages):
        x = b(ReLU(), b(BatchNorm2d(), b(Conv2d(width, bias=False), x)))
        exits.append(b(Linear(10), b(Flatten(), b(GlobalAvgPool2d(), x)), name=f"exit{stage + 1}"))
        x = b(MaxPool2d(2), x)
    return b.genotype(*(reversed(exits) if backwards else exits))


SCORES = arrays(np.float32, (3, 4, 5, 6), elements=st.floats(-4, 4, width=32))
MASKS = arrays(np.uint8, (3, 5, 6), elements=st.sampled_from([0, 1, 2, 3, VOID]))


def log_softmax(scores: np.ndarray) -> np.ndarray:
    scores = scores.astype(np.float64)
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


@given(scores=SCORES, masks=MASKS, smoothing=st.sampled_from([0.0, 0.1]))
def test_the_loss_of_masks_is_the_mean_over_the_pixels_that_count(scores, masks, smoothing):
    logs, terms = log_softmax(scores), []
    for n, row, column in np.ndindex(masks.shape):
        if masks[n, row, column] != VOID:
            pixel = logs[n, :, row, column]
            terms.append(-(1 - smoothing) * pixel[masks[n, row, column]] - smoothing * pixel.mean())
    found = Segmentation(4).loss(torch.tensor(scores), torch.tensor(masks), smoothing)
    assert float(found) == pytest.approx(np.mean(terms) if terms else 0.0, rel=1e-4, abs=1e-5)


@given(scores=SCORES, masks=MASKS, batch=st.integers(1, 3))
def test_mean_iou_is_that_of_sets_of_pixels(scores, masks, batch):
    meter = Segmentation(4).meter()
    for start in range(0, 3, batch):
        meter.add(torch.tensor(scores[start : start + batch]), torch.tensor(masks[start : start + batch]))
    found = meter.metrics()
    answers, counted = scores.argmax(1), {place for place in np.ndindex(masks.shape) if masks[place] != VOID}
    ious = []
    for label in range(4):
        there, said = {p for p in counted if masks[p] == label}, {p for p in counted if answers[p] == label}
        if there | said:
            ious.append(len(there & said) / len(there | said))
    right = sum(answers[place] == masks[place] for place in counted)
    assert found["miou"] == pytest.approx(np.mean(ious) if ious else 0)
    assert found["error"] == pytest.approx(1 - found["miou"])
    assert found["pixel_accuracy"] == pytest.approx(right / max(1, len(counted)))
    loss = float(Segmentation(4).loss(torch.tensor(scores), torch.tensor(masks), 0.0))
    assert found["loss"] == pytest.approx(loss, rel=1e-4, abs=1e-6)
    assert found.keys() == set(Segmentation.metrics)


@pytest.mark.parametrize("task", TASKS.values())
def test_every_task_has_an_answer_a_loss_and_metrics_by_its_names(task: type[Task]):
    made = task(3)
    answer, truth = torch.randn(5, *made.answer((4, 6))), torch.zeros(5, *made.answer((4, 6))[1:], dtype=torch.int64)
    loss = made.loss(answer.requires_grad_(), truth, 0.1)
    loss.backward()
    meter = made.meter()
    meter.add(answer.detach(), truth)
    assert set(meter.metrics()) == set(made.metrics) >= {"error", "loss"}
    assert float(loss.detach()) > 0
    assert TASKS[made.name] is task


def test_the_joint_loss_is_the_mean_over_the_exits():
    task, truth = Classification(4), torch.arange(4)
    outputs = tuple(torch.randn(4, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    alone = [float(task.loss(output, truth, 0.1)) for output in outputs]
    assert float(joint_loss(task, outputs, truth, 0.1)) == pytest.approx(sum(alone) / 3)
    assert float(joint_loss(task, outputs[0], truth, 0.1)) == alone[0]


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 1)), min_size=1, max_size=6))
def test_anytime_error_is_the_mean_over_all_budgets(exits):
    exits = sorted(exits, key=lambda pair: pair[0])
    macs, errors = [cost for cost, _ in exits], [error for _, error in exits]
    found = anytime_error(errors, macs)
    assert 0 <= found <= 1
    if macs[0] == 0 or len(set(macs)) < len(macs):
        return  # several answers for one budget
    budgets = (np.arange(200_000) + 0.5) / 200_000 * macs[-1]
    assert found == pytest.approx(np.interp(budgets, [0, *macs], [1, *errors]).mean(), abs=1e-4)


def test_exits_are_told_apart_by_their_cost():
    found = [{"error": 0.1, "loss": 1.0}, {"error": 0.4, "loss": 4.0}, {"error": 0.2, "loss": 2.0}]
    metrics = by_exit(found, [300, 100, 200])
    assert metrics == {
        "error": 0.1, "loss": 1.0, "error_exit1": 0.4, "error_exit2": 0.2, "error_exit3": 0.1,
        "anytime_error": pytest.approx((0.7 + 0.3 + 0.15) / 3),
    }  # fmt: skip
    assert exit_macs([300, 100, 200]) == {"macs_exit1": 100, "macs_exit2": 200, "macs_exit3": 300}
    assert by_exit(found[:1], [300]) == found[0]
    assert exit_macs([300]) == {}


@given(length=st.integers(1, 60), size=st.integers(1, 60))
def test_tiles_cover_everything_and_stay_inside(length, size):
    if size > length:
        return
    starts = places(length, size)
    assert sorted(set(starts)) == starts
    assert min(starts) == 0
    assert max(starts) == length - size
    assert {place for start in starts for place in range(start, start + size)} == set(range(length))


class Means(nn.Module):
    """Scores that depend on the whole tile: its pixels, and their mean."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x.mean((2, 3), keepdim=True).expand_as(x)], 1)


def test_large_images_are_judged_tile_by_tile(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", images=rng.random((10, 11, 7)), masks=rng.integers(0, 2, (10, 11, 7)))
    data = load_data(str(tmp_path / "d.npz"))
    crops = feed_of(task_of(data), data, CPU, 0.0, 5)
    (found,) = predict(Means(), crops, crops.validation[0])
    pixels = crops.normalised(crops.validation[0]).numpy()
    sums, hits = np.zeros((len(pixels), 2, 11, 7)), np.zeros((11, 7))
    for top in (0, 5, 6):
        for left in (0, 2):
            tile = pixels[:, :, top : top + 5, left : left + 5]
            sums[:, :1, top : top + 5, left : left + 5] += tile
            sums[:, 1:, top : top + 5, left : left + 5] += tile.mean((2, 3), keepdims=True)
            hits[top : top + 5, left : left + 5] += 1
    np.testing.assert_allclose(found.numpy(), sums / hits, atol=1e-5)
    whole = measure(Means(), crops, crops.validation, 1)
    assert whole[0]["miou"] == measure(Means(), crops, crops.validation, 7)[0]["miou"]


def test_an_epoch_of_crops_sees_every_image_as_often_as_crops_fit(tmp_path):
    images = np.arange(10)[:, None, None] / 10 + np.zeros((10, 12, 8))
    np.savez(tmp_path / "d.npz", images=images, masks=np.arange(10)[:, None, None] % 2 + np.zeros((10, 12, 8), int))
    data = load_data(str(tmp_path / "d.npz"))
    crops = feed_of(task_of(data), data, CPU, 0.0, 4)
    assert len(crops) == 6 * 6
    batches = [pair for look in crops.epoch(3, torch.Generator().manual_seed(0)) for pair in look]
    assert [tuple(x.shape) for x, _ in batches] == [(3, 1, 4, 4)] * 12
    pixels = torch.cat([x for x, _ in batches]) * crops.std + crops.mean
    _, counts = np.unique(pixels[:, 0, 0, 0].numpy().round(3), return_counts=True)
    assert counts.tolist() == [6] * 6
    for x, y in batches:
        of = ((x * crops.std + crops.mean)[:, 0] * 10).round().long() % 2
        assert torch.equal(of, y.long())


def test_padding_belongs_to_no_class():
    data = load_data("shapes")
    shifted = feed_of(task_of(data), data, CPU, 0.1)
    images, masks = shifted.train
    assert images.shape[2:] == masks.shape[1:] == (28, 28)
    assert set(masks[:, :2].unique().tolist()) == {VOID}
    assert not images[:, :, :2].any()
    assert shifted.validation[0].shape[2:] == (24, 24)


def test_bytes_and_floats_are_normalised_alike(tmp_path):
    bytes_ = np.random.default_rng(0).integers(0, 256, (12, 5, 4, 3), dtype=np.uint8)
    found = []
    for name, images in (("bytes", bytes_), ("floats", bytes_.astype(np.float32) / np.float32(255))):
        np.savez(tmp_path / f"{name}.npz", images=images, labels=np.arange(12) % 2)
        data = load_data(str(tmp_path / f"{name}.npz"))
        fed = feed_of(task_of(data), data, CPU)
        found.append(fed.normalised(fed.train[0]))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)
    assert found[0].mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert found[0].std((0, 2, 3), unbiased=False).tolist() == pytest.approx([1, 1, 1], abs=1e-4)


def test_a_crop_has_to_fit():
    shapes, digits = load_data("shapes"), load_data("digits")
    assert (size_of(shapes), size_of(shapes, 16), size_of(digits)) == ((24, 24), (16, 16), (8, 8))
    with pytest.raises(ValueError, match=r"crop=25 does not fit data 'shapes': images are 24x24; use crop=0 for whole images"):
        size_of(shapes, 25)
    with pytest.raises(ValueError, match=r"crop=4 does not fit data 'digits': crops are for data with masks"):
        Train(crop=4).setting()


def test_a_small_unet_learns_the_shapes(tmp_path):
    train, network = Train(data="shapes", epochs=4, batch=16), unet()
    assert train.setting() == {"input": (3, 24, 24), "classes": 4}
    assert train.task == "segmentation"
    curve: list[dict[str, float]] = []
    candidate = Candidate(0, network, 0, tmp_path / "w.safetensors")
    metrics = train.evaluate(candidate, lambda epoch, values: bool(curve.append(values)))
    assert metrics["miou"] >= 0.33
    assert metrics["pixel_accuracy"] >= 0.8
    assert metrics["error"] == 1 - metrics["miou"]
    assert set(metrics) == set(Segmentation.metrics) <= set(train.metrics)
    assert curve[-1].keys() == {*Segmentation.metrics, "train_loss", "lr"}
    assert curve[-1]["miou"] > curve[0]["miou"]
    assert train.test(candidate)["miou"] >= 0.33


@pytest.mark.slow
def test_a_small_unet_tells_the_shapes_apart():
    metrics = Train(data="shapes", epochs=15, batch=16, lr=0.01).evaluate(Candidate(0, unet(), 0), go_on)
    assert metrics["miou"] >= 0.7


def test_segmentation_repeats_to_the_bit_with_crops_and_mirrors(tmp_path):
    train = Train(data="shapes", epochs=1, batch=32, crop=16)
    network = unet(4, 1, shape=(3, 16, 16))
    runs = [Candidate(0, network, seed, tmp_path / name) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    metrics = [train.evaluate(run, go_on) for run in runs]
    assert metrics[0] == metrics[1] != metrics[2]
    assert runs[0].weights.read_bytes() == runs[1].weights.read_bytes()


def test_a_segmentation_that_diverges_is_a_failure():
    b = Builder((3, 24, 24))
    network = b.genotype(b(Conv2d(4), b(ReLU(), b(Conv2d(8), b.input))))
    with pytest.raises(EvaluationError, match=r"loss is .*, guessing gives 1\.39") as raised:
        Train(data="shapes", epochs=2, optimizer="sgd", lr=900).evaluate(Candidate(0, network, 0), go_on)
    assert raised.value.failure.kind == "diverged"


def test_a_final_training_learns_from_the_validation_part_too(tmp_path):
    data = load_data("shapes")
    fed = feed_of(task_of(data), data, CPU, 0.0, 0, final=True)
    assert len(fed) == len(data.train) + len(data.validation)
    assert torch.equal(fed.validation[0], fed.test[0])
    final = Train(data="shapes", epochs=1, final=True)
    candidate = Candidate(0, unet(4, 1), 0, tmp_path / "w")
    metrics = final.evaluate(candidate, go_on)
    assert final.test(candidate) == metrics


@pytest.mark.parametrize(
    ("data", "network", "words"),
    [
        ("shapes", unet(4, 1, classes=3), r"maps \(3, 24, 24\) to \(3, 24, 24\), data 'shapes' need .* to \(4, 24, 24\): a score"),
        ("shapes", unet(4, 1, shape=(3, 16, 16)), "a score for every class at every pixel"),
        ("digits", unet(4, 1), r"data 'digits' need \(1, 8, 8\) to \(10,\): a score for every class$"),
    ],
)
def test_a_network_for_another_task_is_rejected(data, network, words):
    with pytest.raises(EvaluationError, match=words) as raised:
        Train(data=data).check(network)
    assert raised.value.failure.kind == "rejected"
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_network_with_exits_is_trained_at_all_of_them(tmp_path, backwards):
    train, network = Train(epochs=8), with_exits(backwards=backwards)
    curve: list[dict[str, float]] = []
    candidate = Candidate(0, network, 0, tmp_path / "w.safetensors")
    metrics = train.evaluate(candidate, lambda epoch, values: bool(curve.append(values)))
    errors = [metrics[f"error_exit{number}"] for number in (1, 2, 3)]
    assert errors[0] > errors[1] > errors[2] == metrics["error"]
    costs = sorted(output.macs for output in exits_of(network))
    assert [metrics[f"macs_exit{number}"] for number in (1, 2, 3)] == costs
    assert metrics["anytime_error"] == pytest.approx(anytime_error(errors, costs))
    assert {"error_exit1", "anytime_error"} <= curve[0].keys()
    tested = train.test(candidate)
    assert tested.keys() == {"error", "loss", "balanced_error", "error_exit1", "error_exit2", "error_exit3", "anytime_error"}
    assert set(metrics) - {name for name in metrics if name.startswith("macs_")} <= set(train.metrics)


def test_networks_with_exits_and_maps_are_exported(tmp_path):
    folder = export_network(unet(4, 1), tmp_path / "maps", preprocessing=Train(data="shapes").describe().preprocessing())
    assert 'CLASSES = ("background", "disc", "box", "triangle")' in (folder / "model.py").read_text()
    assert "3 times (N, 10), a logit for each" in source_text(gather(with_exits(), preprocessing=Train().describe().preprocessing()))


def exits_space(pick: Pick, *, classes: int = 10, input: tuple[int, int, int] = (1, 8, 8)) -> Genotype:
    return with_exits(pick("stages", [1, 2, 3]), pick("width", [2, 3, 4]))


def test_a_search_for_any_time_networks(tmp_path):
    options = {"objectives": ("anytime_error", "error_exit2", "macs"), "trials": 9, "workers": 0}
    space = Space("exits", exits_space, {})
    run = search(space, Random(), Train(epochs=1), out=tmp_path / "a", **options)
    assert {trial.choices["stages"]: trial.ok for trial in run.trials} == {1: False, 2: True, 3: True}
    messages = {trial.failure.message for trial in run.trials if trial.failure}
    assert messages == {"this network has no anytime_error"}
    assert all("anytime_error" in run.tests[trial.number] for trial in run.front())
    again = search(space, Random(), Train(epochs=1), out=tmp_path / "b", **options)
    assert [trial.metrics for trial in again.trials] == [trial.metrics for trial in run.trials]


@pytest.mark.slow
def test_the_membranes_are_learnt_from_crops(tmp_path, isbi: Path):
    with np.load(isbi, allow_pickle=False) as arrays_:
        images, masks = arrays_["x"], arrays_["y"]
    np.savez(tmp_path / "m.npz", images=images, masks=masks, test=np.arange(30) >= 24, flip=True)
    train = Train(data=str(tmp_path / "m.npz"), crop=128, epochs=1, batch=8, lr=0.01, final=True)
    assert train.setting() == {"input": (1, 128, 128), "classes": 2}
    data = load_data(train.data)
    assert len(data.test) == 6
    metrics = dataclasses.replace(train, crop=64).evaluate(Candidate(0, unet(4, 2, 2, (1, 64, 64)), 0), go_on)
    assert metrics["miou"] > 0.6


@pytest.fixture(scope="session")
def isbi() -> Path:
    path = Path(__file__).parents[2] / "shared" / "data" / "isbi_membrane" / "isbi_membrane.npz"
    if not path.is_file():
        pytest.skip(f"needs the membranes of ISBI 2012 in {path}, which are not part of the project")
    return path
