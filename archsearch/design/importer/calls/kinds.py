"""Kinds of ATen calls, by name, beside what the table says of each."""

from __future__ import annotations

REGROUPED = ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "_unsafe_view")
"""Elements in order, in another shape."""
PERMUTED = ("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "mT", "numpy_T")
"""Axes in another order."""
SAME = ("contiguous", "clone", "alias", "detach", "to", "_to_copy", "type_as", "lift_fresh_copy")
"""What they read."""
CUT = ("slice", "narrow", "select", "unbind", "chunk", "split", "split_with_sizes", "tensor_split")
"""Parts of an axis."""
STRETCHED = ("expand", "expand_as")
"""Axes of length 1, repeated."""

MOVES = frozenset({*REGROUPED, *PERMUTED, *SAME, *CUT, *STRETCHED} - {"to", "_to_copy", "type_as"}) | {
    "cat", "stack", "repeat", "embedding", "index", "index_select", "flip", "roll",
}  # fmt: skip
"""Calls that put elements in other places and change none."""
CASTS = frozenset({"to", "_to_copy", "type_as"})
"""Calls that change the type of numbers."""
INDICES = frozenset({"index", "indices", "repeats"})
"""Arguments that say where elements are."""
DROPPED = ("dropout", "feature_dropout")
"""Calls that hand on what they read, in inference."""
SHARED = frozenset({"_to_copy", "_unsafe_view", "contiguous", "to", "type_as", *DROPPED})
"""Calls whose result may lie in the memory of what they read, beside those whose schema says so."""
SHAPED = frozenset({"empty_like", "full_like", "new_empty", "new_full", "new_ones", "new_zeros", "ones_like", "zeros_like"})
"""Calls that read nothing of a tensor but its shape."""
RECURRENT = ("gru", "lstm", "rnn_relu", "rnn_tanh")
"""Calls that go along an axis step by step: `(x, states, weights, has_biases, layers, dropout, train, ...)`."""
