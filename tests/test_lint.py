"""Every rule speaks where it should and is silent where it should be; the zoo is the judge of false alarms."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import typer
from hypothesis import given, settings

from archsearch import Builder, Genotype, Op, TensorSpec, Value, analyse, register, zoo
from archsearch.blocks.basic import chain
from archsearch.cli import WrongUseError
from archsearch.cli.linting import lint_command
from archsearch.design.lint import LEVELS, RULES, Finding, LintError, lint
from archsearch.design.lint.slides import Slide
from archsearch.network.passes import drop_dead
from archsearch.ops import (
    OPS,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Cost,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    FractionalMaxPool2d,
    GlobalAvgPool2d,
    LayerNorm2d,
    Linear,
    MaxPool2d,
    Mul,
    Pad2d,
    ReLU,
    RReLU,
    Saved,
    Sigmoid,
    StochasticDepth,
    Tanh,
    Upsample,
    Zero,
)
from tests.strategies_hypothesis import genotypes

IMAGE = (3, 32, 32)
CONV = (Conv2d(16, bias=False), BatchNorm2d(), ReLU())
HEAD = (GlobalAvgPool2d(), Flatten(), Linear(10))


def stack(*ops: Op, input: tuple[int, ...] = IMAGE) -> Genotype:
    b = Builder(input)
    return b.genotype(chain(b, b.input, ops))


def residual(blocks: int, inner: tuple[Op, ...] = CONV[:2], after: Op | None = None) -> Genotype:
    b = Builder(IMAGE)
    x = chain(b, b.input, CONV)
    for _ in range(blocks):
        x = b(Add(), x, chain(b, x, inner))
        x = x if after is None else b(after, x)
    return b.genotype(chain(b, x, HEAD))


def branches(make: Callable[[Builder, Value], list[Value]], input: tuple[int, ...] = IMAGE) -> Genotype:
    """A network whose outputs are what `make` gives."""
    b = Builder(input)
    return b.genotype(*make(b, b.input))


def two_inputs(reads_both: bool) -> Genotype:
    b = Builder(IMAGE, IMAGE)
    x = b(Add(), *b.inputs) if reads_both else b.input
    return b.genotype(b(Conv2d(8), x))


def unet(side: int) -> Genotype:
    def make(b: Builder, x: Value) -> list[Value]:
        down = chain(b, x, [*CONV, MaxPool2d(2, ceil=True), *CONV])
        return [b(Conv2d(2), b(Upsample(size=x.shape[1:]), down))]

    return branches(make, (3, side, side))


def shortcut(stride_in_the_3x3: bool) -> Genotype:
    """A bottleneck that halves the image, as in ResNet v1 or v1.5."""

    def make(b: Builder, x: Value) -> list[Value]:
        x = chain(b, x, CONV)
        first, middle = (1, 2) if stride_in_the_3x3 else (2, 1)
        ops = [Conv2d(8, 1, first, bias=False), BatchNorm2d(), ReLU(), Conv2d(16, 3, middle, bias=False), BatchNorm2d()]
        return [b(Add(), chain(b, x, ops), b(Conv2d(16, 1, 2), x))]

    return branches(make)


def plain(convs: int, norm: bool) -> Genotype:
    return stack(*(CONV if norm else (CONV[0], ReLU())) * convs, *HEAD)


def gated(b: Builder, x: Value) -> list[Value]:
    """A gate that saturates a sum which is no residual one."""
    x = chain(b, x, CONV)
    gate = b(Sigmoid(), b(Add(), b(Conv2d(16, 1), x), b(Conv2d(16, 5), x)))
    return [b(Mul(), x, gate)]


def factored(b: Builder, x: Value) -> list[Value]:
    """Low rank, separable and depthwise factors, and a linear bottleneck whose projection keeps the width."""
    x = chain(
        b, x, [*CONV, Conv2d(4, 1), Conv2d(16), ReLU(), Conv2d(16, (1, 3)), Conv2d(16, (3, 1)), ReLU(), DepthwiseConv2d(3), Conv2d(16, 1)]
    )
    return [chain(b, x, [ReLU(), DepthwiseConv2d(3), BatchNorm2d(), ReLU(), Conv2d(16, 1), BatchNorm2d(), Conv2d(64, 1)])]


def halves(b: Builder, x: Value) -> list[Value]:
    """The factorised reduction of NAS cells: two 1x1 convolutions with stride 2, one of them a step aside."""
    x = chain(b, x, [*CONV])
    aside = b(Pad2d(bottom=1, right=1), x)
    return [b(Conv2d(8, 1, 2), x), b(Conv2d(8, 1, 2, padding=0), aside)]


BROKEN: list[tuple[str, str, Genotype]] = [
    ("unused-input", "error", two_inputs(reads_both=False)),
    ("constant-output", "error", stack(*CONV, Zero(), *HEAD)),
    ("constant-output", "error", branches(lambda b, x: [b(Mul(), x, b(Zero(), x))])),
    ("dead-node", "warning", branches(lambda b, x: [[b(Conv2d(8), x), b(Conv2d(4), x)][1]])),
    ("duplicate-node", "hint", branches(lambda b, x: [b(Add(), b(ReLU(), b(AvgPool2d(), x)), b(ReLU(), b(AvgPool2d(), x)))])),
    ("lost-border", "warning", stack(*CONV, MaxPool2d(2), Conv2d(8), input=(3, 31, 31))),
    ("lost-border", "hint", stack(Conv2d(96, 11, 4, padding=0), input=(3, 224, 224))),
    ("skipped-positions", "hint", shortcut(stride_in_the_3x3=False)),
    ("padding-only", "warning", stack(*CONV, Conv2d(64, 3, dilation=36))),
    ("padding-only", "hint", stack(*CONV, GlobalAvgPool2d(), Conv2d(4), ReLU(), Conv2d(4096, 1))),
    ("even-kernel", "warning", stack(Conv2d(8, 4, padding=1))),
    ("large-kernel", "hint", stack(*CONV, Conv2d(16, 7))),
    ("large-pooling", "warning", stack(*CONV, MaxPool2d(4), *CONV)),
    ("small-field", "hint", stack(*CONV, *CONV, *HEAD)),
    ("early-downsampling", "warning", stack(MaxPool2d(8), *CONV * 5)),
    ("uneven-input", "hint", unet(33)),
    ("deep-plain", "warning", plain(25, norm=True)),
    ("no-norm", "hint", plain(12, norm=False)),
    ("bias-before-norm", "hint", stack(Conv2d(16), BatchNorm2d(), ReLU())),
    ("linear-linear", "warning", stack(Flatten(), Linear(32), Dropout(), Linear(10))),
    ("linear-linear", "hint", stack(Conv2d(16, bias=False), BatchNorm2d(), *HEAD)),
    ("linear-linear", "warning", stack(*CONV, Conv2d(4, 1), Conv2d(4), ReLU())),
    ("linear-linear", "warning", stack(*CONV, Conv2d(16, 1), Conv2d(64, 1), ReLU())),
    ("linear-linear", "warning", stack(*CONV, Conv2d(16, (1, 3)), Conv2d(16, (1, 3)), ReLU())),
    ("linear-linear", "warning", stack(*CONV, Conv2d(16), Conv2d(16, (1, 3)), ReLU())),
    ("activation-after-add", "hint", residual(51, after=ReLU())),
    ("activation-after-add", "hint", residual(2, after=Tanh())),
    ("heavy-linear", "warning", stack(*CONV, Flatten(), Linear(128))),
    ("lopsided", "hint", stack(*CONV * 5, Conv2d(128, 5))),
    ("unaligned-width", "hint", stack(Conv2d(50), ReLU(), Conv2d(50), ReLU(), *HEAD)),
]
SILENT: list[tuple[str, Genotype]] = [
    ("unused-input", two_inputs(reads_both=True)),
    ("constant-output", branches(lambda b, x: [b(Add(), x, b(Zero(), x))])),
    ("duplicate-node", branches(lambda b, x: [b(Add(), b(Conv2d(3), x), b(Conv2d(3), x)), b(Dropout(), x), b(Dropout(), x)])),
    ("duplicate-node", branches(lambda b, x: [b(op, x) for op in (RReLU(), FractionalMaxPool2d(), StochasticDepth()) for _ in range(2)])),
    ("lost-border", stack(*CONV, Conv2d(8, 3, 2), MaxPool2d(3, 2, 1), MaxPool2d(2, ceil=True), input=(3, 250, 250))),
    ("lost-border", branches(lambda b, x: [b(MaxPool2d(2), x), b(Conv2d(8), x)], (3, 31, 31))),
    ("skipped-positions", shortcut(stride_in_the_3x3=True)),
    ("skipped-positions", branches(halves)),
    ("even-kernel", stack(Conv2d(8, 4, 4), Conv2d(8, 2, 2), Conv2d(8, 4, padding=0))),
    ("even-kernel", stack(Pad2d(top=1, left=1), MaxPool2d(2, 1, 1))),
    ("large-kernel", stack(Conv2d(64, 7, 2), ReLU(), DepthwiseConv2d(7), Conv2d(64, 16, padding=0))),
    ("large-pooling", branches(lambda b, x: [b(Conv2d(8), b(MaxPool2d(4), x)), x])),
    ("large-pooling", stack(*CONV, AvgPool2d(8), Flatten(), Linear(10))),
    ("small-field", stack(*CONV * 8, *HEAD)),
    ("small-field", stack(Conv2d(8), Flatten(), Linear(10))),
    ("small-field", stack(Conv2d(8, 5), ReLU(), Conv2d(3))),
    ("early-downsampling", stack(*CONV, MaxPool2d(2), *CONV * 3, MaxPool2d(2), *CONV, MaxPool2d(2), *CONV, *HEAD)),
    ("uneven-input", unet(32)),
    ("deep-plain", residual(40)),
    ("no-norm", residual(30, inner=(Conv2d(16), ReLU()))),
    ("no-norm", plain(20, norm=True)),
    ("bias-before-norm", stack(Conv2d(16), LayerNorm2d(), ReLU())),
    ("linear-linear", branches(factored)),
    ("linear-linear", stack(*CONV, Conv2d(4, 1), Conv2d(16, 1), ReLU())),
    ("linear-linear", stack(*CONV, Conv2d(16, (3, 1)), Conv2d(16, (1, 3)), ReLU())),
    ("linear-linear", stack(*CONV, DepthwiseConv2d(), ReLU(), Conv2d(16, 1), Conv2d(64, 1), ReLU())),
    ("linear-linear", stack(*CONV, Conv2d(16), MaxPool2d(2), Conv2d(16), ReLU())),
    ("dead-node", branches(lambda b, x: [b(Conv2d(8), x), b(Conv2d(4), x)])),
    ("padding-only", stack(*CONV, Conv2d(64, 3, dilation=31), Conv2d(64, 3, dilation=4))),
    ("lopsided", stack(*CONV * 5, Conv2d(16))),
    ("activation-after-add", residual(16, after=ReLU())),
    ("activation-after-add", branches(gated)),
    ("heavy-linear", stack(Flatten(), Linear(512), ReLU(), Linear(10))),
    ("heavy-linear", stack(*CONV, GlobalAvgPool2d(), Flatten(), Linear(8192))),
    ("unaligned-width", stack(Conv2d(64), ReLU(), Conv2d(64), ReLU(), Conv2d(21, 1))),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "level", "genotype"), BROKEN, ids=[rule for rule, _, _ in BROKEN])
def test_a_breach_is_found(rule: str, level: str, genotype: Genotype) -> None:
    [finding, *others] = [finding for finding in lint(genotype) if finding.rule == rule]
    assert finding.level == level
    assert all(other.level == level for other in others)
    assert finding.where == "/" or finding.where in genotype.value_names
    assert finding.message
    assert finding.fix
    assert all("\n" not in text for text in finding.plain().values())


@pytest.mark.parametrize(("rule", "genotype"), SILENT, ids=[rule for rule, _ in SILENT])
def test_what_is_right_raises_no_alarm(rule: str, genotype: Genotype) -> None:
    assert [finding for finding in lint(genotype) if finding.rule == rule] == []


def test_every_rule_is_broken_here_and_has_its_reason() -> None:
    assert {rule for rule, _, _ in BROKEN} == {rule for rule, _ in SILENT} == set(RULES)
    for name, rule in RULES.items():
        assert name == rule.name
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert rule.level in LEVELS
        assert rule.reason
        assert rule.check.__doc__


def test_the_numbers_of_the_course_notes() -> None:
    """AlexNet's first layer tiles 227 pixels and not 224 (CS231n)."""
    assert "lost-border" not in {finding.rule for finding in lint(zoo.build("alexnet_paper"))}
    [finding] = [finding for finding in lint(stack(Conv2d(96, 11, 4, padding=0), input=(3, 224, 224))) if finding.rule == "lost-border"]
    assert finding == Finding(
        "lost-border", "hint", "conv2d", "never reads 1 of 224 rows and 1 of 224 columns", "pad more, or give it 223 or 227 positions"
    )


