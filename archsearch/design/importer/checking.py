"""Does a genotype compute what its module computes, sample by sample?"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from archsearch.design.importer.fallback import given_arguments
from archsearch.design.importer.place import ImporterError, Place, described, place_of, refusal
from archsearch.design.importer.trace import Examples, evaluated, listed, trace

if TYPE_CHECKING:
    from archsearch.design.importer.network import Imported

MOST_APART = 1e-3
"""Share of an output's greatest number: more than rounding does in other kernels, far less than a wrong op."""


def check_same(module: nn.Module, found: Imported, example_inputs: Examples) -> None:
    """Raise ImporterError unless a module and its genotype's network compute the same."""
    for name, share in zip(found.outputs, differences(module, found, example_inputs), strict=True):
        if share > MOST_APART:
            if frozen := batch_number(module, example_inputs):
                raise refusal("a number that is made from the batch size", frozen, "a genotype computes each sample by itself")
            text = f"the network computes something else than the module: output {name!r} differs by {share:.1e} of its greatest number"
            raise ImporterError(f"{text}; where the module is not in float32, give module.float()")


def check_apart(found: Imported) -> None:
    """Raise ImporterError where a sample's result depends on the samples beside it, which calls of torch's own may do."""
    if not found.borrowed:
        return
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(2, *spec.shape, generator=generator) for spec in found.genotype.inputs]
    network = found.network()
    with torch.no_grad():
        both, alone = (tree_leaves(network(*(tensor[:count] for tensor in drawn))) for count in (2, 1))
    for name, one, two in zip(found.outputs, alone, both, strict=True):
        if apart(one, two[:1]) > MOST_APART:
            raise ImporterError(f"output {name!r} of a sample depends on the samples beside it; a genotype computes each by itself")


def batch_number(module: nn.Module, example_inputs: Examples) -> Place | None:
    """Where the trace has a number, other than a size, that depends on how many samples are traced; None where it has none."""
    first = trace(module, example_inputs)
    other = trace(module, example_inputs, also=first.batch)
    for one, two in zip(first.graph.nodes, other.graph.nodes, strict=False):
        if one.op == two.op == "call_function" and numbers_of(one) != numbers_of(two):
            return place_of(one)
    return None


def numbers_of(node: fx.Node) -> list[Any]:
    """Numbers among the arguments of a call, those aside that its schema calls whole: sizes and axes."""
    if not hasattr(node.target, "_schema"):
        return []
    return [
        argument for a, argument in given_arguments(node.target, node) if "int" not in str(a.type) and isinstance(argument, int | float)
    ]


def difference(module: nn.Module, found: Imported, example_inputs: Examples) -> float:
    """The greatest of the `differences` of all outputs."""
    return max(differences(module, found, example_inputs))


def differences(module: nn.Module, found: Imported, example_inputs: Examples) -> list[float]:
    """How far a module and its genotype's network are apart, output by output, on random inputs with the examples' shapes.

    The greatest difference of two numbers, as a share of that output's greatest finite number; what is no number in both is equal.
    """
    generator = torch.Generator().manual_seed(0)
    given, names = listed(module, example_inputs)
    drawn = [torch.randn(tensor.shape, generator=generator).to(tensor) for tensor in given]
    with evaluated(module), torch.no_grad():
        try:
            results = module(**dict(zip(names, drawn, strict=True))) if names else module(*drawn)
        except Exception as error:  # the module's own code runs here
            raise ImporterError(f"the module was traced, but fails when it is run: {described(error)}") from error
        own = found.network()(*(tensor.float().cpu() for tensor in drawn))
    wanted = [value.float().cpu() for value in tree_leaves(results) if isinstance(value, Tensor)]
    return [apart(a, b) for a, b in zip(wanted, own if isinstance(own, tuple) else (own,), strict=True)]


def apart(wanted: Tensor, made: Tensor) -> float:
    """Greatest difference of two numbers at one place, as a share of the greatest that is wanted; infinite for other shapes."""
    wanted, made = wanted.squeeze(), made.squeeze()  # `squeeze()` in a module takes a batch of one away
    if wanted.shape != made.shape:
        return inf
    equal = (wanted == made) | (wanted.isnan() & made.isnan())
    most = float(torch.where(wanted.isfinite(), wanted, 0.0).abs().max()) or 1.0
    return float(torch.where(equal, 0.0, (wanted - made).abs()).nan_to_num(inf, inf).max()) / most
