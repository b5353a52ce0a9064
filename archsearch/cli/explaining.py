"""`explain`: what a trained network does with the images that it was validated on, or with a person's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsearch.cli import WrongUseError
from archsearch.cli.console import print_json, print_table, print_text, remark
from archsearch.cli.progress import progress_bar
from archsearch.cli.targets import find_network, find_trial, load_ops, read_genotype, trial_network
from archsearch.data.description import Description
from archsearch.evaluators import EVALUATORS
from archsearch.network.genotype import Genotype
from archsearch.runs.store import Run
from archsearch.solo.record import RECORD, read_training
from archsearch.units import prefixed, unit

if TYPE_CHECKING:
    from archsearch.explaining.explain import Pictures
    from archsearch.explaining.explanation import Explanation
    from archsearch.explaining.subject import Subject

GENOTYPE, WEIGHTS, CONFIG, PAGE = "genotype.json", "model.safetensors", "config.json", "explanation.html"
"""Files of an exported folder, and the page."""


@dataclass(frozen=True)
class Wish:
    """What is explained, and how.

    `images` are a person's own, none for the validation part; `places` say where the data are now. Of a genotype `weights` are a file;
    `mean`, `std` and `classes`, in words, are for weights of which nobody has said what images they are for.
    """

    target: str
    images: Path | None
    places: Mapping[str, str]
    weights: Path | None
    mean: str
    std: str
    classes: str
    limit: int


@dataclass(frozen=True)
class Trained:
    """A network with its weights, what is known of its data, the options of its training (None where unknown), and where its page goes."""

    genotype: Genotype
    weights: Path
    about: Description
    options: Mapping[str, Any] | None
    title: str
    page: Path


def explain_command(wish: Wish, out: Path | None, ops: list[str], json: bool) -> None:
    """Explain a network, write the page, and print what it answers."""
    from archsearch.report.of_explanation import report_explanation

    load_ops(ops)
    trained = found_for(wish)
    found = explained(wish, trained)
    page = report_explanation(found, out or trained.page)
    if json:
        print_json({"page": str(page), **found.plain()})
        return
    for note in found.notes:
        remark(note)
    print_judged(found) if found.judged else print_answers(found)
    print_text(f"\nPage  {page}")


def found_for(wish: Wish) -> Trained:
    """The network that is meant. Raises WrongUseError where there is none, or no weights for it."""
    folder = Path(wish.target)
    if (folder / GENOTYPE).is_file() and not (folder / "run.json").exists():
        trained = of_folder(folder)
    elif (trial := find_trial(wish.target)) is not None:
        trained = of_trial(*trial)
    else:
        genotype = find_network(wish.target)
        if wish.weights is None:
            raise WrongUseError(f"{wish.target} holds no weights; give --weights FILE, a .safetensors file of this network")
        page = Path(f"{folder.stem}-{PAGE}")
        trained = Trained(genotype, wish.weights, Description(), None, f"{folder.name} with {wish.weights.name}", page)
    if wish.weights is not None:
        trained = replace(trained, weights=wish.weights)
    return replace(trained, about=described(wish, trained.about))


def of_trial(run: Run, number: int) -> Trained:
    """A trial of a run with the weights that it was left with. Raises WrongUseError where they were not kept."""
    genotype, weights, record = trial_network(run, number), run.weights(number), run.record
    if weights is None:
        raise WrongUseError(f"weights of trial {number} were not kept; `archsearch front {run.folder}` lists those whose were")
    if record.description is None:
        again = f"`archsearch resume {run.folder}` reads its data once and adds that"
        raise WrongUseError(f"{run.folder} is a run of an earlier version, which does not say what its images are like; {again}")
    own = record.evaluator not in EVALUATORS  # only its file knows which images it takes
    title = f"Trial {number} of {run.folder.resolve().name}"
    return Trained(genotype, weights, record.description, None if own else record.evaluator_options, title, run.explanation(number))


def of_folder(folder: Path) -> Trained:
    """A folder of model files, which `export` or `train` wrote."""
    from archsearch.exporters.reading import read_preprocessing

    genotype, weights, title = read_genotype(folder / GENOTYPE), folder / WEIGHTS, folder.resolve().name
    if (folder / RECORD).is_file():
        training = read_training(folder)
        return Trained(genotype, weights, training.data, training.options, title, folder / PAGE)
    said = read_preprocessing(folder / CONFIG) if (folder / CONFIG).is_file() else None
    about = Description() if said is None else Description(classes=said.classes, mean=said.mean, std=said.std)
    return Trained(genotype, weights, about, None, title, folder / PAGE)


def described(wish: Wish, about: Description) -> Description:
    """What is known of the data, and what the options say of them. Raises WrongUseError for options that are no numbers."""
    given: dict[str, Any] = {"classes": tuple(wish.classes.split(","))} if wish.classes else {}
    try:
        given |= {name: tuple(map(float, getattr(wish, name).split(","))) for name in ("mean", "std") if getattr(wish, name)}
        return replace(about, **given)
    except ValueError as error:
        raise WrongUseError(f"--mean and --std: {error}; give a number for each channel, such as 0.5,0.5,0.5") from error


def explained(wish: Wish, trained: Trained) -> Explanation:
    """The explanation. Raises ExplainError or WeightsError."""
    from archsearch.explaining.explain import explain
    from archsearch.explaining.subject import subject_of

    subject = subject_of(trained.genotype, trained.weights, trained.about)
    pictures, source, notes = pictures_for(wish, trained, subject)
    if not trained.about.mean:
        notes.append("nothing says how images are normalised for it: they are given as they are, from 0 to 1; --mean and --std change that")
    with progress_bar(not sys.stderr.isatty(), lambda _: "explaining") as tick:
        return explain(subject, pictures, trained.title, source, wish.limit, notes, tick)


def pictures_for(wish: Wish, trained: Trained, subject: Subject) -> tuple[Pictures, str, list[str]]:
    """The images, what they are in words, and notes on them. Raises ExplainError, or WrongUseError where nobody says which."""
    from archsearch.explaining.validation import own_images, validation_part

    if wish.images is not None:
        pictures, notes = own_images(wish.images, subject, wish.limit)
        return pictures, f"{len(pictures.images):,} images of {wish.images}", notes
    if trained.options is None:
        raise WrongUseError(f"which images {trained.title} was trained on is not known here; give some of your own by --images")
    pictures = validation_part(trained.options, trained.about, wish.places)
    data = Path(str(trained.options["data"])).name
    return pictures, f"{len(pictures.images):,} images of the validation part of {data}", list(trained.about.notes)


def print_judged(found: Explanation) -> None:
    """The error of each exit, and the pairs of classes that are confused most."""
    from archsearch.explaining.explanation import confused

    rows = [[one.name, prefixed(one.macs), unit("error").text(one.error)] for one in found.exits]
    print_text(found.source)
    print_table(["Output", "MACs", "Error"], rows)
    counts = found.exits[-1].counts
    pairs = [] if counts is None else confused(counts)[:5]
    if pairs:
        print_text("")
        words = "Pixels" if found.masks else "Images"
        print_table(["Is", "Answered", words], [[found.classes[a], found.classes[b], f"{n:,}"] for a, b, n in pairs], left=2)


def print_answers(found: Explanation) -> None:
    """What the last exit answers to each image."""
    rows = []
    for sample in found.samples:
        first, *others = sample.answers[-1]
        rest = ", ".join(f"{found.classes[score.label]} {score.share:.1%}" for score in others)
        rows.append([sample.name, found.classes[first.label], f"{first.share:.1%}", rest])
    print_table(["Image", "Answer", "Share", "Then"], rows, left=2, prose=("Then",))
