"""One bank of weights: networks put together from it, statistics of batch norm set anew, files read strictly."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from safetensors.torch import load_file, save_file
from torch import nn

from archsearch import Builder, Genotype, compile_network, load_space, zoo
from archsearch import ops as o
from archsearch.network.genotype_json import op_to_dict
from archsearch.network.passes import canonicalise
from archsearch.sharing import Bank, Key, SharingError, keys_of, recalibrate
from archsearch.sharing.bank import MAX_COMPILED
from archsearch.sharing.file import load_bank, parameters_of, save_tensors, text_of, weights_of
from archsearch.spaces.space import Scalar
from tests.meta_tracker import as_tuple
from tests.strategies_hypothesis import genotypes

ZOO = {
    "lenet5": (1, 32, 32),
    "googlenet_aux": (3, 64, 64),
    "resnet18": (3, 64, 64),
    "unet_padded": (1, 32, 32),
    "mobilenet_v3_small": (3, 64, 64),
}

SMALL = {"cell": {"cells": 1, "channels": 4}}


def of_zoo(name: str) -> Genotype:
    return zoo.build(name, input=ZOO[name])


def sample(space: str, seed: int, **choices: Scalar) -> Genotype:
    """The first valid network that a space gives with these choices."""
    found, rng = load_space(space, **SMALL.get(space, {})), np.random.default_rng(seed)
    while True:
        try:
            return canonicalise(found.resolve(choices, rng).genotype)
        except ValueError:
            continue


def inputs_of(genotype: Genotype, batch: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(batch, *spec.shape, generator=generator) for spec in genotype.inputs]


def assert_same_as_compiled(genotype: Genotype, bank: Bank) -> None:
    """The network of the bank is the compiled one: names, outputs in both modes, and gradients."""
    shared, compiled = bank.network(genotype), compile_network(genotype)
    assert shared.state_dict().keys() == compiled.state_dict().keys()
    compiled.load_state_dict(shared.state_dict())
    inputs = inputs_of(genotype)
    for mode in (False, True):
        results = []
        for network in (shared, compiled):
            torch.manual_seed(0)  # for dropout
            with torch.no_grad():
                results.append(as_tuple(network.train(mode)(*inputs)))
        assert len(results[0]) == len(genotype.outputs)
        for ours, theirs in zip(*results, strict=True):
            assert torch.equal(ours, theirs)
    assert all(torch.equal(value, compiled.state_dict()[name]) for name, value in shared.state_dict().items())


@pytest.mark.parametrize("name", ZOO)
def test_networks_of_the_zoo_are_as_compiled(name):
    assert_same_as_compiled(of_zoo(name), Bank())


@pytest.mark.slow
def test_a_network_with_exits_is_as_compiled():
    assert_same_as_compiled(zoo.build("msdnet_cifar"), Bank())


@pytest.mark.parametrize("space", ["cell", "small_cell", "chain", "fabric"])
def test_networks_of_spaces_are_as_compiled(space):
    bank = Bank()
    for seed in range(5):
        assert_same_as_compiled(sample(space, seed), bank)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(genotypes())
def test_any_network_is_as_compiled(genotype):
    assert_same_as_compiled(genotype, Bank())


def test_names_that_torch_needs_itself_are_no_trouble():
    b = Builder((2, 4, 4))
    with b.scope("forward"):
        x = b(o.Conv2d(2), b.input, name="graph")
    x = b(o.Conv2d(2), x, name="graph")
    assert_same_as_compiled(b.genotype(b(o.Conv2d(2), x, name="parameters")), Bank())


def test_values_are_freed_after_their_last_use():
    alive, most = [0], [0]

    class Counting(torch.Tensor):
        def __del__(self) -> None:
            alive[0] -= 1

    class Step(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            alive[0] += 1
            most[0] = max(most[0], alive[0])
            return x.clone().as_subclass(Counting)

    b = Builder((4,))
    x = b.input
    for _ in range(10):
        x = b(o.Identity(), x)
    from archsearch.sharing.network import SharedNetwork

    genotype = b.genotype(x)
    SharedNetwork(genotype, [Step() for _ in genotype.nodes])(torch.rand(1, 4))
    assert most[0] == 2


def test_training_a_network_trains_the_bank():
    bank = Bank()
    first, second = (sample("small_cell", seed, channels=4) for seed in (1, 2))
    network = bank.network(first)
    stem = Key("stem/conv2d", o.Conv2d(4, 3, bias=False), first.inputs)
    assert stem in keys_of(first)
    assert stem in keys_of(second)
    before = bank.modules[stem].weight.detach().clone()
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    network.train()(*inputs_of(first)).square().sum().backward()
    optimizer.step()
    assert not torch.equal(before, bank.modules[stem].weight)
    assert bank.network(second).get_submodule("stem.conv2d").weight is bank.modules[stem].weight


def test_only_what_agrees_in_name_op_and_shapes_is_shared():
    def conv(name: str, channels: int, shape: tuple[int, int, int]) -> nn.Module:
        b = Builder(shape)
        return bank.network(b.genotype(b(o.Conv2d(channels), b.input, name=name))).get_submodule(name)

    bank = Bank()
    one = conv("a", 4, (2, 8, 8))
    assert conv("a", 4, (2, 8, 8)) is one
    assert len({one, conv("b", 4, (2, 8, 8)), conv("a", 8, (2, 8, 8)), conv("a", 4, (2, 6, 6)), conv("a", 4, (1, 8, 8))}) == 5


def test_first_weights_follow_from_seed_and_key_alone():
    networks = [sample("small_cell", seed) for seed in range(3)]
    banks = []
    for order in permutations(networks):
        torch.rand(7)
        state = torch.get_rng_state()
        banks.append(Bank(5))
        for genotype in order:
            banks[-1].network(genotype)
        assert torch.equal(torch.get_rng_state(), state)
    first = weights_of(banks[0])
    for bank in banks[1:]:
        other = weights_of(bank)
        assert other.keys() == first.keys()
        assert all(torch.equal(value, other[text]) for text, value in first.items())
    another = weights_of(Bank(6)) | {}
    assert another == {}
    different = Bank(6)
    different.network(networks[0])
    weights = weights_of(different)
    drawn = [text for key in keys_of(networks[0]) if (text := text_of("weight", key)) in weights and weights[text].ndim > 1]
    assert drawn
    assert not any(torch.equal(weights[text], first[text]) for text in drawn)


def test_only_so_many_compiled_forms_are_kept():
    bank = Bank()
    networks = list({sample("small_cell", seed): None for seed in range(400)})
    assert len(networks) > MAX_COMPILED
    first = bank.network(networks[0])
    assert bank.network(networks[0]) is first
    for genotype in networks[1:MAX_COMPILED]:
        bank.network(genotype)
    assert bank.network(networks[0]) is first  # used again, so it is not the oldest
    for genotype in networks[MAX_COMPILED:]:
        bank.network(genotype)
    assert len(bank._compiled) == MAX_COMPILED
    assert bank.network(networks[0]) is not first


def test_recalibrated_statistics_are_those_of_the_batches():
    b = Builder((3, 8, 8))
    x = b(o.BatchNorm2d(), b(o.Conv2d(4), b.input))
    genotype = b.genotype(b(o.Dropout(0.5), x))
    network = Bank().network(genotype)
    batches = [torch.rand(16, 3, 8, 8) for _ in range(5)]
    with torch.no_grad():
        seen = [network.get_submodule("conv2d")(batch) for batch in batches]
    norm = network.get_submodule("batch_norm2d")
    for _ in range(2):  # what was there before does not matter
        norm.running_mean.fill_(3.0)
        norm.running_var.fill_(9.0)
        recalibrate(network, batches)
        assert torch.allclose(norm.running_mean, torch.stack([s.mean((0, 2, 3)) for s in seen]).mean(0), atol=1e-6)
        assert torch.allclose(norm.running_var, torch.stack([s.var((0, 2, 3)) for s in seen]).mean(0), atol=1e-6)
    assert norm.momentum == 0.1
    assert not any(module.training for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_bank_comes_back_from_its_file(tmp_path):
    bank, file = Bank(3), tmp_path / "bank.safetensors"
    networks = [sample("chain", seed) for seed in range(4)] + [of_zoo("mobilenet_v3_small")]
    for genotype in networks:
        bank.network(genotype)
    with torch.no_grad():
        for parameter in bank.parameters():
            parameter.mul_(2)
    save_tensors(file, weights_of(bank))
    again = load_bank(file, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["bank.safetensors"]
    first, second = weights_of(bank), weights_of(again)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[text]) for text, value in first.items())
    assert parameters_of(again).keys() == parameters_of(bank).keys()
    for genotype in networks:
        inputs = inputs_of(genotype)
        with torch.no_grad():
            assert torch.equal(bank.network(genotype).eval()(*inputs), again.network(genotype).eval()(*inputs))


def changed(name: str, **changes: object) -> dict[str, torch.Tensor]:
    """Tensors of a bank of one convolution and a norm, one key changed."""
    b = Builder((2, 8, 8))
    bank = Bank()
    bank.network(b.genotype(b(o.BatchNorm2d(), b(o.Conv2d(4), b.input))))
    tensors = weights_of(bank)
    key = next(text for text in tensors if json.loads(text)[0] == name)
    parts = dict(zip(("tensor", "node", "op", "shapes"), json.loads(key), strict=True)) | changes
    value = parts.pop("value", tensors[key])
    return {text: tensor for text, tensor in tensors.items() if text != key} | {
        json.dumps(list(parts.values()), separators=(",", ":")): value
    }


CONV = op_to_dict(o.Conv2d(4))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"node": "../x"}, r"a key is \[tensor, node, op, input shapes\]"),
        ({"tensor": "weights"}, "its tensors are not those of conv2d"),
        ({"value": torch.zeros(4, 2, 3, 1)}, "its tensors are not those of conv2d"),
        ({"value": torch.zeros(4, 2, 3, 3, dtype=torch.float64)}, "its tensors are not those of conv2d"),
        ({"op": {"kind": "conv9d"}}, "unknown op 'conv9d'"),
        ({"op": {"kind": "conv2d", "channels": 4}}, "a key is not as it was written"),
        ({"op": {**CONV, "channels": 2**30}}, "its tensors are not those of conv2d"),
        ({"op": {**CONV, "channels": True}}, "channels=true has the wrong type"),
        ({"shapes": [[2, 8, 8], [2, 8, 8]]}, "damaged at 'conv2d'"),
        ({"shapes": [[2, 8]]}, "damaged at 'conv2d'"),
        ({"shapes": [[2, 8, 2**40]]}, "over the limit of 2"),
        ({"shapes": "x"}, "the input shapes must be a list"),
        ({"more": 1}, r"a key is \[tensor, node, op, input shapes\]"),
    ],
)
def test_a_damaged_file_gets_one_clear_line(tmp_path, changes, words):
    file = tmp_path / "bank.safetensors"
    save_file(changed("weight", **changes), file)
    with pytest.raises(SharingError, match=words) as raised:
        load_bank(file, 0)
    assert str(raised.value).startswith(f"{file} is damaged at ")
    assert "\n" not in str(raised.value)


def test_an_unchanged_file_is_read(tmp_path):
    save_file(changed("weight"), tmp_path / "bank.safetensors")
    assert len(load_bank(tmp_path / "bank.safetensors", 0).modules) == 2


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"\xff" * 4096])
def test_what_is_no_file_of_tensors_gets_one_line(tmp_path, content):
    file = tmp_path / "bank.safetensors"
    file.write_bytes(content)
    with pytest.raises(SharingError, match=r"bank\.safetensors cannot be read: .*; train the supernet anew") as raised:
        load_bank(file, 0)
    assert "\n" not in str(raised.value)
    with pytest.raises(SharingError, match="cannot be read"):
        load_bank(tmp_path / "nothing", 0)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    file = tmp_path / "bank.safetensors"
    save_tensors(file, {"a": torch.ones(2)})
    with pytest.raises(SharingError, match=r"cannot be written: .*; free space or rights"):
        save_tensors(tmp_path / "no folder" / "bank.safetensors", {"a": torch.zeros(2)})
    assert torch.equal(load_file(file)["a"], torch.ones(2))


def test_a_draft_that_was_left_is_no_trouble(tmp_path):
    (tmp_path / ".bank.safetensors.1").write_bytes(b"half")
    save_tensors(tmp_path / "bank.safetensors", {"a": torch.ones(2)})
    assert Path(tmp_path / "bank.safetensors").is_file()
