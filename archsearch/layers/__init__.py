"""All layers that ops build from: torch.nn, and our few own modules, which need torch alone and travel with exported files."""

from torch.nn import *

from archsearch.layers.measure import measure as measure
from archsearch.layers.merge import *
