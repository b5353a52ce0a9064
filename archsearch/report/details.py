"""One network of a run as plain JSON: what the page shows of a selected trial besides its row."""

from __future__ import annotations

from typing import Any

from archsearch.analysis import analyse
from archsearch.design.drawing.data import drawing_data
from archsearch.network.genotype import Genotype


def detail(text: str) -> dict[str, Any]:
    """A network, as recorded in JSON text, for the page.

    - `genotype`: the text.
    - `drawing`: what the page draws (see `archsearch.design.drawing.data.drawing_data`).
    - `memory`: `names` of the nodes, bytes `live` after each in inference (one sample, float32) besides `state`, the bytes of weights
      and buffers, and `peak`, the largest number of bytes, those of `state` included.
    - `undrawn`: why one of these is missing: an op of the user's own, a text that is no genotype, more boxes than can be drawn.
    """
    told: dict[str, Any] = {"genotype": text}
    try:
        genotype = Genotype.from_json(text)
        found = analyse(genotype)
        names = [node.name for node in genotype.nodes]
        live = list(found.timeline.inference)
        told["memory"] = {"names": names, "live": live, "state": found.state_bytes, "peak": found.inference_peak_bytes}
        told["drawing"] = drawing_data(genotype)
    except ValueError as error:  # of the text, of an op that is not known here, or of the drawing
        told["undrawn"] = str(error)
    return told
