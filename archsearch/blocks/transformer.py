"""Transformer blocks over tokens (T, D): attention, or another way to mix tokens, and then a perceptron, each added to what it reads."""

from __future__ import annotations

from archsearch.blocks.basic import chain, numbered
from archsearch.network.builder import Builder, Value
from archsearch.ops import (
    GELU,
    Add,
    Attention,
    CrossAttention,
    Dropout,
    FromWindows,
    LayerNorm,
    Linear,
    Op,
    PatchMerge,
    StochasticDepth,
    Transpose,
    WindowAttention,
    Windows,
)
from archsearch.ops.base import Size, pair


def rates(most: float, blocks: int) -> list[float]:
    """Probabilities of stochastic depth that grow from 0 at the first block to `most` at the last (Huang et al. 2016, arXiv:1603.09382)."""
    return [most * block / max(1, blocks - 1) for block in range(blocks)]


def heads_of(features: int, head: int) -> int:
    """Number of heads with `head` features each. Raises ValueError when that does not divide."""
    if features % head:
        raise ValueError(f"{features} features are no multiple of head={head}; use a width that it divides")
    return features // head


def added(b: Builder, x: Value, branch: Value, absent: float = 0.0) -> Value:
    """Sum of x and a branch that is missing in training with probability `absent`, sample by sample."""
    return b(Add(), x, b(StochasticDepth(absent), branch) if absent else branch)


def perceptron(b: Builder, x: Value, hidden: int, features: int | None = None, *, dropout: float = 0.0) -> Value:
    """(T, D) -> (T, features): a linear map to `hidden` features, GELU, and a linear map, to D where nothing else is said."""
    drop: Op | None = Dropout(dropout) if dropout else None
    return numbered(b, x, [Linear(hidden), GELU(), drop, Linear(features or x.shape[-1]), drop])


def self_attention(b: Builder, x: Value, heads: int, *, fused: bool = True) -> Value:
    """(T, D) -> (T, D): queries, keys and values of every token, attention, and a linear map."""
    features = x.shape[-1]
    return chain(b, x, [("in_proj", Linear(3 * features)), ("attention", Attention(heads, fused)), ("out_proj", Linear(features))])


def cross_attention(b: Builder, x: Value, others: Value, heads: int, *, fused: bool = True) -> Value:
    """(T, D), (S, E) -> (T, D): the tokens of x read those of `others`."""
    features = x.shape[-1]
    queries, packed = b(Linear(features), x, name="queries"), b(Linear(2 * features), others, name="keys_values")
    return b(Linear(features), b(CrossAttention(heads, fused), queries, packed, name="attention"), name="out_proj")


def encoder(
    b: Builder, x: Value, heads: int, hidden: int, *, eps: float = 1e-6, dropout: float = 0.0, absent: float = 0.0, fused: bool = True
) -> Value:
    """(T, D) -> (T, D): the encoder block with norms first (Dosovitskiy et al. 2020, arXiv:2010.11929).

    `hidden`: features inside the perceptron; `absent`: probability of stochastic depth; `fused`: attention in one kernel.
    """
    y = b(LayerNorm(eps), x, name="ln_1")
    with b.scope("self_attention"):
        y = self_attention(b, y, heads, fused=fused)
    x = added(b, x, b(Dropout(dropout), y) if dropout else y, absent)
    y = b(LayerNorm(eps), x, name="ln_2")
    with b.scope("mlp"):
        y = perceptron(b, y, hidden, dropout=dropout)
    return added(b, x, y, absent)


def swin(
    b: Builder, x: Value, heads: int, height: int, width: int, *, size: Size = 7, shift: Size = 0, hidden: int = 0, absent: float = 0.0
) -> Value:
    """(height * width, D) -> the same: attention within windows of an image, rolled by `shift` first (Liu et al. 2021, arXiv:2103.14030).

    An axis with one window only is not rolled. `hidden`: features inside the perceptron, 4 * D where not given.
    """
    rolls = [0 if window >= side else roll for window, side, roll in zip(pair(size), (height, width), pair(shift), strict=True)]
    roll, features = (rolls[0], rolls[1]), x.shape[-1]
    y = b(LayerNorm(), x, name="norm1")
    with b.scope("attn"):
        y = b(Linear(3 * features), b(Windows(height, width, size, roll), y), name="qkv")
        y = b(WindowAttention(heads, height, width, size, roll), y, name="relative_position")
        y = b(FromWindows(height, width, size, roll), b(Linear(features), y, name="proj"))
    x = added(b, x, y, absent)
    y = b(LayerNorm(), x, name="norm2")
    with b.scope("mlp"):
        y = perceptron(b, y, hidden or 4 * features)
    return added(b, x, y, absent)


def patch_merging(b: Builder, x: Value, height: int, width: int) -> Value:
    """(height * width, D) -> (height / 2 * width / 2, 2 * D): every 2x2 patch becomes one token (arXiv:2103.14030)."""
    return chain(b, x, [PatchMerge(height, width), ("norm", LayerNorm()), ("reduction", Linear(2 * x.shape[-1], bias=False))])


def mixer(b: Builder, x: Value, mixing: int, hidden: int, *, eps: float = 1e-6) -> Value:
    """(T, D) -> (T, D): a perceptron across the tokens with `mixing` features inside, then one across the features with `hidden`.

    Tolstikhin et al. 2021 (arXiv:2105.01601).
    """
    y = b(Transpose(), b(LayerNorm(eps), x, name="norm1"), name="to_features")
    with b.scope("mlp_tokens"):
        y = perceptron(b, y, mixing)
    x = b(Add(), x, b(Transpose(), y, name="to_tokens"))
    y = b(LayerNorm(eps), x, name="norm2")
    with b.scope("mlp_channels"):
        y = perceptron(b, y, hidden)
    return b(Add(), x, y)
