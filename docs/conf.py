"""How the pages are built: `make docs`."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from archsearch import __version__
from archsearch.cli.app import app as commands

project = "archsearch"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "archsearch"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["pages.css"]


def complete(app: Sphinx, page: str, source: list[str]) -> None:
    """The first page is the README; below the table of commands stands what each says of itself."""
    if page == "index":
        readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
        source[0] = readme.replace("](docs/", "](").replace("](SECURITY.md", "](security.md") + "\n" + source[0]
    if page == "commands":
        group = get_command(commands)
        context = Context(group, info_name="archsearch")
        for command in group.commands.values():
            source[0] += "\n" + get_docs_for_click(obj=command, ctx=context, indent=1, call_prefix="archsearch")


def reword(app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text with code in backticks, or set in by four spaces: say so in Sphinx's own marks."""
    paragraphs = "\n".join(lines).split("\n\n")
    lines[:] = "\n\n".join(f"::\n\n{text}" if is_code(text) else marked(text) for text in paragraphs).split("\n")


def is_code(paragraph: str) -> bool:
    """Whether all lines are set in; under Args and its like the first is not."""
    return all(line.startswith("    ") for line in paragraph.split("\n") if line)


def marked(paragraph: str) -> str:
    """Code between double backticks, and no other character that means something."""
    parts = re.split(r"`+([^`]+)`+", paragraph)
    parts[::2] = [re.sub(r"([*|\\]|_\b)", r"\\\1", text) for text in parts[::2]]
    parts[1::2] = [f"``{code}``" for code in parts[1::2]]
    return "".join(parts)


def setup(app: Sphinx) -> None:
    """Connect both to what Sphinx does."""
    app.connect("source-read", complete)
    app.connect("autodoc-process-docstring", reword, priority=400)  # before napoleon reads what is in Args and Raises