@pytest.mark.parametrize("size", range(1, 12))
def test_windows_read_what_an_enumeration_says(size: int) -> None:
    for kernel, stride, padding, dilation in [(k, s, p, d) for k in (1, 2, 3, 5) for s in (1, 2, 3) for p in (0, 1, 2) for d in (1, 2, 6)]:
        places = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        if places < 1:
            continue
        slide = Slide(size, places, kernel, stride, padding, dilation)
        read = [[place * stride + tap * dilation - padding for place in range(places)] for tap in range(kernel)]
        assert slide.used_taps() == sum(any(0 <= at < size for at in positions) for positions in read)
        assert slide.unread == max(0, size - 1 - max(map(max, read)))
        small, large = slide.tiling_sizes
        assert small <= size < large
        assert (small + 2 * padding - slide.extent) % stride == (large + 2 * padding - slide.extent) % stride == 0
        inside = {place * stride + tap * dilation for place in range(60) for tap in range(kernel)} & set(range(36, 60))
        assert slide.share_read == len(inside) / 24


@given(genotypes())
@settings(max_examples=150)
def test_any_network_can_be_checked(genotype: Genotype) -> None:
    found = lint(genotype)
    assert [LEVELS.index(finding.level) for finding in found] == sorted(LEVELS.index(finding.level) for finding in found)
    assert {finding.where for finding in found} <= {*genotype.value_names, "/"}
    dead = {node.name for node in genotype.nodes} - {node.name for node in drop_dead(genotype).nodes}
    assert {finding.where for finding in found if finding.rule == "dead-node"} == dead
    assert not {finding.where for finding in found if finding.rule not in ("dead-node", "unused-input")} & dead


