"""Evaluators for tests: real ones by the protocol, quick, and some that fail in every way there is. None needs torch."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np

from archsearch.analysis import Device, analyse, latency_ms
from archsearch.evaluators.base import Candidate, Report
from archsearch.network.genotype import Genotype
from archsearch.trial import EvaluationError

ROOFLINE = Device(peak_flops=1e9, bandwidth=1e9, kernel_seconds=2e-6, name="a machine on paper")


@dataclass(frozen=True)
class Formula:
    """An error that falls with the params and has noise of its own for every network and seed."""

    seconds: float = 0.0
    batch: int = 8
    optimizer: str = "sgd"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("error",)

    def setting(self) -> dict[str, Any]:
        return {"input": (1, 8, 8), "classes": 10}

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        noise = int.from_bytes(blake2b(f"{candidate.genotype.fingerprint}{candidate.seed}".encode(), digest_size=4).digest(), "big") / 2**32
        error = 1 / (1 + analyse(candidate.genotype).params / 5000) + 0.1 * noise
        for epoch in range(3):
            time.sleep(self.seconds / 3)
            if report(epoch, {"error": error + (2 - epoch) / 10}):
                break
        if candidate.weights is not None:
            candidate.weights.write_bytes(candidate.genotype.fingerprint.encode())
        return {"error": error}

    def test(self, candidate: Candidate) -> dict[str, float]:
        assert candidate.weights is not None
        assert candidate.weights.read_text() == candidate.genotype.fingerprint
        return {"error": float(candidate.trial)}


@dataclass(frozen=True)
class FirstIsLong(Formula):
    """Trial 0 takes `seconds`, the others no time."""

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        return Formula(0.0 if candidate.trial else self.seconds).evaluate(candidate, report)


@dataclass(frozen=True)
class Sharing(Formula):
    """Shares 100 bytes with other workers; a network needs one of `needs`, by its fingerprint. Writes down when it was at work."""

    folder: str = ""
    needs: tuple[int, ...] = ()

    def free_bytes(self) -> int:
        return 100

    def needs_bytes(self, genotype: Genotype) -> int:
        return self.needs[int(genotype.fingerprint[:6], 16) % len(self.needs)]

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        began = time.time()
        metrics = super().evaluate(candidate, report)
        Path(self.folder, f"{candidate.trial}").write_text(f"{self.needs_bytes(candidate.genotype)} {began} {time.time()}")
        return metrics


@dataclass(frozen=True)
class Failing(Formula):
    """Trial 1 is killed, 2 out of memory, 3 diverges, 4 gives NaN, 5 never ends, 6 raises, 7 asks for more memory than there is."""

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        metrics = super().evaluate(candidate, report)
        match candidate.trial:
            case 1:
                os.kill(os.getpid(), signal.SIGKILL)
            case 2:
                raise MemoryError
            case 3:
                raise EvaluationError("diverged", "loss is NaN at epoch 1")
            case 4:
                return {"error": float("nan")}
            case 5:
                time.sleep(3600)
            case 6:
                raise ZeroDivisionError("a bug of the user's")
            case 7:
                return {"error": float(len(bytearray(1 << 46)))}
        return metrics


@dataclass(frozen=True)
class Deadly(Formula):
    """Trial `once` kills its worker the first time, as a mark in the folder says; trial `always` every time."""

    folder: str = ""
    once: int = 2
    always: int = -1

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        report(0, {"error": 1.0})
        mark = Path(self.folder) / f"{candidate.trial}"
        if candidate.trial == self.always or (candidate.trial == self.once and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(candidate, report)


@dataclass(frozen=True)
class Unfinished(Formula):
    """The final training of one trial fails."""

    trial: int = 0
    kind: Literal["diverged", "out_of_memory"] = "diverged"

    def test(self, candidate: Candidate) -> dict[str, float]:
        if candidate.trial == self.trial:
            raise EvaluationError(self.kind, "no room, or no end")
        return super().test(candidate)


@dataclass(frozen=True)
class Stillborn(Formula):
    """Cannot even be set up in a worker."""

    def setting(self) -> dict[str, Any]:
        os._exit(3)


@dataclass(frozen=True)
class Talking(Formula):
    """Prints, and gives a number of numpy's."""

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        print("hello", flush=True)
        return {"error": np.float32(0.5)}  # type: ignore[dict-item]


@dataclass(frozen=True)
class Meeting(Formula):
    """From trial `first` on, an even trial and the odd one after it end only when both are at work together."""

    folder: str = ""
    first: int = 0

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        if candidate.trial >= self.first:
            (Path(self.folder) / str(candidate.trial)).touch()
            other = Path(self.folder) / str(candidate.trial ^ 1)
            until = time.monotonic() + 60
            while not other.exists():
                if time.monotonic() > until:
                    raise EvaluationError("timeout", f"trial {candidate.trial} met nobody")
                time.sleep(0.01)
        return super().evaluate(candidate, report)


@dataclass(frozen=True)
class Timed(Formula):
    """A later trial is worse and faster, so that all are on the front; each test says when it began and ended."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("error", "latency_ms")

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        super().evaluate(candidate, report)
        return {"error": float(candidate.trial), "latency_ms": 9.0 - candidate.trial}

    def test(self, candidate: Candidate) -> dict[str, float]:
        assert candidate.weights is not None
        began = time.monotonic()
        time.sleep(0.1)
        candidate.weights.with_suffix(".when").write_text(f"{began} {time.monotonic()}")
        return super().test(candidate)


@dataclass(frozen=True)
class Clocked(Formula):
    """Has a latency that is always the same: that of a roofline, `slower` times as long, and for every network a little off."""

    slower: float = 1.25
    off: float = 0.2

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("error", "latency_ms")

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        noise = int(candidate.genotype.fingerprint[:8], 16) / 2**32 - 0.5
        latency = {"latency_ms": self.slower * latency_ms(candidate.genotype, ROOFLINE) * (1 + self.off * noise)}
        if candidate.max_latency_ms is not None and latency["latency_ms"] > candidate.max_latency_ms:
            raise EvaluationError("rejected", "it is too slow", latency)
        return {**super().evaluate(candidate, report), **latency}


@dataclass(frozen=True)
class Rising(Formula):
    """An error that comes nearer to that of `Formula` with every epoch; weights say which epochs were trained, and on what they go on."""

    epochs: int = 9
    noise: float = 0.02
    fails: bool = False

    def evaluate(self, candidate: Candidate, report: Report) -> dict[str, float]:
        whole, rung = super().evaluate(replace(candidate, weights=None), lambda *_: False), candidate.rung
        done, before = (0, "") if rung is None or rung.start is None else (rung.done, rung.start.read_text())
        if before:
            assert before.split() == [candidate.genotype.fingerprint, *map(str, range(done))]
        if self.fails and candidate.seed % 5 == 0:
            raise EvaluationError("diverged", "as this one does")
        error = whole["error"]
        for epoch in range(done, self.epochs):
            error = whole["error"] + self.noise * (candidate.seed % 97 / 97) + 1 / (epoch + 2)
            report(epoch, {"error": error})
        if candidate.weights is not None:
            epochs = " ".join(map(str, range(self.epochs)))
            candidate.weights.write_text(f"{candidate.genotype.fingerprint} {epochs}")
        return {"error": error}

    def test(self, candidate: Candidate) -> dict[str, float]:
        assert candidate.weights is not None
        assert candidate.weights.read_text().split()[0] == candidate.genotype.fingerprint
        return {"error": float(candidate.trial)}
