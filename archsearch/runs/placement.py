"""Where evaluations run: in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from archsearch.support.nearest import nearest
from archsearch.support.reading import NUMBER, TEXT, fields

EXECUTORS = ("processes", "ray")
FIELDS = {**dict.fromkeys(("executor", "address"), TEXT), **dict.fromkeys(("cpus_per_trial", "gpus_per_trial"), NUMBER)}
"""What a placement holds, read from JSON."""


@dataclass(frozen=True)
class Placement:
    """Where evaluations run, and with what each.

    Args:
        executor: `processes` of this machine, or `ray` (`pip install "archsearch[ray]"`).
        address: Of a Ray cluster: `auto` for the one that this machine belongs to, or HOST:PORT. Without it Ray is started on this
            machine, reached by it alone and without a dashboard.
        cpus_per_trial: Processor cores that Ray sets aside for an evaluation, and threads that it computes with: as many, at least one.
        gpus_per_trial: GPUs likewise, such as 0.25 for four evaluations on one; over 0 networks are trained there.

    Raises:
        ValueError: an unknown executor, numbers that Ray does not take, or options of Ray for another executor.
    """

    executor: str = "processes"
    address: str = ""
    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise ValueError(f"unknown executor {self.executor[:60]!r}; {nearest(self.executor, EXECUTORS)}")
        for name in ("cpus_per_trial", "gpus_per_trial"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not isfinite(value) or value < 0 or (value > 1 and value % 1):
                raise ValueError(f"{name}={value!r} must be a share of one, such as 0.25, or a whole number")
        if self.executor != "ray" and (self.address, self.cpus_per_trial, self.gpus_per_trial) != ("", 1, 0):
            raise ValueError("address, cpus_per_trial and gpus_per_trial are for Ray; give executor ray, or leave them out")
        if self.address.startswith("ray://"):
            raise ValueError(f"address {self.address[:60]!r} is of a Ray client; search on a machine of the cluster, with address auto")

    def words(self) -> str:
        """Where else than in processes of this machine, for people; empty where it is there."""
        return "" if self.executor == "processes" else f" by Ray {f'at {self.address}' if self.address else 'on this machine'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: object) -> Placement:
        """Read what `to_dict` gave. Raises ValueError, one line."""
        return cls(**fields(data, FIELDS, "the placement"))


HERE = Placement()
"""Processes of this machine."""
