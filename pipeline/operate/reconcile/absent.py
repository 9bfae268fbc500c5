"""Rolling windows that must have a row and have none.

A score worker tells the windows of every group that has answers in them when it starts and at each
pane boundary, and of a group whenever that changes. So the newest row of a partition, of whatever
group and window, shows until when all the others have been told, and below which offset. And
no partition may be more than one pane behind the newest row of all, be it silent for days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.judge import complete_from
from pipeline.core.vocabulary import COUNTED, RESPONSE
from pipeline.core.windows import WINDOWS
from pipeline.operate.reconcile.differences import NOT_ALL, Difference, Kind
from pipeline.operate.reconcile.inquiry import Wrong
from pipeline.operate.reconcile.journals import Journal, Journals, Origin, number
from pipeline.operate.reconcile.spans import (
    Measure,
    Measured,
    Place,
    Span,
    as_span,
    newest,
    recounted,
)
from pipeline.sink.recount import GROUP, filled
from pipeline.sink.target import Tables

MOST_ABSENT: Final = 20_000
"""Rows that one run looks for; whoever emptied the table sees as much from so many."""
PANES: Final = {window.name: window.pane // 1000 for window in WINDOWS}
"""Seconds by which each window slides."""
_LENGTHS: Final = {window.name: window.pane * window.panes // 1000 for window in WINDOWS}
_FASTEST: Final = "1h"
"""The window that slides each minute: its newest row tells the time best."""
_REMEMBERED: Final = 24 * 3600
"""What no row of its own tells must have been folded in the last day, or in the window's length:
later a window holds nothing, and who deletes old rows lacks nothing."""

_ABSENT: Final = f"""
SELECT generation, partition, {GROUP}, window, toUInt32(any(begin)), toUInt32(any(end)), any(below)
FROM
(
    SELECT DISTINCT generation, partition, {GROUP}, toUnixTimestamp(hour) AS second FROM score_panes
    WHERE measure = '{RESPONSE}' AND counts[1] > 0
      AND hour >= toDateTime($first - 3600, 'UTC') AND hour < toDateTime($last, 'UTC')
) AS panes
INNER JOIN
(
    SELECT due.1 AS generation, due.2 AS partition, due.3 AS window,
           due.4 AS begin, due.5 AS end, due.6 AS below
    FROM (SELECT arrayJoin([$due]) AS due)
) AS due
USING (generation, partition)
LEFT JOIN
(
    SELECT generation, partition, {GROUP}, toString(window) AS window,
           max(toUnixTimestamp(window_end)) AS told
    FROM rolling_scores
    WHERE measure = '{RESPONSE}' AND window_end >= toDateTime($least, 'UTC')
    GROUP BY generation, partition, {GROUP}, window
) AS stored
USING (generation, partition, {GROUP}, window)
WHERE second + 3600 > begin AND second < end AND told < end
GROUP BY generation, partition, {GROUP}, window
ORDER BY generation, partition, {GROUP}, window
LIMIT {MOST_ABSENT}
"""


@dataclass(frozen=True, slots=True)
class Due:
    """All that `origin` has answers for in `[begin, end)` (s), below the offset `below`, must have
    a row of that window, or of a later one."""

    origin: Origin
    window: str
    begin: int
    end: int
    below: int

    @property
    def literal(self) -> str:
        """As a tuple of ClickHouse."""
        generation, partition = self.origin
        return (
            f"(toUInt16({generation}), toUInt16({partition}), '{self.window}', {self.begin}, "
            f"{self.end}, toUInt64({self.below}))"
        )


def due(
    rows: Mapping[Span, Measured], journals: Journals, floors: Mapping[Origin, int], now: int
) -> Iterator[Due]:
    """What must be there, by the newest rows that are. `journals` are of partitions that are
    neither gone nor behind; a worker withholds windows that begin before the floor (s)."""
    last: dict[Origin, tuple[int, int]] = {}
    for span, measured in rows.items():
        seen = (span.end - PANES[span.window], newest(measured))
        last[span.origin] = max(last.get(span.origin, seen), seen)
    minutes = {span.origin for span in rows if span.window == _FASTEST}
    moment = _moment(rows, journals, now)
    for origin, journal in journals.items():
        for window, pane in PANES.items():
            at, below = last.get(origin, (0, 0))
            folded = max(journal.as_of // 1000, moment - pane)
            kept = now - max(_REMEMBERED, _LENGTHS[window])
            if origin not in minutes and folded >= at and journal.as_of // 1000 >= kept:
                at, below = folded, journal.told
            end = (at // pane + 1) * pane
            begin = end - _LENGTHS[window]
            if below and begin >= floors[origin]:
                yield Due(origin, window, begin, end, below)


def _moment(rows: Mapping[Span, Measured], journals: Journals, now: int) -> int:
    """The last second that any partition has told of. A pane that has not begun yet tells nothing:
    the clock of its worker is ahead."""
    begun = (span.end - PANES[span.window] for span in rows)
    folded = (journal.as_of // 1000 for journal in journals.values())
    return max((*(at for at in begun if at <= now), *folded), default=0)


async def read_floors(tables: Tables, journals: Journals) -> dict[Origin, int]:
    """The first hour (s) of which each fold, and what is stored, has all. Raises StoreError."""
    floors = {origin: journal.complete_from for origin, journal in journals.items()}
    for origin, journal in journals.items():
        if journal.start:
            floors[origin] = max(floors[origin], await _floor(tables, journal))
    return floors


async def _floor(tables: Tables, journal: Journal) -> int:
    """Of a fold that begins above the start of history: see `PartitionState`."""
    generation, partition = journal.origin
    ((appended,),) = await tables.rows(
        "SELECT toUnixTimestamp64Milli(min(received_at)) FROM responses WHERE generation = "
        f"{generation} AND partition = {partition} AND offset >= {journal.start}",
        "look where the fold begins",
    )
    return complete_from(number(appended)) // 1000


class Absences:
    """The rows that were due at one moment and have not come since."""

    def __init__(self, tables: Tables, dues: Sequence[Due]) -> None:
        self._tables = tables
        self._dues = dues
        self._open: dict[Span, int] | None = None
        self.wrong: list[Wrong] = []
        """What raw rows say of those that lack, of the last look."""

    def __len__(self) -> int:
        return len(self._open or ())

    def differences(self) -> Iterator[Difference]:
        """What the last look found."""
        yield from (one.difference() for one in self.wrong)
        if len(self.wrong) >= MOST_ABSENT:
            found = f"{MOST_ABSENT} or more are absent"
            yield Difference(Kind.SURVEY, None, "windows", found, "fewer", NOT_ALL)

    async def look(self, reaches: Mapping[Origin, int]) -> None:
        """Which still lack, and have answers by raw rows. Raises StoreError."""
        lacking = await self._lacking()
        ripe: dict[Place, list[Measure]] = {
            (span, below): [COUNTED]
            for span, below in lacking.items()
            if below <= reaches.get(span.origin, 0)
        }
        found = await recounted(self._tables, ripe)
        self.wrong = [
            Wrong(span, measure, below, None, expected)
            for (span, below), counts in found.items()
            for measure, expected in counts.items()
            if any(expected)
        ]
        wrong = {one.span for one in self.wrong}
        self._open = {s: b for s, b in lacking.items() if s in wrong or (s, b) not in ripe}

    async def _lacking(self) -> dict[Span, int]:
        if not self._dues or self._open == {}:
            return {}
        parts = {
            "$first": str(min(one.begin for one in self._dues)),
            "$last": str(max(one.end for one in self._dues)),
            "$least": str(min(one.end for one in self._dues)),
            "$due": ", ".join(one.literal for one in self._dues),
        }
        rows = await self._tables.rows(filled(_ABSENT, parts), "look for absent windows")
        found = {as_span(where): number(below) for *where, below in rows}
        return {s: b for s, b in found.items() if self._open is None or s in self._open}
