"""What ops on images compute, judged by plain definitions; their facts are judged in test_ops."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archsearch import Builder, Genotype, Op, TensorSpec, analyse, compile_network, layers
from archsearch import ops as o
from tests.meta_tracker import allocated_peak, inference, training_step
from tests.op_examples import EXAMPLES

C3 = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5),
    (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""Table I of LeCun et al. 1998."""


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def built(op: Op, *values: Tensor) -> nn.Module:
    module = op.build(layers, *(TensorSpec(tuple(value.shape[1:])) for value in values))
    assert isinstance(module, nn.Module)
    return module


def alone(op: Op, *shapes: tuple[int, ...]) -> Genotype:
    b = Builder(*shapes)
    return b.genotype(b(op, *b.inputs))


def test_sparse_convolution_is_a_convolution_with_zeros_where_the_table_lists_nothing() -> None:
    x, op = torch.randn(2, 6, 14, 14), o.SparseConv2d(C3, 5, padding=0)
    module = built(op, x)
    dense = nn.Conv2d(6, 16, 5)
    with torch.no_grad():
        dense.weight.zero_()
        dense.bias.copy_(module.bias)
        connections = [(target, source) for target, row in enumerate(C3) for source in row]
        for weight, (target, source) in zip(module.weight, connections, strict=True):
            dense.weight[target, source] = weight[0]
    torch.testing.assert_close(module(x), dense(x))
    assert (op.cost(TensorSpec((6, 14, 14))).params, op.cost(TensorSpec((6, 14, 14))).macs) == (1516, 150_000)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), ((1, 3), (2, 1), 0), (2, 3, (0, 1))])
def test_locally_connected_has_a_filter_for_each_place(kernel: int, stride: int, padding: int) -> None:
    x = torch.randn(2, 3, 6, 7)
    module = built(o.LocallyConnected2d(4, kernel, stride, padding), x)
    result = module(x)
    for place, (row, column) in enumerate(product(range(result.shape[2]), range(result.shape[3]))):
        filters = module.weight[place].view(4, 3, *module.kernel_size)
        everywhere = functional.conv2d(x, filters, module.bias[:, row, column], stride, padding)
        torch.testing.assert_close(result[:, :, row, column], everywhere[:, :, row, column])


def test_coordinates_run_from_minus_one_to_one() -> None:
    x = torch.randn(2, 3, 5, 7)
    module = built(o.CoordConv2d(4, radius=True), x)
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 5), torch.linspace(-1, 1, 7), indexing="ij")
    more = torch.stack([rows, columns, torch.hypot(rows, columns)]).expand(2, 3, 5, 7)
    torch.testing.assert_close(module(x), functional.conv2d(torch.cat([x, more], 1), module.weight, module.bias, padding=1))
    assert module.state_dict().keys() == {"weight", "bias"}


def test_weight_norm_parts_direction_from_length() -> None:
    for op, x in ((o.WeightNormConv2d(4), torch.randn(2, 3, 5, 5)), (o.WeightNormLinear(4), torch.randn(2, 3))):
        module = built(op, x)
        start = module(x)
        with torch.no_grad():
            module.weight_v *= 3
            torch.testing.assert_close(module(x), start)
            module.weight_g *= 2
            module.bias.zero_()
            doubled = module(x)
            module.weight_g /= 2
            torch.testing.assert_close(doubled, 2 * module(x))


def test_norms_agree_with_torch() -> None:
    x, tokens = torch.randn(2, 7, 3, 4) * 20, torch.randn(2, 5, 6)
    for size in (1, 3, 5, 9):
        ours = built(o.LocalResponseNorm(size, 0.01, 0.6, 2), x)(x)
        torch.testing.assert_close(ours, nn.LocalResponseNorm(size, 0.01, 0.6, 2)(x))
    ours, theirs = built(o.RMSNorm(1e-3), tokens), nn.RMSNorm(6, eps=1e-3)
    with torch.no_grad():
        ours.weight.uniform_()
        theirs.weight.copy_(ours.weight)
    gradients = []
    for module in (ours, theirs):
        leaf = tokens.clone().requires_grad_()
        module(leaf).square().sum().backward()
        gradients.append((leaf.grad, module.weight.grad))
    torch.testing.assert_close(ours(tokens), theirs(tokens))
    torch.testing.assert_close(*gradients)
    double = tokens.double().requires_grad_()
    assert torch.autograd.gradgradcheck(ours.double(), (double,))


