"""Every op with inputs that it takes (EXAMPLES), refuses (MISFITS), and fields that it refuses (BAD_FIELDS).

A module here that has these tables is tested by being here.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from archsearch import Op
from tests.op_examples.shapes import Example

EXAMPLES: dict[str, list[Example]] = {}
MISFITS: list[tuple[Op, tuple[tuple[int, ...], ...], str]] = []
BAD_FIELDS: list[tuple[type[Op], dict[str, Any], str]] = []
INDICES: dict[str, tuple[int, ...]] = {}

for _found in pkgutil.iter_modules(__path__):
    if _found.name != "shapes":
        _module = import_module(f"{__name__}.{_found.name}")
        EXAMPLES.update(_module.EXAMPLES)
        MISFITS.extend(_module.MISFITS)
        BAD_FIELDS.extend(_module.BAD_FIELDS)
        INDICES.update(getattr(_module, "INDICES", {}))
