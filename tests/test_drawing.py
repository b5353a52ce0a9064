"""Drawings: geometry by computation, repeats by structure, every format, hostile texts, limits."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest

from archsearch import Builder, Genotype, TensorSpec, zoo
from archsearch.cli.drawing import draw_command
from archsearch.design.drawing import COSTS, FORMATS, DrawingError, draw, write_drawing
from archsearch.design.drawing.boxes import Box, Contents
from archsearch.design.drawing.data import look
from archsearch.design.drawing.diagram import edges
from archsearch.design.drawing.layout import Drawing, badness, lay_out, visible
from archsearch.design.drawing.palette import FILLS, GROUNDS, INK, PAGE, QUIET, WIRE, fill, wire_width
from archsearch.design.drawing.place import Skyline
from archsearch.design.drawing.scene import scene
from archsearch.design.drawing.words import ADVANCE, op_words, shortened, text_width
from archsearch.network.builder import Value
from archsearch.ops import Add, BatchNorm2d, Concat, Conv2d, LPPool2d, MaxPool2d, ReLU, Upsample
from archsearch.ops.base import Cost, Op, Saved
from archsearch.support.offline_page import bundle
from tests.drawing_geometry import arrows, assert_sheet
from tests.op_examples import EXAMPLES
from tests.test_zoo import FIRST

SVG = "{http://www.w3.org/2000/svg}"
MEMBERS = (
    "resnet18", "resnet152", "densenet121", "googlenet", "inception_v3", "unet", "nasnet_a_mobile", "vit_b_16", "hrnet_w18",
    "fasterrcnn_resnet50_fpn", "efficientnet_b0", "msdnet",
    "lenet5", "yolo_v1", "frrn_a", "gridnet", "swin_t", "darts_v2_cifar", "fcn8s_vgg16",
    "retinanet_resnet50_fpn", "ssd300_vgg16", "mixer_b16", "googlenet_aux", "amoebanet_d",
)  # fmt: skip


def drawing_of(name: str, cost: str = "macs") -> Drawing:
    return Drawing(Contents(zoo.build(name)), cost)


def residual(blocks: int = 3, names: tuple[str, ...] = ()) -> Genotype:
    """A stem, a row of equal residual blocks, a head."""
    b = Builder((3, 16, 16))
    x = b(Conv2d(8), b.input, name="stem")
    for number in range(blocks):
        with b.scope(names[number] if names else f"block{number}"):
            y = b(ReLU(), b(BatchNorm2d(), b(Conv2d(8), x)))
            x = b(Add(), y, x)
    return b.genotype(b(MaxPool2d(2), x, name="head"))


def boxes(genotype: Genotype) -> dict[str, Box]:
    return {box.name: box for box in Contents(genotype).root.walk() if box.kind in ("op", "scope") and box.key}


@pytest.mark.parametrize("name", MEMBERS)
def test_nothing_overlaps_and_every_wire_ends(name: str) -> None:
    drawing = drawing_of(name)
    for depth in (None, 0, 2, drawing.deepest):
        if depth is None or len(visible(drawing.root, depth)) <= 400:
            assert_sheet(drawing, lay_out(drawing, depth).sheet, f"{name} at {depth}")


@pytest.mark.slow
def test_nothing_overlaps_in_any_family_of_networks() -> None:
    for name in sorted(FIRST):
        drawing = drawing_of(name)
        for depth in range(drawing.deepest + 1):
            if len(visible(drawing.root, depth)) <= 1500:
                assert_sheet(drawing, lay_out(drawing, depth).sheet, f"{name} at {depth}")


@pytest.mark.parametrize("name", ["resnet18", "resnet152", "densenet121", "googlenet", "inception_v3", "unet", "vit_b_16", "hrnet_w18"])
def test_folded_networks_fit_one_screen(name: str) -> None:
    drawing = drawing_of(name)
    layout = lay_out(drawing)
    assert badness(layout.sheet) <= 1
    picture = scene(layout, name)
    assert picture.width <= 1200
    assert picture.height <= 900
    if layout.depth < drawing.deepest and len(visible(drawing.root, layout.depth + 1)) <= 140:
        assert badness(lay_out(drawing, layout.depth + 1).sheet) > 1


@pytest.mark.parametrize("name", ["lenet5", "resnet50", "densenet121", "nasnet_a_mobile"])
@pytest.mark.parametrize("cost", COSTS)
def test_totals_and_shares_add_up(name: str, cost: str) -> None:
    drawing = drawing_of(name, cost)
    genotype = drawing.contents.genotype
    leaves = [box for box in drawing.root.walk() if box.kind == "op"]
    assert drawing.totals.nodes == len(genotype.nodes) == sum(box.totals.nodes for box in leaves)
    assert drawing.totals.params == sum(fact.cost.params for fact in genotype.facts)
    assert drawing.totals.macs == sum(fact.cost.macs for fact in genotype.facts)
    assert sum(map(drawing.share, leaves)) == pytest.approx(1)
    assert sum(map(drawing.share, drawing.root.children)) == pytest.approx(1)


def test_equal_blocks_are_drawn_once() -> None:
    found = boxes(zoo.build("resnet152"))
    assert {name: box.count for name, box in found.items() if box.count > 1} == {
        "layer1/1": 2, "layer2/1": 7, "layer3/1": 35, "layer4/1": 2
    }  # fmt: skip
    assert found["layer3/1"].shown == "layer3/1 \u2026 35"
    assert found["layer3/1"].totals.params == 35 * sum(box.totals.params for box in found["layer3/1"].children) // 35
    assert found["layer3/1/conv1"].totals.nodes == 35


def test_names_do_not_part_equal_blocks() -> None:
    (block,) = [box for box in boxes(residual(3, ("first", "second", "last"))).values() if box.kind == "scope"]
    assert (block.count, block.title) == (3, "first \u2026 last")


def test_blocks_that_differ_inside_stay_apart() -> None:
    b = Builder((8, 16, 16))
    x = b.input
    for number, kernel in enumerate((3, 3, 5, 5)):
        with b.scope(f"block{number}"):
            x = b(ReLU(), b(Conv2d(8, kernel), x))
    assert [(box.title, box.count) for box in boxes(b.genotype(x)).values() if box.kind == "scope"] == [
        ("block0 \u2026 1", 2), ("block2 \u2026 3", 2)
    ]  # fmt: skip


def test_a_reader_from_outside_ends_a_run() -> None:
    b = Builder((8, 16, 16))
    values: list[Value] = [b.input]
    for number in range(4):
        with b.scope(f"block{number}"):
            values.append(b(ReLU(), b(Conv2d(8), values[-1])))
    found = boxes(b.genotype(b(Add(), values[-1], values[2], name="skip")))
    assert [(box.title, box.count) for box in found.values() if box.kind == "scope"] == [("block0 \u2026 1", 2), ("block2 \u2026 3", 2)]


def test_side_by_side_branches_are_no_run() -> None:
    b = Builder((8, 16, 16))
    values = []
    for number in range(3):
        with b.scope(f"branch{number}"):
            values.append(b(ReLU(), b(Conv2d(8), b.input)))
    assert all(box.count == 1 for box in boxes(b.genotype(b(Concat(), *values))).values())


def test_cells_that_read_the_last_two_are_a_run() -> None:
    assert boxes(zoo.build("nasnet_a_large"))["cell3"].count == 4


def test_drop_rates_that_grow_do_not_part_blocks() -> None:
    assert boxes(zoo.build("efficientnet_v2_s"))["features/6/1"].count == 14


def test_a_scope_that_is_left_and_entered_again_is_drawn_in_parts() -> None:
    b = Builder((8, 16, 16))
    x = b(ReLU(), b(Conv2d(8), b.input, name="a/conv"), name="a/relu")
    y = b(ReLU(), b(Conv2d(8), x, name="b/conv"), name="b/relu")
    z = b(ReLU(), b(Conv2d(8), b(Add(), x, y, name="a/add"), name="a/conv_last"), name="a/relu_last")
    drawing = Drawing(Contents(b.genotype(z)), "macs")
    assert [box.title for box in drawing.root.children] == ["x", "a (1 of 2)", "b", "a (2 of 2)", "Output"]
    assert_sheet(drawing, lay_out(drawing, 1).sheet)


def test_several_inputs_outputs_and_dead_ends() -> None:
    b = Builder((8, 16, 16), (8, 16, 16), (4,))
    x = b(Add(), *b.inputs[:2])
    b(ReLU(), b(ReLU(), x))
    drawing = Drawing(Contents(b.genotype(x, b.input, x)), "params")
    titles = [box.title for box in drawing.root.children]
    assert titles == ["x0", "x1", "x2", "Add".lower(), "relu", "relu_1", "Output 1", "Output 2", "Output 3"]
    assert_sheet(drawing, lay_out(drawing).sheet)


def test_depth_folds_what_is_deeper() -> None:
    drawing = drawing_of("resnet18")
    shown = {depth: {box.name for box in visible(drawing.root, depth)} for depth in (0, 1, 3)}
    assert "layer2" in shown[0]
    assert "layer2/0" not in shown[0]
    assert "layer2/0" in shown[1]
    assert "layer2/0/conv1" not in shown[1]
    assert "layer2/0/downsample/0" in shown[3]
    assert b"all scopes open" in draw(zoo.build("resnet18"), depth=9)


@pytest.mark.parametrize("format", [one for one in FORMATS if one != "png"])
def test_every_format_of_some_networks(format: str) -> None:
    for name in ("lenet5", "resnet18", "fasterrcnn_resnet50_fpn", "msdnet"):
        genotype = zoo.build(name)
        drawn = draw(genotype, format, title=name)
        assert drawn == draw(genotype, format, title=name)
        assert name in drawn.decode()
        assert len(drawn) < {"html": 1_000_000}.get(format, 60_000)


def test_svg_is_valid_and_names_every_box() -> None:
    drawn = ElementTree.fromstring(draw(zoo.build("resnet18"), depth=1, title="resnet18"))
    assert drawn.tag == f"{SVG}svg"
    assert drawn.findtext(f"{SVG}title") == "resnet18: 11.7 M params \u00b7 1.81 G MACs"
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    for text in ("resnet18", "Input x", "Conv 7\u00d77 /2", "64\u00d7112\u00d7112", "6.5 %", "layer2", "layer3/0", "\u00d72", "Output"):
        assert text in texts, text
    tips = [tip.text or "" for tip in drawn.iter(f"{SVG}title")]
    assert any("conv2d(channels=64, kernel=7, stride=2" in tip for tip in tips)


def test_the_picture_is_the_same_in_another_process() -> None:
    code = """
