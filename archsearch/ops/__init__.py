"""All ops by kind; importing this package registers the built-in ones. A module's `__all__` holds its ops."""

from archsearch.ops.activation import *
from archsearch.ops.aten import *
from archsearch.ops.attention import *
from archsearch.ops.base import OPS as OPS
from archsearch.ops.base import Cost as Cost
from archsearch.ops.base import Facts as Facts
from archsearch.ops.base import Op as Op
from archsearch.ops.base import Saved as Saved
from archsearch.ops.base import Window as Window
from archsearch.ops.base import facts as facts
from archsearch.ops.base import register as register
from archsearch.ops.channel_activation import *
from archsearch.ops.channels import *
from archsearch.ops.constants import *
from archsearch.ops.convolution import *
from archsearch.ops.frozen_norm import *
from archsearch.ops.l2_norm import *
from archsearch.ops.layer_norm import *
from archsearch.ops.linear import *
from archsearch.ops.merge import *
from archsearch.ops.norm import *
from archsearch.ops.other_pooling import *
from archsearch.ops.pooling import *
from archsearch.ops.pyramid_regions import *
from archsearch.ops.regions import *
from archsearch.ops.resampling import *
from archsearch.ops.residual_scale import *
from archsearch.ops.response import *
from archsearch.ops.rms_norm import *
from archsearch.ops.scale import *
from archsearch.ops.shrinking import *
from archsearch.ops.split_attention import *
from archsearch.ops.token_products import *
from archsearch.ops.tokens import *
from archsearch.ops.transposed import *
from archsearch.ops.unfold import *
from archsearch.ops.unpooling import *
from archsearch.ops.unshared import *
from archsearch.ops.weight_norm import *
from archsearch.ops.weight_standard import *
