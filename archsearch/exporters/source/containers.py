"""Where a class keeps its modules: attributes, and lists or dicts for scopes that are no modules of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import nn

from archsearch.exporters.source.calls import Argument, Call, Group, Value, written
from archsearch.exporters.source.scopes import Path, Scope, is_attribute

DICT = frozenset(dir(nn.ModuleDict()))
Nested = dict[str, "Nested | int"]


class Containers:
    """Attributes of a class by the steps of its scope; `plain`: steps that are expressions, and have none."""

    def __init__(self, scope: Scope, plain: Sequence[bool]) -> None:
        self._tree: Nested = {}
        self._paths: dict[int, Path] = {}
        taken = {step.path[0] for step in scope.steps if step.kept}
        holding = {step.path[:depth] for step in scope.steps if step.kept for depth in range(1, len(step.path))}
        for number, step in sorted(enumerate(scope.steps), key=lambda each: each[1].first):
            if step.kept:
                self._paths[number] = step.path
            elif not plain[number]:
                self._paths[number] = (own_name("_".join(step.path), taken),)
            if not step.again:
                for depth in range(1, len(step.path)):  # a scope stands where its first node does, be that one without weights
                    if step.path[:depth] in holding:
                        self._branch(step.path[:depth])
                if number in self._paths:
                    *around, last = self._paths[number]
                    self._branch(around)[last] = number

    def _branch(self, path: Sequence[str]) -> Nested:
        """The list or dict at a place, made where it is not there yet."""
        branch = self._tree
        for part in path:
            inner = branch.setdefault(part, {})
            assert isinstance(inner, dict)
            branch = inner
        return branch

    def reference(self, step: int) -> str:
        """How the class calls the module of a step."""
        first, *others = self._paths[step]
        text = f"self.{first}" if is_attribute(first) else f'self.get_submodule("{first}")'
        branch = self._tree[first]
        if isinstance(branch, dict) and unfit(branch):
            return f'self.get_submodule("{".".join(self._paths[step])}")'
        for part in others:
            assert isinstance(branch, dict)
            text += f"[{part}]" if is_list(branch) else f'["{part}"]'
            branch = branch[part]
        return text

    def statements(self, modules: Mapping[int, Value]) -> Iterator[str]:
        """What makes the modules, in the order of their first nodes."""
        for name, branch in self._tree.items():
            if isinstance(branch, dict) and unfit(branch):
                yield f"self.{name} = nn.Module()" if is_attribute(name) else f'self.add_module("{name}", nn.Module())'
                yield from by_hand(f"self.{name}" if is_attribute(name) else f'self.get_submodule("{name}")', branch, modules)
            elif is_attribute(name):
                yield from written(f"self.{name} = ", value_of(branch, modules))
            else:
                yield from written(f'self.add_module("{name}", ', value_of(branch, modules), ")")


def own_name(wish: str, taken: set[str]) -> str:
    """The name of an attribute for a module without weights, which no other one has."""
    name = wish if is_attribute(wish) else f"part_{wish.strip('_')}"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def is_list(branch: Nested) -> bool:
    """Whether the parts are numbered in their order."""
    return list(branch) == [str(number) for number in range(len(branch))]


def unfit(branch: Nested) -> bool:
    """Whether a part has the name of a method of nn.ModuleDict."""
    return any(name in DICT or (isinstance(inner, dict) and unfit(inner)) for name, inner in branch.items())


def value_of(branch: Nested | int, modules: Mapping[int, Value]) -> Value:
    """A module, or the list or dict of several."""
    if isinstance(branch, int):
        return modules[branch]
    parts = [(name, value_of(inner, modules)) for name, inner in branch.items()]
    if is_list(branch):
        return Call("nn.ModuleList", (Argument("", Group("[]", tuple([Argument("", value) for _, value in parts]))),))
    return Call("nn.ModuleDict", (Argument("", Group("{}", tuple([Argument(f'"{name}"', value, keyword=True) for name, value in parts]))),))


def by_hand(place: str, branch: Nested, modules: Mapping[int, Value]) -> Iterator[str]:
    """A scope of which a part is called as a method of nn.ModuleDict is: its parts are added one by one."""
    for name, inner in branch.items():
        if isinstance(inner, int):
            yield from written(f'{place}.add_module("{name}", ', modules[inner], ")")
        else:
            yield f'{place}.add_module("{name}", nn.Module())'
            yield from by_hand(f'{place}.get_submodule("{name}")', inner, modules)
