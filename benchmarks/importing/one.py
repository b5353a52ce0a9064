"""One network in a process of its own: python -m benchmarks.importing.one LIBRARY NAME prints a line of JSON."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from archsearch import analyse
from archsearch.design.importer import Imported, ImporterError, imported
from benchmarks.importing.families import LIBRARIES, prepare

SMALL = 96
LIMIT = 60.0
"""Seconds of an import."""
FRESH, TRACED, SEEN = 3, 2, 2
CLOSE = 1e-4
LEFT_OUT = re.compile(r"([\d,]+) parameters of .* are left out")
MORE = re.compile(r"which the module has fixed.* \(([\d,]+) params more\)")


def fitting(module: nn.Module, sides: tuple[int, int, int]) -> tuple[int, int, int]:
    """Sides of images: small ones where the module takes them."""
    channels, height, width = sides
    for tried in ((channels, SMALL, SMALL), (channels, 128, 128), (channels, height // 4, width // 4), (channels, height // 2, width // 2)):
        with contextlib.suppress(Exception), torch.no_grad():
            module.eval()(torch.zeros(1, *tried))
            return tried
    return sides


def filled(module: nn.Module) -> None:
    """Give numbers to what begins as zeros: a head of zeros would make any network equal to any other."""
    for parameter in module.parameters():
        if not bool(parameter.any()):
            nn.init.normal_(parameter, std=0.02)


def calibrated(module: nn.Module, sides: tuple[int, int, int]) -> bool:
    """Let norms see a few random images, so that their statistics are no ones and zeros; whether the module trains on them."""
    if not any(name.endswith("running_mean") for name, _ in module.named_buffers()):
        return True
    try:
        with torch.no_grad():
            for _ in range(2):
                module.train()(torch.randn(SEEN, *sides))
    except Exception:  # another library's: it may want a second output's targets, or other images
        return False
    finally:
        module.eval()
    return True


def leaves(made: Any) -> list[Tensor]:
    """The tensors that come out, in order."""
    return [leaf for leaf in tree_leaves(dict(made) if hasattr(made, "keys") else made) if isinstance(leaf, Tensor)]


def off(wanted: list[Tensor], got: list[Tensor]) -> float:
    """The largest difference of outputs, as a share of the largest number in each."""
    if len(wanted) != len(got):
        return float("inf")
    if any(one.numel() != other.numel() or not one.isfinite().all() for one, other in zip(wanted, got, strict=True)):
        return float("inf")
    pairs = [(one.double(), other.double().reshape(one.shape)) for one, other in zip(wanted, got, strict=True)]
    return float(torch.stack([(one - other).abs().max() / one.abs().max().clamp_min(1e-9) for one, other in pairs]).max())


def figures(module: nn.Module, found: Imported, sides: tuple[int, int, int]) -> dict[str, Any]:
    """What came in beside the module."""
    x = torch.randn(FRESH, *sides)
    with torch.no_grad():
        wanted, got = leaves(module(x)), leaves(found.network()(x))
        module.requires_grad_(False)  # the counter's hooks fail on a view of a parameter that is handed to a module
        # Fused kernels of attention are not all known to the counter.
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            module(x[:1])
    analysis = analyse(found.genotype)
    told = [
        int(count.replace(",", "")) * sign for sign, what in ((1, LEFT_OUT), (-1, MORE)) for count in what.findall("\n".join(found.remarks))
    ]
    return {
        "off": off(wanted, got),
        "varies": any(bool((one[0] != one[1]).any()) for one in wanted if len(one) > 1),
        "params": analysis.params + sum(told) == sum(p.numel() for p in module.parameters()),
        "macs": analysis.macs == counter.get_total_flops() // 2,
        "nodes": len(found.genotype.nodes),
        "borrowed": len(found.borrowed),
        "remarks": found.remarks,
    }


def tried(library: str, name: str) -> dict[str, Any]:
    """Everything about one network."""
    torch.manual_seed(0)
    try:
        module, given = LIBRARIES[library][1](name)
        sides = fitting(module, given)
        filled(module)
        seen = calibrated(module, sides)
        with torch.no_grad():
            made = leaves(module(torch.randn(2, *sides)))
    except Exception as error:  # another library's: it does not run here at all
        return {"status": "not built", "why": f"{type(error).__name__}: {error}"[:200]}
    if not made:
        return {"status": "not built", "why": "it returns no tensor as it is set up"}
    start = time.perf_counter()
    try:
        found = imported(module, torch.zeros(TRACED, *sides))
    except ImporterError as error:
        return {"status": "refused", "why": str(error), "seconds": time.perf_counter() - start}
    except Exception as error:  # what no import may end in
        return {"status": "traceback", "why": f"{type(error).__name__}: {error}"[:200], "seconds": time.perf_counter() - start}
    seconds = time.perf_counter() - start
    try:
        data = figures(module, found, sides)
    except Exception as error:  # what came in does not run on other samples
        return {"status": "wrong", "why": f"{type(error).__name__}: {error}"[:200], "seconds": seconds}
    status = "imported" if data["off"] <= CLOSE else "wrong"
    return {"status": "over 60 s" if seconds > LIMIT else status, "seconds": seconds, "calibrated": seen, **data}


def main() -> None:
    """Print the line."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    prepare()
    library, name = sys.argv[1:]
    print(json.dumps({"library": library, "name": name, **tried(library, name)}))


if __name__ == "__main__":
    main()
