"""All ops by kind; importing this package registers the built-in ones. A module's `__all__` holds its ops."""

from archsearch.ops.activation import *
from archsearch.ops.base import OPS as OPS
from archsearch.ops.base import Cost as Cost
from archsearch.ops.base import Facts as Facts
from archsearch.ops.base import Op as Op
from archsearch.ops.base import Saved as Saved
from archsearch.ops.base import Window as Window
from archsearch.ops.base import facts as facts
from archsearch.ops.base import nearest as nearest
from archsearch.ops.base import register as register
from archsearch.ops.convolution import *
from archsearch.ops.linear import *
from archsearch.ops.merge import *
from archsearch.ops.norm import *
from archsearch.ops.pooling import *
