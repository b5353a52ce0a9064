"""Graphviz, where its `dot` is installed: it paints our pictures as PNG, and lays out the DOT text where asked to."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from archsearch.design.drawing.boxes import DrawingError
from archsearch.design.drawing.diagram import quoted
from archsearch.design.drawing.palette import PAGE
from archsearch.design.drawing.scene import Scene
from archsearch.design.drawing.shapes import Arrow, Curve, Move, Rect, Shape, Text

SECONDS = 120
SHARPNESS, MOST_PIXELS = 2.0, 16_000
"""Pixels of a PNG for one of the picture, and the most on a side."""
FONT, BOLD = "DejaVu Sans, Helvetica, Arial", 1
PIECE = 4000
LIFT = 0.2
"""So far above its place Graphviz writes a text, in parts of its size."""
CORNER = 0.45
"""Where the handles of a round corner stand, from its end."""


def png(scene: Scene) -> bytes:
    """The picture as PNG, painted by Graphviz exactly as it stands in the SVG. Raises DrawingError."""
    sharpness = min(SHARPNESS, MOST_PIXELS / max(scene.width, scene.height))
    return run_dot(canvas(scene), "-Kneato", "-n2", "-Tpng", f"-Gdpi={72 * sharpness:.3f}")


def run_dot(text: str, *options: str) -> bytes:
    """What `dot` makes of a DOT text.

    Raises:
        DrawingError: Graphviz is not installed, fails, or takes too long.
    """
    program = shutil.which("dot")
    if program is None:
        raise DrawingError(
            "this needs Graphviz (`dot`), which is not installed; write an .svg, which needs nothing, and open it in a browser"
        )
    try:
        done = subprocess.run([program, *options], input=text.encode(), capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise DrawingError(f"Graphviz took over {SECONDS} seconds; fold more with a smaller depth, or write an .svg") from None
    if done.returncode or not done.stdout:
        said = " ".join(done.stderr.decode(errors="replace").split())[:200]
        raise DrawingError(f"Graphviz failed: {said or f'exit code {done.returncode}'}; write an .svg, which needs nothing")
    return done.stdout


def canvas(scene: Scene) -> str:
    """An empty graph of the picture's size with the picture as its background, in Graphviz' drawing language (xdot)."""
    wide, high = f"{scene.width:.2f}", f"{scene.height:.2f}"
    ops = [f"c {word(PAGE)} C {word(PAGE)} P 4 0 0 {wide} 0 {wide} {high} 0 {high}"]
    ops += map(Painter(0.0, scene.height).op, scene.legend)
    ops += map(Painter(scene.origin[0], scene.height - scene.origin[1]).op, scene.network)
    room = f'node [shape=point, style=invis, width=0, height=0]; a [pos="0,0!"]; b [pos="{wide},{high}!"];'
    return f"graph {{ graph [pad=0, margin=0, _background={in_pieces(' '.join(ops))}]; {room} }}\n"


Point = tuple[float, float]


class Painter(NamedTuple):
    """Writes shapes in that language, which counts y from the bottom: `left` and `top` are where theirs is 0."""

    left: float
    top: float

    def op(self, shape: Shape) -> str:
        """One shape."""
        match shape:
            case Rect():
                return f"{pen(shape.stroke, shape.stroke_width)} C {word(shape.fill)} {self.rounded(shape)}"
            case Text():
                place = f"{shape.x + self.left:.2f} {self.top - shape.y - LIFT * shape.size:.2f} {1 if shape.anchor == 'end' else -1} 0"
                return f"t {BOLD if shape.bold else 0} F {shape.size} {word(FONT)} c {word(shape.colour)} T {place} {word(shape.text)}"
            case Curve():
                return f"{pen(shape.colour, shape.width)} {' '.join(self.strokes(shape))}"
            case Arrow():
                back, half = shape.y - shape.size, shape.size / 2
                points = [(shape.x, shape.y), (shape.x - half, back), (shape.x + half, back)]
                return f"{pen(shape.colour, 0)} C {word(shape.colour)} P {self.listed(points)}"

    def rounded(self, shape: Rect) -> str:
        """A filled rectangle, with round corners as one closed Bézier curve."""
        left, top, right, low = shape.x, shape.y, shape.x + shape.width, shape.y + shape.height
        radius = min(shape.radius, shape.width / 2, shape.height / 2)
        if not radius:
            return f"P {self.listed([(left, top), (right, top), (right, low), (left, low)])}"
        points: list[Point] = [(left + radius, top)]
        for x, y, (in_x, in_y), (out_x, out_y) in (
            (right, top, (-1, 0), (0, 1)), (right, low, (0, -1), (-1, 0)), (left, low, (1, 0), (0, -1)), (left, top, (0, 1), (1, 0)),
        ):  # fmt: skip
            start = (x + radius * in_x, y + radius * in_y)
            bend = ((x + radius * way_x * CORNER, y + radius * way_y * CORNER) for way_x, way_y in ((in_x, in_y), (out_x, out_y)))
            points += [points[-1], start, start, *bend, (x + radius * out_x, y + radius * out_y)]
        return f"b {self.listed(points)}"

    def strokes(self, curve: Curve) -> Iterator[str]:
        """A curve as open Bézier curves, one for each time that it starts anew."""
        points: list[Point] = []
        for kind, at in (*curve.moves, Move("M", (0.0, 0.0))):
            pairs = list(zip(at[::2], at[1::2], strict=True))
            if kind != "M":
                points += pairs if kind == "C" else [points[-1], *pairs, *pairs]
                continue
            if points:
                yield f"B {self.listed(points)}"
            points = pairs

    def listed(self, points: list[Point]) -> str:
        """Points with their number."""
        return f"{len(points)} {' '.join(f'{x + self.left:.2f} {self.top - y:.2f}' for x, y in points)}"


def pen(colour: str, width: float) -> str:
    """A line's look."""
    return f"S {word(f'setlinewidth({width})')} c {word(colour)}"


def word(text: str) -> str:
    """A text with its length in bytes."""
    return f"{len(text.encode())} -{text}"


def in_pieces(text: str) -> str:
    """A long text as a sum of DOT strings, since Graphviz reads none over 16 kB."""
    return " + ".join(quoted(text[start : start + PIECE]) for start in range(0, len(text), PIECE))
