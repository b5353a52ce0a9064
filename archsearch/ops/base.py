"""What every op is: local facts that the walkers (analysis, compiler, export) chain together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import MISSING, dataclass, fields, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from archsearch.ops.checks import MAX_FIELD as MAX_FIELD
from archsearch.ops.checks import check_counts as check_counts
from archsearch.ops.checks import check_flags as check_flags
from archsearch.ops.checks import check_number as check_number
from archsearch.ops.checks import check_sizes as check_sizes
from archsearch.ops.declaration import check_declaration, check_op, failure, given, home
from archsearch.ops.layout import Layouts
from archsearch.ops.reading import NO_GRADIENT, SAME, UNSTATED, WHOLE_INPUT, Reads, sliding
from archsearch.ops.saved import Amount as Amount
from archsearch.ops.saved import Inner as Inner
from archsearch.ops.saved import Saved as Saved
from archsearch.ops.saved import moments as moments
from archsearch.ops.tensor import ShapeError, TensorSpec
from archsearch.ops.window import POINT as POINT
from archsearch.ops.window import UNSAID as UNSAID
from archsearch.ops.window import WHOLE as WHOLE
from archsearch.ops.window import Window as Window

Size = int | tuple[int, int]
MAX_PARAMS = 2**36
"""Learned elements of one op: 256 GiB in float32."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one op costs for one sample.

    `params` counts learned elements, `buffers` elements of the state that is not learned (`counters` of them are int64
    scalars, `places` int32, whatever the network's dtype), `macs` multiply-adds of convolutions and matrix products.
    """

    params: int = 0
    buffers: int = 0
    macs: int = 0
    counters: int = 0
    places: int = 0


Channels = Literal["made", "kept", "spread", "mixed"]
Side = Literal["out", "in", ""]
Layers = Any  # torch.nn with our own modules, or what records the source of a call to them


class Op(ABC):
    """An operator with its hyperparameters: a frozen dataclass whose fields are those and nothing else.

    Signatures are open here (`*inputs: Any, **named: Any`) so that each op writes down the inputs it takes.
    A subclass states `infer` and `build`; an op that states no `cost` or `saved` is measured once per distinct shape
    by running its module on torch's meta device, never counted as zero. `integer`: its result is of int64 whatever the
    network's dtype (the places of maxima), and no gradient passes it. `random`: it draws numbers in training, so that two of
    them make two values of one. `stays`: fields that keep their value while others are edited, although None would be worked out
    anew; `either`: fields of which one is given. `associative`: one of one is one of all operands in a row; `keeps_elements`: it
    returns its input's in order, in another shape; `is_zero`: it returns zeros; `never_negative`: nothing returned is under 0.
    `measured`: its shape and costs are read off torch, and kept with the node in JSON. `kernel_tensors`: of an op with `kernel`, and
    perhaps `padding`, the names of its module's tensors that end in the kernel's axes (in a row where there are three axes), if zeros
    around the kernel and as much more padding leave its function as it is.
    """

    kind: ClassVar[str]
    commutative: ClassVar[bool] = False
    associative: ClassVar[bool] = False
    keeps_elements: ClassVar[bool] = False
    is_zero: ClassVar[bool] = False
    never_negative: ClassVar[bool] = False
    measured: ClassVar[bool] = False
    integer: ClassVar[bool] = False
    random: ClassVar[bool] = False
    stays: ClassVar[tuple[str, ...]] = ()
    either: ClassVar[tuple[str, ...]] = ()
    kernel_tensors: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def infer(self, *inputs: Any, **named: Any) -> TensorSpec:
        """Shape of the result. Raises ShapeError when the inputs do not fit."""

    @abstractmethod
    def build(self, layers: Layers, *inputs: Any, **named: Any) -> Any:
        """The torch module, made from `layers` (torch.nn and archsearch.layers under one name)."""

    def cost(self, *inputs: Any, **named: Any) -> Cost:
        """Parameters, buffers and multiply-adds for one sample."""
        return _measured(self, inputs).cost

    def saved(self, *inputs: Any, **named: Any) -> Saved:
        """What autograd keeps, and how the gradient passes."""
        return _measured(self, inputs).saved

    def saved_behind(self, layouts: Layouts, *inputs: Any) -> Saved:
        """What `saved` says where some inputs are views with gaps; an op that copies those first says so here, views by themselves do."""
        return self.saved(*inputs)

    def window(self) -> Window:
        """Spatial window of an op on images, or POINT where it works position by position."""
        return UNSAID

    def reads(self, *inputs: Any, **named: Any) -> Reads:
        """Which positions of the inputs a position of the result depends on, for the receptive field; by default as the window says."""
        return reads_of(self.window())

    def operands(self, zeros: Sequence[bool]) -> tuple[int, ...]:
        """Positions of the inputs that matter, given which of them are always zero."""
        return tuple(range(len(zeros)))

    def is_identity(self, inputs: int) -> bool:
        """Whether the op with so many inputs returns its first input unchanged, whatever its shape."""
        return False

    def normal(self, *inputs: Any, **named: Any) -> Op:
        """The one op that stands for all those that compute the same at these inputs with the same weights; itself if it is that."""
        return self

    def merged(self, before: Op, *inputs: Any) -> Op | None:
        """The one op that does what `before` and this one do, on what `before` reads; `before` itself if that is enough."""
        return None

    def gives_zero(self, zeros: Sequence[bool], *inputs: Any) -> bool:
        """Whether the result is always zero, given which of the inputs are; never of an op with weights, which would go with it."""
        return False

    def channels_are(self) -> Channels:
        """How channels pass: `made` anew from all of the input's, `kept` apart, `spread` over the features of a vector, or `mixed`."""
        return "mixed"

    def tensor_axes(self, name: str) -> tuple[Side, Side]:
        """What the first two axes of a tensor of its module count, if it has them: channels of the result or the input, or neither."""
        how = self.channels_are()
        return ("out" if how in ("made", "kept") else "", "in" if how == "made" else "")

    def __str__(self) -> str:
        """The kind, and fields that differ from what they would be if they were not given."""
        return f"{self.kind}({', '.join(f'{name}={value}' for name, value in given_fields(self).items())})"


def given_fields(op: Op) -> dict[str, Any]:
    """Fields of an op that differ from what they would be if they were not given."""
    names = [f.name for f in fields(op) if f.default is MISSING or not is_default(op, f.name, f.default)]  # type: ignore[arg-type]
    return {name: getattr(op, name) for name in names}


def is_default(op: Op, name: str, default: object) -> bool:
    """Whether a field is what it would be if it were not given; a default that the other fields do not allow is not."""
    try:
        return replace(op, **{name: default}) == op  # type: ignore[type-var]
    except ValueError:
        return False


def edited(op: Op, changes: Mapping[str, Any], said: Set[str] = frozenset()) -> Op:
    """The op with other values in some fields; what it has worked out from those (padding from the kernel) is worked out anew.

    `said`: fields that stay because someone has written them down. A pooling's stride stays too: whether it was given no longer
    shows, and sizes all the way behind hang on it.

    Raises:
        ValueError, TypeError: there is no such op.
    """
    values = {f.name: getattr(op, f.name) for f in fields(op)}  # type: ignore[arg-type]
    chosen = any(changes.get(name) is not None for name in op.either)
    for f in fields(op):  # type: ignore[arg-type]
        if f.name in changes or f.name in said or f.name in op.stays:
            continue
        if (chosen and f.name in op.either) or (f.default is None and is_default(op, f.name, None)):
            values[f.name] = None
    return type(op)(**{**values, **changes})


def reads_of(window: Window) -> Reads:
    """What a window says of the positions that it reads."""
    if window is UNSAID:
        return UNSTATED
    if window.whole:
        return WHOLE_INPUT
    if window == POINT:
        return SAME
    down, across = (
        sliding(*sizes) for sizes in zip(window.kernel, window.stride, window.padding, window.dilation, strict=True)
    )  # fmt: skip
    return Reads("window", down, across)


class Measured(NamedTuple):
    """Facts of an op read off its module."""

    cost: Cost
    saved: Saved


@lru_cache(maxsize=4096)
def _measured(op: Op, inputs: tuple[TensorSpec, ...]) -> Measured:
    from archsearch.ops.measure import measure  # torch: only an op that leaves its facts out pays for it, when it is asked for them

    return measure(op, inputs)


Growth = tuple[tuple[int, int, int], tuple[int, int, int]] | Literal[True]


@dataclass(frozen=True, slots=True)
class Facts:
    """All local facts of one op at given input shapes, and what the walkers ask most worked out in advance.

    `learned`: it has parameters that get a gradient; `passes`: a gradient passes it; `keeps`: of its values autograd keeps none, the
    first input alone, or what `saved` says; `extra`: elements, int64 indices and statistics of new tensors that it keeps, if any.
    `plain`: in inference it allocates its result, of the network's dtype, and nothing else; `straight`: so it does in training, and
    makes new gradients in one go. `growth`: for a window that slides by whole steps, down and across: by how many
    strides before it it lies before and behind a position, and the factor of that stride; True for others, None where all stays.
    `widens`: the same by the window alone, as `Window.growth` has it.
    `cuts`: it returns a part of its input, as a view. `normal`: the op's normal form, None if it is that; `same`: it returns the input.
    """

    spec: TensorSpec
    elements: int
    cost: Cost
    saved: Saved
    window: Window
    integer: bool
    learned: bool
    passes: bool
    keeps: Literal["none", "first", "more"]
    extra: tuple[int, int, int] | None
    plain: bool
    straight: bool
    growth: Growth | None
    widens: tuple[int, int, int, int, int, int] | None
    reads: Reads
    normal: Op | None = None
    same: bool = False
    cuts: bool = False


@lru_cache(maxsize=1 << 16)
def facts(op: Op, inputs: tuple[TensorSpec, ...]) -> Facts:
    """Local facts of `op` at these inputs, worked out once per distinct op and shapes.

    Raises:
        OpError: it is no op that can be used, or one of its methods gives what it must not. ShapeError: the inputs do not fit.
    """
    check_op(op, Op)
    try:
        spec = given(op, "infer", TensorSpec, op.infer(*inputs))
        cost, saved = given(op, "cost", Cost, op.cost(*inputs)), given(op, "saved", Saved, op.saved(*inputs))
        return completed(op, inputs, spec, cost, saved)
    except ValueError:
        raise
    except Exception as error:  # the methods of a user's op may do anything
        raise failure(op, len(inputs), error) from error


def completed(op: Op, inputs: tuple[TensorSpec, ...], spec: TensorSpec, cost: Cost, saved: Saved) -> Facts:
    """The facts of an op whose shape, cost and memory are known. Raises OpError, ShapeError."""
    window, reads = given(op, "window", Window, op.window()), given(op, "reads", Reads, op.reads(*inputs))
    if cost.params > MAX_PARAMS:
        raise ShapeError(f"{op.kind}: {cost.params:,} params are over the limit of 2**36; use fewer channels or a smaller input")
    same, normal = op.is_identity(len(inputs)), op.normal(*inputs)
    found = summary(spec, cost, saved, window, reads, op.integer)
    cuts = (saved.view or saved.eval_view) and spec.elements < inputs[0].elements
    return replace(found, normal=None if normal is op else normal, same=same, cuts=cuts)


def summary(spec: TensorSpec, cost: Cost, saved: Saved, window: Window, reads: Reads, integer: bool) -> Facts:
    """The facts with what follows from them."""
    elements = saved.elements + sum([part.elements for part in saved.inner])
    return Facts(
        spec, spec.elements, cost, saved, window, integer,
        learned=cost.params > 0 and not integer,
        passes=saved.gradient != "none" and not integer,
        keeps=kept_by(saved),
        extra=(elements, saved.indices, saved.statistics) if elements or saved.indices or saved.statistics or saved.more else None,
        plain=not (saved.eval_view or integer or saved.eval_elements or saved.eval_indices or saved.inference),
        straight=not (saved.view or integer or (saved.gradient, saved.handed) != ("new", "whole") or saved.inner or saved.stretched
                      or saved.backward),
        growth=growth(NO_GRADIENT if integer else reads),
        widens=window.growth(),
        reads=NO_GRADIENT if integer else reads,
    )  # fmt: skip


def kept_by(saved: Saved) -> Literal["none", "first", "more"]:
    """What `Facts.keeps` says."""
    if not saved.inputs and not saved.output:
        return "none"
    return "first" if saved.inputs == (0,) and not saved.output and not saved.crossed else "more"


def growth(reads: Reads) -> Growth | None:
    """What `Facts.growth` says."""
    if reads.kind == "same" and not reads.features:
        return None
    sides = (reads.down, reads.across)
    if reads.kind != "window" or reads.tiling or reads.sides != (1, 1) or any(taps.period > 1 or taps.lows[0] is None for taps in sides):
        return True
    down, across = ((taps.lows[0] or 0, taps.highs[0] or 0, taps.advance) for taps in sides)
    return (down, down) if down == across else (down, across)


@lru_cache(maxsize=1 << 14)
def text_of(op: Op) -> str:
    """The op in words, as `str` gives it."""
    return str(op)


OPS: dict[str, type[Op]] = {}
T = TypeVar("T", bound=type[Op])


def register(kind: str) -> Callable[[T], T]:
    """Class decorator: make an op known by its `kind`, the name that stands in JSON.

    Raises:
        ValueError: the class is no op, or another class has that kind already; one line that names the class and the field.
    """

    def add(cls: T) -> T:
        known = OPS.get(kind) if isinstance(kind, str) else None
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"op kind {kind!r} is taken by {home(known)}; choose another name")
        check_declaration(cls, kind, Op)
        cls.kind = kind
        OPS[kind] = cls
        return cls

    return add


def pair(size: Size) -> tuple[int, int]:
    """(height, width) of a size that may be given as one number."""
    return (size, size) if isinstance(size, int) else size


def slide(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Number of places of a sliding window: (size + 2*padding - dilation*(kernel-1) - 1) // stride + 1."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
