"""A network fitted to data: another shape of its input, another number of classes."""

from __future__ import annotations

from archsearch.design.edit.widths import width
from archsearch.network.genotype import Genotype, GenotypeError
from archsearch.ops.tensor import ShapeError, TensorSpec
from archsearch.spaces.around.assembly import assembled
from archsearch.spaces.around.choices import Decisions
from archsearch.spaces.around.resizing import resized
from archsearch.spaces.around.template import Template
from archsearch.spaces.around.widths import Widths
from archsearch.spaces.space import SpaceError


def fitted(genotype: Genotype, input: tuple[int, ...] | None = None, classes: int | None = None) -> Genotype:
    """The network for inputs of that shape and with so many classes, as little changed as can be.

    Windows that do not fit into a smaller image shrink; sizes that are written down follow. Classes are the widths of all outputs that
    are as wide as the first.

    Raises:
        SpaceError: the network does not take such inputs, or its outputs are not set by one op.
    """
    if input is not None and tuple(input) != genotype.inputs[0].shape:
        genotype = with_input(genotype, tuple(input))
    if classes is not None and classes != width(genotype.specs[genotype.outputs[0]]):
        genotype = with_classes(genotype, classes)
    return genotype


def with_input(genotype: Genotype, shape: tuple[int, ...]) -> Genotype:
    """The network with another first and only input. Raises SpaceError."""
    given = genotype.inputs[0]
    wanted = "x".join(map(str, shape))
    if len(genotype.inputs) > 1:
        raise SpaceError(f"input {wanted}: the network has {len(genotype.inputs)} inputs and can be fitted to data only if it has one")
    if len(shape) != len(given.shape):
        raise SpaceError(f"input {wanted}: the network takes {given}; give as many axes")
    try:
        return resized(genotype, TensorSpec(shape))
    except (GenotypeError, ShapeError) as error:
        raise SpaceError(f"the network cannot be made to take input {wanted} instead of {given}: {error}") from error


def with_classes(genotype: Genotype, classes: int) -> Genotype:
    """The network with another width of its outputs. Raises SpaceError."""
    widths = Widths(genotype)
    ties, specs = widths.ties, genotype.specs
    given = width(specs[genotype.outputs[0]])
    why = f"classes={classes}: the network has {given}"
    if type(classes) is not int or classes < 1:
        raise SpaceError(f"{why}; give a whole number of at least 1")
    decisions = Decisions()
    for output in genotype.outputs:
        if width(specs[output]) != given:
            continue
        form, name = widths.forms[output], genotype.value_names[output]
        (root, *others), unit = ties.roots(form), ties.unit(ties.roots(form)[0])
        if others or ties.is_fixed(form) or classes * unit % given:
            raise SpaceError(f"{why}, and no one linear map or convolution sets the width of its output '{name}'; edit the network instead")
        decisions.scales[root] = classes * unit // given
    try:
        return assembled(Template(genotype, widths), decisions)
    except GenotypeError as error:
        raise SpaceError(f"{why}, and other widths do not follow: {error}") from error