import hashlib
from archsearch import zoo
from archsearch.design.drawing import draw
drawn = [draw(zoo.build(name), format) for name in ("googlenet", "nasnet_a_mobile") for format in ("svg", "html", "dot", "mmd")]
print(hashlib.sha256(b"".join(drawn)).hexdigest())
"""
    seen = set()
    for seed in ("1", "2"):
        settings = {"env": {**os.environ, "PYTHONHASHSEED": seed}, "cwd": Path(__file__).parents[1]}
        seen.add(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, **settings).stdout)
    assert len(seen) == 1


def test_golden(assert_golden: Callable[[str, str], None]) -> None:
    assert_golden("drawing_residual.svg.txt", draw(residual(), depth=1, title="residual").decode())
    assert_golden("drawing_residual.dot.txt", draw(residual(), "dot", depth=1, title="residual").decode())
    assert_golden("drawing_residual.mmd.txt", draw(residual(), "mmd", depth=1, title="residual").decode())


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_is_legible_on_every_colour() -> None:
    for colour in (*FILLS, *GROUNDS, PAGE):
        assert (luminance(colour) + 0.05) / (luminance(INK) + 0.05) >= 4.5, colour
    for colour in (*GROUNDS, PAGE):
        assert (luminance(colour) + 0.05) / (luminance(QUIET) + 0.05) >= 4.5, colour
        assert (luminance(colour) + 0.05) / (luminance(WIRE) + 0.05) >= 3, colour


def test_colours_and_widths_grow() -> None:
    shares = (0.0, 0.004, 0.015, 0.03, 0.07, 0.15, 0.4, 0.7)
    assert [fill(share) for share in shares] == list(FILLS)
    assert all(luminance(one) > luminance(other) for one, other in pairwise(FILLS))
    widths = [wire_width(10**power) for power in range(12)]
    assert widths == sorted(widths)
    assert widths[0] > 1
    assert widths[-1] == 7


def test_every_op_has_words() -> None:
    for cases in EXAMPLES.values():
        for case in cases:
            words = op_words(case[0])
            assert words[:1].isupper() or words[:1].isdigit(), words
            assert text_width(words, 12.5, bold=True) < 400
    assert op_words(Conv2d(8, 3, 2, groups=4)) == "Conv 3\u00d73 /2 4 groups"
    assert op_words(Conv2d(8, (1, 7), stride=(2, 1))) == "Conv 1\u00d77 /2,1"
    assert op_words(Upsample()) == "Upsample \u00d72"
    assert op_words(LPPool2d()).startswith("LP pool 2\u00d72")


def test_text_is_shortened_to_its_room() -> None:
    assert set(map(chr, range(32, 127))) <= set(ADVANCE)
    for room in (5, 20, 60, 200):
        assert text_width(shortened("a_rather_long_name_of_a_scope", room, 12), 12) <= max(room, 12)
    assert shortened("conv", 200, 12) == "conv"


def test_skyline() -> None:
    sky = Skyline()
    assert sky.lowest(-5, 5) == 0
    sky.lower(0, 10, 7)
    sky.lower(5, 20, 3)
    assert [sky.lowest(left, left + 1) for left in (-2, 0, 4, 5, 12, 20)] == [0, 7, 7, 3, 3, 0]
    assert sky.lowest(-3, 30) == 7


def test_page_runs_only_its_own_script() -> None:
    text = draw(zoo.build("resnet152"), "html", title="resnet152").decode()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}';")
    assert not re.findall(r"(?:src|href)=|url\(|@import|innerHTML|eval\(", text)
    assert set(re.findall(r"https?://[\w./-]+", text)) == {"http://www.w3.org/2000/svg"}


def test_page_can_unfold_every_scope() -> None:
    genotype = zoo.build("resnet152")
    (data,) = re.findall(r'<script type="application/json" id="drawing">(.*?)</script>', draw(genotype, "html").decode(), re.S)
    found = json.loads(data)
    root = Contents(genotype).root
    assert {int(key) for key in found["boxes"]} == {box.key for box in root.walk() if box.key}
    assert {int(key) for key in found["plans"]} == {box.key for box in root.walk() if box.kind == "scope"}
    assert found["opened"] == sorted(lay_out(Drawing(Contents(genotype), "macs")).opened)


def test_page_leaves_folded_what_holds_too_many_wires() -> None:
    b = Builder((3, 8, 8))
    values: list[Value] = [b.input]
    for number in range(200):
        values.append(b(Add(), *values, name=f"dense/add{number}") if number else b(ReLU(), b.input, name="dense/relu"))
    text = draw(b.genotype(values[-1]), "html").decode()
    assert re.findall(r'data-depth="(\d)"', text) == ["0"]
    with pytest.raises(DrawingError, match="pieces of wire"):
        draw(b.genotype(values[-1]), depth=1)


def test_script_has_every_measure_that_it_names() -> None:
    script = bundle("design/drawing/page.js")
    measures = look(0.0, 0.0)
    assert set(re.findall(r"\bis\.(\w+)", script)) == measures.keys()


@dataclass(frozen=True)
class Hostile(Op):
    """An op of a user's own with texts that try to break out."""

    kind: ClassVar[str] = 'a"]; <b>&\\N\x00\u202e'
    kernel: str = '"]--><script>alert(1)</script>\n"; end;\\" #quot; ]]> \ud800'
    stride: int | None = None

    def infer(self, x: TensorSpec) -> TensorSpec:
        return x

    def cost(self, x: TensorSpec) -> Cost:
        return Cost()

    def saved(self, x: TensorSpec) -> Saved:
        return Saved()

    def build(self, layers: object, x: TensorSpec) -> object:
        return layers


