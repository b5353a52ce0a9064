"""Latency from a device's description, and descriptions from measured times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch import Builder, Genotype, Op, analyse, compile_network, load_space
from archsearch import ops as o
from archsearch.analysis import Device, latency_ms
from archsearch.analysis.calibration import Sample, fit
from archsearch.analysis.latency import KINDS, DeviceError, Factors, kind_of, node_seconds, read_device
from archsearch.support.progress import Progress
from archsearch.training.latency import calibrate, measured_seconds, of_one_node, sample_networks

SHEET = Device(1e9, 1e8, 1e-6)
FACTORS = st.builds(Factors, *[st.floats(0.5, 50)] * 3)
DEVICES = st.builds(
    Device,
    st.floats(1e8, 1e14),
    st.floats(1e8, 1e13),
    st.floats(1e-7, 1e-3),
    st.dictionaries(st.sampled_from(KINDS), FACTORS),
    st.text(max_size=9),
    st.sampled_from(["float32", "float16"]),
)


def cell_net() -> Genotype:
    return load_space("cell", cells=1, channels=4).sample(np.random.default_rng(1)).genotype


def test_a_node_takes_its_arithmetic_or_its_traffic_and_a_kernel() -> None:
    conv = of_one_node(o.Conv2d(8, 3, bias=False), ((8, 10, 10),))
    macs, moved = 8 * 8 * 9 * 100, 4 * (2 * 800 + 8 * 8 * 9)
    assert node_seconds(conv, SHEET) == [pytest.approx(1e-6 + 2 * macs / 1e9)]
    assert node_seconds(conv, SHEET, batch=50) == [pytest.approx(1e-6 + 50 * 2 * macs / 1e9)]
    slow = Device(1e9, 1e6, 1e-6)
    assert node_seconds(conv, slow) == [pytest.approx(1e-6 + moved / 1e6)]
    assert node_seconds(conv, slow, batch=50) == [pytest.approx(1e-6 + 4 * (50 * 2 * 800 + 8 * 8 * 9) / 1e6)]


def test_views_cost_nothing_and_parts_start_kernels_of_their_own() -> None:
    b = Builder((4, 8, 8))
    genotype = b.genotype(b(o.Flatten(), b(o.Identity(), b(o.Dropout(0.5), b(o.SeparableConv2d(4), b.input)))))
    seconds = node_seconds(genotype, Device(1e30, 1e30, 1e-6))
    assert seconds == [pytest.approx(2e-6), 0, 0, 0]
    assert latency_ms(genotype, Device(1e30, 1e30, 1e-6)) == pytest.approx(2e-3)


@pytest.mark.parametrize(
    ("op", "copies", "kernels"), [(o.Flatten(), 2, 1), (o.GroupNorm(2), 4, 2), (o.Tokens(), 4, 2), (o.Conv2d(8, 1), 2, 1)]
)
def test_what_is_copied_behind_a_crop_is_moved_once_more_and_starts_a_kernel(op: Op, copies: int, kernels: int) -> None:
    b = Builder((8, 10, 10))
    genotype = b.genotype(b(op, b(o.Crop2d(1, 1, 8, 8), b(o.ReLU(), b.input))))
    weights = analyse(genotype).params
    [_, crop, last] = [row.moved_bytes for row in analyse(genotype, batch=3).rows]
    assert (crop, last) == (0, 4 * (copies * 3 * 512 + weights))
    [_, crop_seconds, seconds] = node_seconds(genotype, Device(1e30, 1e6, 1e-6), batch=3)
    assert crop_seconds == 0
    assert seconds == pytest.approx(kernels * 1e-6 + last / 1e6)


@pytest.mark.parametrize(
    ("op", "shapes", "kind"),
    [
        (o.Conv2d(8, 1), ((8, 6, 6),), "product"),
        (o.Linear(3), ((7,),), "product"),
        (o.Conv2d(8, 3), ((8, 6, 6),), "window"),
        (o.Conv2d(8, (1, 3)), ((8, 6, 6),), "window"),
        (o.Conv2d(32, 3, groups=4), ((32, 6, 6),), "window"),
        (o.Conv2d(8, 3, groups=4), ((8, 6, 6),), "thin"),
        (o.DepthwiseConv2d(5, bias=False), ((8, 6, 6),), "thin"),
        (o.MaxPool2d(2), ((8, 6, 6),), "pooling"),
        (o.GlobalAvgPool2d(), ((8, 6, 6),), "plain"),
        (o.BatchNorm2d(), ((8, 6, 6),), "norm"),
        (o.Add(), ((8, 6, 6), (8, 6, 6)), "plain"),
    ],
)
def test_ops_are_told_apart_by_their_facts(op: Op, shapes: tuple[tuple[int, ...], ...], kind: str) -> None:
    genotype = of_one_node(op, shapes)
    assert kind_of(genotype.facts[0]) == kind
    slow = Device(1e12, 1e12, 1e-6, {kind: Factors(7, 7, 7)})
    assert node_seconds(genotype, slow) == [pytest.approx(7 * node_seconds(genotype, Device(1e12, 1e12, 1e-6))[0])]


@given(DEVICES)
def test_a_device_round_trips_through_json(device: Device) -> None:
    assert Device.from_json(device.to_json()) == device


@settings(max_examples=15, deadline=None)
@given(DEVICES.filter(lambda device: device.dtype == "float32"))
def test_fit_finds_the_device_behind_the_times(device: Device) -> None:
    networks = sample_networks()[::3]
    samples = [Sample(genotype, 1, node_seconds(genotype, device)[0]) for genotype in networks]
    found = fit(samples)
    errors = [abs(node_seconds(sample.genotype, found)[0] / sample.seconds - 1) for sample in samples]
    assert max(errors) < 0.35
    assert np.mean(errors) < 0.05


def test_every_kind_of_op_is_measured() -> None:
    kinds = [kind_of(genotype.facts[0]) for genotype in sample_networks()]
    assert all(kinds.count(kind) >= 10 for kind in KINDS)


def test_too_few_or_senseless_times_are_refused() -> None:
    genotype = of_one_node(o.ReLU(), ((8,),))
    with pytest.raises(DeviceError, match="no device follows from no samples"):
        fit([])
    with pytest.raises(DeviceError, match="2 samples of kind plain are too few"):
        fit([Sample(genotype, 1, 1e-6)] * 2)
    with pytest.raises(DeviceError, match=r"a time of 0\.0 s means nothing; measure again"):
        fit([Sample(genotype, batch, 0.0) for batch in (1, 2, 3)])


def test_what_never_counts_gets_the_best_that_was_seen() -> None:
    samples = [Sample(of_one_node(o.ReLU(), ((size,),)), 1, 1e-6) for size in (1, 10, 100)]
    found = fit(samples)
    assert found.factors == {"plain": Factors(1, 0, 0)}
    assert (found.peak_flops, found.bandwidth) == (pytest.approx(100 / 1e-6), pytest.approx(800 / 1e-6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "archsearch.device/2"}, 'its format is "archsearch.device/2", expected an object of format "archsearch.device/1"'),
        ({"peak_flop": 1}, "unknown field 'peak_flop'; did you mean peak_flops"),
        ({"bandwidth": 0}, "bandwidth=0 must be a number over 0"),
        ({"bandwidth": -1.5}, r"bandwidth=-1\.5 must be"),
        ({"peak_flops": "fast"}, '"peak_flops" of the device must be a number, got "fast"'),
        ({"kernel_seconds": True}, '"kernel_seconds" of the device must be a number, got true'),
        ({"name": 7}, '"name" of the device must be a text'),
        ({"dtype": "int4"}, "dtype='int4' is unknown"),
        ({"factors": []}, '"factors" of the device must be an object .*, got \\[\\]'),
        ({"factors": {"window": 2}}, '"factors" .* an object of kernel, arithmetic, memory'),
        ({"factors": {"window": {"kernel": 1}}}, '"factors" .* an object of kernel, arithmetic, memory'),
        ({"factors": {"windw": {"kernel": 1, "arithmetic": 1, "memory": 1}}}, "unknown kind of op 'windw'; did you mean window"),
        ({"factors": {"window": {"kernel": 1, "arithmetic": -1, "memory": 1}}}, "arithmetic of window=-1 must be a number of at least 0"),
    ],
)
def test_a_damaged_description_gets_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    path.write_text(json.dumps({**json.loads(SHEET.to_json()), **change}))
    with pytest.raises(DeviceError, match=message) as raised:
        read_device(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"format": NaN}', bytes(range(128, 256)), b"[" * 70_000])
def test_what_is_no_description_gets_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    path.write_bytes(content)
    with pytest.raises(DeviceError, match=r"device\.json: "):
        read_device(path)
    with pytest.raises(DeviceError, match=r"No such file or directory; write a file with archsearch calibrate"):
        read_device(tmp_path / "none.json")


def test_a_field_that_is_missing_is_named(tmp_path: Path) -> None:
    data = json.loads(SHEET.to_json())
    del data["kernel_seconds"]
    with pytest.raises(DeviceError, match='the device has no "kernel_seconds"'):
        Device.from_json(json.dumps(data))


@pytest.mark.parametrize("batch", [0, -1, 1.5, True])
def test_a_batch_is_a_whole_number(batch: Any) -> None:
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        latency_ms(cell_net(), SHEET, batch)


def test_calibration_describes_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [genotype for kind in KINDS for genotype in sample_networks() if kind_of(genotype.facts[0]) == kind]
    few = [genotype for kind in KINDS for genotype in [g for g in networks if kind_of(g.facts[0]) == kind][:8]]
    monkeypatch.setattr("archsearch.training.latency.sample_networks", lambda: few)
    seen: list[Progress] = []
    found = calibrate(report=seen.append)
    assert seen == [Progress(done, len(few)) for done in range(len(few))]
    assert found.device.name.endswith(", 1 thread")
    assert set(found.device.factors) == set(KINDS)
    assert all(sample.seconds > 0 for sample in found.samples)


def test_a_network_is_measured() -> None:
    genotype = cell_net()
    assert 0 < measured_seconds(compile_network(genotype), genotype, batch=2, seconds=0.01) < 10


def test_intensity_is_flops_for_each_byte_moved() -> None:
    analysis = analyse(cell_net(), 4)
    assert analysis.moved_bytes == sum(row.moved_bytes for row in analysis.rows)
    assert analysis.intensity == pytest.approx(4 * analysis.flops / analysis.moved_bytes)
    conv = analysis.rows[0]
    assert conv.moved_bytes == 4 * (4 * 3 * 32 * 32 + 4 * 4 * 32 * 32 + 4 * 3 * 9)
    assert conv.intensity == pytest.approx(4 * 2 * conv.macs / conv.moved_bytes)
    flatten = next(row for row in analysis.rows if row.op == "flatten()")
    assert (flatten.moved_bytes, flatten.intensity) == (0, 0)
