"""Weights by the names of the reference definitions, into our networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from archsearch.network.genotype import Genotype

if TYPE_CHECKING:
    from torch import Tensor, fx

SHOWN = 5


class StateError(ValueError):
    """A state dict that does not fit a network; the message lists what is missing, left over, or of another shape."""


class Matching(NamedTuple):
    """Tensors of a state dict by the names that a network has for them, and in words what is missing, left over, or of another shape.

    `misfits` go by the network's names.
    """

    found: dict[str, Tensor]
    missing: list[str]
    left: list[str]
    misfits: dict[str, str]

    def __str__(self) -> str:
        parts = [listed("missing", self.missing), listed("left over", self.left), listed("of another shape", [*self.misfits.values()])]
        return "; ".join(part for part in parts if part)


def load_state(genotype: Genotype, state: Mapping[str, Tensor]) -> fx.GraphModule:
    """The compiled network with the weights of a state dict that has the reference definition's names, as `matched` finds them.

    Raises:
        StateError: keys that are missing or left over, or tensors of another shape, all in one message.
    """
    from archsearch.network.compiler import compile_network

    network = compile_network(genotype)
    matching = matched(genotype, network, state)
    if str(matching):
        raise StateError(f"the state dict does not fit this network; {matching}")
    network.load_state_dict(matching.found, strict=False)
    return network


def matched(genotype: Genotype, network: fx.GraphModule, state: Mapping[str, Tensor]) -> Matching:
    """What of a state dict with the reference definition's names belongs where in a compiled network.

    A node's tensor `weight` is looked up as `scope.node.weight`, as `scope.node_weight`, and, where the reference keeps a bare
    parameter, as `scope.node`. A hyphen counts as `_`, which our names have in its place; axes of length 1 may differ.
    Counters of batches (`num_batches_tracked`) may be missing.
    """
    from archsearch.network.compiler import module_path

    given = {name.replace("-", "_"): tensor for name, tensor in state.items()}
    names = {module_path(node.name): node.name.replace("/", ".") for node in genotype.nodes}
    matching, used = Matching({}, [], [], {}), set[str]()
    for key, own in network.state_dict().items():
        path, _, tensor = key.rpartition(".")
        owner = next(outer for outer in outwards(path) if outer in names)
        reference = names[owner] + path[len(owner) :]
        wanted = (f"{reference}.{tensor}", f"{reference}_{tensor}", reference)
        name = next((one for one in wanted if one in given), None)
        if name is None:
            if tensor != "num_batches_tracked":
                matching.missing.append(wanted[0])
            continue
        used.add(name)
        if squeezed(given[name].shape) == squeezed(own.shape):
            matching.found[key] = given[name].reshape(own.shape)
        else:
            matching.misfits[key] = f"{name} {tuple(given[name].shape)} instead of {tuple(own.shape)}"
    matching.left.extend(name for name in given if name not in used)
    return matching


def outwards(path: str) -> Iterator[str]:
    """A dotted path, and all that it is inside of."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def squeezed(shape: Any) -> tuple[int, ...]:
    """A shape without its axes of length 1."""
    return tuple(axis for axis in shape if axis != 1)


def listed(what: str, names: list[str]) -> str:
    """So many things, the first of them by name; nothing when there are none."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {what}: {', '.join(names[:SHOWN])}{more}" if names else ""