def hostile() -> Genotype:
    b = Builder((3, 8, 8))
    return b.genotype(b(Hostile(), b(Hostile(), b.input, name="end"), name="subgraph"))


TITLE = 'x"]</title></svg><script>alert(1)</script>\n\\'


@pytest.mark.parametrize("format", ["svg", "html", "dot", "mmd"])
def test_hostile_texts_break_nothing(format: str) -> None:
    text = draw(hostile(), format, title=TITLE).decode()
    assert "<script>alert" not in text or format == "dot"
    assert "\x00" not in text
    assert "\u202e" not in text
    if format == "svg":
        ElementTree.fromstring(text)
    if format == "html":
        assert text.count("<script") == text.count("</script>") == 2
    if format == "dot":
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
        assert re.fullmatch(r"[\w\s{}\[\]=,;.>-]*", bare), bare
        assert_dot_reads(text)
    if format == "mmd":
        labels = re.findall(r'"([^"]*)"', text.partition("flowchart TB")[2])
        assert all(re.fullmatch(r"(?:[\w .,/\u00d7\u00b7\u2026-]|#\d+;|<br/>)*", label) for label in labels), labels


def assert_dot_reads(text: str) -> None:
    """Let Graphviz read the text where it is installed."""
    if program := shutil.which("dot"):
        done = subprocess.run([program, "-Tplain"], input=text.encode(), capture_output=True, check=True)
        assert done.stdout.startswith(b"graph ")


