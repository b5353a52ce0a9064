"""What an op leaves behind and uses on its way, in numbers: the facts that the walkers of memory add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Inner(NamedTuple):
    """A value between two parts of an op, for one sample: its elements, and the params of the part that it goes into."""

    elements: int
    params: int


@dataclass(frozen=True, slots=True)
class Amount:
    """Memory in units that are bytes once batch and dtype are known.

    For each sample: `elements` of the network's dtype, `wide` ones of float32 or the dtype if that is wider, `casts` of float32 and
    `narrow` ones of the dtype that are made where the dtype is narrower than float32 and nowhere else, `indices` of int64, `flags` of
    one byte. For each batch: `weights` of the dtype, `statistics` as wide as `wide`, `marks` of one byte. `gradients`: so many
    gradients of the result, and `kept`: so many times the values that autograd keeps here, both where nothing else holds them.
    """

    elements: int = 0
    wide: int = 0
    casts: int = 0
    narrow: int = 0
    indices: int = 0
    flags: int = 0
    weights: int = 0
    statistics: int = 0
    marks: int = 0
    gradients: int = 0
    kept: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(*[one + more for one, more in zip(self.numbers(), other.numbers(), strict=True)])

    def __sub__(self, other: Amount) -> Amount:
        return self + -other

    def __neg__(self) -> Amount:
        return -1 * self

    def __rmul__(self, times: int) -> Amount:
        return Amount(*[times * number for number in self.numbers()])

    def numbers(self) -> list[int]:
        """All units, in order."""
        return [getattr(self, name) for name in self.__slots__]


NOTHING = Amount()
LET_GO = Amount(gradients=-1)
"""The op drops the gradient of its result."""
DONE = Amount(kept=-1)
"""The op drops the values that autograd keeps for it."""
Moments = tuple[Amount, ...]
Handed = Literal["whole", "view", "turned"]


def moments(*steps: Amount) -> Moments:
    """What is there after each step, given what each makes and, with a minus, drops; steps that only drop are no peak."""
    found, now = dict[Amount, None](), NOTHING
    for step in steps:
        now = now + step
        if max(step.numbers()) > 0:
            found[now] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Saved:
    """What autograd keeps at one op between its forward and its backward pass, and how the gradient passes it.

    `inputs` are positions of the inputs that are kept, `output` whether the result is; `crossed`: an input is kept only if
    another one needs a gradient (products). New tensors: `elements` of the network's dtype and `indices` of int64 for each
    sample, `statistics` for each batch, in float32 or the dtype if that is wider; `more`: others that are kept. `view`: the result
    shares the storage of the first input, in training; `eval_view`: the same in inference. `eval_elements` and `eval_indices` are
    scratch space in inference.

    `gradient` of the inputs: `new` tensors, the `same` tensor handed on, a `view` or `slices` of it, one that is `turned` (its axes
    stand in another order), or `none`. New tensors are `handed` on whole, as a view of them, or turned. Slices are cut from `rows` rows
    a sample; `beside`: they leave out what is learned. `spread`: elements of the tensor that the gradient of the first input is a part
    of. `joins`: the backward pass lays the rows of all samples in one axis, and copies a gradient that does not lie so. `stretched`:
    positions of inputs whose gradient is made at the size of the output first. `inner`: values kept between the parts of an op that is
    several, last first; `parts`: of how many parts it is besides. `waiting`: what is there beyond all that is stated while the gradient
    of the input is added to another. `anew`: a second gradient of the same weights is added in a new tensor, as theirs is a view.

    An op that makes tensors for itself states all that it has made and not yet dropped, its results and what it keeps among them, at
    each moment that may be a peak: `training` in the forward pass, `inference`, `backward`, and `front`, that is the backward pass where
    no input needs a gradient; what is dropped there of the values kept counts as less than nothing.
    """

    inputs: tuple[int, ...] = ()
    output: bool = False
    crossed: bool = False
    elements: int = 0
    indices: int = 0
    statistics: int = 0
    view: bool = False
    eval_view: bool = False
    gradient: Literal["new", "same", "view", "slices", "turned", "none"] = "new"
    handed: Handed = "whole"
    rows: int = 1
    stretched: tuple[int, ...] = ()
    inner: tuple[Inner, ...] = ()
    eval_elements: int = 0
    eval_indices: int = 0
    parts: int = 0
    spread: int = 0
    joins: bool = False
    beside: bool = False
    anew: bool = False
    more: Amount | None = None
    waiting: Amount | None = None
    training: Moments = ()
    inference: Moments = ()
    backward: Moments = ()
    front: Moments = ()
