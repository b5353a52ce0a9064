"""What a network does with images: maps with known answers, counts against scikit-learn and by hand."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, jaccard_score

from archsearch import Builder, Genotype, compile_network
from archsearch.data import Data, Part
from archsearch.data.description import Description
from archsearch.explaining.explain import Pictures, explain, various
from archsearch.explaining.explanation import confused, ious
from archsearch.explaining.judging import judge
from archsearch.explaining.layers import activations, first_filters, shown_layers
from archsearch.explaining.maps import PATCH, Asked, asked_of, occlusion, saliency, starts
from archsearch.explaining.subject import ExplainError, Subject, subject_of
from archsearch.ops import BatchNorm2d, Conv2d, Flatten, GlobalAvgPool2d, GlobalMaxPool2d, Linear, MaxPool2d, ReLU
from archsearch.support.progress import Progress
from archsearch.tasks import feed_of, measure, task_of
from archsearch.training.weights import WeightsError
from archsearch.zoo import build

SIZE, SIDE = 20, 6


def subject(genotype: Genotype, seed: int = 0, about: Description | None = None, **weights: torch.Tensor) -> Subject:
    """A network with random weights, some of them given."""
    state = compile_network(genotype, seed).state_dict()
    return subject_of(genotype, {**state, **{name.replace("__", "."): value for name, value in weights.items()}}, about or Description())


def square_finder() -> Subject:
    """Answers 1 where five by five pixels anywhere are white, else 0."""
    b = Builder((1, SIZE, SIZE))
    x = b(ReLU(), b(Conv2d(1, 5, bias=True), b.input, name="conv"))
    genotype = b.genotype(b(Linear(2), b(Flatten(), b(GlobalMaxPool2d(), x)), name="head"))
    return subject(
        genotype,
        conv__weight=torch.ones(1, 1, 5, 5),
        conv__bias=torch.tensor([-20.0]),
        head__weight=torch.tensor([[0.0], [2.0]]),
        head__bias=torch.tensor([1.0, 0.0]),
    )


@settings(max_examples=25)
@given(st.integers(0, SIZE - SIDE), st.integers(0, SIZE - SIDE))
def test_maps_peak_in_the_white_square_that_decides(top: int, left: int) -> None:
    finder = square_finder()
    image, inside = torch.zeros(1, 1, SIZE, SIZE), np.zeros((SIZE, SIZE), bool)
    image[..., top : top + SIDE, left : left + SIDE] = 1
    inside[top : top + SIDE, left : left + SIDE] = True
    asked = asked_of(finder, finder.normalised(image))
    assert asked.labels.tolist() == [1]
    [slope], [lost] = saliency(finder, image, asked).numpy(), occlusion(finder, image, asked).numpy()
    assert slope.max() > 0
    assert (slope[~inside] == 0).all()  # the gradient is that of the one window that decides
    assert inside[np.unravel_index(lost.argmax(), lost.shape)]
    assert lost.max() > 0.5
    near = np.zeros_like(inside)
    reach = round(PATCH * SIZE)
    near[max(0, top - reach) : top + SIDE + reach, max(0, left - reach) : left + SIDE + reach] = True
    np.testing.assert_allclose(lost[~near], 0, atol=1e-6)
    black = torch.zeros(1, 1, SIZE, SIZE)
    assert asked_of(finder, black).labels.tolist() == [0]
    assert not saliency(finder, black, Asked(torch.tensor([1]))).any()


def linear(shape: tuple[int, int, int] = (3, 7, 9), classes: int = 4, about: Description | None = None) -> Subject:
    b = Builder(shape)
    return subject(b.genotype(b(Linear(classes), b(Flatten(), b.input), name="head")), 3, about)


def test_the_gradient_of_a_linear_network_is_its_weights_by_the_std() -> None:
    about = Description(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    found = linear(about=about)
    images = torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    weights = found.network.get_submodule("head").weight.detach().reshape(4, 3, 7, 9)
    wanted = (weights[[2, 0]] / torch.tensor(about.std)[None, :, None, None]).abs().amax(1)
    torch.testing.assert_close(saliency(found, found.normalised(images), Asked(torch.tensor([2, 0]))), wanted)


def test_occlusion_is_what_its_definition_says() -> None:
    found, images = linear(), torch.rand(3, 3, 7, 9, generator=torch.Generator().manual_seed(1))
    asked, side = Asked(torch.tensor([1, 3, 0])), 1
    assert round(PATCH * 7) == side
    maps = occlusion(found, images, asked)
    for image, label, lost in zip(images, asked.labels.tolist(), maps, strict=True):
        whole = found.last(image[None]).softmax(1)[0, label]
        for row in range(7):
            for column in range(9):
                covered = image.clone()
                covered[:, row, column] = image.mean((1, 2))
                torch.testing.assert_close(lost[row, column], (whole - found.last(covered[None]).softmax(1)[0, label]).detach())


@given(st.integers(1, 300), st.integers(1, 60))
def test_squares_cover_every_pixel_alike(length: int, side: int) -> None:
    covered = np.zeros(length, int)
    for start in starts(length, side):
        assert start < length
        assert start + side > 0
        covered[max(0, start) : start + side] += 1
    assert covered.min() >= 1
    assert np.ptp(covered) <= 1


def convolutional(classes: int = 5, channels: int = 1, masks: bool = False) -> Genotype:
    b = Builder((channels, 12, 10))
    x = b(ReLU(), b(BatchNorm2d(), b(Conv2d(8), b.input, name="first"), name="norm"))
    if masks:
        return b.genotype(b(Conv2d(classes, 1), x, name="head"))
    x = b(ReLU(), b(Conv2d(12), b(MaxPool2d(2), x, name="pool"), name="second"), name="relu2")
    return b.genotype(b(Linear(classes), b(Flatten(), b(GlobalAvgPool2d(), x)), name="head"))


def two_exits() -> Genotype:
    """The dearer exit comes first."""
    b = Builder((1, 12, 10))
    x = b(ReLU(), b(Conv2d(4), b.input))
    early = b(Linear(5), b(Flatten(), b(GlobalAvgPool2d(), x)), name="early")
    late = b(Linear(5), b(Flatten(), b(GlobalAvgPool2d(), b(ReLU(), b(Conv2d(9), x)))), name="late")
    return b.genotype(late, early)


def images(count: int = 90, channels: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (count, channels, 12, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("genotype", [convolutional(), two_exits()], ids=["one exit", "two exits"])
def test_the_confusion_is_scikit_learns(genotype: Genotype) -> None:
    found, pixels = subject(genotype), images()
    truth = torch.arange(90) % 5
    verdict = judge(found, pixels, truth)
    assert found.order == ((0,) if len(genotype.outputs) == 1 else (1, 0))
    with torch.inference_mode():
        answers = found.answers(found.normalised(pixels))
    for counts, answer in zip(verdict.counts, answers, strict=True):
        np.testing.assert_array_equal(counts, confusion_matrix(truth, answer.argmax(1), labels=range(5)))
    given = answers[-1].argmax(1)
    certain = answers[-1].softmax(1).amax(1)
    wrong = sorted((place for place in range(90) if given[place] != truth[place]), key=lambda place: (-certain[place], place))
    assert verdict.worst(7) == wrong[:7]
    assert len(verdict.worst(1000)) == len(wrong)
    assert verdict.answer.tolist() == given.tolist()


def bright() -> Subject:
    """Class 1 where a pixel is lighter than half, 2 where it is white, else 0."""
    b = Builder((1, 4, 4))
    genotype = b.genotype(b(Conv2d(3, 1, bias=True), b.input, name="head"))
    return subject(
        genotype,
        head__weight=torch.tensor([0.0, 10.0, 30.0]).reshape(3, 1, 1, 1),
        head__bias=torch.tensor([0.0, -5.0, -23.0]),
    )


def test_iou_is_what_one_counts_by_hand() -> None:
    pixels = torch.tensor([[[[0, 0, 255, 255], [0, 153, 153, 255], [0, 153, 153, 0], [0, 0, 0, 0]]]], dtype=torch.uint8)
    truth = torch.tensor([[[0, 0, 2, 2], [0, 1, 1, 2], [1, 1, 2, 0], [0, 0, 0, 255]]], dtype=torch.uint8)
    found = bright()
    verdict = judge(found, pixels, truth)
    [counts] = verdict.counts
    np.testing.assert_array_equal(counts, [[7, 0, 0], [1, 3, 0], [0, 1, 3]])  # the pixel without a class counts nowhere
    np.testing.assert_allclose(ious(counts), [7 / 8, 3 / 5, 3 / 4])
    known = truth.flatten() != 255
    given = found.last(found.normalised(pixels)).argmax(1).flatten()
    np.testing.assert_allclose(ious(counts), jaccard_score(truth.flatten()[known], given[known], average=None))
    assert verdict.share.tolist() == pytest.approx([2 / 15])
    assert confused(counts) == [(1, 0, 1), (2, 1, 1)]


def test_a_class_that_is_nowhere_has_no_iou() -> None:
    found = ious(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]))
    np.testing.assert_allclose(found, [3 / 4, 2 / 3, np.nan])


def test_masks_larger_than_the_network_are_judged_tile_by_tile_as_training_does() -> None:
    found = subject(convolutional(3, masks=True))
    rng = np.random.default_rng(0)
    parts = [Part(rng.integers(0, 256, (6, 1, 25, 23), dtype=np.uint8), rng.integers(0, 3, (6, 25, 23), dtype=np.uint8)) for _ in range(3)]
    data = Data("x", *parts, ("a", "b", "c"), (0.0,), (1.0,), False)
    feed = feed_of(task_of(data), data, torch.device("cpu"))
    feed = replace(feed, size=(12, 10))
    [metrics] = measure(found.network, feed, feed.validation, 4)
    pictures = Pictures(torch.tensor(data.validation.images), [str(n) for n in range(6)], torch.tensor(data.validation.labels))
    explained = explain(found, pictures, "t", "s", 4)
    assert explained.exits[0].error == pytest.approx(metrics["error"], abs=1e-6)
    assert explained.exits[0].wrong == pytest.approx(1 - metrics["pixel_accuracy"], abs=1e-6)
    assert [sample.picture.shape for sample in explained.samples] == [(12, 10, 1)] * 4
    assert explained.samples[0].true_mask is not None
    np.testing.assert_array_equal(explained.samples[0].true_mask, data.validation.labels[0][6:18, 6:16])
    assert all(one.picture.shape == (25, 23, 1) for one in explained.mistakes)


def test_what_is_asked_of_a_mask_is_its_commonest_class_but_the_ground() -> None:
    pixels = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    pixels[0, 0, 0] = 153
    found = bright()
    asked = asked_of(found, found.normalised(pixels))
    assert asked.labels.tolist() == [1, 0]
    assert asked.pixels is not None
    assert asked.pixels.sum((1, 2)).tolist() == [4, 16]
    lost = occlusion(found, found.normalised(pixels), asked)
    assert lost[0, 0].min() > 0
    assert torch.allclose(lost[0, 1:], torch.zeros(3, 4))  # each pixel stands for itself here


def test_an_explanation_is_whole_and_repeats() -> None:
    found, pixels, truth = subject(two_exits()), images(), torch.arange(90) % 5
    pictures = Pictures(pixels, [f"image {n}" for n in range(90)], truth)
    told: list[Progress] = []
    one, two = explain(found, pictures, "a network", "images", 7), explain(found, pictures, "a network", "images", 7, progress=told.append)
    assert [at.done for at in told] == list(range(1, told[0].trials + 1))
    assert one.plain() == two.plain()
    assert [each.name for each in one.exits] == ["early", "late"]
    assert [sample.truth for sample in one.samples] == [0, 1, 2, 3, 4, 0, 1]
    for sample in one.samples:
        number = int(sample.name.removeprefix("image "))
        np.testing.assert_array_equal(sample.picture[..., 0], pixels[number, 0])
        assert len(sample.answers) == 2
        assert sample.answers[-1][0].label == sample.asked.label
        assert sample.answers[-1][0].share == pytest.approx(sample.asked.share)
        assert sample.saliency.shape == sample.occlusion.shape == (12, 10)
    unknown = explain(found, Pictures(pixels, pictures.names), "a network", "images", 7)
    assert (unknown.judged, unknown.mistakes, unknown.exits[0].counts, unknown.exits[0].error) == (0, (), None, None)
    assert [sample.name for sample in unknown.samples] == [f"image {n}" for n in range(7)]


def test_images_in_detail_are_of_all_classes() -> None:
    truth = torch.tensor([2, 2, 2, 0, 0, 1, 2])
    assert various(truth, 4) == [3, 5, 0, 4]
    assert various(truth, 99) == [3, 5, 0, 4, 1, 2, 6]
    assert various(torch.zeros(10, 3, 3), 4) == [0, 3, 6, 9]
    assert various(torch.zeros(2, 3, 3), 4) == [0, 1]


def test_layers_are_those_that_end_a_resolution() -> None:
    genotype = convolutional()
    names = shown_layers(genotype)
    assert names == ("relu", "relu2")
    found = subject(genotype)
    inputs = found.normalised(images(3))
    told, maps = activations(found, inputs)
    assert told == names
    with torch.inference_mode():
        first = torch.relu(found.network.norm(found.network.first(inputs)))
    for image, planes in zip(first, maps, strict=True):
        order = image.mean((1, 2)).argsort(descending=True, stable=True)
        torch.testing.assert_close(planes[0], image[order])
        assert planes[1].shape == (8, 6, 5)
    assert all(1 <= len(shown_layers(build(name))) <= 4 for name in ("resnet18", "lenet5", "msdnet_cifar", "mobilenet_v2", "unet"))
    assert shown_layers(build("perceptron")) == ()


def test_first_filters_are_the_kernels_that_read_the_image() -> None:
    found = subject(convolutional(channels=3))
    filters = first_filters(found)
    assert filters is not None
    assert filters.name == "first"
    np.testing.assert_array_equal(filters.kernels, found.network.first.weight.detach().permute(0, 2, 3, 1).numpy())
    whole = first_filters(linear())
    assert whole is not None
    assert whole.kernels.shape == (4, 7, 9, 3)
    assert first_filters(bright()) is None  # kernels of one pixel


@pytest.mark.parametrize("name", ["srcnn_9_1_5", "flownet_s", "ssd300_vgg16", "unet"])
def test_other_networks_are_refused(name: str) -> None:
    words = "only networks that map one image (C, H, W) to (classes,), or to (classes, H, W) for masks, are explained"
    with pytest.raises(ExplainError, match=re.escape(words)):
        subject_of(build(name), {}, Description())


def test_what_does_not_belong_together_is_refused() -> None:
    genotype = convolutional()
    state = compile_network(genotype).state_dict()
    with pytest.raises(ExplainError, match="answers with 5 classes, and its data have 2"):
        subject_of(genotype, state, Description(classes=("a", "b")))
    with pytest.raises(ExplainError, match="means for 3 channels, and the network takes 1"):
        subject_of(genotype, state, Description(mean=(0.0,) * 3, std=(1.0,) * 3))
    with pytest.raises(WeightsError, match="of another network"):
        subject_of(convolutional(6), state, Description())
