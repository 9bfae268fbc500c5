"""Finds, over any number of panes, the few that may differ: ClickHouse compares, hour by hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.operate.reconcile.journals import Journals, number, reaches, value_of
from pipeline.operate.reconcile.spans import OFFSETS, Span, as_span, owned
from pipeline.sink.recount import GROUP, JUDGED, RAW_GROUP, counts_query, filled, judged_rows
from pipeline.sink.recount import Span as Rows
from pipeline.sink.target import Tables
from pipeline.wire.catalogue_moves import Owners

ROWS_A_LOOK: Final = 200_000
"""Raw rows and panes that one statement goes through: some 100 MB in ClickHouse."""
MOST_SUSPECTS: Final = 20_000
"""Hours that one run looks at closely; a store with more differences needs a rebuild."""
EARLIEST: Final = 1_514_764_800
"""2018-01-01: nothing earlier is ever counted."""

_HOURS: Final = """
SELECT toUnixTimestamp(begin) AS hour, sum(n) FROM
(
    SELECT toDateTime(toStartOfHour(occurred_at), 'UTC') AS begin, count() AS n FROM responses
    WHERE occurred_at >= toDateTime($first, 'UTC') AND occurred_at < now() + INTERVAL 1 HOUR
    GROUP BY begin
    UNION ALL
    SELECT hour, count() FROM score_panes WHERE hour >= toDateTime($first, 'UTC') GROUP BY hour
)
GROUP BY hour ORDER BY hour
"""
_NOTES: Final = f"""
SELECT
    {GROUP}, generation, partition, version, bitAnd(version, {OFFSETS}) AS own,
    greatest(own, $reach) AS next_offset, hour AS begin, hour + INTERVAL 1 HOUR AS end,
    groupArray((toString(measure), toString(scale))) AS layout,
    groupArray((toString(measure), toString(scale), counts)) AS rows
FROM (SELECT * FROM score_panes FINAL WHERE $hours)
WHERE (generation, partition) IN ($origins) AND toUnixTimestamp(hour) >= $complete
GROUP BY {GROUP}, generation, partition, version, hour
"""
_DIFFERENT: Final = f"""
SELECT DISTINCT generation, partition, {GROUP}, '', toUnixTimestamp(begin), toUnixTimestamp(end)
FROM ($counted)
WHERE own > $reach OR arrayFirst(r -> r.1 = measure AND r.2 = scale, rows).3 != counts
LIMIT $most
"""
_ABSENT: Final = f"""
SELECT DISTINCT generation, partition, {GROUP}, '', toUnixTimestamp(begin) AS hour, hour + 3600
FROM
(
    SELECT
        generation, partition, {GROUP}, toDateTime(toStartOfHour(occurred_at), 'UTC') AS begin,
        arrayMap(m -> toString(m), mapKeys(answers)) AS asked,
        arrayJoin(arrayConcat(asked, ['response'])) AS measure
    FROM responses
    WHERE $rows AND $judged AND NOT retracted AND $times
      AND (generation, partition, offset) NOT IN
          (SELECT generation, partition, offset FROM outcomes WHERE $rows AND outcome != 'late')
)
WHERE toUnixTimestamp(begin) >= $complete
  AND (generation, partition, {RAW_GROUP}, begin, measure) NOT IN
(
    SELECT generation, partition, {RAW_GROUP}, hour, toString(measure) FROM score_panes
    WHERE $hours
)
LIMIT $most
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Event time `[first, end)` in s; `hours` of it have anything."""

    first: int
    end: int
    hours: int


async def stretches(tables: Tables) -> list[Stretch]:
    """All hours with raw rows or panes, in pieces of bounded size. Raises StoreError."""
    rows = await tables.rows(_HOURS.replace("$first", str(EARLIEST)), "list the hours")
    return list(_pieces((number(hour), number(rows)) for hour, rows in rows))


def _pieces(hours: Iterable[tuple[int, int]]) -> Iterator[Stretch]:
    piece: list[int] = []
    size = 0
    for hour, rows in hours:
        if piece and size + rows > ROWS_A_LOOK:
            yield Stretch(piece[0], piece[-1] + 3600, len(piece))
            piece, size = [], 0
        piece.append(hour)
        size += rows
    if piece:
        yield Stretch(piece[0], piece[-1] + 3600, len(piece))


async def suspects(
    tables: Tables, stretch: Stretch, journals: Journals, owners: Owners
) -> list[Span]:
    """Panes that differ, that are lacking, or that cannot be compared yet. Raises StoreError."""
    if not journals:
        return []
    stored = reaches(journals)
    first, end = (f"toDateTime({second}, 'UTC')" for second in (stretch.first, stretch.end))
    rows = judged_rows(stored)
    parts = {
        "$hours": f"hour >= {first} AND hour < {end}",
        "$times": f"occurred_at >= {first} AND occurred_at < {end}",
        "$rows": rows,
        "$judged": JUDGED,
        "$reach": value_of(stored),
        "$complete": value_of({o: journal.complete_from for o, journal in journals.items()}),
        "$origins": ", ".join(f"({generation}, {partition})" for generation, partition in stored),
        "$most": str(MOST_SUSPECTS),
    }
    notes = filled(_NOTES, parts)
    counted = counts_query(notes, Rows(rows, stretch.first, stretch.end), hourly=True)
    different = filled(_DIFFERENT, parts | {"$counted": counted})
    found = [as_span(row) for row in await tables.rows(different, "compare panes with raw rows")]
    lacking = await tables.rows(filled(_ABSENT, parts), "look for lacking panes")
    found += [s._replace(group=owned(s.group, owners)) for s in map(as_span, lacking)]
    return list(dict.fromkeys(found))
