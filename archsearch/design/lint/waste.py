"""Rules on nodes that do nothing, or what another one does."""

from __future__ import annotations

from collections.abc import Iterator

from archsearch.design.lint.base import Found, rule
from archsearch.design.lint.subject import Part, Subject
from archsearch.ops import Mul, Op
from archsearch.units import prefixed


@rule("unused-input", "error", "an input that no output depends on changes nothing")
def unused_input(subject: Subject) -> Iterator[Found]:
    """Inputs that no living node reads and that are no outputs."""
    for value, name in enumerate(subject.genotype.input_names):
        if not subject.alive[value]:
            yield Found(name, "no output depends on it", "connect it, or take the input away")


@rule("constant-output", "error", "an output that is the same for every input tells nothing")
def constant_output(subject: Subject) -> Iterator[Found]:
    """Outputs that are reached by zeros and constants only."""
    constant = [False] * len(subject.genotype.inputs)
    zero = constant.copy()
    for part in subject.parts:
        nothing = part.op.is_zero or (isinstance(part.op, Mul) and any(zero[read] for read in part.reads))
        zero.append(nothing)
        constant.append(nothing or all(constant[read] for read in part.reads))
    for output in dict.fromkeys(subject.genotype.outputs):
        if constant[output]:
            yield Found(subject.name(output), "only zeros reach it", "replace a zero on the way by an op that passes the input on")


@rule("dead-node", "warning", "what no output depends on is computed for nothing, and its params never get a gradient")
def dead_node(subject: Subject) -> Iterator[Found]:
    """Nodes that no output depends on."""
    for part in subject.parts:
        if not subject.alive[part.value]:
            params = part.facts.cost.params
            held = f", and it holds {prefixed(params)} params" if params else ""
            yield Found(part.name, f"no output depends on it{held}", "connect it, or remove it")


@rule("duplicate-node", "hint", "the same value computed twice costs time and memory twice")
def duplicate_node(subject: Subject) -> Iterator[Found]:
    """Equal ops without params or chance on equal values, step by step through whole branches; views cost nothing."""
    same = list(range(len(subject.genotype.specs)))
    known: dict[tuple[Op, tuple[int, ...], int], Part] = {}
    offset, held = len(subject.genotype.inputs), subject.genotype.holders
    for part in subject.living:
        if part.op.random:
            continue
        own = part.value - offset if part.facts.learned else -1
        reads = [same[read] for read in part.reads]
        key = (part.op, tuple(sorted(reads) if part.op.commutative else reads), held.get(part.value - offset, own))
        first = known.setdefault(key, part)
        same[part.value] = first.value
        if first is not part and not part.facts.saved.eval_view:
            yield Found(part.name, f"makes the same value as {first.name}", f"read {first.name} instead")
