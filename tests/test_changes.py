"""Random changes of training images: what each does, against formulas and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor

from archsearch.data import changes as c
from archsearch.data.augment import Changes
from archsearch.evaluators.base import Candidate
from archsearch.evaluators.train import Train
from tests.test_trainer import convolutional


def images(count: int = 6, channels: int = 3, side: int = 12, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (count, channels, side, side), generator=torch.Generator().manual_seed(seed)).float() / 255


def amounts(value: float, count: int = 6) -> Tensor:
    return torch.full((count,), value)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("change", c.CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_change_keeps_shape_and_range(change: c.Change, channels: int) -> None:
    pixels = images(channels=channels)
    for amount in (-1.0, -0.3, 0.5, 1.0):
        found = change(pixels, amounts(amount))
        assert found.shape == pixels.shape
        assert 0 <= found.min() <= found.max() <= 1.0001


NOTHING_AT_ZERO = (
    c.nothing, c.posterised, c.brightened, c.contrasted, c.saturated, c.sharpened, c.turned, c.sheared_across, c.sheared_down,
    c.moved_across, c.moved_down,
)  # fmt: skip


@pytest.mark.parametrize("change", NOTHING_AT_ZERO, ids=lambda change: change.__name__)
def test_no_amount_is_no_change(change: c.Change) -> None:
    pixels = images()
    torch.testing.assert_close(change(pixels, amounts(0.0)), pixels, atol=1e-5, rtol=0)
    if change not in (c.nothing,):
        assert not torch.allclose(change(pixels, amounts(0.9)), pixels, atol=0.01)


@pytest.mark.parametrize("change", c.LOCAL, ids=lambda change: change.__name__)
def test_local_changes_leave_a_flat_image_flat(change: c.Change) -> None:
    found = change(torch.full((2, 3, 8, 8), 0.4), amounts(0.7, 2))
    assert (found.amax((2, 3)) - found.amin((2, 3))).max() < 1e-5


def pillow(pixels: Tensor) -> Image.Image:
    return Image.fromarray((pixels * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


@pytest.mark.parametrize(
    ("change", "amount", "theirs"),
    [
        (c.stretched, 0.0, ImageOps.autocontrast),
        (c.posterised, 1.0, lambda image: ImageOps.posterize(image, 4)),
        (c.posterised, 0.5, lambda image: ImageOps.posterize(image, 6)),
        (c.solarised, 0.5, lambda image: ImageOps.solarize(image, 128)),
    ],
)
def test_changes_of_colour_are_those_of_pillow(change: c.Change, amount: float, theirs: object) -> None:
    pixels = images(1) * 0.8 + 0.1
    pixels = (pixels * 255).round() / 255
    ours = (change(pixels, amounts(amount, 1))[0] * 255).round().permute(1, 2, 0).numpy()
    expected = np.asarray(theirs(pillow(pixels[0])), dtype=np.float32)  # type: ignore[operator]
    assert np.abs(ours - expected).max() <= 1


def test_equalised_values_are_their_ranks() -> None:
    pixels = torch.tensor([0, 10, 10, 30, 200, 200, 250, 255, 255]).float().reshape(1, 1, 3, 3) / 255
    found = c.equalised(pixels, amounts(0, 1)).flatten()
    assert found.tolist() == pytest.approx([0, 1 / 7, 1 / 7, 3 / 7, 4 / 7, 4 / 7, 6 / 7, 1, 1])


def test_images_move_turn_and_shear() -> None:
    dot = torch.zeros(1, 1, 21, 21)
    dot[0, 0, 10, 10] = 1
    across = c.moved_across(dot, amounts(0.5, 1))[0, 0]
    assert divmod(int(across.argmax()), 21)[0] == 10
    assert abs(divmod(int(across.argmax()), 21)[1] - 10) in (3, 4)
    down = c.moved_down(dot, amounts(0.5, 1))[0, 0]
    assert divmod(int(down.argmax()), 21)[1] == 10
    bar = torch.zeros(1, 1, 21, 21)
    bar[0, 0, 10] = 1
    turned = c.turned(bar, amounts(1.0, 1))[0, 0]
    rows = turned.argmax(0)
    assert abs(int(rows[3]) - int(rows[17])) == pytest.approx(14 * np.tan(np.radians(30)), abs=1.5)
    assert abs(int(c.sheared_down(bar, amounts(1.0, 1))[0, 0].argmax(0)[17]) - 10) == 2


def test_drawn_changes_repeat_and_differ_from_image_to_image() -> None:
    pixels = images(40)
    changes = Changes(drawn=2)
    first, second = (changes.of_pixels(pixels, drawn(3), whole=True) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, changes.of_pixels(pixels, drawn(4), whole=True))
    assert sum(not torch.allclose(one, other) for one, other in zip(first, pixels, strict=True)) > 20
    torch.testing.assert_close(pixels, images(40))


def test_images_with_masks_are_changed_in_place_alone() -> None:
    dot = torch.zeros(60, 1, 9, 9)
    dot[:, 0, 2, 6] = 1
    found = Changes(drawn=1).of_pixels(dot, drawn(), whole=False)
    others = torch.ones(9, 9, dtype=torch.bool)
    others[1:4, 5:8] = False  # a blur reaches the pixels beside it
    assert (found[:, 0, others].amax(1) - found[:, 0, others].amin(1)).max() < 1e-5
    assert any(not torch.equal(one, dot[0]) for one in found)


def test_bytes_stay_bytes_where_nothing_is_drawn() -> None:
    stored = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    assert Changes(cutout=0.5).of_pixels(stored, drawn(), whole=True) is stored
    coloured = Changes(colour=0.3).of_pixels(stored, drawn(), whole=True)
    assert coloured.dtype == torch.float32
    assert 0 <= coloured.min() <= coloured.max() <= 1
    torch.testing.assert_close(c.adjusted(images(), torch.zeros(3, 6)), images(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("share", "side"), [(0.5, 6), (0.25, 3)])
def test_a_square_of_each_image_is_blanked(share: float, side: int) -> None:
    inputs = torch.rand(200, 2, 12, 12) + 1
    found = Changes(cutout=share).blanked(inputs, drawn())
    blank = (found == 0).all(1)
    assert torch.equal(found[~blank[:, None].expand_as(found)], inputs[~blank[:, None].expand_as(found)])
    heights, widths = blank.any(2).sum(1), blank.any(1).sum(1)
    assert torch.equal(blank.sum((1, 2)), heights * widths)
    assert heights.max() == widths.max() == side
    assert 1 <= heights.min() < side  # some stand over the edge
    assert Changes().blanked(inputs, drawn()) is inputs


def test_a_training_with_every_change_repeats_and_learns() -> None:
    options = Train(epochs=6, batch=32, cutout=0.3, mixup=0.2, colour=0.2, randaugment=1, shift=0.1, lr=0.02)
    results = [options.evaluate(Candidate(0, convolutional(norm=True), 1), lambda *_: False) for _ in range(2)]
    assert results[0] == results[1]
    assert results[0]["error"] < 0.8
