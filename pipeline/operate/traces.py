"""What became of one event: every copy of it in the log, and whether it counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pipeline.core.reasons import Outcome
from pipeline.core.updates import Group

NOT_JUDGED: Final = "not judged yet"
"""No score worker has told of the record's offset."""

BEFORE_START: Final = "before the start of the fold"
"""The fold of the partition began above this offset (a rebuild), so it was never read."""

EXPIRED: Final = "missing: it expired before a score worker read it"
"""Only the sink read it in time, so it counts nowhere."""

_COUNTING: Final = (Outcome.ACCEPTED, Outcome.LATE)
_TAKING_BACK: Final = (Outcome.RETRACTION, Outcome.LATE)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter about a copy: who refused it, and why."""

    stage: str
    reason: str
    attempt: int
    size: int


@dataclass(frozen=True, slots=True)
class Pane:
    """The hour of a group that a copy changed. `version` and `counts` as ClickHouse has them now:
    None when it has no row of them yet. `counts` are six a measure; few of them tell an answer."""

    hour: datetime
    measures: tuple[str, ...]
    version: int | None = None
    counts: Mapping[str, tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """One record with the event's id. What could not be decoded has a place only."""

    generation: int
    partition: int
    offset: int
    received_at: datetime
    occurred_at: datetime | None = None
    group: Group | None = None
    retracted: bool = False
    answers: Mapping[str, int] | None = None
    location: str | None = None
    comment: str | None = None
    outcome: str = NOT_JUDGED
    reason: str = ""
    pane: Pane | None = None
    letters: tuple[Letter, ...] = ()

    @property
    def place(self) -> tuple[int, int, int]:
        """Generation, partition, offset: the record's key."""
        return (self.generation, self.partition, self.offset)

    @property
    def log(self) -> tuple[int, int]:
        """Generation and partition: what one fold reads."""
        return (self.generation, self.partition)


@dataclass(frozen=True, slots=True)
class Judged:
    """How far one log was judged, and what was not simply accepted there: offset → (outcome,
    reason)."""

    start_offset: int
    next_offset: int
    exceptions: Mapping[int, tuple[str, str]]


def judge(copy: Copy, judged: Judged | None) -> Copy:
    """The copy with its outcome from the ledger."""
    if judged is None or copy.offset >= judged.next_offset:
        return copy
    if copy.offset < judged.start_offset:
        return replace(copy, outcome=BEFORE_START)
    outcome, reason = judged.exceptions.get(copy.offset, (Outcome.ACCEPTED.value, ""))
    return replace(copy, outcome=outcome, reason=reason)


def changed_panes(copies: Sequence[Copy]) -> list[Copy]:
    """The copies that changed a pane: what counted, and what took it back.

    A response that comes after its retraction is cancelled at once, so neither changes anything.
    """
    changed = []
    for response, retraction in _decisive(copies):
        if response and not (retraction and retraction.offset < response.offset):
            changed.append(response)
            if retraction:
                changed.append(retraction)
    return changed


def counted(copies: Sequence[Copy]) -> int:
    """In how many partitions the event counts now: more than 1 is a fault of whoever sent it."""
    return sum(1 for response, retraction in _decisive(copies) if response and not retraction)


def _decisive(copies: Sequence[Copy]) -> Iterable[tuple[Copy | None, Copy | None]]:
    """For each log, the first response that was taken and the first retraction that was."""
    ordered = sorted(copies, key=lambda copy: copy.place)
    for log in dict.fromkeys(copy.log for copy in ordered):
        here = [copy for copy in ordered if copy.log == log]
        yield (
            next((c for c in here if not c.retracted and c.outcome in _COUNTING), None),
            next((c for c in here if c.retracted and c.outcome in _TAKING_BACK), None),
        )
