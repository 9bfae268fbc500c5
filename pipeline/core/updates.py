"""What the fold tells the world: score updates and ledger entries. Times are milliseconds, UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

MOST_ROWS: Final = 5_000
"""Hours in one message: 105 bytes each with the widest form, a quarter of what a topic takes."""


class Group(NamedTuple):
    """What a score is about: who asked, through which channel, with which survey."""

    agency: str
    service: str
    channel: str
    survey: str


@dataclass(frozen=True, slots=True)
class PaneRow:
    """Absolute counts of one hour of event time; `hour` is its start, six `counts` a measure."""

    hour: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WindowRow:
    """Absolute counts of one rolling window, `[window_end - length, window_end)`."""

    window: str
    window_end: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScoreUpdate:
    """All that one group changed in one cut of a partition; mirrors `schemas/score_update.avsc`."""

    group: Group
    partition: int
    version: int
    as_of: int
    emitted_at: int
    last_response_at: int
    measures: tuple[tuple[str, str], ...]
    panes: tuple[PaneRow, ...] = ()
    windows: tuple[WindowRow, ...] = ()
    repairs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """Running totals of one partition since `start_offset`.

    Laws: `received = accepted + duplicate + late + retraction + dead_letter` and
    `next_offset - start_offset = received + missing + marker`.
    """

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    retraction: int = 0
    dead_letter: int = 0
    missing: int = 0
    marker: int = 0


class Verdict(NamedTuple):
    """The outcome of one record that was not simply accepted."""

    offset: int
    outcome: str
    reason: str = ""


class Gap(NamedTuple):
    """Offsets `[from_offset, next_offset)` that retention removed before they were read: whoever
    read one of them in time knows a record that was never judged."""

    from_offset: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Records below `to` that cannot be read any more. Whoever had read some of them told rows of
    versions up to `told_to`, in these `hours` (since 1970) of groups; `as_of` as in `to`'s entry.
    """

    to: int
    told_to: int = 0
    as_of: int = 0
    hours: Mapping[Group, Set[int]] = field(default_factory=dict)


ANYWHERE: Final = -1
"""The own offset of an entry that holds wherever it stands: earlier releases did not say."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What became of `[from_offset, next_offset)`; mirrors `schemas/ledger_entry.avsc`. It holds
    only at `own_offset` of the ledger's topic, where its writer expected it."""

    generation: int
    partition: int
    from_offset: int
    next_offset: int
    start_offset: int
    as_of: int
    watermark: int
    catalogue: str
    totals: Totals
    exceptions: tuple[Verdict, ...] = ()
    gaps: tuple[Gap, ...] = ()
    own_offset: int = ANYWHERE


GENERATION_SHIFT = 48
"""Offsets get 48 bits (2.8e14 records a partition), generations 15: both fit a signed long."""


def make_version(generation: int, next_offset: int) -> int:
    """The version of rows that are a function of the log of `generation` below `next_offset`."""
    return generation << GENERATION_SHIFT | next_offset


def in_parts(update: ScoreUpdate) -> Iterator[ScoreUpdate]:
    """An update in messages that Kafka takes; rows of one version may come in several."""
    windows, repairs = update.windows, update.repairs
    rows = update.panes
    while len(rows) > MOST_ROWS or len(repairs) > MOST_ROWS:
        yield replace(update, panes=rows[:MOST_ROWS], windows=(), repairs=repairs[:MOST_ROWS])
        rows, repairs = rows[MOST_ROWS:], repairs[MOST_ROWS:]
    yield replace(update, panes=rows, windows=windows, repairs=repairs)
