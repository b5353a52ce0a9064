"""Does a genotype compute what its module computes, sample by sample?"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from archsearch.design.importer.fallback import given_arguments
from archsearch.design.importer.place import ImporterError, Place, described, place_of, refusal
from archsearch.design.importer.trace import Examples, evaluated, listed, trace
from archsearch.network.compiler import compile_network

if TYPE_CHECKING:
    from archsearch.design.importer.network import Imported

MOST_APART = 1e-3
"""Share of an output's greatest number: more than rounding does in other kernels, far less than a wrong op."""

FIX = "give module.float() where it is not in float32, and write without in-place calls where it has some"


def check(module: nn.Module, found: Imported, example_inputs: Examples) -> None:
    """Raise ImporterError unless a module and its genotype's network compute the same, and each sample by itself."""
    network = standing(found)
    drawn, wanted, own = both_of(module, network, example_inputs)
    for name, one, two in zip(found.outputs, wanted, own, strict=True):
        if (share := apart(one, two)) > MOST_APART:
            if frozen := batch_number(module, example_inputs):
                raise refusal("a number that is made from the batch size", frozen, "a genotype computes each sample by itself")
            text = f"the network computes something else than the module: output {name!r} differs by {share:.1e} of its greatest number"
            raise ImporterError(f"{text}; {FIX}")
    if found.borrowed:  # calls of torch's own may look at the samples beside
        check_apart(found, network, drawn, own)


def check_apart(found: Imported, network: nn.Module, drawn: list[Tensor], made: list[Tensor]) -> None:
    """Raise ImporterError where a sample's result depends on the samples beside it, given what the network has made of all of them."""
    if len(drawn[0]) > 1:
        drawn, both = [tensor[:2] for tensor in drawn], [tensor[:2] for tensor in made]
    else:
        drawn = [torch.cat([tensor, 1 - tensor]) for tensor in drawn]
        both = results_of(network, drawn)
    alone = [results_of(network, [tensor[place : place + 1] for tensor in drawn]) for place in (0, 1)]
    for name, first, second, two in zip(found.outputs, *alone, both, strict=True):
        if max(apart(first, two[:1]), apart(second, two[1:])) > MOST_APART:
            raise ImporterError(f"output {name!r} of a sample depends on the samples beside it; a genotype computes each by itself")


def standing(found: Imported) -> nn.Module:
    """The network over the weights as they are, neither drawn nor copied: it is for looking at what it computes."""
    with torch.device("meta"):
        network = compile_network(found.genotype).eval()
    network.load_state_dict(dict(found.state), assign=True)
    held = (*network.parameters(), *network.buffers())
    return found.network() if any(tensor.is_meta for tensor in held) else network


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
    _, wanted, own = both_of(module, found.network(), example_inputs)
    return [apart(a, b) for a, b in zip(wanted, own, strict=True)]


def both_of(module: nn.Module, network: nn.Module, example_inputs: Examples) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Random inputs with the examples' shapes, in float32, and what the module and the network make of them. Raises ImporterError."""
    generator = torch.Generator().manual_seed(0)
    given, names = listed(module, example_inputs)
    drawn = [torch.randn(tensor.shape, generator=generator).to(tensor) for tensor in given]
    plain = [tensor.float().cpu() for tensor in drawn]
    return plain, results_of(module, drawn, names), results_of(network, plain)


def results_of(module: nn.Module, drawn: list[Tensor], names: list[str] | None = None) -> list[Tensor]:
    """What a module in eval mode makes, flat, as float32 on the CPU. Raises ImporterError."""
    given = [tensor.clone() for tensor in drawn]  # a module may write into its inputs
    held = {name: (tensor, tensor._version) for name, tensor in module.named_buffers()}
    with evaluated(module), torch.no_grad():
        try:
            results = module(**dict(zip(names, given, strict=True))) if names else module(*given)
        except Exception as error:  # the module's own code runs here
            raise ImporterError(f"the module was traced, but fails when it is run: {described(error)}") from error
        check_state(module, held)
    return [value.float().cpu() for value in tree_leaves(results) if isinstance(value, Tensor)]


def check_state(module: nn.Module, held: Mapping[str, tuple[Tensor, int]]) -> None:
    """Raise ImporterError where a run has changed a buffer, given those before it and how often they were written."""
    now = dict(module.named_buffers())
    changed = next((name for name, (tensor, version) in held.items() if now.get(name) is not tensor or tensor._version != version), None)
    if changed is not None:
        raise ImporterError(f"the module changes its buffer {changed!r} when it runs; a genotype has no state of its own")


def apart(wanted: Tensor, made: Tensor) -> float:
    """Greatest difference of two numbers at one place, as a share of the greatest that is wanted; infinite for other shapes."""
    wanted, made = wanted.squeeze(), made.squeeze()  # `squeeze()` in a module takes a batch of one away
    if wanted.shape != made.shape:
        return inf
    equal = (wanted == made) | (wanted.isnan() & made.isnan())
    most = float(torch.where(wanted.isfinite(), wanted, 0.0).abs().max()) or 1.0
    return float(torch.where(equal, 0.0, (wanted - made).abs()).nan_to_num(inf, inf).max()) / most
