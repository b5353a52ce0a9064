"""Fabrics: grids of layers and scales in which every edge can be kept or dropped (Saxena & Verbeek 2016, arXiv:1606.02492).

`masks` say which edges there are, `forms` and `families` what they are made of, `weave` makes the nodes; `held` tells which weights
belong to an edge.
"""

from archsearch.blocks.fabric.families import Dense, Grid, Hrnet, Residual, Unet
from archsearch.blocks.fabric.forms import NORM_RELU, Form, Plain
from archsearch.blocks.fabric.grid import START, Edge, Place, choices, live, walked
from archsearch.blocks.fabric.held import held, whole
from archsearch.blocks.fabric.masks import Layout, mask_edges
from archsearch.blocks.fabric.weave import weave

__all__ = [
    "NORM_RELU",
    "START",
    "Dense",
    "Edge",
    "Form",
    "Grid",
    "Hrnet",
    "Layout",
    "Place",
    "Plain",
    "Residual",
    "Unet",
    "choices",
    "held",
    "live",
    "mask_edges",
    "walked",
    "weave",
    "whole",
]
