"""The Python file of a space around a network, for people to read and edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from archsearch.design.edit.widths import width
from archsearch.network.genotype import Genotype
from archsearch.network.text_form import to_text
from archsearch.spaces.around.variety import Variety

FILE = '''"""Networks around {name}: other widths, kernels, numbers of blocks and shortcuts.

Search them with `archsearch search FILE --data ...`; the network, the settings and the function are yours to edit.
"""
{imports}
from archsearch import Genotype, Pick
from archsearch.spaces.around import variation
{load}from archsearch.network.text_form import from_text
{ops}
NETWORK = from_text("""
{network}""")


def space(
    pick: Pick,
    *,
{settings}
    classes: int = {classes},
    input: tuple[int, ...] = {input},
) -> Genotype:
    """A network around {name}.

    `widths`: factors of the given ones, 1 for as given. `kernels`: sides that convolutions may have besides the given one.
    `depths`: runs of equal blocks have 1 block up to `deeper` more than given. `shortcuts`: may be dropped. `links`: stretches
    that keep the shape may get a shortcut. `alike`: neighbouring blocks that are equal stay so. What is empty or false is not varied.
    `keep`: choices that stay as given, by name or pattern, such as "layer1/*" or "*.kernel"; `archsearch spaces FILE` lists them.
    """
    return variation(
        NETWORK,
        pick,
{arguments}
        classes=classes,
        input=input,
    )
'''
TYPES = {"widths": "tuple[float, ...]", "kernels": "tuple[int, ...]", "deeper": "int", "keep": "tuple[str, ...]"}


def space_source(genotype: Genotype, name: str, variety: Variety, ops: Sequence[str] = ()) -> str:
    """A file with a function `space` for the networks around a genotype, which is written out in it.

    `name` is what it is called in words; `ops` are files that register its ops, by their paths from where the file will be.

    Raises:
        GenotypeError: an op that no text can stand for.
    """
    names = [field.name for field in fields(variety)]
    return FILE.format(
        name=quoted(name).replace("\n", " "),
        load="from archsearch.support.own_code import load_file\n" if ops else "",
        imports="\nfrom pathlib import Path\n" if ops else "",
        ops="\n".join(["", *(f"load_file(str(Path(__file__).parent / {Path(path).as_posix()!r}))" for path in ops), ""]) if ops else "",
        network=quoted(to_text(genotype)),
        settings="\n".join(f"    {name}: {TYPES.get(name, 'bool')} = {getattr(variety, name)!r}," for name in names),
        arguments="\n".join(f"        {name}={name}," for name in names),
        classes=width(genotype.specs[genotype.outputs[0]]),
        input=genotype.inputs[0].shape,
    )


def quoted(text: str) -> str:
    """A text as it stands between three quotes in Python."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