def test_the_object_size_is_held_against_the_receptive_field() -> None:
    network = stack(*CONV * 4, Conv2d(2))
    assert lint(network, object_size=(11, 11)) == ()
    [finding] = lint(network, object_size=(11, 12))
    assert (finding.rule, finding.level, finding.where) == ("small-field", "warning", "/")
    assert finding.message == "no output sees more than 11x11 pixels at once, the object has 11x12"


def test_the_field_is_the_one_that_the_analysis_reports() -> None:
    network = zoo.build("unet")
    assert (analyse(network).receptive_field, analyse(network).window_field) == ((204, 204), (200, 200))
    [finding] = [finding for finding in lint(network, object_size=(300, 64)) if finding.rule == "small-field"]
    assert finding.message == "no output sees more than 204x204 pixels at once, the object has 300x64"
    assert not [finding for finding in lint(network, object_size=(204, 204)) if finding.rule == "small-field"]


def test_of_what_is_pooled_the_field_before_that_counts_and_means_of_gates_are_no_sight() -> None:
    [finding] = [finding for finding in lint(zoo.build("seresnet50"), object_size=(500, 64)) if finding.rule == "small-field"]
    assert finding.message == "no output sees more than 427x427 pixels at once, the object has 500x64"


def test_rules_can_be_left_out() -> None:
    network = zoo.build("vgg16_bn")
    assert {finding.rule for finding in lint(network)} == {"heavy-linear", "bias-before-norm"}
    assert lint(network, ignore=["heavy-linear", "bias-before-norm"]) == ()
    with pytest.raises(LintError, match="no rule is called 'heavy-lineal'; did you mean heavy-linear"):
        lint(network, ignore=["heavy-lineal"])