@pytest.mark.parametrize("name", MEMBERS)
def test_every_value_that_a_box_reads_has_its_arrow(name: str) -> None:
    layout = lay_out(drawing_of(name), 1)
    shown = [box for box in visible(layout.drawing.root, 1) if box.key not in layout.opened]
    assert arrows(layout.sheet) == sum(len(set(box.reads)) for box in shown) == len(edges(layout))


def test_dot_has_every_edge() -> None:
    for name, depth in (("resnet18", 3), ("googlenet", 1), ("nasnet_a_mobile", 0)):
        text = draw(zoo.build(name), "dot", depth=depth).decode()
        nodes = set(re.findall(r"^ *(n\d+) \[", text, re.M))
        links = re.findall(r"^ *(n\d+) -> (n\d+) \[penwidth", text, re.M)
        assert {end for link in links for end in link} == nodes
        assert text.count("{") == text.count("}")
        assert_dot_reads(text)


def test_png_needs_graphviz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if shutil.which("dot"):
        drawn = draw(residual(), "png", depth=1, title="residual \u00d7")
        assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
        picture = scene(lay_out(Drawing(Contents(residual()), "macs"), 1), "residual \u00d7")
        width, height = (int.from_bytes(drawn[at : at + 4], "big") for at in (16, 20))
        assert (width, height) == pytest.approx((2 * picture.width, 2 * picture.height), abs=3)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DrawingError, match=r"needs Graphviz \(`dot`\), which is not installed; write an .svg"):
        draw(residual(), "png")


