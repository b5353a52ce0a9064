"""The choices of a search: spaces, what can be known of them before one, and spaces around a network."""