def test_an_op_of_a_users_own_is_not_judged() -> None:
    @register("folded")
    @dataclass(frozen=True)
    class Folded(Op):
        def infer(self, x: TensorSpec) -> TensorSpec:
            return x

        def build(self, layers: Any, x: TensorSpec) -> Any:
            return layers.Identity()

        def cost(self, x: TensorSpec) -> Cost:
            return Cost()

        def saved(self, x: TensorSpec) -> Saved:
            return Saved()

    try:
        assert lint(stack(Conv2d(8), Folded(), Conv2d(8), Folded())) == ()
    finally:
        del OPS["folded"]


KNOWN = {
    "heavy-linear": r"alexnet.*|vgg.*|yolo_v1|zfnet",
    "padding-only": r"deeplabv3_mobilenet_v3_large(_aux)?|ssd300_vgg16",
    "duplicate-node": r"(amoebanet|darts|nasnet|pnasnet).*",
    "unaligned-width": r"amoebanet_a(_mobile)?|densenet.*_12_cifar|fc_densenet56|msdnet_cifar|pnasnet5_mobile|shufflenet_v(1_g2|2_x._0)",
    "lost-border": r"(amoebanet|nasnet|pnasnet).*|nin_imagenet|segnet.*|squeezenet.*",
    "skipped-positions": r"resnet.*_v1|resnet.*_v2_cifar|legacy_seresnet.*",
    "no-norm": r"dilated_vgg16.*|fcn\d+s_vgg16|flownet_s|googlenet_paper.*|nin_imagenet|squeezenet.*|ssd300_vgg16|vgg1[3-9](_c)?|yolo_v1",
    "bias-before-norm": r"gridnet|hrnet.*|resnest.*|segnet.*|vgg.*_bn",
    "uneven-input": r"deeplabv3_mobilenet.*|lraspp.*|segnet.*",
    "lopsided": r"dilated.*|nin_cifar|segnet_basic",
    "large-kernel": r"segnet_basic",
    "linear-linear": r"segnet_basic",
    "activation-after-add": r"resnet110_cifar",
}
"""Networks of the zoo by the rules that they break: each was looked at, and its authors, or those who came after them, say so too."""
WARNED = {"heavy-linear": KNOWN["heavy-linear"], "padding-only": r"deeplabv3_mobilenet.*"}