@pytest.mark.parametrize(
    ("does", "message"), [("echo no such font >&2; exit 1", "Graphviz failed: no such font;"), ("exit 3", "Graphviz failed: exit code 3;")]
)
def test_png_when_graphviz_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, does: str, message: str) -> None:
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DrawingError, match=message):
        draw(residual(), "png")


def chain(nodes: int, scope: int = 0) -> Genotype:
    """ReLUs in a row, so many in each scope."""
    b = Builder((3, 8, 8))
    x = b.input
    for number in range(nodes):
        x = b(ReLU(), x, name=f"s{number // scope}/relu{number % scope}" if scope else f"relu{number}")
    return b.genotype(x)


def test_large_networks_fold_or_are_refused() -> None:
    folded = draw(chain(20_000, 500))
    assert len(folded) < 20_000
    assert "\u00d740".encode() in folded
    with pytest.raises(DrawingError, match="20,002 boxes are over the limit of 3,000 for a drawing; group its nodes in scopes"):
        draw(chain(20_000))
    with pytest.raises(
        DrawingError, match=r"4,003 boxes are over the limit of 3,000 for a drawing; a smaller depth folds more \(3 boxes at 0\)"
    ):
        draw(chain(20_000, 4_000), depth=1)
    b = Builder((3, 8, 8))
    values: list[Value] = [b.input]
    for _ in range(200):
        values.append(b(Add(), *values) if len(values) > 1 else b(ReLU(), values[0]))
    with pytest.raises(DrawingError, match=r"pieces of wire are over the limit of 12,000 for one scope; use a smaller depth"):
        draw(b.genotype(values[-1]))


