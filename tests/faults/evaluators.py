"""Evaluators that misbehave, in processes of their own."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass

from archsearch.evaluators.base import Candidate, Report
from tests.evaluators import Formula

FLOOD = 5_000_000


class OddError(Exception):
    """Cannot be pickled, nor say what it is."""

    def __init__(self) -> None:
        self.way = lambda: None

    def __str__(self) -> str:
        raise RuntimeError("no words")


@dataclass(frozen=True)
class Unruly(Formula):
    """Trial 1 raises what cannot be pickled or printed, 2 never ends, 3 floods both streams, 4 reports without end, 5 asks for too much."""

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        match candidate.trial:
            case 1:
                raise OddError
            case 2:
                time.sleep(3600)
            case 3:
                for stream in (sys.stdout, sys.stderr):
                    for _ in range(FLOOD // 10_000):
                        stream.write("x" * 9_999 + "\n")
            case 4:
                for epoch in range(1000):
                    report(epoch, {"error": 1 / (1 + epoch)})
            case 5:
                resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
                return {"error": float(len(bytearray(1 << 31)))}
        return super().evaluate(candidate, report)
