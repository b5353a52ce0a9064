"""What a network takes over of the weights of the network that it was changed from."""

from archsearch.network.inheritance.inherited import Inherited, inherit

__all__ = ["Inherited", "inherit"]
