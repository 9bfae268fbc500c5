"""Every hour that is wholly stored is counted from raw rows, whatever had been told of it.

Where the store refused rows, what was told is better than a count, and a count than nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from pipeline.core.book import measures_of
from pipeline.core.catalogue import Catalogue
from pipeline.core.updates import GENERATION_SHIFT
from pipeline.operate.reconcile.hours import Stretch
from pipeline.operate.reconcile.journals import Journals, Origin, reaches, value_of
from pipeline.sink.recount import GROUP, JUDGED, RAW_GROUP, counts_query, filled, judged_rows
from pipeline.sink.recount import Span as Rows
from pipeline.sink.repair import layout, quoted
from pipeline.sink.target import Tables
from pipeline.wire.catalogue_moves import Past

_NOTES: Final = f"""
SELECT
    ($surveys)[toString(survey)] AS known, known.1 AS agency, known.2 AS service, {RAW_GROUP},
    generation, partition, $reach AS next_offset,
    bitOr(bitShiftLeft(toUInt64(generation), {GENERATION_SHIFT}), next_offset) AS version,
    begin, begin + INTERVAL 1 HOUR AS end, known.3 AS layout, known.4 AS gone
FROM
(
    SELECT DISTINCT
        {RAW_GROUP}, generation, partition, toDateTime(toStartOfHour(occurred_at), 'UTC') AS begin
    FROM responses
    WHERE $rows AND $judged AND NOT retracted AND $times
      AND (generation, partition, offset) NOT IN
          (SELECT generation, partition, offset FROM outcomes WHERE $rows AND outcome != 'late')
)
WHERE toUnixTimestamp(begin) >= $complete AND notEmpty(layout)
  AND ((generation, partition) NOT IN ($refused) OR (generation, partition, {RAW_GROUP}, begin)
      NOT IN (SELECT generation, partition, {RAW_GROUP}, hour FROM score_panes WHERE $hours))
"""
_INSERT: Final = f"""
INSERT INTO score_panes
(
    {GROUP}, scale, measure, hour, generation, partition, counts, version, last_response_at, as_of
)
SELECT
    {GROUP}, scale, measure, begin, generation, partition, counts, version, begin,
    fromUnixTimestamp64Milli(toInt64($as_of), 'UTC')
FROM ($counted)
WHERE NOT has(gone, measure) OR arraySum(counts) > 0
"""


async def count_panes(
    tables: Tables,
    stretch: Stretch,
    journals: Journals,
    catalogue: Catalogue,
    past: Past,
    refused: Collection[Origin] = (),
) -> None:
    """Upsert the panes of these hours with the version that is stored now; of origins with
    `refused` rows only those that are not there. Raises StoreError."""
    first, end = (f"toDateTime({second}, 'UTC')" for second in (stretch.first, stretch.end))
    stored = reaches(journals)
    rows = judged_rows(stored)
    parts = {
        "$rows": rows,
        "$judged": JUDGED,
        "$refused": ", ".join(f"({g}, {p})" for g, p in refused) or "(0, 0)",
        "$hours": f"hour >= {first} AND hour < {end}",
        "$times": f"occurred_at >= {first} AND occurred_at < {end}",
        "$reach": value_of(stored),
        "$complete": value_of({o: journal.complete_from for o, journal in journals.items()}),
        "$surveys": _surveys(catalogue, past),
    }
    notes = filled(_NOTES, parts)
    counted = counts_query(notes, Rows(rows, stretch.first, stretch.end), hourly=True)
    as_of = value_of({origin: journal.as_of for origin, journal in journals.items()})
    statement = filled(_INSERT, {"$as_of": as_of, "$counted": counted})
    await tables.execute(statement, "count panes from raw rows")


def _surveys(catalogue: Catalogue, past: Past) -> str:
    """A map of survey → its agency, its service, its measures with their scales, and which of those
    are asked no more: they have a pane where somebody answered."""
    layouts = past.layouts
    owners = sorted(past.owners.items())
    keys = ", ".join(quoted(survey) for survey, _ in owners)
    entries = []
    for survey, (agency, service) in owners:
        asked = measures_of(catalogue, survey)
        gone = [quoted(name) for name, scale in layouts[survey] if (name, scale) not in asked]
        known = f"{quoted(agency)}, {quoted(service)}, {layout(layouts[survey])}"
        entries.append(f"({known}, [{', '.join(gone)}])")
    kind = "Map(String, Tuple(String, String, Array(Tuple(String, String)), Array(String)))"
    return f"CAST(([{keys}], [{', '.join(entries)}]), '{kind}')"
