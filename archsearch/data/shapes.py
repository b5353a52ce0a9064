"""Shapes on textures: a segmentation dataset made by code, for tests and first steps."""

from __future__ import annotations

import numpy as np

from archsearch.data.base import Bytes, Images

COUNT, SIZE, MOST_SHAPES = 1000, 24, 2
CLASSES = ("background", "disc", "box", "triangle")
DARK, LIGHT = (0.1, 0.55), (0.45, 0.9)
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def shapes() -> Images:
    """1,000 images (3, 24, 24) of one or two discs, boxes and triangles, turned and partly hidden, always the same ones.

    All are filled with gratings and noise of random colours. Shapes are lighter than the background in most places; which shape it is,
    its outline alone tells.
    """
    rng = np.random.default_rng(20260101)
    drawn = [draw(rng) for _ in range(COUNT)]
    pixels, masks = (np.stack(parts) for parts in zip(*drawn, strict=True))
    return Images("shapes", pixels, masks, CLASSES, flip=True)


def draw(rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """One image, (3, SIZE, SIZE), and its mask; later shapes lie over earlier ones."""
    image, mask = texture(rng, DARK), np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(rng.integers(1, MOST_SHAPES + 1)):
        label = int(rng.integers(1, len(CLASSES)))
        inside = outline(label, rng)
        image, mask = np.where(inside, texture(rng, LIGHT), image), np.where(inside, np.uint8(label), mask)
    noisy = image + rng.normal(0, 0.03, image.shape)
    return (255 * noisy.clip(0, 1)).round().astype(np.uint8), mask


def texture(rng: np.random.Generator, shades: tuple[float, float]) -> Floats:
    """A grating of any direction and width, and of colours between these, (3, SIZE, SIZE)."""
    down, right = np.mgrid[:SIZE, :SIZE]
    turn, waves, start = rng.uniform(0, np.pi), rng.uniform(0.05, 0.3), rng.uniform(0, 2 * np.pi)
    grating = np.sin(2 * np.pi * waves * (down * np.sin(turn) + right * np.cos(turn)) + start)
    colour, contrast = rng.uniform(*shades, (3, 1, 1)), rng.uniform(-0.12, 0.12, (3, 1, 1))
    return np.asarray(colour + contrast * grating)


def outline(label: int, rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which pixels a shape of that class covers, (SIZE, SIZE), somewhere, of some size, turned somehow."""
    radius, turn = rng.uniform(5, 8), rng.uniform(0, 2 * np.pi)
    centre = rng.uniform(radius / 2, SIZE - radius / 2, 2)
    down, right = np.mgrid[:SIZE, :SIZE] - centre[:, None, None]
    if CLASSES[label] == "disc":
        return np.asarray(down**2 + right**2 < radius**2)
    sides, reach = (4, 0.85) if CLASSES[label] == "box" else (3, 0.65)
    normals = turn + 2 * np.pi * np.arange(sides)[:, None, None] / sides
    return np.asarray((down * np.sin(normals) + right * np.cos(normals) < reach * radius).all(0))
