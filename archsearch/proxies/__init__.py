"""Zero-cost proxies: what an untrained network tells about how well it will learn, from one minibatch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from archsearch.proxies.ranking import rank_product
from archsearch.support.nearest import nearest
from archsearch.support.parts import load_part, split_source

if TYPE_CHECKING:
    from archsearch.proxies.base import Probe

__all__ = ["PROXIES", "check_proxies", "load_proxy", "metric_of", "rank_product"]

PROXIES: dict[str, str] = {
    "fisher": "archsearch.proxies.gradients:fisher",
    "grad_norm": "archsearch.proxies.gradients:grad_norm",
    "grasp": "archsearch.proxies.gradients:grasp",
    "jacov": "archsearch.proxies.jacobian:jacov",
    "macs": "archsearch.proxies.costs:macs",
    "naswot": "archsearch.proxies.codes:naswot",
    "params": "archsearch.proxies.costs:params",
    "snip": "archsearch.proxies.gradients:snip",
    "synflow": "archsearch.proxies.flow:synflow",
    "zen": "archsearch.proxies.features:zen",
}
"""Name -> `module:function`; each is loaded when it is asked for, because most of them need torch."""


def load_proxy(name: str) -> Callable[[Probe], float]:
    """A proxy: what it is given -> a number, the higher the better; one of your own by `file.py:function`. Raises as `load_part`."""
    found: Callable[[Probe], float] = load_part("proxy", name, PROXIES)
    return found


def metric_of(name: str) -> str:
    """What the values of a proxy are called: its name, or that of your own function."""
    return split_source(name)[1].lstrip(":")


def check_proxies(names: tuple[str, ...]) -> None:
    """Raise ValueError unless these are names of proxies, one at least, and none twice; files of your own must be there."""
    if not isinstance(names, tuple) or not names:
        raise ValueError(f"proxies={names!r} must be names parted by commas, of {', '.join(PROXIES)}")
    for place, name in enumerate(names):
        if name not in PROXIES and ".py:" not in str(name):
            raise ValueError(f"unknown proxy {name!r}; {nearest(str(name), sorted(PROXIES))}; or give one of your own as file.py:function")
        if not metric_of(name).isidentifier():
            raise ValueError(f"proxy {name!r} must be the name of a function in a file, file.py:function")
        if metric_of(name) in map(metric_of, names[:place]):
            raise ValueError(f"proxy {metric_of(name)!r} is given twice; give each once")
    for name in names:
        file = split_source(name)[0]
        if file and not Path(file).is_file():
            raise ValueError(f"no file {file}; give a proxy of your own as file.py:function")
