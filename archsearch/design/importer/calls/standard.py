"""Convolutions by filters that are standardised on the way."""

from __future__ import annotations

from archsearch.design.importer.calls.call import Call
from archsearch.design.importer.calls.form import as_image, image_seen, pixels
from archsearch.design.importer.calls.weighted import check_axes, required, sliding
from archsearch.design.importer.content import Content
from archsearch.design.importer.writer import Writer
from archsearch.ops import WeightStandardConv2d


def standard_convolution(writer: Writer, call: Call) -> Content:
    """conv2d with a weight that batch norm has brought to mean 0 and variance 1, filter by filter."""
    seen, weight, gain = call.seen("input"), required(call, "weight"), call.constant("gain")
    channels, _, *kernel = weight.shape
    check_axes(len(seen.axes), len(kernel))
    size = pixels(kernel, 4, 1)
    x, sizes, padding = sliding(writer, call, as_image(writer, seen, call.place), size, 4)
    bias = call.constant("bias")
    fields = {**sizes, "padding": padding, "groups": call["groups"], "bias": bias is not None}
    op = WeightStandardConv2d(channels, size, eps=call["eps"], gain=gain is not None, scale=call["scale"], **fields)
    flat = None if gain is None else gain.moved(lambda tensor: tensor.flatten())
    weights = {"weight": weight, "bias": bias, "gain": flat}
    return image_seen(seen, writer.emit(op, x.value, place=call.place, weights=weights))
