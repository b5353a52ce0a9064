"""One order for all networks that are the same but for names, order and swapped operands, and a digest of it."""

from archsearch.network.isomorphism.arrangement import Arrangement, arrange, common, digest
from archsearch.network.isomorphism.colour import hashed, op_colour

__all__ = ["Arrangement", "arrange", "common", "digest", "hashed", "op_colour"]
