"""How far each partition is judged and stored, as the tables say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.sink.target import Tables


def minute_of(seconds: float) -> str:
    """A time in UTC as a line names it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")


class Origin(NamedTuple):
    """A partition of one generation of the responses topic."""

    generation: int
    partition: int


@dataclass(frozen=True, slots=True)
class Journal:
    """The newest ledger entry of one origin, and `stored`: below which offset its raw rows are
    stored (0 when no sink has said so). `as_of` is in ms. Where records expired before they were
    stored: `horizon`, the offset from which all are, and `complete_from` (s), the first hour of
    which all is stored."""

    origin: Origin
    start: int
    told: int
    stored: int
    as_of: int
    horizon: int = 0
    complete_from: int = 0

    @property
    def not_compared(self) -> str:
        """What there is nothing to compare with; empty when all is stored."""
        if not self.horizon:
            return ""
        since = minute_of(self.complete_from)
        return (
            f"not compared: partition {self.origin.partition} generation {self.origin.generation}, "
            f"offsets below {self.horizon} and hours before {since}: records expired in Kafka "
            "before they were stored"
        )

    @property
    def reach(self) -> int:
        """Raw rows and outcomes below are all there."""
        return min(self.told, self.stored)


Journals = Mapping[Origin, Journal]


def number(value: object) -> int:
    """A whole number out of a row."""
    return int(str(value))


async def read_journals(tables: Tables, responses_topic: str) -> Journals:
    """All origins that the ledger knows. Raises StoreError."""
    # The name of a topic holds letters, digits and ._- only: Kafka allows no others.
    rows = await tables.rows(
        f"""
        SELECT
            l.generation, l.partition, l.last.1, l.last.2, s.next_offset, l.last.3,
            h.next_offset, toUnixTimestamp(h.complete_from)
        FROM
        (
            SELECT
                generation, partition,
                max((next_offset, start_offset, toUnixTimestamp64Milli(as_of))) AS entry,
                (entry.2, entry.1, entry.3) AS last
            FROM ledger FINAL GROUP BY generation, partition
        ) AS l
        LEFT JOIN
        (
            SELECT generation, partition, max(next_offset) AS next_offset FROM sink_progress
            WHERE topic = '{responses_topic}' GROUP BY generation, partition
        ) AS s
        ON l.generation = s.generation AND l.partition = s.partition
        LEFT JOIN whole_from AS h
        ON l.generation = h.generation AND l.partition = h.partition
        ORDER BY l.generation, l.partition
        """,
        "read the ledger",
    )
    journals = {}
    for row in rows:
        generation, partition, *facts = map(number, row)
        origin = Origin(generation, partition)
        journals[origin] = Journal(origin, *facts)
    return journals


def reaches(journals: Journals) -> dict[Origin, int]:
    """Below which offset raw rows and outcomes of each origin are all there."""
    return {origin: journal.reach for origin, journal in journals.items()}


def value_of(values: Mapping[Origin, int]) -> str:
    """An expression: the number that belongs to the row's `generation` and `partition`, else 0."""
    listed: Iterable[str] = (
        f"({origin.generation}, {origin.partition}, toUInt64({value}))"
        for origin, value in sorted(values.items())
    )
    found = f"arrayFirst(v -> v.1 = generation AND v.2 = partition, [{', '.join(listed)}]).3"
    return found if values else "toUInt64(0)"
