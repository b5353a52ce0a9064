"""The operators that a program may call, read off torch: python -m tests.aten_operators writes archsearch/ops/aten_operators.txt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

FILE = Path(__file__).parents[1] / "archsearch" / "ops" / "aten_operators.txt"
TAGS = {torch.Tag.nondeterministic_seeded, torch.Tag.inplace_view, torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
TYPES = {
    "Tensor", "Optional[Tensor]", "List[Tensor]", "List[Optional[Tensor]]", "int", "Optional[int]", "List[int]", "Optional[List[int]]",
    "float", "Optional[float]", "List[float]", "Optional[List[float]]", "bool", "Optional[bool]", "number", "Optional[number]",
}  # fmt: skip
ALSO = (
    "index.Tensor", "scaled_dot_product_attention.default", "_upsample_bicubic2d_aa.vec", "_upsample_bilinear2d_aa.vec",
    "_weight_norm.default", "gru.input", "lstm.input", "rnn_relu.input", "rnn_tanh.input",
)  # fmt: skip
"""The first gives a shape that depends on masks alone, and is called with places; the second draws where it is told to, as recurrent
nets do between their layers; the others are private by name alone."""
IN_MEMORY = {"view.default", "view.dtype", "view_as.default", "view_as_complex.default"}
"""They read elements as they lie in memory, which differs from one use of a network to the next."""
TEXTS = {"einsum", "gelu", "div", "pad"}
"""Operators with a text among their arguments: a sum's formula, a kind of approximation, of rounding, of padding."""
LEFT_OUT = (
    "backward", "cudnn", "mkldnn", "miopen", "sparse", "fbgemm", "lstm", "gru", "rnn", "set", "lift", "pin_memory",
    "copy", "empty", "coalesce", "loss", "histogram", "q_", "linalg_eig", "lu_", "choose", "as_strided", "resize",
    "hash", "int_repr", "indices.", "values.", "data.", "renorm", "flatten_dense", "smm", "sspaddmm", "hspmm",
    "inverse", "nonzero", "batch_norm_", "overrideable", "thnn", "slow_conv", "matrix_H", "resolve", "chalf",
    "dequantize", "quantize_", "quantized", "to_dense", "to_padded",
)  # fmt: skip
"""Parts of names: other devices and number formats, gradients, losses, cells of recurrent nets, memory that is not filled."""


def allowed() -> list[str]:
    """Names with overloads, sorted."""
    found = []
    for full in torch._C._dispatch_get_all_op_names():
        name, _, overload = full.removeprefix("aten::").partition(".")
        if not full.startswith("aten::") or name.startswith("_") or any(part in f"{name}." for part in LEFT_OUT):
            continue
        try:
            operator = getattr(getattr(torch.ops.aten, name), overload or "default")
        except (AttributeError, RuntimeError):
            continue
        if is_pure(operator, name) and f"{name}.{overload or 'default'}" not in IN_MEMORY:
            found.append(f"{name}.{overload or 'default'}")
    return sorted({*found, *ALSO})


def is_pure(operator: Any, name: str) -> bool:
    """Whether an operator computes tensors from tensors and plain values, and does nothing else."""
    schema = operator._schema
    types = TYPES | ({"str", "Optional[str]"} if name in TEXTS else set())
    needed = [a for a in schema.arguments if not a.has_default_value()]
    reads = any("Tensor" in str(a.type) for a in schema.arguments)
    gives = [str(result.type) for result in schema.returns]
    return (
        reads
        and not schema.is_mutable
        and not TAGS & set(operator.tags)
        and all(str(a.type) in types for a in needed)
        and bool(gives)
        and all(given in ("Tensor", "List[Tensor]") for given in gives)
    )


if __name__ == "__main__":
    FILE.write_text("\n".join(allowed()) + "\n", encoding="utf-8")
