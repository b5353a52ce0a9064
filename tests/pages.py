"""README and the pages of docs/ as a reader meets them: a section's blocks run from the first to the last, in a folder of its own.

A console block is commands, and below a command what it prints where the page shows that. A block of which the line before says
"`name.py` ...:" is that file, which a later command must name. Other Python is a script. Searches and trainings are cut short.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from typer.main import get_command

from archsearch.cli.app import app
from archsearch.runs.store import open_run
from tests.warm import run_python

TREE = Path(__file__).parents[1]
PAGES = (TREE / "README.md", *sorted((TREE / "docs").glob("*.md")))
CLI = str(TREE / "cli.py")
FILE = re.compile(r"(?:^|[.:] )`([\w/.-]+\.\w+)`[^`]*:$")
MOST = {
    "search": {"--trials": 4, "--workers": 0},
    "resume": {"--trials": 5},
    "train": {"--epochs": 1, "--seeds": 2},
    "supernet": {"--epochs": 2},
    "tabulate": {"--sample": 3, "--epochs": 1},
    "compare": {"--runs": 2, "--trials": 12},
}
"""Options by command, and the largest number that each has when a page is tried out."""
IN_PYTHON = {"trials": 3, "workers": 1, "num_samples": 3, "n_trials": 5, "epochs": 2}


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    language: str
    text: str
    file: str = ""


@dataclass(frozen=True)
class Section:
    """What stands below a heading of the second level, or above the first."""

    page: Path
    title: str
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        return f"{self.page.name}: {self.title}"

    @property
    def text(self) -> str:
        return "\n".join(block.text for block in self.blocks)


@dataclass(frozen=True)
class Trial:
    """How a section is tried out, if not as any other: what is written otherwise, what Python needs first, what holds at the end."""

    instead: Mapping[str, str] = field(default_factory=dict)
    first: str = ""
    after: Callable[[Path], object] = lambda folder: None


def sections(page: Path) -> Iterator[Section]:
    """All that have a block."""
    title, blocks, fence, inside = "", [], None, []
    before = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if fence is not None and line != "```":
            inside.append(line)
        elif fence is not None:
            named = FILE.search(before) if fence != "console" else None
            blocks.append(Block(fence, "\n".join(inside) + "\n", named[1] if named else ""))
            fence, inside = None, []
        elif line.startswith("```"):
            fence = line[3:]
        elif line.startswith("## "):
            yield Section(page, title, tuple(blocks))
            title, blocks = line[3:], []
        before = line if line and fence is None else before
    assert fence is None, f"{page}: a block has no end"
    yield Section(page, title, tuple(blocks))


def with_blocks() -> list[Section]:
    """Sections of all pages in which something runs; what is in braces is for the generator of the pages."""
    found = [section for page in PAGES for section in sections(page)]
    running = [
        Section(each.page, each.title, tuple(block for block in each.blocks if not block.language.startswith("{"))) for each in found
    ]
    return [section for section in running if section.blocks]


def read(section: Section, folder: Path, trial: Trial) -> None:
    """Do what a section says, in a folder."""
    for number, block in enumerate(section.blocks):
        text = block.text
        for written, instead in trial.instead.items():
            text = text.replace(written, instead)
        if block.file:
            later = "".join(other.text for other in section.blocks[number + 1 :])
            assert Path(block.file).name in later, f"{section.name}: nothing is done with {block.file}"
            write(folder / block.file, text)
        elif block.language == "python":
            write(folder / "block.py", trial.first + shortened(text))
            done(run_python("block.py", cwd=folder), "python")
        elif block.language == "console":
            for command, printed in commands(text):
                carry_out(command, printed, folder)
        else:
            assert block.language == "text", f"{section.name}: a block of {block.language!r} is neither run nor a file"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def shortened(code: str) -> str:
    """Python with fewer trials and epochs."""
    return re.sub(r"\b(\w+)=(\d+)", lambda found: f"{found[1]}={min(int(found[2]), IN_PYTHON.get(found[1], int(found[2])))}", code)


def commands(text: str) -> Iterator[tuple[list[str], str]]:
    """Words of each command, and what is to be printed."""
    for part in re.split(r"^\$ ", text.replace("\\\n", " "), flags=re.M)[1:]:
        line, _, printed = part.partition("\n")
        yield shlex.split(line, comments=True), printed


def carry_out(command: list[str], printed: str, folder: Path) -> None:
    """Run a command, or as much of it as can be run here."""
    program, *words = command
    if program == "archsearch":
        said = archsearch(words, folder)
    elif program == "python":
        write(folder / words[0], shortened((folder / words[0]).read_text(encoding="utf-8")))
        said = done(run_python(*words, cwd=folder), *command)
    elif program == "make":
        said = done(subprocess.run(["make", "--dry-run", *words], cwd=TREE, capture_output=True, text=True, check=False), *command)
    else:
        assert program == "pip", f"nobody knows how to try {program}"
        said = extras_of(words[-1])
    assert not printed or lines(said) == lines(printed), f"{command} prints something else:\n{said}"


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def done(ended: subprocess.CompletedProcess[str], *command: str) -> str:
    assert ended.returncode == 0, f"{command}: {ended.stderr}"
    return ended.stdout


def extras_of(wanted: str) -> str:
    """That the package has the extras that are asked for."""
    known = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    extras = wanted.partition("[")[2].rstrip("]")
    assert set(filter(None, extras.split(","))) <= set(known), f"no extra {wanted}"
    return ""


def archsearch(words: list[str], folder: Path) -> str:
    """Run a command of ours, shortened; one that needs a cluster, or serves until it is ended, is read and no more."""
    if "--address" in words or words[0] == "dashboard" or "--dashboard" in words:
        get_command(app).commands[words[0]].make_context(words[0], words[1:])  # type: ignore[attr-defined]
        return ""
    return done(run_python(CLI, *(trial_here(word, folder) for word in less(words)), cwd=folder), "archsearch", *words)


def less(words: list[str]) -> list[str]:
    """A command with fewer and shorter trainings."""
    command, words = words[0], list(words)
    for place, (option, value) in enumerate(pairwise(words)):
        if option in MOST.get(command, {}) and (option != "--workers" or "--executor" not in words):
            words[place + 1] = str(min(int(value), MOST[command][option]))
    if command == "search":
        trains = "--evaluator" not in words or words[words.index("--evaluator") + 1] == "shared"
        words += ["--evaluator-set", "epochs=1"] * (trains and "--fidelity" not in words)
        words += ["--trials", "4"] * ("--trials" not in words) + ["--workers", "0"] * ("--workers" not in words)
    if command == "train" and "--epochs" not in words:
        words += ["--epochs", "1"]
    return words + ["--check", "0"] * (command == "supernet")


def trial_here(word: str, folder: Path) -> str:
    """RUN:12 of a page is the first trial of the front of the run that is here."""
    run, colon, number = word.rpartition(":")
    if not (colon and number.isdecimal() and (folder / run / "run.json").is_file()):
        return word
    return f"{run}:{open_run(folder / run).front()[0].number}"