def test_p_norms() -> None:
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(built(o.LPPool2d(2), x)(x), nn.LPPool2d(2, 2)(x))
    torch.testing.assert_close(built(o.LPPool2d(1, 3), x)(x), 9 * functional.avg_pool2d(x.abs(), 3))
    zeros = torch.zeros(1, 1, 2, 2, requires_grad=True)
    built(o.LPPool2d(3), zeros)(zeros).sum().backward()
    assert torch.equal(zeros.grad, torch.zeros(1, 1, 2, 2))


def test_unpooling_puts_values_back() -> None:
    x = torch.randn(2, 3, 7, 8)
    window = {"kernel": 3, "stride": 2, "padding": 1}
    values, places = built(o.MaxPool2d(**window), x)(x), built(o.MaxPoolIndices2d(**window), x)(x)
    assert places.dtype == torch.int64
    back = built(o.MaxUnpool2d(**window, size=(7, 8)), values, places)(values, places)
    torch.testing.assert_close(back.flatten(2).gather(2, places.flatten(2)).view_as(values), values)
    assert all(value == 0 or value == x.flatten()[i] for i, value in enumerate(back.flatten()))


def test_unpooling_in_a_network_is_counted_exactly() -> None:
    b = Builder((2, 7, 8))
    x = b(o.Conv2d(3), b.input)
    places, values = b(o.MaxPoolIndices2d(), x), b(o.MaxPool2d(), x)
    genotype = b.genotype(b(o.Conv2d(2, 1), b(o.MaxUnpool2d(size=(7, 8)), values, places)))
    assert_exact(genotype)
    assert analyse(genotype).receptive_field == (4, 4)


def test_fractional_windows_are_drawn_in_training_alone() -> None:
    x = torch.randn(2, 3, 9, 9)
    module = built(o.FractionalMaxPool2d(), x)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(module(x))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    state = torch.random.get_rng_state()
    assert torch.equal(module.eval()(x), module(x))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_channels_are_cut_and_padded() -> None:
    image, tokens = torch.randn(2, 4, 3, 3), torch.randn(2, 5, 6)
    assert torch.equal(built(o.Slice(1, 3), image)(image), image[:, 1:3])
    assert torch.equal(built(o.Slice(2), tokens)(tokens), tokens[:, :, 2:])
    padded = built(o.PadChannels(1, 2), image)(image)
    assert torch.equal(padded[:, 1:5], image)
    assert not padded[:, :1].any()
    assert not padded[:, 5:].any()
    assert torch.equal(built(o.PadChannels(after=1), tokens)(tokens)[..., :6], tokens)
    assert torch.equal(built(o.Crop2d(1, 0, 2), image)(image), image[:, :, 1:])
    pieces = built(o.Maxout(3), tokens)(tokens)
    assert torch.equal(pieces, torch.stack([tokens[..., :3].amax(-1), tokens[..., 3:].amax(-1)], -1))


def bilinear(image: Tensor, y: float, x: float) -> Tensor:
    """Value between the pixels of an image (C, H, W), the outermost reaching on for ever."""
    height, width = image.shape[1:]
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = y - top, x - left
    above = image[:, top, left] * (1 - across) + image[:, top, right] * across
    below = image[:, bottom, left] * (1 - across) + image[:, bottom, right] * across
    return above * (1 - down) + below * down


def test_regions_are_means_of_points_between_the_pixels() -> None:
    features = torch.randn(2, 3, 5, 8)
    boxes = torch.tensor([[[0, 0, 64, 40], [3, 8, 20, 31.0]], [[9, 9, 9.5, 30], [-5, -5, 70, 50]]])
    op = o.RoIAlign((2, 3), 1 / 8, 2)
    result = built(op, features, boxes)(features, boxes)
    for sample, box, row, column in product(range(2), range(2), range(2), range(3)):
        left, top, right, bottom = (boxes[sample, box] / 8).tolist()
        high, wide = (bottom - top) / 2, (right - left) / 3
        points = [
            bilinear(features[sample], top + (row + (i + 0.5) / 2) * high - 0.5, left + (column + (j + 0.5) / 2) * wide - 0.5)
            for i, j in product(range(2), range(2))
        ]
        torch.testing.assert_close(result[sample, box, :, row, column], sum(points) / 4, atol=1e-5, rtol=1e-5)