def test_errors_are_one_line() -> None:
    genotype = residual()
    with pytest.raises(DrawingError, match="format 'pdf' is unknown; known: svg, png, dot, mmd, html"):
        draw(genotype, "pdf")
    with pytest.raises(DrawingError, match="cost 'latency' is unknown; known: params, macs, memory"):
        draw(genotype, cost="latency")
    with pytest.raises(DrawingError, match="depth=-1 must be at least 0"):
        draw(genotype, depth=-1)


def test_drawings_are_written_whole(tmp_path: Path) -> None:
    path = write_drawing(residual(), tmp_path / "net.SVG", title="net")
    assert path.read_bytes() == draw(residual(), title="net")
    with pytest.raises(DrawingError, match=r"net.txt: no drawing ends in .txt; known: .svg, .png, .dot, .mmd, .html"):
        write_drawing(residual(), tmp_path / "net.txt")
    with pytest.raises(DrawingError, match=r"cannot be written: No such file or directory; free space or rights"):
        write_drawing(residual(), tmp_path / "nowhere" / "net.svg")
    assert [file.name for file in tmp_path.iterdir()] == ["net.SVG"]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "resnet18.svg"
    draw_command("resnet18", out, "params", 0, "3,64,64", [], False)
    assert capsys.readouterr().out.strip() == str(out)
    assert b"64\xc3\x9732\xc3\x9732" in out.read_bytes()
    draw_command("resnet18", out, "params", None, None, [], True)
    assert json.loads(capsys.readouterr().out) == {"drawing": str(out)}


def tangle(seed: int, nodes: int) -> Genotype:
    """A random network whose names have little to do with its wiring."""
    rng = random.Random(seed)
    b = Builder((3, 8, 8), (3, 8, 8))
    values = list(b.inputs)
    for number in range(nodes):
        scope = "".join(f"{rng.choice('abc')}/" for _ in range(rng.randrange(4)))
        reads = [values[-1 - min(int(rng.expovariate(0.3)), len(values) - 1)] for _ in range(rng.choice((1, 1, 2, 3)))]
        values.append(b(Add() if len(reads) > 1 else ReLU(), *reads, name=f"{scope}node{number}"))
    return b.genotype(*rng.sample(values, 3), values[-1])


@pytest.mark.parametrize("seed", range(30))
def test_tangled_networks(seed: int) -> None:
    drawing = Drawing(Contents(tangle(seed, 10 + 4 * seed)), "memory")
    for depth in (0, 1, 2, drawing.deepest):
        assert_sheet(drawing, lay_out(drawing, depth).sheet, f"seed {seed} at {depth}")
