"""A scene as SVG."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from xml.sax.saxutils import escape, quoteattr

from archsearch.design.drawing.palette import PAGE
from archsearch.design.drawing.scene import Scene
from archsearch.design.drawing.shapes import Arrow, Curve, Rect, Shape, Text

FONT = "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, 'DejaVu Sans', sans-serif"


def svg(scene: Scene) -> str:
    """The whole picture as one element, a line for each shape."""
    width, height = number(scene.width), number(scene.height)
    x, y = map(number, scene.origin)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
            f"aria-label={quoteattr(scene.title)} font-family={quoteattr(FONT)}>",
            f"<title>{escape(scene.title)}</title>",
            f'<rect width="{width}" height="{height}" fill="{PAGE}"/>',
            f'<g id="legend">\n{shapes(scene.legend)}\n</g>',
            f'<g id="network" transform="translate({x} {y})">\n{shapes(scene.network)}\n</g>',
            "</svg>\n",
        ]
    )


def shapes(drawn: Iterable[Shape]) -> str:
    """Shapes as elements."""
    return "\n".join(map(element, drawn))


@singledispatch
def element(shape: Shape) -> str:
    """One shape as an element."""
    raise TypeError(shape)


@element.register
def _(shape: Rect) -> str:
    box = " ".join(f'{name}="{number(value)}"' for name, value in zip(("x", "y", "width", "height", "rx"), shape[:5], strict=True))
    look = f'fill="{shape.fill}" stroke="{shape.stroke}" stroke-width="{number(shape.stroke_width)}"'
    key = "" if shape.key is None else f' data-box="{shape.key}"'
    return f"<rect {box} {look}{key}><title>{escape(shape.tip)}</title></rect>" if shape.tip else f"<rect {box} {look}{key}/>"


@element.register
def _(shape: Text) -> str:
    weight = ' font-weight="600"' if shape.bold else ""
    anchor = ' text-anchor="end"' if shape.anchor == "end" else ""
    place = f'x="{number(shape.x)}" y="{number(shape.y)}" font-size="{number(shape.size)}"'
    return f'<text {place}{weight}{anchor} fill="{shape.colour}" pointer-events="none">{escape(shape.text)}</text>'


@element.register
def _(shape: Curve) -> str:
    path = "".join(f"{move.kind}{' '.join(map(number, move.at))}" for move in shape.moves)
    return f'<path d="{path}" fill="none" stroke="{shape.colour}" stroke-width="{number(shape.width)}" stroke-linejoin="round"/>'


@element.register
def _(shape: Arrow) -> str:
    half = shape.size * 0.5
    points = (shape.x, shape.y), (shape.x - half, shape.y - shape.size), (shape.x + half, shape.y - shape.size)
    return f'<path d="M{"L".join(f"{number(x)} {number(y)}" for x, y in points)}Z" fill="{shape.colour}"/>'


def number(value: float) -> str:
    """At most two decimals, no zeros at the end, no minus before nothing."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