def test_the_zoo_is_judged_as_its_authors_would() -> None:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name in zoo.names():
        for finding in lint(zoo.build(name)):
            found[finding.rule, finding.level].add(name)
    for (rule, level), names in found.items():
        allowed = WARNED if level == "warning" else KNOWN
        assert level != "error", names
        assert {name for name in names if not re.fullmatch(allowed.get(rule, ""), name)} == set(), (rule, level)
    assert {rule for rule, _ in found} == set(KNOWN)


@pytest.mark.parametrize(
    ("name", "rules"), [("resnet18", {"early-downsampling", "padding-only"}), ("resnet50", {"early-downsampling", "padding-only"})]
)
def test_a_network_for_large_images_is_not_for_small_ones(name: str, rules: set[str]) -> None:
    assert {finding.rule for finding in lint(zoo.build(name, input=IMAGE))} == rules
    assert lint(zoo.build(name)) == ()


def run_lint(target: str | None, capsys: pytest.CaptureFixture[str], json: bool = False, **options) -> tuple[int, str]:
    given = {"object_size": None, "ignore": (), "strict": False, "ops": [], **options}
    try:
        lint_command(target, json=json, **given)
        code = 0
    except typer.Exit as stop:
        code = stop.exit_code
    return code, capsys.readouterr().out


def test_the_command_says_what_where_why_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run_lint("vgg16_bn", capsys)
    assert code == 0
    assert "warning: heavy-linear at classifier/0\n  holds 103 M of 138 M params: it reads all positions of 512x7x7\n  why: " in text
    assert "  also at features/3, features/7, features/10 and 9 more\n" in text
    assert text.endswith("vgg16_bn: 0 errors, 1 warning, 13 hints\n")
    assert run_lint("vgg16_bn", capsys, strict=True)[0] == 1
    assert run_lint("vgg16_bn", capsys, strict=True, ignore=["heavy-linear"])[0] == 0
    assert run_lint("resnet50", capsys) == (0, "resnet50: 0 errors, 0 warnings, 0 hints\n")
    assert run_lint("resnet50", capsys, object_size="700x64")[1].startswith("warning: small-field\n  no output sees more than 4")


def test_errors_end_with_one(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "genotype.json"
    file.write_text(two_inputs(reads_both=False).to_json())
    code, text = run_lint(str(file), capsys, json=True)
    assert code == 1
    told = json.loads(text)
    assert told["counts"] == {"error": 1, "warning": 0, "hint": 0}
    assert told["findings"][0] == {
        "rule": "unused-input", "level": "error", "where": "x1", "message": "no output depends on it",
        "fix": "connect it, or take the input away",
    }  # fmt: skip


def test_without_a_network_the_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(run_lint(None, capsys, json=True)[1])
    assert {rule["rule"] for rule in listed} == set(RULES)
    text = run_lint(None, capsys)[1]
    assert all(rule.name in text for rule in RULES.values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"object_size": "big"}, "--object 'big' must be pixels, such as 64"),
        ({"object_size": "0"}, "must be pixels"),
        ({"object_size": "64x0"}, "must be pixels"),
        ({"ignore": ["nonsense"]}, "no rule is called 'nonsense'"),
    ],
)
def test_wrong_use_is_one_line(options, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WrongUseError, match=words):
        run_lint("lenet5", capsys, **options)
