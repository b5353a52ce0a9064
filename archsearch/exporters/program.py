"""`model.pt2`: the program that torch.export makes, for torch and what reads its programs.

Such a file can run code when it is loaded: only ever load one that you wrote yourself. Nothing here reads one but the check of what was
written a moment ago.
"""

from __future__ import annotations

import io

import torch

from archsearch.engines.program import quietly
from archsearch.exporters.base import Material, in_torch, one_file


def write_program(material: Material) -> bytes:
    """The file as bytes, with neither example inputs nor places of source in it."""
    written = io.BytesIO()
    with quietly():
        torch.export.save(material.program, written)
    return written.getvalue()


PROGRAM = one_file("model.pt2", write_program, loading=in_torch('network = torch.export.load("model.pt2").module()'), whole=True)