def mask_head() -> Genotype:
    b = Builder((4, 8, 8), (5, 4))
    boxes = b(o.RoIAlign(3, 0.5), b(o.Conv2d(6), b.inputs[0]), b.inputs[1])
    masks = b(o.ReLU(), b(o.ConvTranspose2d(4), b(o.ReLU(), b(o.Conv2d(8), boxes))))
    return b.genotype(b(o.Conv2d(2, 1), masks), b(o.Linear(7), b(o.FlattenBoxes(), boxes)))


def test_a_head_over_boxes_is_counted_exactly() -> None:
    genotype = mask_head()
    assert [spec.shape for spec in analyse(genotype).outputs] == [(5, 2, 6, 6), (5, 7)]
    assert_exact(genotype)


def test_boxes_are_convolved_one_by_one() -> None:
    boxes = torch.randn(2, 5, 4, 3, 3)
    for op in (o.Conv2d(6, 3, 2, groups=2), o.ConvTranspose2d(6, 3, output_padding=1)):
        module = built(op, boxes)
        single = built(op, boxes[:, 0])
        single.load_state_dict(module.state_dict())
        torch.testing.assert_close(module(boxes), torch.stack([single(boxes[:, i]) for i in range(5)], 1))
        assert op.cost(TensorSpec((5, 4, 3, 3))).macs == 5 * op.cost(TensorSpec((4, 3, 3))).macs


def assert_exact(genotype: Genotype) -> None:
    """Flops, saved bytes and both peaks are those of torch."""
    network, shapes = compile_network(genotype), [spec.shape for spec in genotype.inputs]
    for batch in (1, 2):
        analysis, step, forward = analyse(genotype, batch), training_step(network, shapes, batch, "sgd"), inference(network, shapes, batch)
        assert analysis.saved_bytes == step.saved
        assert analysis.training_peak_bytes == step.peak
        assert analysis.inference_peak_bytes == forward.peak
        assert analysis.flops * batch == forward.flops


ROUGH_ALONE = [(op, shapes[0]) for kind in ("local_response_norm", "locally_connected2d", "prelu") for op, shapes in EXAMPLES[kind]]


@pytest.mark.parametrize(("op", "shape"), ROUGH_ALONE)
def test_peaks_are_exact_where_a_gradient_passes(op: Op, shape: tuple[int, ...]) -> None:
    b = Builder(shape)
    before = o.Conv2d(shape[0], 1) if len(shape) == 3 else o.Linear(shape[-1])
    assert_exact(b.genotype(b(o.Sigmoid(), b(op, b(before, b.input)))))


def test_maxout_is_over_the_allocator_by_the_gradient_that_torch_makes_anew_where_it_is_watched() -> None:
    b = Builder((6,))
    genotype = b.genotype(b(o.Linear(4), b(o.Maxout(), b(o.Linear(64), b.input))))
    # under a dispatch mode, such as the tracker of storages is, max scatters its gradient into a second tensor, else in place
    again = 8 * 64 * 4
    assert analyse(genotype, 8).training_peak_bytes == allocated_peak(compile_network(genotype), [(6,)], 8) + again


UP = [
    o.Upsample(2, mode="nearest"), o.Upsample((2, 3)), o.Upsample(2, align_corners=True), o.Upsample(2, mode="bicubic"),
    o.Upsample(size=20), o.PixelShuffle(2), o.ConvTranspose2d(4), o.ConvTranspose2d(4, 3, 2, 1, 1), o.ConvTranspose2d(4, 4, 2, 1),
    o.ConvTranspose2d(4, 3, 3, 2, dilation=2), o.ConvTranspose2d(4, 5, 1, 2),
]  # fmt: skip


@pytest.mark.parametrize("op", UP, ids=str)
def test_the_receptive_field_of_larger_images_is_no_smaller_than_what_gradients_reach(op: Op) -> None:
    b = Builder((4, 10, 10))
    genotype = b.genotype(b(o.Conv2d(4, 3), b(op, b(o.Conv2d(4, 3), b.input))))
    field = analyse(genotype).receptive_field
    network = compile_network(genotype).double()
    x = torch.rand(1, 4, 10, 10, dtype=torch.float64, requires_grad=True)
    result = network(x)
    largest = 0
    for row in range(4, result.shape[2] - 4):
        (gradient,) = torch.autograd.grad(result[0, :, row, result.shape[3] // 2].sum(), x, retain_graph=True)
        reached = (gradient[0].abs().amax((0, 2)) > 0).nonzero()
        largest = max(largest, int(reached.max() - reached.min()) + 1)
    assert largest <= field[0] <= largest + 2
