"""The module that a function in a user's file makes."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torch import nn

from archsearch.design.importer.network import Imported, imported
from archsearch.design.importer.place import ImporterError, described
from archsearch.ops.tensor import ShapeError, TensorSpec
from archsearch.support.own_code import run_file


def import_file(target: str, shapes: Sequence[tuple[int, ...]], strict: bool = False) -> Imported:
    """The genotype and weights of the module of `file.py:name`, for inputs of these shapes without the batch; `strict` as `imported`.

    Raises:
        ImporterError: as `load_module` and `imported`.
    """
    for shape in shapes:
        try:
            TensorSpec(shape)
        except ShapeError as error:
            raise ImporterError(f"input {shape}: {error}") from error
    module = load_module(target)
    with redirect_stdout(sys.stderr):
        return imported(module, [torch.zeros(1, *shape) for shape in shapes], strict=strict)


def load_module(target: str) -> nn.Module:
    """The module of `file.py:name`: a module, or what a function or class of that name makes without arguments.

    The file is run, and may import what lies beside it: load only files that you trust.

    Raises:
        ImporterError: no such file or name, a file or function that fails, or something that is no module; one line.
    """
    file, colon, name = target.rpartition(":")
    path = Path(file)
    if not colon or path.suffix != ".py" or not name:
        raise ImporterError(f"{target[:200]!r} must be FILE.py:NAME, with the name of a function that returns an nn.Module")
    if not path.is_file():
        raise ImporterError(f"no file {path}; give the path of a Python file")
    with redirect_stdout(sys.stderr):  # stdout is for results
        try:
            source = run_file(str(path.resolve()))
        except (Exception, SystemExit) as error:  # the user's code may do anything
            raise ImporterError(f"{path} fails when it is run{where(error, path)}: {described(error)}") from error
        if not hasattr(source, name):
            raise ImporterError(f"{path} has no {name!r}; give the name of a function that returns an nn.Module")
        made = getattr(source, name)
        return made if isinstance(made, nn.Module) else called(made, target)


def called(make: object, target: str) -> nn.Module:
    """What a function without arguments makes. Raises ImporterError."""
    if not callable(make):
        raise ImporterError(f"{target} is {type(make).__name__}, not an nn.Module or a function that returns one")
    try:
        parameters = inspect.signature(make).parameters.values()
    except ValueError:  # built-in functions do not tell
        parameters = {}.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if needed:
        raise ImporterError(f"{target} takes arguments ({', '.join(needed)}); give a function that takes none")
    try:
        made = make()
    except (Exception, SystemExit) as error:  # the user's code may do anything
        raise ImporterError(f"{target} fails{where(error, Path(target.rpartition(':')[0]))}: {described(error)}") from error
    if not isinstance(made, nn.Module):
        raise ImporterError(f"{target} returns {type(made).__name__}, not an nn.Module")
    return made


def where(error: BaseException, path: Path) -> str:
    """The line of a file at which an exception passed, as words."""
    if isinstance(error, SyntaxError):
        return f" at line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).resolve() == path.resolve()]
    return f" at line {lines[-1]}" if lines else ""
