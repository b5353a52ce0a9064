"""Statements at the top of a Python file: which one makes a name, and which names of the file it reads."""

from __future__ import annotations

import ast
import inspect
import symtable
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

SIMPLE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)


class Reads(NamedTuple):
    """Names of the file that code reads when it runs, and those that stand in annotations alone."""

    running: frozenset[str]
    noted: frozenset[str]


@lru_cache(maxsize=256)
def statements(module: ModuleType) -> dict[str, list[ast.stmt]]:
    """The statements of a module that make each name. Raises OSError when its source cannot be found."""
    made: dict[str, list[ast.stmt]] = {}
    for statement in ast.parse(source_of(module)).body:
        for name in dict.fromkeys(names_made(statement)):
            made.setdefault(name, []).append(statement)
    return made


@lru_cache(maxsize=256)
def source_of(module: ModuleType) -> str:
    """The text of a module's file. Raises OSError."""
    try:
        return inspect.getsource(module)
    except TypeError as error:
        raise OSError(str(error)) from error


def names_made(statement: ast.AST) -> Iterator[str]:
    """Names that a statement makes, those inside of what it defines left out."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.Name):
        if isinstance(statement.ctx, ast.Store):
            yield statement.id
    else:
        for part in ast.iter_child_nodes(statement):
            yield from names_made(part)


def text_of(module: ModuleType, statement: ast.stmt) -> str:
    """The text of a statement, with its decorators."""
    first = min([statement.lineno, *(part.lineno for part in getattr(statement, "decorator_list", ()))])
    return "\n".join(source_of(module).splitlines()[first - 1 : statement.end_lineno]).rstrip()


def reads_of(text: str) -> Reads:
    """What a statement reads: a variable of a function is no name of the file, whatever it is called."""
    tree = ast.parse(text)
    noted = {name.id for note in notes(tree) for name in ast.walk(note) if isinstance(name, ast.Name)}
    bare = ast.unparse(Unannotated().visit(tree))
    return Reads(frozenset(outer_names(symtable.symtable(bare, "statement", "exec"))), frozenset(noted))


def outer_names(table: symtable.SymbolTable) -> Iterator[str]:
    """Names that a piece of code, or a part of it, takes from around it."""
    top = table.get_type() == "module"
    yield from (symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced() and (top or symbol.is_global()))
    for inner in table.get_children():
        yield from outer_names(inner)


def notes(tree: ast.AST) -> Iterator[ast.expr]:
    """All annotations in a piece of code."""
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            note = getattr(node, name, None)
            if isinstance(note, ast.expr):
                yield note


class Unannotated(ast.NodeTransformer):
    """Takes annotations away: with `from __future__ import annotations` they are not run."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Visit a node and all within it."""
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        return super().generic_visit(node)
