"""The products that attention is made of, between tokens (N, T, D), head by head; they keep nothing but what they read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Context", "Lookup", "RowSoftmax", "Scores", "WeightedSum"]


def by_head(x: Tensor, heads: int) -> Tensor:
    """(N, T, heads * d) -> (N * heads, T, d)."""
    count, tokens, features = x.shape
    return x.view(count, tokens, heads, features // heads).transpose(1, 2).reshape(count * heads, tokens, features // heads)


def joined(x: Tensor, heads: int) -> Tensor:
    """(N * heads, T, d) -> (N, T, heads * d)."""
    if heads == 1:
        return x  # itself, not a view of it: what meets other gradients is added to in place then
    rows, tokens, features = x.shape
    return x.view(rows // heads, heads, tokens, features).transpose(1, 2).reshape(rows // heads, tokens, heads * features)


def scores_of(queries: Tensor, keys: Tensor, heads: int) -> Tensor:
    """(N, T, D), (N, S, D) -> (N * heads, T, S)."""
    return torch.bmm(by_head(queries, heads), by_head(keys, heads).transpose(1, 2))


def sums_of(weights: Tensor, values: Tensor, heads: int) -> Tensor:
    """(N * heads, T, S), (N, S, D) -> (N, T, D)."""
    return joined(torch.bmm(weights, by_head(values, heads)), heads)


def context_of(keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """(N, S, D), (N, S, E) -> (N * heads, D / heads, E / heads)."""
    return torch.bmm(by_head(keys, heads).transpose(1, 2), by_head(values, heads))


class Products(torch.autograd.Function):
    """Products of tokens with tokens: `features` are summed over, else the tokens; the result has samples and heads in one axis."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, heads: int, features: bool) -> Tensor:
        ctx.save_for_backward(first, second)
        ctx.heads = heads
        ctx.features = features
        return (scores_of if features else context_of)(first, second, heads)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        first, second = ctx.saved_tensors
        turned = gradient.transpose(1, 2)
        of_first = of_second = None
        if ctx.needs_input_grad[0]:
            of_first = sums_of(gradient, second, ctx.heads) if ctx.features else looked_up(second, turned, ctx.heads)
        if ctx.needs_input_grad[1]:
            of_second = sums_of(turned, first, ctx.heads) if ctx.features else looked_up(first, gradient, ctx.heads)
        return of_first, of_second, None, None


def looked_up(queries: Tensor, matrices: Tensor, heads: int) -> Tensor:
    """(N, T, D), (N * heads, D / heads, e) -> (N, T, heads * e)."""
    return joined(torch.bmm(by_head(queries, heads), matrices), heads)


class Sums(torch.autograd.Function):
    """Products of matrices (N, heads, A, B) with tokens, whose tokens they weigh, or, as `features`, whose features they change."""

    @staticmethod
    def forward(ctx: Any, matrices: Tensor, tokens: Tensor, features: bool) -> Tensor:
        ctx.save_for_backward(matrices, tokens)
        ctx.features = features
        rows, heads = matrices.flatten(0, 1), matrices.shape[1]
        return looked_up(tokens, rows, heads) if features else sums_of(rows, tokens, heads)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        matrices, tokens = ctx.saved_tensors
        rows, heads = matrices.flatten(0, 1).transpose(1, 2), matrices.shape[1]
        of_matrices = of_tokens = None
        if ctx.needs_input_grad[0]:
            made = context_of(tokens, gradient, heads) if ctx.features else scores_of(gradient, tokens, heads)
            of_matrices = made.view(matrices.shape)
        if ctx.needs_input_grad[1]:
            of_tokens = looked_up(gradient, rows, heads) if ctx.features else sums_of(rows, gradient, heads)
        return of_matrices, of_tokens, None


class OfTokens(nn.Module):
    """Products of two rows of tokens, head by head; `features` are summed over, else the tokens."""

    features: bool

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        rows: Tensor = Products.apply(first, second, self.heads, self.features)  # type: ignore[no-untyped-call]
        return rows.view(first.shape[0], self.heads, *rows.shape[1:])

    def extra_repr(self) -> str:
        return f"{self.heads}"


class Scores(OfTokens):
    """(N, T, D), (N, S, D) -> (N, heads, T, S): products of every token of the first with every one of the second."""

    features = True


class Context(OfTokens):
    """(N, S, D), (N, S, E) -> (N, heads, D / heads, E / heads): products of every two features, summed over the tokens."""

    features = False


class WeightedSum(nn.Module):
    """(N, heads, T, S), (N, S, D) -> (N, T, D): sums of the tokens of the second by the weights of the first."""

    def forward(self, weights: Tensor, values: Tensor) -> Tensor:
        result: Tensor = Sums.apply(weights, values, False)  # type: ignore[no-untyped-call]
        return result


class Lookup(nn.Module):
    """(N, heads, D / heads, E), (N, T, D) -> (N, T, heads * E): a matrix of its own for every sample and head."""

    def forward(self, matrices: Tensor, queries: Tensor) -> Tensor:
        result: Tensor = Sums.apply(matrices, queries, True)  # type: ignore[no-untyped-call]
        return result


class RowSoftmax(nn.Module):
    """(N, C, H, W) -> the same: softmax along every row."""

    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(-1)
