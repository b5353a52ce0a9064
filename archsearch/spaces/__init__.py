"""Spaces: the choices of a search, what can be known of them before one, and spaces around a network."""
