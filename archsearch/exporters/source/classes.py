"""Classes and functions of an exported network: one for each kind of scope, and the network itself."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from itertools import chain, groupby

from archsearch.exporters.source.bodies import class_text, heading, signature
from archsearch.exporters.source.calls import WIDTH, Call, written
from archsearch.exporters.source.chains import Chains, Function, is_numbered
from archsearch.exporters.source.forms import Kind, Kinds, nodes_in, scopes_in
from archsearch.exporters.source.forward import ALL_VALUES, LETTERS
from archsearch.exporters.source.naming import Names, class_name
from archsearch.exporters.source.plans import Plan, plan_of
from archsearch.exporters.source.recorder import Recorder
from archsearch.exporters.source.scopes import Scope
from archsearch.network.genotype import Genotype

SHAPES = 3
"""So many shapes of inputs and outputs stand in a docstring."""


class Classes:
    """Writes the classes of a network. `texts` has them by name, inner ones first, the network last."""

    def __init__(self, genotype: Genotype, root: Scope, calls: dict[int, Call], recorder: Recorder) -> None:
        self._genotype, self._recorder = genotype, recorder
        self._node_calls = calls
        self._kinds = Kinds(root, calls)
        self._plans: dict[int, Plan] = {}
        self._root = root
        self.texts: dict[str, str] = {}
        self._naming = Names({*recorder.names(), *dir(builtins)})
        ordered = levels(self._kinds, root)
        self._chains = Chains(places(self._kinds, chain.from_iterable(ordered)), self._naming)
        for level in ordered:
            self._write(level)

    def _write(self, kinds: Sequence[Kind]) -> None:
        """Write what is needed for kinds of one height, whose parts are written."""
        chains = [kind for kind in kinds if kind.form.chain and (kind.model is not self._root or is_numbered(kind.model))]
        rows = [[list(row) for row in zip(*self._all_calls(kind), strict=True)] for kind in chains]
        for function in self._chains.add(chains, rows):
            self.texts[function.name] = self._function(function)
        for kind in kinds:
            if kind.model is self._root:
                self.texts["Network"] = self._sequential_network() if kind in chains else self._class(self._plan(kind))
            elif kind not in chains:
                plan = self._plan(kind)
                self.texts[plan.name] = self._class(plan)

    def _all_calls(self, kind: Kind) -> list[list[Call | None]]:
        return [self._calls(kind, number) for number in range(len(kind.model.steps))]

    def _plan(self, kind: Kind) -> Plan:
        spread = [step.scope is not None and self._spreads(step.scope) for step in kind.model.steps]
        plan = plan_of(kind, self._all_calls(kind), spread)
        plan.name = "Network" if kind.model is self._root else self._name(plan)
        self._plans[id(kind)] = plan
        return plan

    def _spreads(self, scope: Scope) -> bool:
        plan = self._plans.get(id(self._kinds.kind_of(scope)))
        return plan is not None and plan.spread

    def _calls(self, kind: Kind, number: int) -> list[Call | None]:
        """What makes a step in every scope of a kind."""
        found: list[Call | None] = []
        for scope, steps in kind.members:
            step = scope.steps[steps.index(number)] if number in steps else None
            if step is None or step.again:
                found.append(None)
            elif step.scope is not None:
                found.append(self._made(step.scope))
            else:
                assert step.node is not None
                found.append(self._node_calls[step.node])
        return found

    def _made(self, scope: Scope) -> Call:
        """What makes the module of a scope."""
        plan = self._plans.get(id(self._kinds.kind_of(scope)))
        return self._chains.made[id(scope)] if plan is None else plan.made(scope)

    def _name(self, plan: Plan) -> str:
        calls = [self._node_calls[node] for node in nodes_in(plan.model)]
        return self._naming.free(class_name([scope.path for scope, _ in plan.kind.members], calls))

    def _function(self, function: Function) -> str:
        """A function that makes a Sequential."""
        made = written("return ", self._recorder.settled_call(function.model()))
        head = heading(f"def {function.name}", signature(function.parameters), "nn.Sequential")
        return "\n".join([*head, f'    """{self._about(function.scopes)}"""', *(f"    {line}" for line in made)])

    def _class(self, plan: Plan) -> str:
        """A class with what it makes and how it calls that."""
        about = self._about([scope for scope, _ in plan.kind.members])
        return class_text(plan, self._inputs(plan), about, self._genotype.specs, self._recorder)

    def _sequential_network(self) -> str:
        """The class Network, where it is a chain of numbered modules."""
        made = self._recorder.settled_call(self._chains.made[id(self._root)])
        lines = written("", Call("super().__init__", made.arguments))
        head = ["class Network(nn.Sequential):", f'    """{self._about([self._root])}"""', "", "    def __init__(self) -> None:"]
        return "\n".join([*head, *(f"        {line}" for line in lines)])

    def _inputs(self, plan: Plan) -> list[str]:
        """Names of what `forward` takes."""
        if plan.model is self._root:
            return list(self._genotype.input_names)
        if plan.spread:
            return [ALL_VALUES]
        number = len(plan.model.inputs)
        return list(LETTERS[:number]) if number <= len(LETTERS) else [f"x{each}" for each in range(number)]

    def _about(self, scopes: Sequence[Scope]) -> str:
        """The docstring: shapes of what goes in and comes out."""
        rows = list(dict.fromkeys(self._shapes(scope) for scope in scopes))
        if len(rows) == 1:
            return f"{rows[0]}."
        whole = f"{len(scopes)} of these, from {rows[0]} to {rows[-1]}."
        return whole if len(whole) <= WIDTH else f"{len(scopes)} of these, the first {rows[0]}."

    def _shapes(self, scope: Scope) -> str:
        specs = self._genotype.specs
        sides = [[str(specs[value].shape) for value in dict.fromkeys(values)] for values in (scope.inputs, scope.outputs)]
        return " -> ".join(" and ".join(side if len(side) <= SHAPES else [*side[:SHAPES], f"{len(side) - SHAPES} more"]) for side in sides)


def levels(kinds: Kinds, root: Scope) -> list[list[Kind]]:
    """All kinds in groups, each of which needs only those before it."""
    heights: dict[int, int] = {}

    def height(kind: Kind) -> int:
        if id(kind) not in heights:
            inner = [kinds.kind_of(step.scope) for step in kind.model.steps if step.scope is not None]
            heights[id(kind)] = 1 + max((height(each) for each in inner), default=0)
        return heights[id(kind)]

    found = {id(kind): kind for kind in (kinds.kind_of(scope) for scope in scopes_in(root))}
    ordered = sorted(found.values(), key=height)
    return [list(group) for _, group in groupby(ordered, height)]


def places(kinds: Kinds, all_kinds: Iterable[Kind]) -> dict[int, int]:
    """At how many places of the text the module of a kind is made."""
    found: dict[int, int] = {}
    for kind in all_kinds:
        for step in kind.model.steps:
            if step.scope is not None:
                inner = id(kinds.kind_of(step.scope))
                found[inner] = found.get(inner, 0) + 1
    return found
