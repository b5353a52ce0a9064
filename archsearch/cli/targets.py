"""What a command is to work on: a run, a trial of a run, a network of the zoo, or a genotype in a file."""

from __future__ import annotations

import sys
from pathlib import Path

from archsearch.cli import WrongUseError
from archsearch.network.genotype import Genotype, GenotypeError
from archsearch.network.text_form import from_text
from archsearch.ops.tensor import TensorSpec
from archsearch.runs.store import Run, open_run
from archsearch.support.nearest import nearest
from archsearch.support.own_code import OWN, load_file
from archsearch.support.parts import sha256_of, split_source
from archsearch.support.reading import MAX_TEXT, at, read_text, reason
from archsearch.support.writing import write_text
from archsearch.zoo import build, names


def load_ops(files: list[str]) -> None:
    """Run Python files that register ops. Raises OwnFileError."""
    for file in files:
        load_file(str(Path(file).resolve()))


def find_network(target: str, shape: str | None = None) -> Genotype:
    """The network that a target stands for: a run (its best trial), RUN:TRIAL, a file, or a name of the zoo; `shape`: another input.

    Raises:
        WrongUseError: nothing is called so, or it does not take such an input. GenotypeError, ZooError: it is no network.
    """
    trial = find_trial(target)
    if trial is None and not Path(target).is_file() and looks_like_a_name(target):
        return build(target, **({} if shape is None else {"input": read_shape(shape)}))
    genotype = trial_network(*trial) if trial else read_genotype(Path(target))
    return genotype if shape is None else with_input(genotype, read_shape(shape))


def with_input(genotype: Genotype, shape: tuple[int, ...]) -> Genotype:
    """The same ops for an input of another shape. Raises WrongUseError when there are several inputs, or an op does not take it."""
    if len(genotype.inputs) != 1:
        raise WrongUseError(f"--input is for networks with one input; this one has {len(genotype.inputs)}")
    try:
        return Genotype((TensorSpec(shape),), genotype.nodes, genotype.outputs)
    except (GenotypeError, ValueError) as error:
        raise WrongUseError(f"the network does not take an input of {'x'.join(map(str, shape))}: {error}") from error


def looks_like_a_name(target: str) -> bool:
    """Whether a target can only be a name. Raises WrongUseError when no network of the zoo is called so."""
    if target in names():
        return True
    if "/" in target or "." in target:
        return False
    raise WrongUseError(f"no file, run or network of the zoo is called {target[:60]!r}; {nearest(target[:60], names())}")


def read_shape(text: str) -> tuple[int, ...]:
    """A shape such as 3,64,64 or 3x64x64. Raises WrongUseError."""
    try:
        return tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise WrongUseError(f"shape {text[:60]!r} must be whole numbers parted by commas, such as 3,64,64") from None


def find_trial(target: str) -> tuple[Run, int] | None:
    """Run and number of `RUN:TRIAL`, or of a run's folder and its best trial; None when the target is neither.

    Raises:
        StoreError: there is no such run. WrongUseError: it has no result yet.
    """
    if Path(target).is_dir() and not (target in names() and not (Path(target) / "run.json").exists()):
        run = open_run(target)
        return run, best_trial(run)
    folder, colon, number = target.rpartition(":")
    if not colon or not number.isdigit() or Path(target).exists():
        return None
    return open_run(folder), int(number)


def best_trial(run: Run) -> int:
    """Number of the front's trial that is best in the first objective, one with weights first. Raises WrongUseError when there is none."""
    front = run.front()
    if not front:
        raise WrongUseError(f"{run.folder} has no trial with a result yet; `archsearch show {run.folder}` says how it stands")
    found = run.best()
    return front[0].number if found is None else found


def trial_network(run: Run, number: int) -> Genotype:
    """The genotype of a trial. Raises WrongUseError when the run has no such trial."""
    try:
        genotype = run.genotype(number)
    except KeyError as error:
        raise WrongUseError(str(error.args[0])) from error
    except GenotypeError as error:
        if "unknown op" in str(error) and own_file(run):
            hint = f"give that file, if you trust it: --ops {own_file(run)}"
            raise WrongUseError(f"{run.folder}, trial {number}: an op of it is of the run's own space; {hint}") from error
        raise GenotypeError(f"{run.folder}, trial {number}: {error}") from error
    check_ops(run, genotype)
    return genotype


def own_file(run: Run) -> str:
    """The file of the run's space when it is one of the user's own, which a run's folder never makes archsearch run; else empty."""
    return split_source(run.record.space)[0]


def check_ops(run: Run, genotype: Genotype) -> None:
    """Raise WrongUseError when an op comes from a file that is called as the run's own space but is not as it was."""
    own = own_file(run)
    for module in {type(node.op).__module__ for node in genotype.nodes if type(node.op).__module__.startswith(OWN)}:
        file = Path(str(sys.modules[module].__file__))
        if own and file.name == Path(own).name and sha256_of(file) != run.record.space_sha256:
            raise WrongUseError(f"{file} is not as it was when the run in {run.folder} began; give --ops the file that it had then")


def read_genotype(path: Path) -> Genotype:
    """The genotype in a file, as JSON or in the text form. Raises WrongUseError when it cannot be read, GenotypeError when it is none."""
    try:
        text = read_text(path, 4 * MAX_TEXT)
        return Genotype.from_json(text) if is_json(text) else from_text(text)
    except OSError as error:
        hint = "give a network of the zoo, RUN:TRIAL, a run's folder, or a file with a genotype"
        raise WrongUseError(at(path, f"{reason(error)}; {hint}")) from error
    except ValueError as error:
        raise GenotypeError(at(path, str(error))) from error


def is_json(text: str) -> bool:
    """Whether a text is meant as JSON: the text form never begins with a bracket or a quote."""
    return text.lstrip()[:1] in ("{", "[", '"', "")


def write_genotype(genotype: Genotype, path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises WrongUseError, which says why it cannot be."""
    try:
        write_text(path, text)
    except OSError as error:
        raise WrongUseError(f"{path}: {error.strerror}; choose another --out") from error
