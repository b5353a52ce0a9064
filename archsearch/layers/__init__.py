"""All layers that ops build from: torch.nn, and our few own modules, which need torch alone and travel with exported files."""

from torch.nn import *

from archsearch.layers.aten import *
from archsearch.layers.attention import *
from archsearch.layers.constants import *
from archsearch.layers.convolution import *
from archsearch.layers.cut import *
from archsearch.layers.frozen_norm import *
from archsearch.layers.frugal import *
from archsearch.layers.l2_norm import *
from archsearch.layers.maxout import *
from archsearch.layers.merge import *
from archsearch.layers.norm import *
from archsearch.layers.pooling import *
from archsearch.layers.pyramid_regions import *
from archsearch.layers.regions import *
from archsearch.layers.residual_scale import *
from archsearch.layers.response import *
from archsearch.layers.scale import *
from archsearch.layers.split_attention import *
from archsearch.layers.token_products import *
from archsearch.layers.tokens import *
from archsearch.layers.unfold import *
from archsearch.layers.unshared import *
from archsearch.layers.weight_norm import *
from archsearch.layers.weight_standard import *
