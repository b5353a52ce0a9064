"""Stretches of a network that keep the shape and can have a shortcut around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archsearch.design.edit.widths import size
from archsearch.ops.base import Op
from archsearch.spaces.around.scopes import Scopes
from archsearch.spaces.around.shortcuts import POINT, sets_weights


class Stretch(NamedTuple):
    """From the value `start` one thing follows the other up to `end`, which has the same shape as given."""

    start: int
    end: int


class Layer(NamedTuple):
    """A convolution or linear map, and the last of what follows it before the next one."""

    first: int
    last: int


def stretches(scopes: Scopes, taken: set[int]) -> list[Stretch]:
    """Two layers after another, or one where there is no second, that keep the shape; `taken` values are in none.

    One of the layers looks around: a map of single pixels is no layer by itself.
    """
    found = []
    for start, row in rows(scopes, taken):
        ends = [start, *(layer.last for layer in row)]
        for place in range(0, len(row), 2):
            layers = row[place : place + 2]
            if any(looks_around(scopes.op(layer.first)) for layer in layers):
                found.append(Stretch(ends[place], layers[-1].last))
    return found


def looks_around(op: Op) -> bool:
    """Whether a result depends on more than one place."""
    return op.window().whole or op.window().kernel != POINT


def rows(scopes: Scopes, taken: set[int]) -> Iterator[tuple[int, list[Layer]]]:
    """What goes into a row of layers that keep the shape, each after the one before, and the layers."""
    done: set[int] = set()
    for value in range(len(scopes.genotype.inputs), len(scopes.genotype.specs)):
        if value in done or value in taken or not begins_layer(scopes, value):
            continue
        (start,) = scopes.reads(value)
        row: list[Layer] = []
        while (layer := next_layer(scopes, row[-1].last if row else start, taken)) is not None:
            row.append(layer)
        done.update(layer.first for layer in row)
        if row:
            yield start, row


def begins_layer(scopes: Scopes, value: int) -> bool:
    """Whether a node is a convolution or linear map of one value."""
    return sets_weights(scopes.op(value)) and len(scopes.reads(value)) == 1


def next_layer(scopes: Scopes, start: int, taken: set[int]) -> Layer | None:
    """The one layer that reads a value, if it keeps its shape."""
    specs = scopes.genotype.specs
    layers = [reader for reader in scopes.readers[start] if reader >= 0 and begins_layer(scopes, reader) and reader not in taken]
    if len(layers) != 1:
        return None
    value = layers[0]
    while len(scopes.readers[value]) == 1:
        (reader,) = scopes.readers[value]
        if reader < 0 or reader in taken or len(scopes.reads(reader)) != 1 or begins_layer(scopes, reader):
            break
        if len(specs[reader].shape) != len(specs[start].shape) or size(specs[reader]) != size(specs[start]):
            break
        value = reader
    same = specs[value] == specs[start] and -1 not in scopes.readers[value]
    return Layer(layers[0], value) if same else None
