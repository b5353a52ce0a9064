"""Uneven classes: weights of the loss, and errors that count every class the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional

from archsearch import Builder
from archsearch.data import VOID, load_data, remarks
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from archsearch.ops import Flatten, Linear
from archsearch.tasks import Classification, Segmentation, task_of

WEIGHTS = (0.5, 2.0, 1.25)
SCORES = arrays(np.float32, (7, 3), elements=st.floats(-4, 4, width=32))
MAPS = arrays(np.float32, (2, 3, 4, 5), elements=st.floats(-4, 4, width=32))
MASKS = arrays(np.uint8, (2, 4, 5), elements=st.sampled_from([0, 1, 2, VOID]))


@given(scores=SCORES, labels=arrays(np.int64, 7, elements=st.integers(0, 2)), smoothing=st.sampled_from([0.0, 0.1]))
def test_the_weighted_loss_of_images_is_a_weighted_mean(scores, labels, smoothing):
    logs = scores.astype(np.float64) - np.log(np.exp(scores.astype(np.float64)).sum(1, keepdims=True))
    terms = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
    expected = -(terms * logs * WEIGHTS).sum() / np.array(WEIGHTS)[labels].sum()
    found = Classification(3, WEIGHTS).loss(torch.tensor(scores), torch.tensor(labels), smoothing)
    assert float(found) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(scores=MAPS, masks=MASKS, smoothing=st.sampled_from([0.0, 0.1]))
def test_the_weighted_loss_of_masks_is_torchs_over_the_pixels_that_count(scores, masks, smoothing):
    answer, truth = torch.tensor(scores), torch.tensor(masks)
    found = Segmentation(3, WEIGHTS).loss(answer, truth, smoothing)
    usual = functional.cross_entropy(answer, truth.long(), torch.tensor(WEIGHTS), ignore_index=VOID, label_smoothing=smoothing)
    assert float(found) == pytest.approx(float(usual) if (masks != VOID).any() else 0.0, rel=1e-4, abs=1e-5)


def test_equal_weights_change_nothing():
    answer, labels = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
    assert Classification(3, (1.0,) * 3).loss(answer, labels, 0.1) == pytest.approx(float(Classification(3).loss(answer, labels, 0.1)))


@given(scores=SCORES, labels=arrays(np.int64, 7, elements=st.integers(0, 2)))
def test_the_balanced_error_is_the_mean_over_the_classes_that_are_there(scores, labels):
    from sklearn.metrics import recall_score

    meter = Classification(3, WEIGHTS).meter()
    for start in (0, 4):
        meter.add(torch.tensor(scores[start : start + 4]), torch.tensor(labels[start : start + 4]))
    found, there = meter.metrics(), np.unique(labels)
    recall = recall_score(labels, scores.argmax(1), labels=there, average="macro", zero_division=0)
    assert found["balanced_error"] == pytest.approx(1 - recall)
    assert found["loss"] == pytest.approx(float(functional.cross_entropy(torch.tensor(scores), torch.tensor(labels))), rel=1e-5, abs=1e-6)


@given(scores=MAPS, masks=MASKS)
def test_the_balanced_error_of_masks_counts_pixels(scores, masks):
    meter = Segmentation(3).meter()
    meter.add(torch.tensor(scores), torch.tensor(masks))
    shares = [(scores.argmax(1)[masks == label] == label).mean() for label in range(3) if (masks == label).any()]
    assert meter.metrics()["balanced_error"] == pytest.approx(1 - np.mean(shares) if shares else 1.0)


def uneven(folder: Path, rare: int = 200, common: int = 1800) -> str:
    """Two classes whose images lie over each other, one nine times as common."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [common, rare])
    images = np.clip(rng.normal(0.4 + 0.08 * labels[:, None, None], 0.2, (rare + common, 3, 3)), 0, 1)
    np.savez(folder / "uneven.npz", images=images, labels=labels)
    return str(folder / "uneven.npz")


def test_weights_make_all_classes_count_the_same_and_the_mean_image_one(tmp_path):
    data = load_data(uneven(tmp_path))
    assert data.counts().tolist() == [1080, 120]
    weights = np.array(task_of(data, balanced=True).weights)
    assert weights * data.counts() == pytest.approx([600, 600])
    assert (weights * data.counts()).sum() / data.counts().sum() == pytest.approx(1)
    assert task_of(data).weights == ()
    assert remarks(data)[0].endswith("wrong for 10.0% of them; balanced=true weighs the loss")


def test_weights_of_masks_go_by_pixels():
    data = load_data("shapes")
    assert data.counts().sum() == data.train.labels.size
    weights = task_of(data, balanced=True).weights
    assert np.argsort(weights).tolist()[0] == 0  # the background is the commonest
    assert all(np.isfinite(weights))


def test_training_with_balanced_loss_finds_the_rare_class(tmp_path):
    b = Builder((1, 3, 3))
    network = b.genotype(b(Linear(2), b(Flatten(), b.input)))
    path = uneven(tmp_path)
    plain, balanced = (
        Train(data=path, epochs=30, shift=0, balanced=way).evaluate(Candidate(0, network, 0), lambda epoch, found: False)
        for way in (False, True)
    )
    assert plain["balanced_error"] > 0.4  # the common class always is right for 90 %
    assert balanced["balanced_error"] < plain["balanced_error"] - 0.1
    assert balanced["error"] > plain["error"]


def test_balanced_is_true_or_false():
    with pytest.raises(ValueError, match="balanced='yes' must be true or false"):
        Train(balanced="yes")
