"""A network that begins with weights that are there, and parts of it that keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, fx, nn

from archsearch.network.compiler import module_path
from archsearch.network.genotype import Genotype
from archsearch.network.node import Node
from archsearch.solo.record import TrainingError
from archsearch.support.nearest import nearest
from archsearch.support.reading import at
from archsearch.training.weights import WeightsError, read_weights
from archsearch.zoo.state import Matching, matched


def put_pretrained(network: fx.GraphModule, genotype: Genotype, path: Path) -> tuple[str, ...]:
    """Put the weights of a .safetensors file into a compiled network; the names in it are ours or those of the reference definition.

    Heads, whose weights are the last before an output, keep what was drawn where the file has them in another size: their nodes are
    returned.

    Raises:
        TrainingError: the file cannot be read, or is of another network; the line says what does not fit.
    """
    try:
        given = read_weights(path)
    except WeightsError as error:
        raise TrainingError(str(error)) from error
    matching = typed(matching_of(network, genotype, given), network)
    owners = {module_path(node.name): node.name for node in genotype.nodes}
    anew = {owner for key in matching.misfits if (owner := owner_of(key, owners)) in heads(genotype)}
    misfits = {key: words for key, words in matching.misfits.items() if owner_of(key, owners) not in anew}
    wrong = str(matching._replace(misfits=misfits))
    if wrong:
        raise TrainingError(at(path, f"the weights do not fit this network; {wrong}", "weights"))
    network.load_state_dict({key: value for key, value in matching.found.items() if owner_of(key, owners) not in anew}, strict=False)
    return tuple(node.name for node in genotype.nodes if node.name in anew)


def matching_of(network: fx.GraphModule, genotype: Genotype, given: Mapping[str, Tensor]) -> Matching:
    """What of the file belongs where: by our own names where they are these, else by those of the reference definition."""
    own = network.state_dict()
    if given.keys() != own.keys():
        return matched(genotype, network, given)
    misfits = {
        key: f"{key} {tuple(given[key].shape)} instead of {tuple(value.shape)}"
        for key, value in own.items()
        if given[key].shape != value.shape
    }
    return Matching({key: value for key, value in given.items() if key not in misfits}, [], [], misfits)


def typed(matching: Matching, network: fx.GraphModule) -> Matching:
    """The same, with tensors of a type that cannot be taken among what does not fit."""
    own = network.state_dict()
    odd = {
        key: f"{key} of {value.dtype} instead of {own[key].dtype}"
        for key, value in matching.found.items()
        if not torch.can_cast(value.dtype, own[key].dtype)
    }
    return matching._replace(misfits={**matching.misfits, **odd})


def owner_of(key: str, owners: Mapping[str, str]) -> str:
    """The node that a tensor belongs to, by the longest path that is one's."""
    path = key
    while path and path not in owners:
        path = path.rpartition(".")[0]
    return owners.get(path, "")


def heads(genotype: Genotype) -> set[str]:
    """Names of the nodes that have the last weights before an output."""
    found: set[str] = set()
    waiting, seen = list(genotype.outputs), set[int]()
    while waiting:
        place = waiting.pop() - len(genotype.inputs)
        if place < 0 or place in seen:
            continue
        seen.add(place)
        node = genotype.nodes[place]
        if genotype.facts[place].cost.params or node.weights:
            found.add(node.weights or node.name)
        else:
            waiting.extend(node.inputs)
    return found


def nodes_of(genotype: Genotype, names: Sequence[str]) -> list[Node]:
    """The nodes of these names, and those in scopes of these names. Raises TrainingError for a name that is neither."""
    chosen: dict[str, Node] = {}
    for name in names:
        inside = [node for node in genotype.nodes if node.name == name or node.name.startswith(f"{name}/")]
        if not inside:
            raise TrainingError(f"--freeze {name[:60]!r} is no scope or node of this network; {nearest(name[:60], known_names(genotype))}")
        chosen |= {node.name: node for node in inside}
    return list(chosen.values())


def known_names(genotype: Genotype) -> list[str]:
    """All scopes and nodes of a network, the outermost first."""
    names = {"/".join(parts[:depth]) for node in genotype.nodes for parts in [node.name.split("/")] for depth in range(1, len(parts) + 1)}
    return sorted(names, key=lambda name: (name.count("/"), name))


def frozen_modules(network: fx.GraphModule, genotype: Genotype, names: Sequence[str], anew: Sequence[str]) -> list[nn.Module]:
    """The modules of these scopes and nodes.

    Raises:
        TrainingError: an unknown name, one whose weights are drawn anew, or all weights of the network.
    """
    nodes = nodes_of(genotype, names)
    random = next((node.name for node in nodes if (node.weights or node.name) in anew), None)
    if random is not None:
        raise TrainingError(f"--freeze {random}: the weights given have it in another size, so it is drawn anew and has to learn")
    modules = [network.get_submodule(module_path(node.weights or node.name)) for node in nodes]
    kept = {id(weight) for module in modules for weight in module.parameters()}
    if all(id(weight) in kept for weight in network.parameters()):
        raise TrainingError(f"--freeze {','.join(names)[:60]} leaves no weights to train; freeze less")
    return modules
