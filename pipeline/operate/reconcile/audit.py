"""Events that count too often because their records are in several partitions.

Deduplication is exact inside a partition; across them this audit finds what it cannot see. It
follows the view `responses_current`: of an event the first response counts, and none when its
emitter took it back, wherever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from uuid import UUID

from pipeline.core.updates import Group
from pipeline.operate.reconcile.differences import Difference, Kind
from pipeline.operate.reconcile.journals import Origin, number
from pipeline.operate.reconcile.spans import chunked
from pipeline.sink.raw import NO_EVENT
from pipeline.sink.recount import JUDGED, filled, judged_rows
from pipeline.sink.target import Tables

ROWS_A_LOOK: Final = 200_000
"""Raw rows whose ids one statement holds apart, and whose rows Python may have to look at."""
MOST_EVENTS: Final = 20_000
"""Looked at again, and mended in one run; the next run finds more."""
IDS_A_STATEMENT: Final = 5_000
"""Of 40 characters each: 200 kB of text."""

Event = tuple[str, int, str, str]
"""Id, time, channel and survey: those of a group's names that have no aliases."""

_TOOK_BACK: Final = frozenset({"retraction", "late"})
_SAID: Final = """
WITH spread AS
(
    SELECT event_id FROM responses WHERE $rows AND $judged AND $ids AND event_id != '$none'
    GROUP BY event_id HAVING min((generation, partition)) != max((generation, partition))
)
SELECT
    r.generation, r.partition, r.offset, toString(r.event_id),
    toUnixTimestamp64Milli(r.occurred_at), toUnixTimestamp64Milli(r.received_at),
    r.agency, r.service, r.channel, r.survey, r.retracted, r.repair, o.outcome
FROM
(
    SELECT * FROM responses FINAL
    WHERE $rows AND $judged AND event_id IN (SELECT event_id FROM spread)
) AS r
LEFT JOIN
(
    SELECT generation, partition, offset, toString(outcome) AS outcome FROM outcomes FINAL
    WHERE (generation, partition, offset) IN
    (
        SELECT generation, partition, offset FROM responses
        WHERE event_id IN (SELECT event_id FROM spread)
    )
) AS o
ON r.generation = o.generation AND r.partition = o.partition AND r.offset = o.offset
ORDER BY r.event_id, r.generation, r.partition, r.offset
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One record about an event: where it is, what it says, what became of it (empty: accepted).
    Times are in ms; the group may stand under aliases; `repair`: reconcile sent it."""

    origin: Origin
    offset: int
    event_id: str
    occurred_at: int
    received_at: int
    group: Group
    retracted: bool = False
    repair: bool = False
    outcome: str = ""

    @property
    def event(self) -> Event:
        """What a retraction must name to take it back."""
        return self.event_id, self.occurred_at, self.group.channel, self.group.survey

    @property
    def order(self) -> tuple[int, Origin, int]:
        """Which of several responses is the first."""
        return self.received_at, self.origin, self.offset

    def difference(self) -> Difference:
        """As it is reported."""
        return Difference(
            Kind.EVENT,
            self.origin,
            f"offset {self.offset}, event {self.event_id}",
            "counted",
            "not counted: it counts elsewhere, or was taken back elsewhere",
            "--repair takes it back",
        )


def surplus(said: Sequence[Said]) -> list[Said]:
    """Of all that was said of one event id: the responses that count and should not."""
    back = [one for one in said if one.retracted]
    here = {(one.origin, one.event) for one in back if one.outcome in _TOOK_BACK}
    anywhere = {
        one.event for one in back if not one.repair and one.outcome in (*_TOOK_BACK, "duplicate")
    }
    counted: dict[tuple[Origin, Event], Said] = {}
    for one in sorted(said, key=lambda one: one.offset):
        place = (one.origin, one.event)
        if not one.retracted and one.outcome in ("", "late") and place not in here:
            counted.setdefault(place, one)
    staying = [one for one in counted.values() if one.event not in anywhere]
    first = min(staying, key=lambda one: one.order, default=None)
    return [
        one
        for one in counted.values()
        if one.event in anywhere or (first is not None and one.origin != first.origin)
    ]


async def pieces(tables: Tables) -> list[str]:
    """Conditions that cut all event ids into parts of bounded size. Raises StoreError."""
    ((rows,),) = await tables.rows("SELECT count() FROM responses", "count raw rows")
    parts = number(rows) // ROWS_A_LOOK + 1
    return [f"cityHash64(event_id) % {parts} = {part}" for part in range(parts)]


def these(ids: Iterable[str]) -> Iterator[str]:
    """Conditions for these event ids."""
    for chunk in chunked(ids, IDS_A_STATEMENT):
        listed = ", ".join(f"'{UUID(one)}'" for one in chunk)
        yield f"event_id IN ({listed})"


async def audit(tables: Tables, ids: str, reaches: Mapping[Origin, int]) -> list[Said]:
    """The surplus responses among events of several partitions. Raises StoreError."""
    if not reaches:
        return []
    parts = {
        "$rows": judged_rows(reaches),
        "$judged": JUDGED,
        "$ids": ids,
        "$none": NO_EVENT,
    }
    rows = await tables.rows(filled(_SAID, parts), "compare event ids over partitions")
    said = map(_said, rows)
    return [one for _, all_ in groupby(said, lambda one: one.event_id) for one in surplus([*all_])]


def _said(row: Sequence[object]) -> Said:
    generation, partition, offset, event_id, occurred, received, *rest = row
    *group, retracted, repair, outcome = rest
    return Said(
        Origin(number(generation), number(partition)),
        number(offset),
        str(event_id),
        number(occurred),
        number(received),
        Group(*map(str, group)),
        retracted=bool(retracted),
        repair=bool(repair),
        outcome=str(outcome),
    )
