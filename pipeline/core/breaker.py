"""The circuit breaker of one partition: ends a fold where too much of the log is dead letters.

Time is the append time of records, which the broker gives and the log keeps. So where it trips is a
function of the log: every fold stops at the same offset, however it was cut, killed and restored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

BUCKETS: Final = 30
"""Parts of the window, ten seconds each of five minutes: what is forgotten goes by parts."""

Bucket = tuple[int, int, int]
"""(append time in ms at which it begins, records, dead letters among them)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Trips when at least `records` within `window_ms` are there and `share` of them are dead
    letters; with 0 records never."""

    records: int
    share: float
    window_ms: int


OFF: Final = Limits(0, 1.0, BUCKETS)


@dataclass(frozen=True, slots=True)
class BreakerCut:
    """What a checkpoint holds of a breaker: the offset at which it tripped last (nothing from there
    on was folded by then; 0: it never did), and what it has counted since."""

    tripped_at: int = 0
    buckets: tuple[Bucket, ...] = ()


UNTRIPPED: Final = BreakerCut()


class Breaker:
    """Counts records and dead letters. Tripped, it pauses its partition until that is lifted."""

    def __init__(self, limits: Limits = OFF, before: BreakerCut = UNTRIPPED) -> None:
        self._limits = limits
        self._width = max(1, limits.window_ms // BUCKETS)
        self._lifted_to = 0
        self._tripped_at = 0
        self._empty()
        if limits.records:
            self._tripped_at = before.tripped_at
            self._load(before.buckets)

    @property
    def paused_at(self) -> int:
        """Where it tripped and nobody has lifted that; 0 when the partition may go on."""
        return self._tripped_at if self._tripped_at > self._lifted_to else 0

    def lift(self, offset: int) -> None:
        """Let go on whatever was or will be paused at or below `offset`."""
        self._lifted_to = max(self._lifted_to, offset)

    def see(self, times: list[int]) -> None:
        """Count records by their append times, in the order of the log, and empty the list. A clock
        that was set back does not open an earlier part of the window again."""
        if self._limits.records and times:
            if max(times) < self._ends:
                self._records += len(times)
            else:
                for appended_at in times:
                    if appended_at >= self._ends:
                        self._turn(appended_at)
                    self._records += 1
        times.clear()

    def trips(self, offset: int, times: list[int]) -> bool:
        """See these records, of which the last, at `offset`, is a dead letter, and nothing else
        trips it; true when no record after that one may be folded."""
        self.see(times)
        limits = self._limits
        if not limits.records:
            return False
        self._dead += 1
        records, letters = self._before[0] + self._records, self._before[1] + self._dead
        if records < limits.records or letters < limits.share * records:
            return False
        self._tripped_at = offset + 1
        self._empty()
        return self.paused_at > 0

    def cut(self) -> BreakerCut:
        """Its state as plain values."""
        return BreakerCut(self._tripped_at, (*self._past, *self._current()))

    def _current(self) -> tuple[Bucket, ...]:
        bucket = (self._ends - self._width, self._records, self._dead)
        return (bucket,) if self._records else ()

    def _empty(self) -> None:
        self._keep(())
        self._records = self._dead = self._ends = 0

    def _load(self, buckets: tuple[Bucket, ...]) -> None:
        if buckets:
            *past, (begins, self._records, self._dead) = buckets
            self._ends = begins + self._width
            self._keep(past)

    def _turn(self, now: int) -> None:
        """Begin the part of the window that contains `now`, and forget what it no longer covers."""
        begins = now - now % self._width
        oldest = begins + self._width - self._limits.window_ms
        past = (*self._past, *self._current())
        self._keep(bucket for bucket in past if bucket[0] >= oldest)
        self._records = self._dead = 0
        self._ends = begins + self._width

    def _keep(self, past: Iterable[Bucket]) -> None:
        self._past = tuple(past)
        # Records and dead letters in them.
        self._before = sum(b[1] for b in self._past), sum(b[2] for b in self._past)
