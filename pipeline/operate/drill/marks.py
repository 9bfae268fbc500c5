"""How long nothing went on: from a fault to the first score told for what was sent after it.

A *mark* is set at a moment (ms, the broker's clock). Whoever watches reports, for each partition,
up to which append time responses are told; a mark has passed when every partition is beyond it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

MS = 1_000


@dataclass(slots=True)
class Mark:
    """One fault at `at` (ms); `waiting` has the partitions that are not beyond it yet."""

    what: str
    at: int
    waiting: set[int]
    seconds: float | None = None
    """From the mark to the first score of the last partition; None while it waits."""
    passed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Marks:
    """The marks of one run, for topics of `partitions`."""

    partitions: int
    all: list[Mark] = field(default_factory=list)

    def set(self, what: str, at: int) -> Mark:
        """A fault happened now."""
        mark = Mark(what, at, set(range(self.partitions)))
        self.all.append(mark)
        return mark

    def open(self) -> list[Mark]:
        """Those that have not passed."""
        return [mark for mark in self.all if mark.seconds is None]

    def see(self, partition: int, as_of: int, at: int) -> None:
        """At `at` it could be seen that a partition is told up to append time `as_of`."""
        for mark in self.open():
            if as_of <= mark.at or partition not in mark.waiting:
                continue
            mark.waiting.discard(partition)
            if not mark.waiting:
                mark.seconds = max(0, at - mark.at) / MS
                mark.passed.set()

    def wanted(self, partition: int) -> bool:
        """Whether a sighting of this partition would say anything."""
        return any(partition in mark.waiting for mark in self.open())


def longest(marks: Iterable[Mark]) -> float | None:
    """The longest of them; None when one never passed, 0 without any."""
    seconds = [mark.seconds for mark in marks]
    known = [second for second in seconds if second is not None]
    return max(known, default=0.0) if len(known) == len(seconds) else None
