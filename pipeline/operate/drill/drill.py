"""What a drill is, and what it found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.emit.run import Make
from pipeline.emit.simulate import items
from pipeline.local.verdict import Check
from pipeline.operate.drill.scene import Scene

Act = Callable[[Scene], Awaitable[None]]
"""Breaks something, mends it, and ends when nothing is broken any more."""


@dataclass(frozen=True, slots=True)
class Drill:
    """One way in which things break.

    While `act` runs traffic flows, `shares` of it as in `Traffic`, made by `make`; with `flowing`
    false the act sends for itself. With `proxied` there is a proxy in front of ClickHouse. A fault
    has passed when responses sent after it are told, `seen` in `cx.scores` or in ClickHouse, the
    store; that must be within `limit` seconds. One that is `apart` is not in "all". Where it is
    `reconciled`, `cxpulse reconcile` must find no difference in the end.
    """

    name: str
    about: str
    act: Act
    limit: float = 10.0
    seen: Literal["scores", "store"] = "scores"
    seconds: float = 45.0
    rate: float = 200.0
    workers: int = 1
    brokers: int = 1
    flowing: bool = True
    apart: bool = False
    proxied: bool = False
    reconciled: bool = True
    shares: Mapping[str, Any] = field(default_factory=dict)
    make: Make = items
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one drill. `seconds` is the longest time to resume: None when something never
    did, and there are none when `faults` is 0."""

    drill: Drill
    sent: int
    lost: int
    double: int
    faults: int
    seconds: float | None
    restarts: int
    checks: Sequence[Check]

    @property
    def holds(self) -> bool:
        """Nothing lost, nothing double, everything equal, and soon enough."""
        return all(check.holds for check in self.checks)

    @property
    def failures(self) -> list[Check]:
        """What does not hold."""
        return [check for check in self.checks if not check.holds]
